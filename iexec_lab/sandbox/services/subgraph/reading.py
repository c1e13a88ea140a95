"""What a batch of blocks holds for the subgraph, and what has to be read from the chain beside its logs.

Read at the newest block, and only what never changes once it is there: a deal, a task's times, a
contribution's hashes, an app's name. Everything that changes is followed by its events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.abi import Event, Function
from iexec_lab.ethereum.contracts import DEAL, ERC721_EVENTS, EVENTS, HUB, WORKERPOOL_EVENTS
from iexec_lab.sandbox.services.subgraph.store import Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.sandbox.chain.client import Batch
    from iexec_lab.sandbox.context import Context

_CALLS: Final = 500
_FOLLOWED: Final = [
    "OrdersMatched",
    "SchedulerNotice",
    "TaskInitialize",
    "TaskContribute",
    "TaskConsensus",
    "TaskReveal",
    "TaskReopen",
    "TaskFinalize",
    "TaskClaimed",
    "AccurateContribution",
    "FaultyContribution",
    "Transfer",
    "Lock",
    "Unlock",
    "Reward",
    "Seize",
    "CreateCategory",
]
_HUB_EVENTS: Final[dict[str, Event]] = {
    event.topic: event for event in (getattr(EVENTS, name) for name in _FOLLOWED)
}
# A string and bytes have the same encoding; a deal's params need not be UTF-8.
_VIEW_DEAL: Final = Function("viewDeal(bytes32)", DEAL.replace("string", "bytes"))
_VIEWS: Final = {"app": HUB.viewApp, "dataset": HUB.viewDataset, "workerpool": HUB.viewWorkerpool}


class Happened(NamedTuple):
    """A decoded event; ``source``: "hub"; "app", "dataset", "workerpool" (registries); or "" (anybody)."""

    name: str
    source: str
    args: dict[str, Any]
    address: str
    block: int
    log_index: int
    tx_hash: str


@dataclass(slots=True)
class Emitters:
    """Whose events count; a preset moves the contracts after its first blocks, so there may be two of one."""

    hubs: set[str]
    registries: dict[str, str]


@dataclass(slots=True)
class Findings:
    """Events of some blocks in chain order, and what belongs to them; ids are 0x text in lower case."""

    head: Head
    events: list[Happened]
    times: dict[int, int] = field(default_factory=dict)
    transactions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    deals: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, Any] = field(default_factory=dict)
    contributions: dict[tuple[str, str], Any] = field(default_factory=dict)
    entries: dict[str, Any] = field(default_factory=dict)
    reveal_ratio: int = 0


async def find_emitters(context: Context) -> Emitters:
    """The contracts by the context, and where they were while a preset was made.

    The first category and the default workerpool are always from then, so that nobody else can pass for them.
    """
    hubs = {context.hub.lower()}
    registries = {address.lower(): kind for kind, address in context.registries.items()}
    everywhere = {"fromBlock": "0x0", "toBlock": "latest"}
    token = "0x" + context.workerpool[2:].lower().zfill(64)
    mint = [ERC721_EVENTS.Transfer.topic, "0x" + "0" * 64, None, token]
    created, minted = await context.chain.batch(
        [
            ("eth_getLogs", [{**everywhere, "topics": [EVENTS.CreateCategory.topic]}]),
            ("eth_getLogs", [{**everywhere, "topics": mint}]),
        ]
    )
    hubs.update(log["address"].lower() for log in created[:1])
    for log in minted[:1]:
        registries.setdefault(log["address"].lower(), "workerpool")
    return Emitters(hubs, registries)


async def read_batch(context: Context, emitters: Emitters, batch: Batch) -> Findings:
    """Decode a batch and read what its events only name; ChainError when the node does not answer."""
    events = [event for log in batch.logs if (event := _decoded(emitters, log))]
    blocks = sorted({each.block for each in events})
    headers = await context.chain.batch(
        [
            *(("eth_getBlockByNumber", [hex(number), True]) for number in blocks),
            ("eth_getBlockByNumber", [hex(batch.to_block), False]),
        ]
    )
    if None in headers:
        raise ChainError("a block is gone")
    last = headers.pop()
    head = Head(batch.to_block, last["hash"], last["parentHash"], int(last["timestamp"], 16))
    found = Findings(head, events)
    wanted = {each.tx_hash for each in events}
    for number, header in zip(blocks, headers, strict=True):
        found.times[number] = int(header["timestamp"], 16)
        found.transactions |= {
            each["hash"]: each for each in header["transactions"] if each["hash"] in wanted
        }
    await _read(context, found)
    return found


def _decoded(emitters: Emitters, log: Mapping[str, Any]) -> Happened | None:
    address, topic = log["address"].lower(), next(iter(log["topics"]), "")
    if address in emitters.hubs:
        source, event = "hub", _HUB_EVENTS.get(topic)
    elif address in emitters.registries:
        source, event = emitters.registries[address], ERC721_EVENTS.Transfer
    else:
        source, event = "", WORKERPOOL_EVENTS.PolicyUpdate
    if event is None or not event.matches(log):
        return None
    try:
        args = event.decode(log)
    except ChainError:  # anybody may emit an event of that name
        return None
    args = {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in args.items()}
    return Happened(
        event.name,
        source,
        args,
        address,
        int(log["blockNumber"], 16),
        int(log["logIndex"], 16),
        log["transactionHash"],
    )


def entry_of(event: Happened) -> str:
    """The address of the app, dataset or workerpool that a registry's Transfer is about."""
    return f"0x{event.args['tokenId']:040x}"[-42:]


async def _read(context: Context, found: Findings) -> None:
    hub = context.hub
    calls: dict[Any, tuple[str, Function, Sequence[Any]]] = {}
    for event in found.events:
        args = event.args
        if event.source in _VIEWS:
            address = entry_of(event)
            calls["entries", address] = hub, _VIEWS[event.source], (address,)
        elif event.name == "OrdersMatched":
            calls["deals", args["dealid"]] = hub, _VIEW_DEAL, (_raw(args["dealid"]),)
        elif event.name in {"TaskInitialize", "TaskConsensus", "TaskFinalize"}:
            calls["tasks", args["taskid"]] = hub, HUB.viewTask, (_raw(args["taskid"]),)
        elif event.name == "TaskContribute":
            task, worker = args["taskid"], args["worker"]
            calls["contributions", (task, worker)] = hub, HUB.viewContribution, (_raw(task), worker)
        if event.name == "TaskConsensus":
            calls["reveal_ratio", ""] = hub, HUB.reveal_deadline_ratio, ()
    places, wanted = list(calls), list(calls.values())
    answers: list[Any] = []
    for start in range(0, len(wanted), _CALLS):
        answers += await context.chain.calls(wanted[start : start + _CALLS])
    for (kind, key), answer in zip(places, answers, strict=True):
        if kind == "reveal_ratio":
            found.reveal_ratio = answer
        else:
            getattr(found, kind)[key] = answer


def _raw(word: str) -> bytes:
    return bytes.fromhex(word[2:])
