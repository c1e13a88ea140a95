"""Everything that happened on a hub, recomputed from raw logs: what our own frames and statements must equal.

No code of iexec_lab: JSON-RPC by urllib, ``eth_abi`` to decode, keccak of ``eth_utils``. Deals are read from
the call data of their transactions, owners from the registries' transfers, money from the hub's logs alone.
Columns have the names of the canonical tables; amounts are nRLC, times Unix seconds, addresses EIP-55,
statuses the hub's.
"""

from __future__ import annotations

import json
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

ZERO = "0x" + "00" * 20
STEP = 2000
_APP = "(address,uint256,uint256,bytes32,address,address,address,bytes32,bytes)"
_POOL = "(address,uint256,uint256,bytes32,uint256,uint256,address,address,address,bytes32,bytes)"
_REQUEST = (
    "(address,uint256,address,uint256,address,uint256,address,uint256,bytes32,uint256,uint256,address,address,"
    "string,bytes32,bytes)"
)
_MATCHING = [_APP, _APP, _POOL, _REQUEST]
_EVENTS = """
SchedulerNotice(address workerpool!,bytes32 deal)
OrdersMatched(bytes32 deal,bytes32 app,bytes32 dataset,bytes32 workerpool,bytes32 request,uint256 volume)
DealSponsored(bytes32 deal,address sponsor)
TaskInitialize(bytes32 task!,address workerpool!)
TaskContribute(bytes32 task!,address worker!,bytes32 hash)
TaskConsensus(bytes32 task!,bytes32 consensus)
TaskReveal(bytes32 task!,address worker!,bytes32 digest)
TaskReopen(bytes32 task!)
TaskFinalize(bytes32 task!,bytes results)
TaskClaimed(bytes32 task!)
AccurateContribution(address worker!,bytes32 task!)
FaultyContribution(address worker!,bytes32 task!)
Transfer(address from!,address to!,uint256 amount)
Lock(address owner,uint256 amount)
Unlock(address owner,uint256 amount)
Reward(address owner,uint256 amount,bytes32 task)
Seize(address owner,uint256 amount,bytes32 task)
ClosedAppOrder(bytes32 hash)
ClosedDatasetOrder(bytes32 hash)
ClosedWorkerpoolOrder(bytes32 hash)
ClosedRequestOrder(bytes32 hash)
CreateCategory(uint256 category,string name,string description,uint256 seconds)
PolicyUpdate(uint256 old_stake,uint256 stake,uint256 old_reward,uint256 reward)
"""


def rpc(url, *requests):
    """The results of several requests, in their order."""
    body = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(requests)
    ]
    call = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=60) as answer:
        answers = sorted(json.load(answer), key=lambda one: one["id"])
    assert all("error" not in one for one in answers), answers[:2]
    return [one["result"] for one in answers]


def _known_events():
    known = {}
    for line in _EVENTS.split("\n"):
        name, _, rest = line.rstrip(")").partition("(")
        if not name:
            continue
        fields = [part.split(" ") for part in rest.split(",")]
        topic = "0x" + keccak(text=f"{name}({','.join(kind for kind, _ in fields)})").hex()
        known[topic] = name, [(kind, word.rstrip("!"), word.endswith("!")) for kind, word in fields]
    return known


EVENTS = _known_events()


def _plain(kind, value):
    if kind == "address":
        return to_checksum_address(value)
    return "0x" + value.hex() if kind == "bytes32" else value


@dataclass
class Event:
    """``block``, ``log_index``, ``at``; ``args`` by name, hashes as 0x text."""

    name: str
    address: str
    block: int
    log_index: int
    tx_hash: str
    at: int
    args: dict

    def __getitem__(self, name):
        return self.args[name]


@dataclass
class Ledger:
    """``Ledger.of(sandbox)``: ``events``, ``deals``, ``tasks``, ``transfers``, ``statement(address)``..."""

    url: str
    hub: str
    registries: dict
    until: int
    events: list = field(repr=False)
    owners: dict = field(repr=False)
    "Owners of resources: (block, log index, owner) in order of time, by address."

    @classmethod
    def of(cls, sandbox):
        """Read the chain of a sandbox (a Handle) to its newest block."""
        url, hub = sandbox.urls["rpc"], sandbox.hub.lower()
        (newest,) = rpc(url, ("eth_blockNumber", []))
        until, logs = int(newest, 16), []
        for start in range(0, until + 1, STEP):
            span = {"fromBlock": hex(start), "toBlock": hex(min(start + STEP - 1, until))}
            logs += rpc(url, ("eth_getLogs", [span]))[0]
        times = cls._times(url, {log["blockNumber"] for log in logs})
        registries = {address.lower(): kind for kind, address in sandbox.registries.items()}
        events, owners = [], defaultdict(list)
        for log in logs:
            source, place = log["address"].lower(), (int(log["blockNumber"], 16), int(log["logIndex"], 16))
            if source in registries and len(log["topics"]) == 4:
                resource = to_checksum_address("0x" + log["topics"][3][-40:])
                owners[resource].append((*place, to_checksum_address("0x" + log["topics"][2][-40:])))
                continue
            name, fields = EVENTS.get(log["topics"][0] if log["topics"] else "", (None, []))
            ours = source == hub or name in {"PolicyUpdate", "CreateCategory"}
            if name is None or not ours or len(log["topics"]) != 1 + sum(each[2] for each in fields):
                continue
            topics = iter(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
            data = iter(
                decode([kind for kind, _, inside in fields if not inside], bytes.fromhex(log["data"][2:]))
            )
            args = {
                word: _plain(kind, decode([kind], next(topics))[0] if inside else next(data))
                for kind, word, inside in fields
            }
            at = times[log["blockNumber"]]
            events.append(Event(name, to_checksum_address(source), *place, log["transactionHash"], at, args))
        return cls(url, to_checksum_address(hub), dict(sandbox.registries), until, events, dict(owners))

    @staticmethod
    def _times(url, numbers):
        wanted, found = sorted(numbers), {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            blocks = rpc(url, *(("eth_getBlockByNumber", [number, False]) for number in part))
            found |= {number: int(block["timestamp"], 16) for number, block in zip(part, blocks, strict=True)}
        return found

    def named(self, *names):
        """Events with one of these names, in chain order."""
        return [event for event in self.events if event.name in names]

    def owner(self, resource, event):
        """Who owned an app, dataset or workerpool when an event happened."""
        before = [
            owner for *place, owner in self.owners[resource] if tuple(place) < (event.block, event.log_index)
        ]
        return before[-1]

    @cached_property
    def categories(self):
        """Seconds by category id."""
        return {event["category"]: event["seconds"] for event in self.named("CreateCategory")}

    # -- deals and tasks ----------------------------------------------------------------------------------

    @cached_property
    def deals(self):
        """One dict a deal, in chain order, with the columns of the canonical table."""
        matched = self.named("OrdersMatched")
        sponsors = {event["deal"]: event["sponsor"] for event in self.named("DealSponsored")}
        transactions = {}
        hashes = list(dict.fromkeys(event.tx_hash for event in matched))
        for start in range(0, len(hashes), 200):
            part = hashes[start : start + 200]
            found = rpc(self.url, *(("eth_getTransactionByHash", [each]) for each in part))
            transactions |= dict(zip(part, found, strict=True))
        taken, rows = defaultdict(int), []
        for event in matched:
            data = bytes.fromhex(transactions[event.tx_hash]["input"][2:])
            app, dataset, pool, request = decode(_MATCHING, data[4:])
            rows.append(self._deal(event, app, dataset, pool, request, sponsors, taken[event["request"]]))
            taken[event["request"]] += event["volume"]
        self._count(rows)
        return rows

    def _deal(self, event, app, dataset, pool, request, sponsors, first):
        used = int(dataset[0], 16) != 0
        names = {
            "app": to_checksum_address(app[0]),
            "dataset": to_checksum_address(dataset[0]) if used else None,
            "workerpool": to_checksum_address(pool[0]),
        }
        owners = {f"{kind}_owner": self.owner(each, event) if each else None for kind, each in names.items()}
        requester = to_checksum_address(request[6])
        tags = [int.from_bytes(each, "big") for each in (app[3], dataset[3], request[8])]
        stake, reward = self._policy(names["workerpool"], event)
        seconds = self.categories[pool[4]]
        params = request[13]
        return {
            "deal_id": event["deal"],
            "block": event.block,
            "log_index": event.log_index,
            "tx_hash": event.tx_hash,
            "started_at": event.at,
            **names,
            **owners,
            "app_price_nrlc": app[1],
            "dataset_price_nrlc": dataset[1] if used else 0,
            "workerpool_price_nrlc": pool[1],
            "category": pool[4],
            "trust": max(request[10], 1),
            "tag": "0x" + (tags[0] | tags[1] | tags[2]).to_bytes(32, "big").hex(),
            "requester": requester,
            "beneficiary": to_checksum_address(request[11]),
            "callback": to_checksum_address(request[12]),
            "sponsor": sponsors.get(event["deal"], requester),
            "sponsored": event["deal"] in sponsors,
            "params": params,
            "bulk": "bulk_cid" in params,
            "first_index": first,
            "tasks": event["volume"],
            "completed": 0,
            "claimed": 0,
            "worker_stake_nrlc": pool[1] * stake // 100,
            "scheduler_reward_ratio": reward,
            "final_deadline": event.at + 10 * seconds,
            "apporder_hash": event["app"],
            "datasetorder_hash": event["dataset"] if used else None,
            "workerpoolorder_hash": event["workerpool"],
            "requestorder_hash": event["request"],
        }

    def _policy(self, pool, before):
        """Worker stake ratio and scheduler reward ratio in percent, of a workerpool at an event."""
        place, found = (before.block, before.log_index), (30, 1)
        for event in self._policies.get(pool, ()):
            if (event.block, event.log_index) < place:
                found = event["stake"], event["reward"]
        return found

    @cached_property
    def _policies(self):
        found = defaultdict(list)
        for event in self.named("PolicyUpdate"):
            found[event.address].append(event)
        return found

    @cached_property
    def _indices(self):
        """(deal id, index) by task id."""
        return {
            _task_id(deal["deal_id"], index): (deal["deal_id"], index)
            for deal in self.deals
            for index in range(deal["first_index"], deal["first_index"] + deal["tasks"])
        }

    def _count(self, deals):
        ended = defaultdict(lambda: [0, 0])
        finished = {event["task"]: 0 for event in self.named("TaskFinalize")}
        finished |= {event["task"]: 1 for event in self.named("TaskClaimed")}
        for deal in deals:
            for index in range(deal["first_index"], deal["first_index"] + deal["tasks"]):
                kind = finished.get(_task_id(deal["deal_id"], index))
                if kind is not None:
                    ended[deal["deal_id"]][kind] += 1
            deal["completed"], deal["claimed"] = ended[deal["deal_id"]]

    @cached_property
    def tasks(self):
        """One dict for each task that was initialised, in the order in which that happened."""
        deals = {deal["deal_id"]: deal for deal in self.deals}
        rows = {}
        for event in self.events:
            task = event.args.get("task")
            if event.name == "TaskInitialize":
                rows[task] = self._task(event, deals)
            elif task in rows:
                self._happened(rows[task], event)
        return list(rows.values())

    def _task(self, event, deals):
        deal_id, index = self._indices[event["task"]]
        deal = deals[deal_id]
        seconds = self.categories[deal["category"]]
        return {
            "task_id": event["task"],
            "deal_id": deal_id,
            "task_index": index,
            "status": "ACTIVE",
            "block": event.block,
            "initialized_at": event.at,
            "contribution_deadline": deal["started_at"] + 7 * seconds,
            "reveal_deadline": None,
            "final_deadline": deal["final_deadline"],
            "contributed_at": None,
            "revealed_at": None,
            "finalized_at": None,
            "claimed_at": None,
            "workers": [],
            "faulty": [],
            "consensus": None,
            "result_digest": None,
            "results": None,
            "reward_nrlc": 0,
            "seized_nrlc": 0,
            "execution_seconds": None,
            "seconds": seconds,
            **{name: deal[name] for name in ("app", "workerpool", "requester", "category")},
        }

    @staticmethod
    def _happened(row, event):
        match event.name:
            case "TaskContribute":
                row["workers"].append(event["worker"])
                row["contributed_at"] = row["contributed_at"] or event.at
            case "TaskConsensus":
                row["status"], row["consensus"] = "REVEALING", event["consensus"]
                row["reveal_deadline"] = event.at + 2 * row["seconds"]
            case "TaskReveal":
                row["revealed_at"], row["result_digest"] = event.at, event["digest"]
            case "TaskReopen":
                row["status"], row["consensus"], row["reveal_deadline"] = "ACTIVE", None, None
            case "TaskFinalize":
                row["status"], row["results"] = "COMPLETED", event["results"].decode(errors="replace")
                row["finalized_at"] = event.at
                row["execution_seconds"] = event.at - row["initialized_at"]
            case "TaskClaimed":
                row["status"], row["claimed_at"] = "FAILED", event.at
            case "FaultyContribution":
                row["faulty"].append(event["worker"])
            case "Reward":
                row["reward_nrlc"] += event["amount"]
            case "Seize":
                row["seized_nrlc"] += event["amount"]

    # -- money --------------------------------------------------------------------------------------------

    @cached_property
    def transfers(self):
        """Every movement of stake on the hub, in chain order, with its cause."""
        rows = []
        for position, event in enumerate(self.events):
            if event.name != "Transfer":
                continue
            after = self.events[position + 1] if position + 1 < len(self.events) else None
            rows.append(
                {
                    "block": event.block,
                    "log_index": event.log_index,
                    "tx_hash": event.tx_hash,
                    "at": event.at,
                    "from_": event["from"],
                    "to": event["to"],
                    "amount_nrlc": event["amount"],
                    "cause": self._cause(event, after),
                    "task_id": after["task"] if after and after.name == "Reward" else None,
                }
            )
        return rows

    def _cause(self, event, after):
        """What the hub says right after a transfer, if it is about the same money."""
        if event["from"] == ZERO:
            return "deposit"
        if event["to"] == ZERO:
            return "withdrawal"
        inside = {"Lock": event["from"], "Unlock": event["to"], "Reward": event["to"]}
        if (
            after is not None
            and (after.tx_hash, after.log_index) == (event.tx_hash, event.log_index + 1)
            and after.name in inside
            and (after["owner"], after["amount"]) == (inside[after.name], event["amount"])
        ):
            return after.name.lower()
        return "transfer"

    def statement(self, address):
        """What changed an account: rows with ``cause``, and signed ``stake_nrlc`` and ``locked_nrlc``."""
        return self._statements.get(to_checksum_address(address), [])

    @cached_property
    def _statements(self):
        rows, told = defaultdict(list), set()
        for row in self.transfers:
            amount, cause = row["amount_nrlc"], row["cause"]
            locked = {"lock": amount, "unlock": -amount}.get(cause, 0)
            if cause in {"lock", "unlock", "reward"}:
                told.add((row["block"], row["log_index"] + 1))
            for address, sign in ((row["from_"], -1), (row["to"], 1)):
                if address not in {ZERO, self.hub}:
                    rows[address].append({**row, "stake_nrlc": sign * amount, "locked_nrlc": locked})
        signs = {"Seize": (0, -1), "Reward": (1, 0), "Lock": (-1, 1), "Unlock": (1, -1)}
        for event in self.named(*signs):
            # What a claim takes from a scheduler goes to the kitty, and is locked there, without transfers.
            if (event.block, event.log_index) in told:
                continue
            stake, locked = signs[event.name]
            rows[event["owner"]].append(
                {
                    "block": event.block,
                    "log_index": event.log_index,
                    "tx_hash": event.tx_hash,
                    "at": event.at,
                    "cause": event.name.lower(),
                    "task_id": event.args.get("task"),
                    "stake_nrlc": stake * event["amount"],
                    "locked_nrlc": locked * event["amount"],
                }
            )
        for found in rows.values():
            found.sort(key=lambda row: (row["block"], row["log_index"]))
        return rows

    @property
    def accounts(self):
        """All addresses that ever had stake."""
        return sorted(self._statements)

    def balance(self, address):
        """(stake, locked) in nRLC, as ``viewAccount`` says them."""
        rows = self.statement(address)
        return sum(row["stake_nrlc"] for row in rows), sum(row["locked_nrlc"] for row in rows)

    def on_chain(self, addresses):
        """What ``viewAccount`` says of each of them, for comparison."""
        selector = keccak(text="viewAccount(address)")[:4]
        calls = [
            (
                "eth_call",
                [{"to": self.hub, "data": "0x" + (selector + encode(["address"], [each])).hex()}, "latest"],
            )
            for each in addresses
        ]
        return [
            tuple(decode(["uint256", "uint256"], bytes.fromhex(one[2:]))) for one in rpc(self.url, *calls)
        ]

    @property
    def totals(self):
        """Sums over all time, by cause; ``supply`` is what the hub holds now."""
        sums = defaultdict(int)
        for row in self.transfers:
            sums[row["cause"]] += row["amount_nrlc"]
        sums["seize"] = sum(event["amount"] for event in self.named("Seize"))
        sums["supply"] = sums["deposit"] - sums["withdrawal"]
        return dict(sums)

    # -- orders -------------------------------------------------------------------------------------------

    @cached_property
    def consumed(self):
        """Volume that deals took of each order, by hash."""
        taken = defaultdict(int)
        for event in self.named("OrdersMatched"):
            for kind in ("app", "dataset", "workerpool", "request"):
                taken[event[kind]] += event["volume"]
        return dict(taken)

    @cached_property
    def cancelled(self):
        """Hashes of the orders that were closed on chain."""
        names = ("ClosedAppOrder", "ClosedDatasetOrder", "ClosedWorkerpoolOrder", "ClosedRequestOrder")
        return {event["hash"] for event in self.named(*names)}


def _task_id(deal, index):
    return "0x" + keccak(bytes.fromhex(deal[2:]) + index.to_bytes(32, "big")).hex()
