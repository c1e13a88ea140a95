from __future__ import annotations

import pytest
from faulty_server import FaultyServer, garbage, json_reply, status
from services.replay import assert_same_calls, vectors

from iexec_lab.errors import CompassError
from iexec_lab.services.compass import Compass

POOL = "0x3333333333333333333333333333333333333333"


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
