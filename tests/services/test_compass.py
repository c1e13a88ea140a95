from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, garbage, json_reply, status
from helpers.mutated import mutated
from helpers.replay import assert_same_calls, vectors
from helpers.stranger import Stranger
from hypothesis import given

from iexec_lab.errors import CompassError
from iexec_lab.services.compass import Compass, is_api_url
from iexec_lab.services.workerpool import WorkerpoolApi

POOL = "0x3333333333333333333333333333333333333333"


@pytest.fixture(scope="module")
def stranger():
    with Stranger() as server:
        yield server


def test_a_pool_is_looked_up():
    with FaultyServer(answer=lambda _: json_reply({"apiUrl": "https://core.example"})) as server:
        assert Compass(server.url).api_url(42161, POOL.lower()) == "https://core.example"


def test_an_unknown_pool_is_none_as_in_the_official_sdk():
    [vector] = [v.values[0] for v in vectors("http-compass") if "9.0.1" in v.id]
    with FaultyServer(answer=lambda _: json_reply({"error": "not found"}, 404)) as server:
        found = Compass(server.url).api_url(int(vector["input"]["chainId"]), vector["input"]["workerpool"])
    assert found is vector["expected"]["result"] is None
    assert_same_calls(server.requests, vector["expected"]["requests"])


@pytest.mark.parametrize("body", ["null", "[]", "{}", '{"apiUrl": 1}', '{"apiUrl": "javascript:x"}', "{"])
def test_an_answer_without_address_is_an_unknown_pool(body):
    with FaultyServer(always=garbage(body)) as server:
        assert Compass(server.url).api_url(42161, POOL) is None


def test_a_compass_that_fails_is_an_error():
    with (
        FaultyServer(always=status(500)) as server,
        pytest.raises(CompassError, match=r"^Compass API error: Server"),
    ):
        Compass(server.url).api_url(42161, POOL)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@core.example",
        "https://user@core.example",
        "https://core.example?key=1",
        "https://core.example#there",
        "https://core example",
        "https://core.example\x1b[2J",
        "https://core.example\n",
        "https://core.example:99999",
        "https://core.example:port",
        "https://[::1",
        "https://",
        "https:///tasks",
        "https://kern.\u0435xample",
        "file:///etc/passwd",
        "ftp://core.example",
        "https://core.example/" + "a" * 500,
        "",
    ],
)
def test_what_is_no_plain_address_is_an_unknown_pool(url):
    assert not is_api_url(url)
    with FaultyServer(answer=lambda _: json_reply({"apiUrl": url})) as server:
        assert Compass(server.url).api_url(42161, POOL) is None


@pytest.mark.parametrize(
    "url", ["https://core.example", "http://127.0.0.1:13000", "http://[::1]:13000/", "https://a.b/core/v9"]
)
def test_a_plain_address_is_one(url):
    assert is_api_url(url)
    WorkerpoolApi(url)


@given(answer=mutated({"apiUrl": "https://core.example:8443/v1"}, {"apiUrl": "http://[::1]"}))
def test_an_address_or_none(answer, stranger):
    stranger.said = answer
    url = Compass(stranger.url).api_url(42161, POOL)
    if url is not None:
        WorkerpoolApi(url)
