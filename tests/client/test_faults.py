"""Bad networks between our client and everything it talks to: it ends, in our words, and sends nothing twice.

``connect(timeout=...)`` is short here. Whoever would wait for ever fails by ``PATIENCE``.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from helpers.answers import facts
from helpers.faulty_server import (
    FaultyServer,
    cut,
    delay,
    drip,
    drip_head,
    drop,
    endless,
    garbage,
    healthy,
    json_reply,
    lose_answer,
    status,
)
from helpers.labs import CHECKSUM, IMAGE, network_of
from helpers.waiting import PATIENCE, until

from iexec_lab.client.iexec import connect
from iexec_lab.client.results import download
from iexec_lab.errors import IexecError
from iexec_lab.ethereum import receipts
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.services.ipfs import Ipfs
from iexec_lab.wallet.signer import LocalSigner

TIMEOUT = 2.0
SERVICES = ("rpc", "market", "sms", "compass", "workerpool", "ipfs_gateway")
STAYING = {
    "drops": drop,
    "loses answers": lose_answer,
    "is silent": delay(3600),
    "limits": status(429),
    "limits for long": status(429, Retry_After="7200"),
    "fails": status(500),
    "bad gateway": status(502),
    "json error page": status(500, '{"error": ["what", {"a": 1}]}', Content_Type="application/json"),
    "says html": garbage("<html>hello</html>", "text/html"),
    "says html as json": garbage("<html>hello</html>"),
    "says a text": garbage('"hello"'),
    "says null": garbage("null"),
    "says a list": garbage("[[], {}, 5]"),
    "says ok": garbage('{"ok": true}'),
    "says a result": garbage('{"jsonrpc": "2.0", "id": 1, "result": {"a": []}}'),
    "says an odd order book": garbage('{"ok": true, "count": "x", "orders": [5, {}], "deals": {}}'),
    "says bytes": garbage(bytes(range(256))),
    "says nothing": garbage(""),
    "is cut off": cut(5),
    "never ends": endless(),
    "drips": drip(3600),
    "drips its head": drip_head,
}
PASSING = (
    drop,
    lose_answer,
    status(429),
    status(502),
    status(503),
    delay(2 * TIMEOUT),
    garbage("<html>"),
    cut(3),
)
FOREIGN = ("Traceback", "urllib3", "HTTPConnectionPool", "requests.", "JSONDecodeError", "object at 0x")


@contextmanager
def behind(handle, folder, faults, signer):
    """A lab whose services misbehave, each in its own way, and their servers by name."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(FaultyServer(upstream=handle.urls[name], always=fault))
            for name, fault in faults.items()
        }
        if "workerpool" in servers:
            pool = servers["workerpool"].url  # only the compass tells where that is
            servers["compass"] = stack.enter_context(
                FaultyServer(
                    answer=lambda _: json_reply({"apiUrl": pool}), always=faults.get("compass", healthy)
                )
            )
        urls = {**handle.urls, **{name: server.url for name, server in servers.items()}}
        yield connect(network_of(handle, urls=urls), signer, project=folder, timeout=TIMEOUT), servers


def attempt(work):
    """None when the work was done, the error when it was ours; anything else is raised."""
    outcome = []

    def run():
        try:
            work()
            outcome.append(None)
        except BaseException as error:  # noqa: BLE001 -- raised below
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert outcome, "it hangs"
    error = outcome[0]
    if error is None:
        return None
    if not isinstance(error, IexecError):
        raise error
    shown = "\n".join([str(error), repr(error), *map(str, error._render_traceback_())])
    assert not [word for word in FOREIGN if word in shown], shown
    return error


def sent(handle, address):
    """Transactions of an account that the chain has taken."""
    return int(Rpc(handle.urls["rpc"]).request("eth_getTransactionCount", address, "latest"), 16)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setitem(Rpc.__init__.__kwdefaults__, "pause", 0.01)
    monkeypatch.setattr(receipts, "NODE_MAY_BE_AWAY", 3.0)
    monkeypatch.setattr(receipts, "DELIVERY_PAUSES", (0.05, 0.1, 0.2, 0.4))


@dataclass(frozen=True)
class Owner:
    """A wallet with a stake and an app of its own."""

    signer: LocalSigner
    app: str


def make_owner(handle):
    signer = LocalSigner.generate()
    handle.fund(signer.address, "20 RLC", "1 ether")
    lab = connect(network_of(handle), signer)
    lab.account.deposit("10 RLC")
    return Owner(signer, lab.app.deploy(f"of {signer.address}", IMAGE, CHECKSUM))


@pytest.fixture(scope="module")
def owner(iexec_sandbox):
    return make_owner(iexec_sandbox)


@pytest.fixture(scope="module")
def job(iexec_sandbox, owner):
    """A deal of the owner whose task is done."""
    lab = connect(network_of(iexec_sandbox), owner.signer)
    return lab.app.run(owner.app, args="done").wait(timeout=PATIENCE)


NEEDED_FOR = {
    "rpc": ["show", "result", "deposit", "plan"],
    "market": ["orderbook", "plan", "publish"],
    "sms": ["secret", "push"],
    "compass": ["logs"],
    "workerpool": ["logs"],
    "ipfs_gateway": ["result"],
}


@pytest.mark.parametrize("service", NEEDED_FOR)
def test_a_service_that_stays_broken_is_told_in_our_words(
    iexec_sandbox, tmp_path, quick, owner, job, service, monkeypatch
):
    monkeypatch.setattr(download, "results_folder", lambda _: tmp_path / "results")
    monkeypatch.setitem(Ipfs.download.__kwdefaults__, "max_bytes", 1 << 24)

    def suffer(name):
        faults = {service: STAYING[name]}
        with behind(iexec_sandbox, tmp_path / name, faults, owner.signer) as (lab, _):
            [task] = job.task_ids
            works = {
                "orderbook": lambda: lab.orderbook.workerpool(category=0),
                "show": lambda: lab.deal.show(job.deal_id),
                "result": lambda: lab.task.result(task).files,
                "logs": lambda: lab.task.logs(task),
                "secret": lambda: lab.requester.check_secret("name"),
                "push": lambda: lab.requester.push_secret(name.replace(" ", "-"), secret_value="x"),
                "publish": lambda: lab.app.publish(owner.app, skip_preflight_check=True),
                "deposit": lambda: lab.account.deposit("1 nRLC"),
                "plan": lambda: lab.app.run(owner.app, args="x", dry_run=True),
            }
            return {(verb, name): attempt(works[verb]) for verb in NEEDED_FOR[service]}

    before = sent(iexec_sandbox, owner.signer.address)
    with ThreadPoolExecutor(len(STAYING)) as pool:
        errors = {key: error for found in pool.map(suffer, STAYING) for key, error in found.items()}
    spared = sorted(key for key, error in errors.items() if error is None)
    # A secret is looked for with HEAD, whose answer has no body to be wrong; so are words of a 2xx to a push.
    harmless = {"is cut off", "never ends", "drips"} if service == "sms" else set()
    assert all(name.startswith("says") or name in harmless for _, name in spared), spared
    assert sent(iexec_sandbox, owner.signer.address) == before


@pytest.mark.parametrize("seed", range(4))
def test_with_passing_faults_everything_is_done_once_or_not_at_all(iexec_sandbox, tmp_path, quick, seed):
    """Every request meets one of the faults with probability 1/6; what is meant once never happens twice."""
    owner = make_owner(iexec_sandbox)
    dice, lock = random.Random(seed), threading.Lock()

    def sometimes(exchange):
        with lock:
            fault = dice.choice(PASSING) if dice.random() < 1 / 6 else healthy
        fault(exchange)

    address = owner.signer.address
    looker = connect(network_of(iexec_sandbox), owner.signer)
    before, staked = (
        sent(iexec_sandbox, address),
        int(facts(looker, "account.show", address)["balance"]["stake"]),
    )
    faults = dict.fromkeys(SERVICES, sometimes)
    with behind(iexec_sandbox, tmp_path, faults, owner.signer) as (lab, servers):
        errors = [attempt(lambda: lab.account.deposit("1 nRLC")) for _ in range(3)]
        servers["rpc"].wait_idle()
        deposits = sent(iexec_sandbox, address) - before
        assert int(facts(looker, "account.show", address)["balance"]["stake"]) == staked + deposits
        assert errors.count(None) <= deposits <= 3
        jobs = []
        attempt(lambda: jobs.append(lab.app.run(owner.app, args="chaos")))
        servers["rpc"].wait_idle()
        runs = sent(iexec_sandbox, address) - before - deposits
        assert len(jobs) <= runs <= 1
        for job in jobs:
            attempt(lambda job=job: job.wait(timeout=20))
            attempt(lambda job=job: job.result().text("result.txt"))
            attempt(lambda job=job: job.logs())
    deals = connect(network_of(iexec_sandbox), owner.signer).deal
    # The market hears of a deal a moment after the chain.
    assert until(lambda: len(deals.list(requester=address)), lambda count: count >= runs) == runs
