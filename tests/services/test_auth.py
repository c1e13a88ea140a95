from __future__ import annotations

import pytest
from services.replay import assert_same_calls, recorder, vectors

from iexec_lab.errors import ServiceError, SignatureError
from iexec_lab.services.auth import authorize, get_challenge
from iexec_lab.services.http import Http
from iexec_lab.wallet.signer import LocalSigner

AUTH = [v for v in vectors("auth") if "challengeResponse" in v.values[0]["input"]]


@pytest.mark.parametrize("vector", AUTH)
def test_the_token_is_the_official_sdks(vector):
    given, expected = vector["input"], vector["expected"]
    path = {"bare-typed-data": "/results/challenge"}.get(vector["id"].rpartition("/")[2], "/challenge")
    signer = LocalSigner(given["privateKey"])
    with recorder(lambda _: given["challengeResponse"]) as server:
        challenge = get_challenge(Http(server.url, ServiceError), path, signer.address, 134)
    assert_same_calls(server.requests, expected["requests"])
    if "error" in (expected["result"] if isinstance(expected["result"], dict) else {}):
        with pytest.raises(SignatureError) as caught:
            authorize(challenge, signer)
        assert caught.value.message == expected["result"]["error"]["message"]
    else:
        assert authorize(challenge, signer) == expected["result"]


def test_a_server_error_is_worded_as_in_the_official_sdk():
    [vector] = [v.values[0] for v in vectors("auth") if v.id == "api-error-500"]
    with recorder(lambda _: 500) as server, pytest.raises(ServiceError) as caught:
        Http(server.url, ServiceError).get_json("/challenge")
    words = vector["expected"]["result"]["error"]["message"].replace("https://x.example", server.url)
    assert caught.value.message == f"Service error: {words}"
    assert_same_calls(server.requests, vector["expected"]["requests"])


@pytest.mark.parametrize(
    "challenge", [None, [], "text", {"data": 1}, {"types": {}, "domain": {}, "message": {}}]
)
def test_what_is_no_challenge_is_refused(challenge):
    with pytest.raises(SignatureError, match="Unexpected challenge format"):
        authorize(challenge, LocalSigner.generate())
