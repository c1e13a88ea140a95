"""The subgraph of a chain, in both modes: what its mapping makes of the events, and what people ask."""

from __future__ import annotations

import json
import threading
import time
from decimal import Decimal

import pytest
import requests
from helpers.explorer_queries import ADDRESS, ASSETS, DEAL, LISTS, SEARCH, TASK, TRANSACTION
from helpers.poco_world import DIGEST, World, word
from helpers.sandbox.serving import make_context, serving, with_chain

from iexec_lab.ethereum.calls import call
from iexec_lab.ethereum.contracts import HUB, REGISTRY, WORKERPOOL
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import NULL_ADDRESS, Domain, task_id
from iexec_lab.sandbox.services import subgraph
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.services.subgraph import Subgraph

pytestmark = pytest.mark.sandbox

NRLC = Decimal(10) ** 9
ZERO = f"0x{0:064x}"
RESULT = b'{ "storage": "ipfs", "location": "/ipfs/QmResult" }'

# The examples of the reference, as they are.
EXAMPLES = {
    "DealsOfApp": """query DealsOfApp($app:String!, $since:BigInt!, $last:ID!) {
      deals(first:1000, orderBy:id, where:{app:$app, timestamp_gte:$since, id_gt:$last}) {
        id timestamp botSize completedTasksCount claimedTasksCount appPrice datasetPrice workerpoolPrice
        requester{id} workerpool{id description} category{id workClockTimeRef} dataset{id} } }""",
    "ByRequester": """query ByRequester($r:String!){ deals(where:{requester:$r}, orderBy:timestamp,
      orderDirection:desc, first:100){ id timestamp app{id name} } }""",
    "TasksOfDeal": """query TasksOfDeal($d:ID!){ deal(id:$d){ botFirst botSize params
      tasks(first:1000, orderBy:index){ id index status results
        contributions{ worker{id} status } rewards{ account{id} value } seizes{ account{id} value } } } }""",
    "Events": """query Events($t:ID!){ task(id:$t){ events(orderBy:timestamp){
      __typename timestamp transaction{id}
      ... on TaskContribute{ worker{id} hash } ... on TaskReveal{ digest } ... on TaskFinalize{ results }
      } } }""",
    "Late": """query Late($now:BigInt!){ tasks(where:{status_in:[ACTIVE,REVEALING], finalDeadline_lt:$now}){
      id deal{id workerpool{id}} finalDeadline } }""",
    "PriceHistory": """query PriceHistory($p:String!){ workerpoolOrders(where:{workerpool:$p}){
      id workerpoolprice deals{ id timestamp } } }""",
    "Totals": """query Totals{ protocol(id:"iExec"){ dealsCount tasksCount completedTasksCount
      claimedTasksCount tvl } _meta{block{number}} }""",
    "Bulk": """query Bulk($d:String!){ bulkSliceice(where:{datasets_:{id:$d}}, orderBy:task__timestamp,
      orderDirection:desc){ index task{id deal{id}} } }""",
}


class Market:
    """A market with a past: a finished deal with a faulty worker, a claimed one, a bulk, new owners."""

    def __init__(self, genesis, url, folder):
        self.world = world = World(Rpc(url), genesis)
        self.rpc, self.hub = world.rpc, world.hub
        self.folder = folder
        self.stake(world.user, world.pool_owner, world.worker, world.other)
        self.before = self.block()
        self.done, _ = world.match(world.orders(dataset=True, request={"trust": 3}, pool={"trust": 3}))
        self.after_match = self.block()
        world.send(world.other, HUB.initialize, word(self.done), 0)
        self.task = task_id(self.done, 0)
        self.finish()
        self.claimed, _ = world.match(world.orders(volume=3))
        for index in (0, 1):
            world.send(world.other, HUB.initialize, word(self.claimed), index)
        world.pass_time(4000)
        self.late = self.time()
        world.send(world.other, HUB.claim, word(task_id(self.claimed, 0)))
        self.bulk = self.match_bulk()

    def stake(self, *people):
        """All of them have stake from the sandbox's genesis; only that is asserted."""
        for each in people:
            assert self.call(HUB.viewAccount, each.address)[0] > 1000

    def finish(self):
        """Three agree, a fourth contributed something else."""
        world = self.world
        world.contribute(self.task, world.user, b"\x08" * 32)
        agreeing = world.worker, world.other, world.pool_owner
        for each in agreeing:
            world.contribute(self.task, each)
        for each in agreeing:
            world.send(each, HUB.reveal, word(self.task), DIGEST)
        world.send(world.pool_owner, HUB.finalize, word(self.task), RESULT, b"")

    def rpc_task(self):
        return self.call(HUB.viewTask, word(self.task))

    def match_bulk(self):
        """A deal of two tasks, whose second slice has a good order between two that are none."""
        dataset = self.world.dataset.lower()
        order = {
            "dataset": self.world.dataset, "datasetprice": "0", "volume": "9007199254740991", "tag": ZERO,
            "apprestrict": NULL_ADDRESS, "workerpoolrestrict": NULL_ADDRESS,
            "requesterrestrict": NULL_ADDRESS,
            "salt": ZERO, "sign": "0x01",
        }  # fmt: skip
        self.blobs = BlobStore(self.folder / "ipfs")
        self.slices = [
            json.dumps(each).encode() for each in ([order], [{"dataset": dataset}, order, 5], [order])
        ]
        cids = [self.blobs.add(each) for each in self.slices[:1]]
        self.later = [self.cid_of(each) for each in self.slices[1:]]
        root = self.blobs.add(json.dumps([*cids, *self.later]).encode())
        params = json.dumps({"bulk_cid": root})
        deal, _ = self.world.match(self.world.orders(volume=2, request={"params": params}))
        return deal

    def cid_of(self, content):
        return BlobStore(self.folder / "elsewhere").add(content)

    def call(self, function, *args):
        return call(self.rpc, self.hub.address, function, *args)

    def block(self):
        return int(self.rpc.request("eth_blockNumber"), 16)

    def time(self):
        return int(self.rpc.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


@pytest.fixture(scope="module")
def service(deployed, tmp_path_factory):
    """(market, ask): a chain with a past, and a subgraph that began to follow it halfway."""
    genesis, url = deployed
    folder = tmp_path_factory.mktemp("subgraph")
    context = make_context(
        folder, hub=genesis.hub, rlc=genesis.rlc, registries=genesis.registries,
        workerpool=genesis.workerpool,
        native=genesis.native, chain_id=genesis.chain_id, domain=Domain(genesis.chain_id, genesis.hub),
    )  # fmt: skip
    create = with_chain(subgraph.create, url, native=genesis.native)
    with serving(create, context) as address, requests.Session() as session:

        def ask(text, operation=None, **variables):
            body = {"query": text, "variables": variables, "operationName": operation}
            answer = session.post(address, json=body, timeout=60)
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith("application/json")
            return answer.json()

        ask("{ _meta { block { number } } }")
        made = Market(genesis, url, folder)
        made.address = address
        yield made, ask


@pytest.fixture(scope="module")
def market(service):
    return service[0]


@pytest.fixture(scope="module")
def ask(service):
    def data(text, operation=None, **variables):
        answer = service[1](text, operation, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    return data


def test_the_newest_block_is_answered(market, ask):
    market.rpc.request("evm_mine")
    found = ask("{ _meta { block { number hash timestamp parentHash } hasIndexingErrors deployment } }")[
        "_meta"
    ]
    block = market.rpc.request("eth_getBlockByNumber", "latest", False)
    assert found["block"] == {
        "number": int(block["number"], 16), "hash": block["hash"], "timestamp": int(block["timestamp"], 16),
        "parentHash": block["parentHash"],
    }  # fmt: skip
    assert found["hasIndexingErrors"] is False
    assert found["deployment"]


def test_balances_are_those_of_the_chain(market, ask):
    accounts = ask("{ accounts(first: 1000) { id balance frozen score } }")["accounts"]
    people = {
        each["id"]: (Decimal(each["balance"]) * NRLC, Decimal(each["frozen"]) * NRLC, int(each["score"]))
        for each in accounts
    }
    assert len(people) > 8
    for address, (balance, frozen, score) in people.items():
        stake, locked = market.call(HUB.viewAccount, address)
        if address != NULL_ADDRESS:
            assert (balance, frozen) == (stake, locked), address
        assert score == market.call(HUB.viewScore, address)
    supply = market.call(HUB.totalSupply)
    assert Decimal(ask('{ protocol(id: "iExec") { tvl } }')["protocol"]["tvl"]) * NRLC == supply


def test_a_finished_task(market, ask):
    found = ask(
        """query($t: ID!) { task(id: $t) { status index results resultsCallback consensus resultDigest
        revealDeadline contributionDeadline finalDeadline timestamp requester { id } deal { id trust }
        contributions { status hash seal challenge timestamp worker { id } } rewards { account { id } value }
        seizes { account { id } value } } }""",
        t=market.task,
    )["task"]
    viewed = market.rpc_task()
    assert found["status"] == "COMPLETED"
    assert bytes.fromhex(found["results"][2:]) == RESULT
    assert found["consensus"] == "0x" + viewed[7].hex()
    assert [int(found[name]) for name in ("contributionDeadline", "revealDeadline", "finalDeadline")] == [
        *viewed[4:7]
    ]
    assert found["deal"]["trust"] == "3"
    assert sorted(each["status"] for each in found["contributions"]) == [
        "CONTRIBUTED",
        "PROVED",
        "PROVED",
        "PROVED",
    ]
    assert {each["worker"]["id"] for each in found["contributions"]} == {
        each.address.lower()
        for each in (market.world.user, market.world.worker, market.world.other, market.world.pool_owner)
    }
    assert isinstance(found["contributions"][0]["timestamp"], int)
    assert found["seizes"][0]["account"]["id"] == market.world.user.address.lower()
    assert found["resultDigest"] == "0x" + DIGEST.hex()


def test_deals_count_their_tasks(market, ask):
    query = """query($d: ID!) { deal(id: $d) { botFirst botSize completedTasksCount claimedTasksCount
        dataset { id } datasetorder { id } appPrice datasetPrice workerpoolPrice sponsor { id }
        requestorder { id requester { id } app { id } volume } apporder { appprice app { id } volume }
        tasks(orderBy: index) { index status } } }"""
    done, claimed = (ask(query, d=each)["deal"] for each in (market.done, market.claimed))
    assert (done["completedTasksCount"], done["claimedTasksCount"]) == ("1", "0")
    assert done["dataset"] == {"id": market.world.dataset.lower()}
    assert (done["appPrice"], done["datasetPrice"]) == ("0.00000001", "0.00000002")
    assert done["sponsor"] == {"id": market.world.user.address.lower()}
    assert done["apporder"] == {
        "appprice": "0.00000001", "app": {"id": market.world.app.lower()}, "volume": None
    }  # fmt: skip
    assert done["requestorder"]["app"] is None
    assert done["requestorder"]["requester"] == {"id": market.world.user.address.lower()}
    assert (claimed["botSize"], claimed["claimedTasksCount"]) == ("3", "1")
    assert claimed["tasks"] == [{"index": "0", "status": "FAILLED"}, {"index": "1", "status": "ACTIVE"}]
    assert (claimed["dataset"], claimed["datasetorder"]) == (None, None)
    without = ask(f'{{ deals(where: {{dataset: "{NULL_ADDRESS}"}}) {{ id }} }}')["deals"]
    assert {each["id"] for each in without} >= {market.claimed, market.bulk}
    assert market.done not in {each["id"] for each in without}


def test_usages_are_counted_until_the_owner_changes(market, ask):
    world = market.world
    query = """query($a: ID!) { app(id: $a) { usageCount lastUsageTimestamp timestamp owner { id }
        usages { botSize } } }"""
    app = world.app.lower()
    found = ask(query, a=app)["app"]
    assert int(found["usageCount"]) == sum(int(each["botSize"]) for each in found["usages"]) == 6
    assert int(found["lastUsageTimestamp"]) > int(found["timestamp"])
    registry = market.hub.registries()["app"]
    world.sender(world.user).send(
        registry, REGISTRY.transferFrom.encode(world.user.address, world.other.address, int(app, 16))
    )
    found = ask(query, a=app)["app"]
    assert (found["usageCount"], found["lastUsageTimestamp"]) == ("0", "0")
    assert (int(found["timestamp"]), found["owner"]["id"]) == (market.time(), world.other.address.lower())
    moved = ask(
        "query($a: String!) { appTransfers(where: {app: $a}, orderBy: timestamp) { from { id } to { id } } }",
        a=app,
    )
    assert moved["appTransfers"][-1]["to"] == {"id": world.other.address.lower()}
    world.sender(world.other).send(
        registry, REGISTRY.transferFrom.encode(world.other.address, world.user.address, int(app, 16))
    )


def test_a_policys_middle_values_are_exchanged(market, ask):
    world = market.world
    world.sender(world.pool_owner).send(world.workerpool, WORKERPOOL.changePolicy.encode(35, 5))
    found = ask(
        """query($w: ID!) { workerpool(id: $w) { workerStakeRatio schedulerRewardRatio
        events(orderBy: timestamp, orderDirection: desc, first: 1) {
        __typename ... on PolicyUpdate { oldWorkerStakeRatio newWorkerStakeRatio
        oldSchedulerRewardRatio newSchedulerRewardRatio } } } }""",
        w=world.workerpool.lower(),
    )["workerpool"]
    assert (found["workerStakeRatio"], found["schedulerRewardRatio"]) == ("35", "5")
    assert found["events"] == [
        {
            "__typename": "PolicyUpdate", "oldWorkerStakeRatio": "30", "newWorkerStakeRatio": "1",
            "oldSchedulerRewardRatio": "35", "newSchedulerRewardRatio": "5",
        }
    ]  # fmt: skip


def test_a_bulk_appears_when_its_documents_do(market, ask):
    query = """query($d: ID!) { deal(id: $d) { bulk { hash deal { id } slices(orderBy: index) { index hash
        task { id } datasets { id } datasetOrders { id volume datasetprice } } } } }"""
    (first,) = ask(query, d=market.bulk)["deal"]["bulk"]["slices"]
    assert first["datasets"] == [{"id": market.world.dataset.lower()}]
    assert first["task"] is None  # not initialised
    for content in market.slices[1:]:
        market.blobs.add(content)
    bulk = ask(query, d=market.bulk)["deal"]["bulk"]
    assert bulk["deal"] == [{"id": market.bulk}]
    assert [each["index"] for each in bulk["slices"]] == ["0", "1"]  # the third is beyond the deal
    order = {"id": f"{task_id(market.bulk, 1)}-1", "volume": "9007199254740991", "datasetprice": "0"}
    assert bulk["slices"][1]["datasetOrders"] == [order]
    market.world.send(market.world.other, HUB.initialize, word(market.bulk), 1)
    found = ask(EXAMPLES["Bulk"], d=market.world.dataset.lower())["bulkSliceice"]
    assert {"index": "1", "task": {"id": task_id(market.bulk, 1), "deal": {"id": market.bulk}}} in found
    sliced = ask("query($t: ID!) { task(id: $t) { bulkSlice { index } } }", t=task_id(market.bulk, 1))
    assert sliced["task"] == {"bulkSlice": {"index": "1"}}
    used = ask("query($d: ID!) { dataset(id: $d) { bulkUsages { id } } }", d=market.world.dataset.lower())
    assert len(used["dataset"]["bulkUsages"]) == 2


def test_earlier_blocks_are_answered(market, ask):
    query = """query($b: Int!, $d: ID!) { deals(block: {number: $b}) { id }
        deal(id: $d, block: {number: $b}) { completedTasksCount tasks { id } app { usageCount } }
        _meta(block: {number: $b}) { block { number hash } } }"""
    before = ask(query, b=market.before, d=market.done)
    assert market.done not in {each["id"] for each in before["deals"]}
    assert before["deal"] is None
    assert before["_meta"] == {"block": {"number": market.before, "hash": None}}
    matched = ask(query, b=market.after_match, d=market.done)
    assert matched["deal"] == {"completedTasksCount": "0", "tasks": [], "app": {"usageCount": "1"}}
    block = market.rpc.request("eth_getBlockByNumber", hex(market.after_match), False)["hash"]
    by_hash = ask("query($h: Bytes!) { _meta(block: {hash: $h}) { block { number } } }", h=block)
    assert by_hash["_meta"]["block"]["number"] == market.after_match
    assert ask("{ deals(block: {number_gte: 1}, first: 1) { id } }")["deals"]


def test_blocks_that_the_chain_takes_back_are_forgotten(market, ask, service):
    query = """{ _meta { block { number } } protocol(id: "iExec") { dealsCount }
        deals(first: 1000) { id usage: app { usageCount } } accounts(first: 1000) { id balance } }"""
    before = ask(query)
    snapshot = market.rpc.request("evm_snapshot")
    deal, _ = market.world.match(market.world.orders(volume=2, app={"salt": f"0x{5:064x}"}))
    assert deal in {each["id"] for each in ask(query)["deals"]}
    market.rpc.request("evm_revert", snapshot)
    market.rpc.request("evm_mine")
    after = ask(query)
    assert after.pop("_meta")["block"]["number"] == before.pop("_meta")["block"]["number"] + 1
    assert after == before


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_reference_are_answered(market, ask, name):
    world = market.world
    variables = {
        "DealsOfApp": {"app": world.app.lower(), "since": 0, "last": ""},
        "ByRequester": {"r": world.user.address.lower()},
        "TasksOfDeal": {"d": market.done},
        "Events": {"t": market.task},
        "Late": {"now": str(market.late)},
        "PriceHistory": {"p": world.workerpool.lower()},
        "Bulk": {"d": world.dataset.lower()},
    }.get(name, {})
    data = ask(EXAMPLES[name], **variables)
    assert all(data.values())
    if name == "Events":
        kinds = [each["__typename"] for each in data["task"]["events"]]
        assert sorted(kinds) == sorted(
            ["TaskInitialize", "TaskConsensus", "TaskFinalize", *["TaskContribute"] * 4, *["TaskReveal"] * 3]
        )
    if name == "Late":
        assert {"id": task_id(market.claimed, 1)}.items() <= data["tasks"][0].items()


def test_the_explorers_queries_are_answered(market, ask):
    world = market.world
    lists = ask(LISTS)
    assert lists["deals"][0]["dealid"] == market.bulk
    assert all(lists[name] for name in ("deals", "tasks", "apps", "datasets", "workerpools"))
    assert lists["apps"][0]["transfers"][0]["transaction"]["txHash"].startswith("0x")
    deal = ask(DEAL, id=market.done)["deal"]
    assert [each["type"] for each in deal["dealEvents"]] == ["OrdersMatched"]
    assert [each["dealid"] for each in deal["requestorder"]["deals"]] == [market.done]
    task = ask(TASK, id=market.task)["task"]
    assert task["taskEvents"][0]["type"] == "TaskInitialize"
    assert task["bulkSlice"] is None
    assets = ask(
        ASSETS, app=world.app.lower(), dataset=world.dataset.lower(), workerpool=world.workerpool.lower()
    )
    assert [each["dealid"] for each in assets["dataset"]["deals"]] == [market.done]
    assert len(assets["app"]["deals"]) == len(assets["workerpool"]["deals"]) == 3
    account = ask(ADDRESS, id=world.user.address.lower())["account"]
    assert len(account["dealRequester"]) == 3
    assert len(account["allContributions"]) == 1
    sent = deal["dealEvents"][0]["transaction"]["txHash"]
    seen = ask(TRANSACTION, id=sent)
    assert seen["transaction"]["gasUsed"] == seen["transaction"]["gasLimit"]
    assert [each["deal"]["dealid"] for each in seen["ordersMatcheds"]] == [market.done]
    assert seen["schedulerNotices"][0]["workerpool"] == {"address": world.workerpool.lower()}
    assert seen["locks"]
    found = {name: ask(SEARCH, search=each) for name, each in (("deal", market.done), ("transaction", sent))}
    assert [name for name, each in found["deal"].items() if each] == ["deal"]
    assert [name for name, each in found["transaction"].items() if each] == ["transaction"]


def test_our_own_client_reads_it(market):
    client = Subgraph(market.address)
    query = "query ($where: Deal_filter!) { rows: deals(orderBy: id, where: $where) { id } }"
    found = {deal["id"] for deal in client.rows(query, {"app": market.world.app.lower()})}
    assert found == {market.done, market.claimed, market.bulk}


def test_a_heavy_query_does_not_stop_the_others(service):
    """While one walks all links, a small one is answered."""
    _, ask = service
    heavy = (
        "{"
        + " ".join(
            f"a{i}: deals(first: 1000) {{ app {{ usages {{ app {{ usages {{ id }} }} }} }} }}"
            for i in range(300)
        )
        + "}"
    )
    thread = threading.Thread(target=ask, args=(heavy,))
    thread.start()
    started = time.monotonic()
    assert ask("{ deals(first: 1) { id } }")["data"]["deals"]
    assert time.monotonic() - started < 20
    thread.join()
