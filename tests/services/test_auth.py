from __future__ import annotations

import pytest
from helpers.replay import CHALLENGE, assert_same_calls, gate_of, recorder, vectors

from iexec_lab.errors import ServiceError, SignatureError
from iexec_lab.services.auth import MARKET, RESULT_PROXY, log_in
from iexec_lab.services.http import Http

AUTH = [v for v in vectors("auth") if "challengeResponse" in v.values[0]["input"]]
KEY = "0x" + "11" * 32


@pytest.mark.parametrize("vector", AUTH)
def test_the_token_is_the_official_sdks(vector):
    given, expected = vector["input"], vector["expected"]
    of_proxy = vector["id"].endswith("bare-typed-data")
    path, name = ("/results/challenge", RESULT_PROXY) if of_proxy else ("/challenge", MARKET)
    gate = gate_of(given["privateKey"])
    with recorder(lambda _: given["challengeResponse"]) as server:
        http = Http(server.url, ServiceError)
        if "error" in (expected["result"] if isinstance(expected["result"], dict) else {}):
            with pytest.raises(SignatureError) as caught:
                log_in(http, path, name, gate)
            assert caught.value.message == expected["result"]["error"]["message"]
        else:
            assert log_in(http, path, name, gate) == expected["result"]
    assert_same_calls(server.requests, expected["requests"])


def test_a_server_error_is_worded_as_in_the_official_sdk():
    [vector] = [v.values[0] for v in vectors("auth") if v.id == "api-error-500"]
    with recorder(lambda _: 500) as server, pytest.raises(ServiceError) as caught:
        Http(server.url, ServiceError).get_json("/challenge")
    words = vector["expected"]["result"]["error"]["message"].replace("https://x.example", server.url)
    assert caught.value.message == f"Service error: {words}"
    assert_same_calls(server.requests, vector["expected"]["requests"])


@pytest.mark.parametrize(
    "challenge", [None, [], "text", {"data": 1}, {"types": {}, "domain": {}, "message": {}}, CHALLENGE]
)
def test_what_is_no_login_to_the_service_is_refused_in_its_name(challenge):
    with recorder(lambda _: challenge) as server, pytest.raises(SignatureError) as caught:
        log_in(Http(server.url, ServiceError), "/challenge", RESULT_PROXY, gate_of(KEY))
    assert "Unexpected challenge format" in caught.value.message
    assert caught.value.details["service"] == f"Service at {server.url}"
