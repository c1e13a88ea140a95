from __future__ import annotations

import pytest
from faulty_server import Reply
from services.replay import CHALLENGE, assert_same_calls, gate_of, recorder, vectors

from iexec_lab.errors import ApiError, ResultProxyError
from iexec_lab.services.result_proxy import ResultProxy

[LOGIN] = [v.values[0] for v in vectors("http-result-proxy")]
# The recorded token answers this challenge.
TYPED = {
    **CHALLENGE,
    "domain": {"name": "iExec Result Repository", "version": "1", "chainId": 134},
    "message": {"challenge": "xyz"},
}


def test_the_calls_are_those_of_the_official_sdk():
    given = LOGIN["input"]

    def answer(request):
        return TYPED if request.method == "GET" else Reply(200, b"jwt", (("Content-Type", "text/plain"),))

    with recorder(answer) as server:
        token = ResultProxy(server.url).login(gate_of(given["privateKey"], int(given["chainId"])))
    assert token == LOGIN["expected"]["result"]
    assert_same_calls(server.requests, LOGIN["expected"]["requests"])


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (401, ApiError, "Result Proxy login failed: 401 Unauthorized"),
        (503, ResultProxyError, "Result Proxy error: Server at {} encountered an internal error"),
    ],
)
def test_a_refused_login(code, error, words):
    with recorder(lambda request: TYPED if request.method == "GET" else code) as server:
        with pytest.raises(error) as caught:
            ResultProxy(server.url).login(gate_of())
        assert caught.value.message == words.format(server.url)
