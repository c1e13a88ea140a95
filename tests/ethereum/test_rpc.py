from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest
from helpers.faulty_server import (
    Clock,
    FaultyServer,
    Reply,
    cut,
    delay,
    drip,
    drip_chunk,
    drip_continue,
    drip_head,
    drop,
    endless,
    garbage,
    healthy,
    json_reply,
    lose_answer,
    status,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.errors import CallError, ConfigurationError
from iexec_lab.ethereum.connect import open_rpc
from iexec_lab.ethereum.rpc import MAX_BATCH, MAX_BATCH_BYTES, Rpc, to_int
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.networks import NETWORKS

HTML = "<html><body>Welcome to nginx</body></html>"


def answer(request):
    """A node that knows one number and answers everything with it."""

    def one(each):
        return {"jsonrpc": "2.0", "id": each["id"], "result": "0x7a69"}

    asked = request.json()
    return json_reply([one(each) for each in asked] if isinstance(asked, list) else one(asked))


@pytest.fixture
def server():
    with FaultyServer(answer=answer) as running:
        yield running


def quick(url, **options):
    return Rpc(url, **{"timeout": 60, "pause": 0.001, **options})


@pytest.fixture
def clock(monkeypatch):
    """What the client takes for the time; it can be set ahead."""
    clock = Clock()
    for module in ("ethereum.rpc", "ethereum.transport", "http_deadline"):
        monkeypatch.setattr(f"iexec_lab.{module}.time", clock)
    return clock


FAULTS = {
    "dropped": drop,
    "lost answer": lose_answer,
    "cut short": cut(10),
    "429": status(429),
    "500": status(500),
    "502": status(502),
    "503": status(503, ""),
    "html": garbage(HTML, "text/html"),
    "no json": garbage("{"),
    "other json": garbage('"hello"'),
    "no answer": garbage('{"jsonrpc": "2.0"}'),
    "nothing": garbage(""),
    "too fast": garbage('{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit exceeded"}}'),
    "gateway json": status(502, '{"error": "bad gateway"}'),
    "busy node": status(503, '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no backend"}}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_read_is_asked_again_after_a_passing_fault(server, fault):
    server.plan(fault, fault)
    assert quick(server.url).chain_id == 31337
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_batch_is_asked_again_after_a_passing_fault(server, fault):
    server.plan(fault, fault)
    assert quick(server.url).batch([("eth_chainId", []), ("eth_blockNumber", [])]) == ["0x7a69", "0x7a69"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_stays_is_told_in_words(server, fault):
    server.always = fault
    with pytest.raises(CallError) as caught:
        quick(server.url, attempts=2).request("eth_chainId")
    assert caught.value.hint
    assert caught.value.details["node"] == server.url
    assert len(server.requests) == 2
    with pytest.raises(CallError):
        quick(server.url, attempts=2).batch([("eth_chainId", []), ("eth_chainId", [])])


@pytest.mark.parametrize("code", [400, 401, 403, 404, 301])
def test_a_refusal_is_not_asked_again(server, code):
    server.always = status(code, Location="/elsewhere")
    with pytest.raises(CallError, match=f"answered {code}") as caught:
        quick(server.url).request("eth_chainId")
    assert caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("place", ["http://[::1", "http://\xff\xfe:99999999/", "//", "http://a:b:c"])
def test_a_redirection_to_no_address_is_an_error_of_ours(server, place):
    server.always = status(302, Location=place)
    with pytest.raises(CallError):
        quick(server.url, attempts=1).request("eth_chainId")


@pytest.mark.parametrize(
    "method", ["eth_sendRawTransaction", "eth_sendTransaction", "evm_mine", "anvil_setBalance"]
)
@pytest.mark.parametrize("fault", [drop, lose_answer, status(502), status(429), cut(10)])
def test_what_changes_the_chain_is_never_sent_twice(server, method, fault):
    server.always = fault
    found = quick(server.url).attempt(method, "0x")
    assert isinstance(found, RpcFault)
    assert len(server.requests) == 1


def test_whether_an_answer_was_lost_is_known(server):
    rpc = quick(server.url)
    for fault, lost in ((lose_answer, True), (drop, True), (status(502), True), (status(429), False)):
        server.plan(fault)
        assert rpc.attempt("eth_sendRawTransaction", "0x").lost is lost
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert quick(url).attempt("eth_sendRawTransaction", "0x").lost is False


def test_a_node_that_is_not_there(server):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(CallError, match="cannot be reached") as caught:
            quick(url).request("eth_chainId")
    assert "sandbox start" in caught.value.hint


def test_a_host_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(CallError, match="cannot be reached"):
        quick("http://nowhere.invalid", attempts=1).request("eth_chainId")


def test_a_node_without_tls(server):
    with pytest.raises(CallError, match="no TLS"):
        quick(server.url.replace("http:", "https:")).request("eth_chainId")


def test_a_slow_node(server):
    server.always = delay(3600)
    with pytest.raises(CallError, match=r"did not answer within 0\.2 s"):
        quick(server.url, timeout=0.2, attempts=1).request("eth_chainId")


@pytest.mark.parametrize(
    "fault", [drip(3600), drip_head, drip_chunk, drip_continue], ids=["body", "head", "chunk", "continue"]
)
def test_a_node_that_drips(server, fault):
    server.always = fault
    with pytest.raises(CallError, match=r"did not answer within 0\.3 s"):
        quick(server.url, timeout=0.3, attempts=1).request("eth_chainId")


@pytest.mark.parametrize("timeout", [1e-9, 1e-6])
def test_a_time_out_that_is_over_before_anything_was_sent(server, timeout):
    with pytest.raises(CallError, match="did not answer within"):
        quick(server.url, timeout=timeout, attempts=1).request("eth_chainId")


def test_all_attempts_share_the_time_out(server, clock):
    def late(fault):
        def both(exchange):
            clock.ahead += 40
            fault(exchange)

        return both

    server.plan(late(status(502)), late(healthy))
    with pytest.raises(CallError, match=r"did not answer within 60 s"):
        quick(server.url, attempts=2).request("eth_chainId")


def test_a_node_that_never_ends_its_answer(server, monkeypatch):
    monkeypatch.setattr("iexec_lab.ethereum.transport.MAX_ANSWER", 1 << 20)
    server.always = endless()
    with pytest.raises(CallError, match="sent more than 1 MiB"):
        quick(server.url).request("eth_chainId")
    assert len(server.requests) == 1


def test_the_node_may_say_when_to_come_back(server, clock):
    server.plan(
        status(429, Retry_After="3"), status(429, Retry_After="86400"), status(429, Retry_After="soon")
    )
    assert quick(server.url).chain_id == 31337
    assert clock.slept[:2] == [3, 10]
    assert clock.slept[2] < 1


def test_a_node_that_says_to_come_back_later_than_one_waits(server):
    server.always = status(429, Retry_After="7200")
    with pytest.raises(CallError, match="429"):
        quick(server.url, timeout=9).request("eth_chainId")  # one waits for 10 at most
    assert len(server.requests) == 1


def test_a_silent_node_is_asked_once(server):
    server.always = delay(3600)
    with pytest.raises(CallError, match="did not answer"):
        quick(server.url, timeout=0.5).request("eth_chainId")
    assert len(server.requests) < 2  # 0 where this machine slept for so long


def test_a_refusal_in_json_rpc_is_told_with_its_reason(server):
    error = {"code": 3, "message": "execution reverted", "data": "0x"}
    server.always = lambda exchange: exchange.send(
        json_reply({"jsonrpc": "2.0", "id": 1, "error": error}, 500)
    )
    with pytest.raises(CallError) as caught:
        quick(server.url).request("eth_call", {}, "latest")
    assert caught.value.message == "execution reverted"
    assert caught.value.reason is None
    assert len(server.requests) == 1


def test_a_batch_is_cut_by_count(server):
    results = quick(server.url).batch([("eth_getBalance", [hex(number), "latest"]) for number in range(250)])
    assert len(results) == 250
    assert sorted(len(request.json()) for request in server.requests) == [50, MAX_BATCH, MAX_BATCH]


def test_a_batch_is_cut_by_size(server):
    data = "0x" + "ab" * 300_000
    results = quick(server.url).batch([("eth_call", [{"data": data}, "latest"])] * 7)
    assert len(results) == 7
    assert len(server.requests) == 3
    assert all(len(request.body) < MAX_BATCH_BYTES for request in server.requests)


def test_answers_are_matched_by_id():
    def shuffled(request):
        return json_reply(
            [{"id": each["id"], "result": hex(each["id"])} for each in reversed(request.json())]
        )

    with FaultyServer(answer=shuffled) as server:
        assert quick(server.url).batch([("eth_chainId", [])] * 5) == ["0x0", "0x1", "0x2", "0x3", "0x4"]


def test_a_failed_item_does_not_spoil_its_batch():
    def moody(request):
        items = []
        for each in request.json():
            fault = {"code": 3, "message": "execution reverted: no"}
            items.append({"id": each["id"], **({"error": fault} if each["id"] == 1 else {"result": "0x01"})})
        return json_reply(items)

    with FaultyServer(answer=moody) as server:
        first, second, third = quick(server.url).batch([("eth_call", [{}, "latest"])] * 3)
    assert first == third == "0x01"
    assert second.reason == "no"


def test_a_batch_that_lacks_an_answer_is_asked_again(server):
    server.plan(garbage(json.dumps([{"id": 0, "result": "0x1"}, "junk", None])))
    assert quick(server.url).batch([("eth_chainId", [])] * 2) == ["0x7a69"] * 2


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(413, b"<html>Request Entity Too Large</html>"),
        Reply(200, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}'),
        Reply(400, b'{"error":{"code":-32600,"message":"batches are not supported"}}'),
        Reply(200, b'{"jsonrpc":"2.0","id":0,"result":"0x1"}'),
    ],
    ids=["413", "too large", "not supported", "only one"],
)
@pytest.mark.parametrize("limit", [1, 3])
def test_a_node_that_takes_smaller_batches_or_none_gets_them(refusal, limit):
    def small_only(request):
        asked = request.json()
        return refusal if isinstance(asked, list) and len(asked) > limit else answer(request)

    with FaultyServer(answer=small_only) as server:
        rpc = quick(server.url)
        assert rpc.batch([("eth_chainId", [])] * 10) == ["0x7a69"] * 10
        asked = len(server.requests)
        assert rpc.batch([("eth_chainId", [])] * 10) == ["0x7a69"] * 10
        assert len(server.requests) - asked <= 10


def test_a_node_that_serves_only_a_part_of_a_batch_is_asked_for_the_rest():
    def throttled(request):
        asked = request.json()
        if isinstance(asked, dict):
            return answer(request)
        limit = {"code": 429, "message": "Too Many Requests"}
        return json_reply(
            [
                {"id": each["id"], **({"result": "0x7a69"} if each["id"] < 2 else {"error": limit})}
                for each in asked
            ]
        )

    with FaultyServer(answer=throttled) as server:
        assert quick(server.url).batch([("eth_chainId", [])] * 4) == ["0x7a69"] * 4


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "result", "error", "code", "message", "data"]), inner, max_size=4
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_json_a_node_answers_ends_in_a_result_or_a_call_error(value):
    with FaultyServer(answer=lambda request: json_reply(value)) as server:
        rpc = quick(server.url, attempts=1)
        for ask in (lambda: rpc.chain_id, lambda: rpc.batch([("eth_chainId", [])] * 2)):
            with contextlib.suppress(CallError):
                ask()


def test_one_rpc_serves_many_threads(server):
    rpc = quick(server.url)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(rpc.request("eth_blockNumber"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["0x7a69"] * 16


def test_a_real_node_is_asked_in_one_round_trip(rpc, anvil):
    with FaultyServer(upstream=anvil) as proxy:
        through = Rpc(proxy.url)
        numbers = through.batch([("eth_getTransactionCount", ["0x" + "22" * 20, "latest"])] * 60)
        assert numbers == ["0x0"] * 60
        assert len(proxy.requests) == 1
    assert rpc.chain_id == 31337


def test_keys_in_an_address_are_not_shown():
    url = "https://user:pass@mainnet.infura.io:444/v3/0123456789abcdef0123456789abcdef?key=secret"
    assert "0123456789abcdef" not in repr(Rpc(url))


def test_loopback_is_reached_past_a_proxy(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert quick(server.url).chain_id == 31337


@pytest.mark.parametrize("value", [None, "zz", [], {}, "0x"])
def test_a_quantity_that_is_none(value):
    with pytest.raises(CallError, match="in place of a number"):
        to_int(value)


def test_quantities():
    assert to_int("0x1f") == to_int(31) == 31


def test_a_network_is_reached_at_its_host():
    network = NETWORKS["arbitrum-mainnet"]
    assert open_rpc(network).url == network.host
    assert open_rpc("http://127.0.0.1:8545", {"infura": "key"}).url == "http://127.0.0.1:8545"


@pytest.mark.parametrize(
    "host", ["", "ftp://node", "nowhere", "http://", "http://[::1", "http://127.0.0.1:99999"]
)
def test_a_host_that_is_none(host):
    with pytest.raises(ConfigurationError, match="Invalid provider host name or url"):
        open_rpc(host)
