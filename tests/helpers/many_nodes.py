"""A chain of several nodes behind unreliable doors, in memory: everything it does is decided by a script.

A script is a list of small numbers. Each decision takes one; when there are none left all is honest, prompt
and up to date, so every story ends. Transactions are real: signed, decoded and checked as nodes do it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from iexec_lab.ethereum.providers import ProviderSet
from iexec_lab.ethereum.rpc import to_int
from iexec_lab.ethereum.transport import RpcFault
from iexec_lab.protocol.hashing import keccak

CHAIN = 31337
BASE_FEE = 10**9
LOST = RpcFault(0, "node answered 502 Bad Gateway", lost=True, retry=True)
LATE = RpcFault(0, "node did not answer within 30 s", lost=True, retry=True)
BUSY = RpcFault(0, "node answered 429 Too Many Requests", retry=True)
AWAY = RpcFault(0, "node answered 503 Service Unavailable", lost=True, retry=True)


def refused(words, code=-32000):
    return RpcFault(code, words)


LOW, TAKEN = refused("nonce too low"), refused("replacement transaction underpriced")
CHEAP, UNCLEAR = refused("max fee per gas less than block base fee"), refused("Internal error", -32603)


@cache
def decoded(raw):
    """The transaction in JSON-RPC form."""
    data = bytes.fromhex(raw[2:])
    fields = TypedTransaction.from_bytes(HexBytes(data)).as_dict()
    numbers = {name: hex(value) for name, value in fields.items() if isinstance(value, int)}
    return {
        **numbers,
        "to": "0x" + fields["to"].hex(),
        "input": "0x" + fields["data"].hex(),
        "accessList": [],
        "hash": "0x" + keccak(data).hex(),
        "from": Account.recover_transaction(raw).lower(),
        "raw": raw,
    }


@dataclass
class Node:
    """A node sees the first ``height`` blocks; its pool is its own."""

    chain: Chain
    height: int = 0
    pool: dict[str, dict] = field(default_factory=dict)

    def count(self, sender, block=None):
        seen = self.chain.blocks[: self.height if block is None else min(block, self.height)]
        return sum(each["from"] == sender.lower() for block in seen for each in block)

    def mined(self, tx_hash):
        for number, block in enumerate(self.chain.blocks[: self.height], 1):
            if any(each["hash"] == tx_hash for each in block):
                return number
        return None

    def take(self, raw):
        """What the node truly answers."""
        new = decoded(raw)
        nonce = to_int(new["nonce"])
        if nonce < self.count(new["from"]):
            return LOW
        if new["hash"] in self.pool:
            return refused("already known")
        if to_int(new["maxFeePerGas"]) < self.chain.base_fee:
            return CHEAP
        same = [
            each
            for each in self.pool.values()
            if (each["from"], to_int(each["nonce"])) == (new["from"], nonce)
        ]
        if any(to_int(new["maxFeePerGas"]) * 10 < to_int(each["maxFeePerGas"]) * 11 for each in same):
            return TAKEN
        for each in same:
            del self.pool[each["hash"]]
        self.pool[new["hash"]] = new
        return new["hash"]


class Chain:
    """The world behind the doors, and the clock of those before them."""

    def __init__(self, script=(), nodes=3):
        self.script = list(script)
        self.blocks = []
        self.nodes = [Node(self) for _ in range(nodes)]
        self.base_fee = BASE_FEE
        self.late = []
        self.now = 0.0
        self.lying = True
        self.other = None
        self.clock = SimpleNamespace(sleep=self.sleep, monotonic=lambda: self.now)

    def choose(self, *choices):
        """The first choice is the honest one."""
        return choices[self.script.pop(0) % len(choices)] if self.script else choices[0]

    def sleep(self, seconds):
        self.now += seconds
        self.live()

    def live(self):
        """Something may happen in the world, and always does once the script has ended."""
        for raw in self.late if not self.script or self.choose(False, True) else []:
            self.choose(*self.nodes).take(raw)
        self.late = [] if not self.script else self.late
        if self.choose(True, False, False):
            self.mine()
        if self.choose(True, False):
            self.gossip()
        for node in self.nodes:
            node.height = max(node.height, len(self.blocks) - self.choose(0, 1, 2, 5))
        if self.other is not None and self.choose(False, False, False, True):
            self.other(self)

    def mine(self):
        block = []
        order = self.nodes[self.choose(0, 1, 2) % len(self.nodes) :] + self.nodes
        for each in [each for node in order for each in node.pool.values()]:
            sender = each["from"]
            done = [one for found in [*self.blocks, block] for one in found if one["from"] == sender]
            if to_int(each["nonce"]) == len(done):
                block.append(each)
        self.blocks.append(block)
        mined = {(each["from"], each["nonce"]) for found in self.blocks for each in found}
        for node in self.nodes:
            node.pool = {
                name: each for name, each in node.pool.items() if (each["from"], each["nonce"]) not in mined
            }

    def gossip(self):
        everything = [each["raw"] for node in self.nodes for each in node.pool.values()]
        for node in self.nodes:
            for raw in everything:
                node.take(raw)

    def end(self):
        """All that is on its way arrives, and all that can be mined is."""
        self.script.clear()
        self.other = None
        for _ in range(30):
            self.live()

    def all_mined(self):
        return [each for block in self.blocks for each in block]


class Door:
    """One provider: a balancer before the nodes, which loses, delays, forgets and lies."""

    name = "door"
    chain_id = CHAIN

    def __init__(self, chain):
        self.chain = chain
        self.sent = []

    def request(self, method, *params):
        answer = self.attempt(method, *params)
        if isinstance(answer, RpcFault):
            raise answer.error(method)
        return answer

    def batch(self, requests):
        return [self.attempt(method, *params) for method, params in requests]

    def attempt(self, method, *params):
        self.chain.now += 0.01
        self.chain.live()
        if method == "eth_sendRawTransaction":
            return self.send(*params)
        matters = self.sent or method == "eth_getTransactionCount"  # before that a fault is only an error
        fault = self.chain.choose(None, None, None, AWAY, BUSY) if matters else None
        return fault or getattr(self, method)(self.chain.choose(*self.chain.nodes), *params)

    def send(self, raw):
        self.sent.append(raw)
        chain = self.chain
        way = chain.choose(
            "honest", "honest", "lost", "after", "late", "busy", "busy after", "unclear", "lie"
        )
        if way == "late":
            chain.late.append(raw)
        if way in {"lost", "late", "busy"}:
            return {"lost": LOST, "late": LATE, "busy": BUSY}[way]
        truth = chain.choose(*chain.nodes).take(raw)
        if way == "honest":
            return truth
        if way == "lie" and chain.lying:
            return chain.choose(LOW, CHEAP, "0x" + "00" * 32, None, *([] if chain.other else [TAKEN]))
        return {"busy after": BUSY, "unclear": UNCLEAR}.get(way, LOST)

    def eth_getTransactionByHash(self, node, tx_hash):  # noqa: N802
        found = [each for each in [*node.pool.values(), *self.chain.all_mined()] if each["hash"] == tx_hash]
        is_seen = found and (tx_hash in node.pool or node.mined(tx_hash))
        return self.chain.choose(found[0] if is_seen else None, None)

    def eth_getTransactionReceipt(self, node, tx_hash):  # noqa: N802
        number = node.mined(tx_hash)
        receipt = {"transactionHash": tx_hash, "status": "0x1", "gasUsed": "0x5208", "logs": []}
        is_seen = number is not None and self.chain.choose(True, False)
        return receipt | {"blockNumber": hex(number), "blockHash": f"0x{number:064x}"} if is_seen else None

    def eth_getTransactionCount(self, node, sender, block):  # noqa: N802
        if block == "pending":
            count = node.count(sender)
            mine = {to_int(each["nonce"]) for each in node.pool.values() if each["from"] == sender.lower()}
            while count in mine:
                count += 1
            return hex(count)
        return hex(node.count(sender, None if block == "latest" else to_int(block)))

    def eth_getBlockByNumber(self, node, block, full):  # noqa: N802
        if block == "pending":
            return self.chain.choose({"transactions": list(node.pool.values())}, None)
        number = node.height if block == "latest" else to_int(block)
        if number > node.height:
            return None
        shown = self.chain.blocks[number - 1] if number and full else []
        return {"baseFeePerGas": hex(self.chain.base_fee), "gasLimit": "0x1c9c380", "transactions": shown}

    def eth_blockNumber(self, node):  # noqa: N802
        return hex(node.height)

    def eth_estimateGas(self, _node, _call):  # noqa: N802
        return "0x5208"

    def eth_gasPrice(self, _node):  # noqa: N802
        return hex(BASE_FEE)

    def eth_maxPriorityFeePerGas(self, _node):  # noqa: N802
        return "0x1"


class Doors(ProviderSet):
    """Several providers, asked one after the other so that a script always means the same."""

    chain_id = CHAIN

    def _all(self, work):
        return [work(provider) for provider in self.providers]
