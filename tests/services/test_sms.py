from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, Reply
from helpers.replay import assert_same_calls, gate_of, recorder, vectors
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, IexecError, SmsError
from iexec_lab.protocol import RESULT_ENCRYPTION_KEY
from iexec_lab.services.sms import Sms

APP = "0x1111111111111111111111111111111111111111"
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
DATASET = "0x2222222222222222222222222222222222222222"

SOMEBODY = gate_of(KEY)

SMS = {vector.id: vector.values[0] for vector in vectors("sms")}
CHECKS = {
    "app": lambda sms, *args: sms.has_app_secret(*args),
    "requester": lambda sms, *args: sms.has_requester(*args),
    "web2": lambda sms, *args: sms.has_web2(*args),
    "web3": lambda sms, *args: sms.has_dataset_secret(*args),
}


def outcome(call):
    """The result, or the error as the official SDK names and words it; its servers give no reason."""
    try:
        return call()
    except IexecError as error:
        return {"error": {"name": error.official_name, "message": error.message}}


def expected_of(vector, url):
    result = vector["expected"]["result"]
    if isinstance(result, dict) and "error" in result:
        base = vector["input"].get("sms", "https://sms.example.com")
        words = result["error"]["message"].replace(base, url)
        return {"error": {"name": result["error"]["name"], "message": words}}
    return result


def bare(code):
    """A status without words."""

    def fault(exchange):
        exchange.handler.send_response(code, "")
        exchange.handler.send_header("Content-Length", "0")
        exchange.handler.end_headers()

    return fault


@pytest.mark.parametrize("name", [name for name in SMS if name.startswith("check-")])
def test_secrets_are_checked_as_by_the_official_sdk(name):
    vector = SMS[name]
    with recorder(lambda _: 204) as server:
        server.always = bare(vector["input"]["status"])
        url = server.url + "/base/path"
        sms = Sms(url)
        check = CHECKS[name.split("-")[1]]
        assert outcome(lambda: check(sms, *vector["input"]["args"])) == expected_of(vector, url)
        assert_same_calls(server.requests, vector["expected"]["requests"])


@pytest.mark.parametrize("name", [name for name in SMS if name.startswith("push-app")])
def test_app_secrets_are_pushed_as_by_the_official_sdk(name):
    vector = SMS[name]
    with recorder(lambda _: 204) as server:
        server.always = bare(vector["input"].get("status", 204))
        sms, gate = Sms(server.url), gate_of(KEY)
        done = outcome(lambda: sms.push_app_secret(APP, "s3cret", gate))
        assert (True if done is None else done) == expected_of(vector, server.url)
        assert_same_calls(server.requests, vector["expected"]["requests"])


def missing_until_pushed(request):
    return 404 if request.method == "HEAD" else 204


def test_a_requester_secret_is_pushed_as_by_the_official_sdk():
    vector = SMS["push-requester"]
    given = vector["input"]
    with recorder(missing_until_pushed) as server:
        Sms(server.url).push_requester(given["name"], given["secret"], gate_of(given["privateKey"]))
    assert_same_calls(server.requests, vector["expected"]["requests"])


def test_a_web2_secret_is_pushed_as_by_the_official_sdk():
    vector = SMS["push-web2-result-key"]
    given = vector["input"]
    with recorder(missing_until_pushed) as server:
        updated = Sms(server.url).push_web2(given["name"], given["secret"], gate_of(given["privateKey"]))
    assert updated is False
    assert_same_calls(server.requests, vector["expected"]["requests"])


def test_a_secret_that_exists_stays():
    vector = SMS["push-web2-exists"]
    given = vector["input"]
    gate = gate_of(given["privateKey"])
    with recorder(lambda _: 204) as server:
        done = outcome(lambda: Sms(server.url).push_web2(given["name"], given["secret"], gate))
        assert done == expected_of(vector, server.url)
        assert_same_calls(server.requests, vector["expected"]["requests"])
        with pytest.raises(ApiError, match=f'Secret "x" already exists for {gate.address}'):
            Sms(server.url).push_requester("x", "value", gate)


def test_an_update_replaces_a_web2_secret():
    with recorder(lambda _: 204) as server:
        assert Sms(server.url).push_web2(RESULT_ENCRYPTION_KEY, "new", gate_of(KEY), update=True) is True
    assert [request.method for request in server.requests] == ["HEAD", "PUT"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "Wallet {wallet} is not allowed to set secret for {dataset}"),
        (404, "SMS answered with unexpected status: 404 Not Found"),
        (409, "Secret already exists for {dataset} and can't be updated"),
        (413, "SMS answered with unexpected status: 413 Request Entity Too Large"),
    ],
)
def test_a_refused_dataset_key_says_why_and_not_what(code, message):
    gate = gate_of(KEY)
    with recorder(lambda _: Reply(code, b"", ())) as server, pytest.raises(ApiError) as caught:
        Sms(server.url).push_dataset_secret(DATASET, "hunter2", gate)
    assert caught.value.message == message.format(wallet=gate.address, dataset=DATASET)
    assert "hunter2" not in "".join(caught.value.lines())
    [request] = server.requests
    assert (request.method, request.path) == ("POST", f"/secrets/web3?secretAddress={DATASET}")
    assert request.body == b"hunter2"


@pytest.mark.parametrize("code", [401, 409])
def test_a_refused_wallet_secret_tells_the_status(code):
    def answer(request):
        return 404 if request.method == "HEAD" else code

    with recorder(answer) as server:
        for push in (Sms(server.url).push_web2, Sms(server.url).push_requester):
            with pytest.raises(ApiError, match=f"SMS answered with unexpected status: {code} "):
                push("name", "value", gate_of(KEY))


def test_a_secret_beyond_ascii_is_sent_as_utf8():
    with recorder(lambda _: 204) as server:
        Sms(server.url).push_app_secret(APP, "clé ✓", gate_of(KEY))
    assert server.requests[0].body.decode() == "clé ✓"


def test_a_service_that_is_not_there_is_named():
    with pytest.raises(SmsError, match=r"SMS error: Connection to http://127\.0\.0\.1:9 failed"):
        Sms("http://127.0.0.1:9", timeout=5).has_app_secret(APP)


@pytest.fixture(scope="module")
def moody():
    """An SMS that answers every request with ``code`` and ``reason``."""

    def fault(exchange):
        server.requests.clear()
        exchange.handler.send_response(server.code, server.reason)
        exchange.handler.send_header("Content-Length", "0")
        exchange.handler.end_headers()

    with FaultyServer(always=fault) as server:
        yield server


@given(
    code=st.integers(200, 428) | st.integers(430, 501),
    reason=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
)
def test_any_answer_is_yes_or_no_or_our_error(code, reason, moody):
    moody.code, moody.reason = code, reason
    sms = Sms(moody.url)
    for call in (
        lambda: sms.has_web2(APP, "name"),
        lambda: sms.push_web2("name", "value", SOMEBODY, update=True),
        lambda: sms.push_dataset_secret(DATASET, "value", SOMEBODY),
    ):
        said = outcome(call)
        assert said in (True, False, None) or said["error"]["message"].isprintable()
