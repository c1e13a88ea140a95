from __future__ import annotations

from contextlib import suppress

import pytest
from helpers.faulty_server import Reply
from helpers.replay import CHALLENGE, assert_same_calls, gate_of, recorder, vectors
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, IexecError, ResultProxyError
from iexec_lab.services.result_proxy import ResultProxy

[LOGIN] = [v.values[0] for v in vectors("http-result-proxy")]
# The recorded token answers this challenge.
TYPED = {
    **CHALLENGE,
    "domain": {"name": "iExec Result Repository", "version": "1", "chainId": 134},
    "message": {"challenge": "xyz"},
}

GATE = gate_of()


@pytest.fixture(scope="module")
def proxy():
    """A proxy that hands out ``token``."""

    def answer(request):
        server.requests.clear()
        return TYPED if request.method == "GET" else Reply(200, server.token)

    with recorder(answer) as server:
        yield server


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


@pytest.mark.parametrize("body", [b"", b" ", b"a b", b"\x1b[2J", b"\xff", b"a" * 10_000, b"two\nlines"])
def test_what_is_no_token_is_refused(body):
    with (
        recorder(lambda request: TYPED if request.method == "GET" else Reply(200, body)) as server,
        pytest.raises(ApiError, match="Result Proxy login gave no token") as caught,
    ):
        ResultProxy(server.url).login(GATE)
    assert caught.value.message.isprintable()


@given(body=st.binary(max_size=200))
def test_a_token_is_a_word_or_our_error(body, proxy):
    proxy.token = body
    with suppress(IexecError):
        token = ResultProxy(proxy.url).login(GATE)
        assert token.isascii()
        assert token.isprintable()
        assert " " not in token
