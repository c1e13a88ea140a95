from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from helpers.faulty_server import FaultyServer, json_reply, status

from iexec_lab.errors import CallError, ConfigurationError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.connect import open_rpc
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.ethereum.providers import OPEN_HOSTS, Etherscan, ProviderSet, open_providers
from iexec_lab.ethereum.refusals import is_doubtful
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.networks import NETWORKS

HASH = "0x" + "aa" * 32
KEY = "0123456789abcdef0123456789abcdef"


def node(**results):
    """Answers each method with its result; an exception-like dict is an error."""

    def one(asked):
        value = results.get(asked["method"], {"code": -32601, "message": "method not found"})
        value = value(asked["params"]) if callable(value) else value
        kind = "error" if isinstance(value, dict) and "code" in value else "result"
        return {"jsonrpc": "2.0", "id": asked["id"], kind: value}

    def answer(request):
        asked = request.json()
        return json_reply([one(each) for each in asked] if isinstance(asked, list) else one(asked))

    return answer


@pytest.fixture
def serve():
    with ExitStack() as stack:
        yield lambda *answers: [stack.enter_context(FaultyServer(answer=answer)) for answer in answers]


def together(servers, quorum=1):
    return ProviderSet([Rpc(server.url, attempts=1) for server in servers], quorum)


def test_without_keys_the_open_providers_are_used():
    found = open_rpc(NETWORKS["mainnet"])
    assert isinstance(found, ProviderSet)
    assert [provider.url for provider in found.providers] == list(OPEN_HOSTS)
    assert found.quorum == 1


def test_a_key_switches_the_others_off():
    assert open_providers({"infura": KEY}).url == f"https://mainnet.infura.io/v3/{KEY}"
    assert open_providers({"alchemy": KEY}).url.endswith(KEY)
    assert isinstance(open_providers({"etherscan": KEY}), Etherscan)
    several = open_rpc(
        "mainnet", {"infura": {"projectId": KEY}, "alchemy": KEY, "etherscan": KEY, "quorum": 2}
    )
    assert len(several.providers) == 3
    assert several.quorum == 2


def test_the_network_s_own_keys_are_taken_unless_others_are_given():
    network = replace(NETWORKS["mainnet"], providers={"infura": KEY})
    assert open_rpc(network).url == f"https://mainnet.infura.io/v3/{KEY}"
    assert open_rpc(network, {"alchemy": KEY}).url == f"https://eth-mainnet.g.alchemy.com/v2/{KEY}"
    assert isinstance(open_rpc(network, {}), ProviderSet)
    assert isinstance(open_rpc("mainnet"), ProviderSet)


def test_one_provider_of_several_can_be_enough():
    for quorum, wanted in ((None, 1), (0, 1), (1, 1), ("2", 2)):
        found = open_providers({"infura": KEY, "alchemy": KEY, "quorum": quorum})
        assert (found.quorum, len(found.providers)) == (wanted, 2)
    assert open_providers({"quorum": len(OPEN_HOSTS)}).quorum == len(OPEN_HOSTS)
    with pytest.raises(ConfigurationError, match=f"A quorum of {len(OPEN_HOSTS) + 1} needs as many"):
        open_providers({"quorum": len(OPEN_HOSTS) + 1})


@pytest.mark.parametrize("keys", [{}, {"infura": KEY}, {"infura": {"projectId": KEY}}, {"alchemy": KEY}])
def test_the_time_out_holds_for_every_provider(keys):
    for options, wanted in (({}, 30), ({"timeout": 7}, 7)):
        for opened in (open_providers(keys, **options), open_rpc("mainnet", keys, **options)):
            found = getattr(opened, "providers", [opened])
            assert {(each.timeout, each._attempts) for each in found} == {(wanted, 2)}
    assert open_rpc("http://127.0.0.1:1").timeout == 30
    assert open_rpc("http://127.0.0.1:1", timeout=7).timeout == 7


def test_keys_are_not_shown():
    found = open_providers({"infura": KEY, "alchemy": KEY, "etherscan": KEY})
    assert KEY not in f"{found!r} {found.name} {[repr(each) for each in found.providers]}"


def test_a_quorum_needs_as_many_providers():
    with pytest.raises(ConfigurationError, match="quorum of 2") as caught:
        open_providers({"infura": KEY, "quorum": 2})
    assert "infura" in caught.value.details["providers"]


def test_the_secret_of_a_project_is_sent_as_a_password():
    seen = []

    def answer(request):
        seen.append(request.headers.get("Authorization"))
        return json_reply({"id": 1, "result": "0x1"})

    rpc = open_providers({"infura": {"projectId": KEY, "projectSecret": "s3cret"}})
    with FaultyServer(answer=answer) as server:
        rpc.url = server.url
        assert rpc.request("eth_chainId") == "0x1"
    assert seen == ["Basic OnMzY3JldA=="]


def test_the_next_provider_answers_when_the_first_can_not(serve):
    servers = serve(node(), node(eth_chainId="0x1", eth_gasPrice="0x7"))
    servers[0].always = status(502)
    rpc = together(servers)
    assert rpc.chain_id == 1
    assert rpc.request("eth_gasPrice") == "0x7"
    assert rpc.batch([("eth_gasPrice", []), ("eth_chainId", [])]) == ["0x7", "0x1"]


def test_what_one_does_not_serve_the_next_may(serve):
    rpc = together(serve(node(eth_chainId="0x1"), node(eth_getLogs=[], eth_chainId="0x1")))
    assert rpc.request("eth_getLogs", {}) == []
    assert rpc.batch([("eth_getLogs", [{}]), ("eth_chainId", [])]) == [[], "0x1"]


def test_a_revert_is_an_answer(serve):
    servers = serve(node(eth_call={"code": 3, "message": "execution reverted: no"}), node(eth_call="0x"))
    fault = together(servers).attempt("eth_call", {}, "latest")
    assert isinstance(fault, RpcFault)
    assert fault.reason == "no"
    assert servers[1].requests == []


def test_nobody_answers(serve):
    servers = serve(node(), node())
    for server in servers:
        server.always = status(502)
    with pytest.raises(CallError, match="502"):
        together(servers).request("eth_gasPrice")
    with pytest.raises(CallError, match="502"):
        together(servers).batch([("eth_gasPrice", [])])
    with pytest.raises(CallError, match="502"):
        together(servers, 2).request("eth_getCode", "0x", "latest")


def test_two_of_three_are_believed(serve):
    servers = serve(*(node(eth_getCode=code, eth_blockNumber="0x9") for code in ("0xaa", "0xbb", "0xAA")))
    assert together(servers, 2).request("eth_getCode", "0x", "latest") in {"0xaa", "0xAA"}


def test_disagreement_is_told_with_who_said_what(serve):
    servers = serve(*(node(eth_getBalance=coins, eth_blockNumber="0x9") for coins in ("0x1", "0x2")))
    with pytest.raises(CallError, match="disagree on eth_getBalance") as caught:
        together(servers, 2).request("eth_getBalance", "0x", "latest")
    for server, coins in zip(servers, ("0x1", "0x2"), strict=True):
        assert f'{server.url}: "{coins}"' in caught.value.message
    assert caught.value.hint


def test_all_are_asked_about_the_same_block(serve):
    def at_block(params):
        return params[-1]

    servers = serve(*(node(eth_getBalance=at_block, eth_blockNumber=head) for head in ("0x9", "0x8", "0xa")))
    assert together(servers, 2).request("eth_getBalance", "0x", "latest") == "0x9"
    assert together(servers, 3).request("eth_getBalance", "0x", "latest") == "0x8"
    assert together(servers, 2).request("eth_getBalance", "0x", "0x5") == "0x5"


def test_heads_and_prices_need_not_be_equal(serve):
    servers = serve(
        *(
            node(eth_blockNumber=head, eth_gasPrice=price)
            for head, price in (("0x9", "0x1"), ("0x7", "0x5"), ("0x8", "0x3"))
        )
    )
    rpc = together(servers, 3)
    assert rpc.request("eth_blockNumber") == "0x7"
    assert rpc.request("eth_gasPrice") == "0x3"


def test_a_quorum_holds_for_every_item_of_a_batch(serve):
    servers = serve(
        node(eth_getCode="0x01", eth_getBalance="0x1", eth_blockNumber="0x9"),
        node(eth_getCode="0x01", eth_getBalance="0x2", eth_blockNumber="0x9"),
    )
    code, coins = together(servers, 2).batch(
        [("eth_getCode", ["0x", "latest"]), ("eth_getBalance", ["0x", "latest"])]
    )
    assert code == "0x01"
    assert isinstance(coins, RpcFault)
    with pytest.raises(CallError, match="disagree"):
        raise coins.error("eth_getBalance")


LOW = {"code": -32000, "message": "nonce too low"}
POOR = {"code": -32000, "message": "insufficient funds for gas * price + value"}


@pytest.mark.parametrize("answer", [LOW, POOR])
@pytest.mark.parametrize("other", ["first", "second"])
def test_one_that_may_have_a_transaction_leaves_the_no_of_others_in_doubt(serve, answer, other):
    servers = serve(node(eth_sendRawTransaction=answer), node(eth_sendRawTransaction=answer))
    servers[other == "second"].always = status(502)
    fault = together(servers).attempt("eth_sendRawTransaction", "0x00")
    assert fault.message == answer["message"]
    assert is_doubtful(fault)
    assert fault.lost


def test_a_no_of_all_is_no(serve):
    servers = serve(node(eth_sendRawTransaction=LOW), node(eth_sendRawTransaction=POOR))
    assert not is_doubtful(together(servers).attempt("eth_sendRawTransaction", "0x00"))


def test_one_that_has_a_transaction_already_is_enough(serve):
    known = {"code": -32000, "message": "already known"}
    servers = serve(node(eth_sendRawTransaction=LOW), node(eth_sendRawTransaction=known))
    assert together(servers).attempt("eth_sendRawTransaction", "0x00").message == "already known"


@pytest.mark.parametrize("quorum", [1, 2])
def test_one_that_knows_a_transaction_is_enough(serve, quorum):
    servers = serve(node(eth_getTransactionByHash=None), node(eth_getTransactionByHash={"hash": HASH}))
    assert together(servers, quorum).attempt("eth_getTransactionByHash", HASH) == {"hash": HASH}
    servers[1].always = status(502)
    assert together(servers, quorum).attempt("eth_getTransactionByHash", HASH) is None


def test_receipts_are_compared_by_what_they_say(serve):
    mined = {"blockNumber": "0x1", "gasUsed": "0x1"}
    receipt = {"transactionHash": HASH, "blockHash": HASH, "status": "0x1", "logs": [], **mined}
    servers = serve(
        node(eth_getTransactionReceipt=receipt), node(eth_getTransactionReceipt={**receipt, "l1Fee": "0x1"})
    )
    assert together(servers, 2).request("eth_getTransactionReceipt", HASH)["status"] == "0x1"


def test_a_transaction_goes_to_all(serve):
    known = {"code": -32000, "message": "already known"}
    servers = serve(node(eth_sendRawTransaction=known), node(eth_sendRawTransaction=HASH))
    assert together(servers).attempt("eth_sendRawTransaction", "0x00") == HASH
    assert [len(server.requests) for server in servers] == [1, 1]


def test_contracts_are_read_through_several_nodes(world):
    rpc = ProviderSet([Rpc(world.rpc.url), Rpc(world.rpc.url)], 2)
    call = Call(world.hub.address, HUB.countCategory)
    assert read(rpc, [call, call]) == [5, 5]
    assert rpc.chain_id == 65535


def scan(results):
    """Etherscan's API: parameters in a form, JSON-RPC in the answer."""

    def answer(request):
        asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        assert asked["apikey"] == KEY
        assert asked["chainid"] == "1"
        return json_reply(results(asked))

    return answer


def test_etherscan_serves_calls_balances_and_receipts():
    answers = {
        "eth_call": "0x05",
        "eth_getBlockByNumber": {"number": "0x1"},
        "eth_getTransactionReceipt": None,
        "eth_sendRawTransaction": HASH,
    }

    def results(asked):
        if asked["module"] == "account":
            return {"status": "1", "message": "OK", "result": "255"}
        expected = {
            "eth_call": {"to": "0x01", "data": "0x02", "tag": "latest"},
            "eth_getBlockByNumber": {"tag": "latest", "boolean": "false"},
            "eth_getTransactionReceipt": {"txhash": HASH},
            "eth_sendRawTransaction": {"hex": "0x03"},
        }[asked["action"]]
        assert expected.items() <= asked.items()
        return {"jsonrpc": "2.0", "id": 1, "result": answers[asked["action"]]}

    with FaultyServer(answer=scan(results)) as server:
        rpc = Etherscan(KEY, url=server.url)
        assert rpc.chain_id == 1
        assert rpc.request("eth_getBalance", "0x01", "latest") == "0xff"
        assert rpc.request("eth_call", {"to": "0x01", "data": "0x02"}, "latest") == "0x05"
        assert rpc.batch([("eth_getBlockByNumber", ["latest", False])]) == [{"number": "0x1"}]
        assert rpc.request("eth_getTransactionReceipt", HASH) is None
        assert rpc.request("eth_sendRawTransaction", "0x03") == HASH
        assert rpc.attempt("eth_maxPriorityFeePerGas").code == -32601


@pytest.mark.parametrize(
    ("words", "retried"), [("Max rate limit reached, too many requests", True), ("Invalid API Key", False)]
)
def test_etherscan_says_no_in_its_own_way(words, retried):
    refusal = {"status": "0", "message": "NOTOK", "result": words}
    with FaultyServer(answer=scan(lambda _: refusal)) as server:
        rpc = Etherscan(KEY, url=server.url)
        rpc._pause = 0.001
        with pytest.raises(CallError, match=words) as caught:
            rpc.request("eth_gasPrice")
        assert caught.value.hint
        assert KEY not in str(caught.value.lines())
        assert len(server.requests) == 1 + retried


def test_etherscan_reverts_as_a_node_does():
    refusal = {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": 3, "message": "execution reverted: no", "data": "0x"},
    }
    with FaultyServer(answer=scan(lambda _: refusal)) as server:
        fault = Etherscan(KEY, url=server.url).attempt("eth_call", {"to": "0x01"}, "latest")
    assert fault.reason == "no"
