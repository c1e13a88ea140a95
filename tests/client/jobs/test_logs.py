from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs import logs
from iexec_lab.errors import ConfigurationError, JobError, WorkerpoolError
from iexec_lab.networks import COMPASS, NETWORKS, custom_network
from iexec_lab.protocol import NULL_ADDRESS

POOL, ME, OTHER = (f"0x{digit * 40}" for digit in "123")


def session_of(url=None, **more):
    asked = []

    def api_url(chain_id, workerpool):
        asked.append((chain_id, workerpool))
        return url

    network = NETWORKS["arbitrum-mainnet"]
    compass = SimpleNamespace(api_url=api_url)
    return SimpleNamespace(network=network, compass=compass, timeout=7, asked=asked, **more)


def test_where_a_workerpool_is_spoken_to():
    session = session_of("https://pool.example")
    assert logs.workerpool_url(session, POOL) == "https://pool.example"
    assert session.asked == [(42161, POOL)]
    assert logs.workerpool_url(session_of(), POOL) is None
    api = logs.workerpool_api(session, POOL)
    assert (api._http.root, api._http.timeout) == ("https://pool.example", 7)


def test_a_workerpool_that_nobody_knows():
    with pytest.raises(WorkerpoolError, match=f"Impossible to resolve API url for workerpool {POOL}"):
        logs.workerpool_api(session_of(), POOL)


def test_a_network_that_tells_of_no_workerpool():
    network = custom_network("dev", {"id": "5", "host": "http://127.0.0.1:1", "hub": NULL_ADDRESS})
    assert logs.workerpool_url(SimpleNamespace(network=network, compass=None), POOL) is None
    without = replace(network, unsupported=frozenset({COMPASS}))
    with pytest.raises(ConfigurationError, match=f"{COMPASS} is not available on network dev"):
        logs.workerpool_url(SimpleNamespace(network=without, compass=None), POOL)


def test_only_the_requester_reads_what_an_app_wrote(monkeypatch):
    asked = []

    class Api:
        def __init__(self, url, *, timeout):
            asked.append((url, timeout))

        def logs(self, task, gate):
            return [task, gate.address]

    monkeypatch.setattr(logs, "WorkerpoolApi", Api)
    deal = SimpleNamespace(requester=ME, workerpool=SimpleNamespace(pointer=POOL))
    session = session_of("https://pool.example", gate=SimpleNamespace(address=ME))
    assert logs.fetch_logs(session, "0xtask", deal) == ["0xtask", ME]
    assert asked == [("https://pool.example", 7)]
    session = session_of("https://pool.example", gate=SimpleNamespace(address=OTHER))
    with pytest.raises(JobError, match=f"Only task requester {ME} can access replicates logs") as caught:
        logs.fetch_logs(session, "0xtask", deal)
    assert caught.value.details == {"wallet": OTHER}
    assert len(asked) == 1
