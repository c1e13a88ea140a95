"""Populating a sandbox that runs: everything is signed here and sent to it, one block after the other."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from iexec_lab.errors import SandboxError
from iexec_lab.ethereum.contracts import HUB, RLC
from iexec_lab.protocol import TASK_STATUSES, Domain, Task, bulk_root, bulk_slices, task_id, to_address
from iexec_lab.protocol.hashing import keccak
from iexec_lab.sandbox.node_requests import request, request_all
from iexec_lab.sandbox.populate.book import Book, bulk_stock
from iexec_lab.sandbox.populate.calendar import Calendar
from iexec_lab.sandbox.populate.goods import goods
from iexec_lab.sandbox.populate.people import people
from iexec_lab.sandbox.populate.prices import Prices
from iexec_lab.sandbox.populate.size import DAY
from iexec_lab.sandbox.populate.stage import Place, Stage, Step
from iexec_lab.sandbox.populate.story import Story
from iexec_lab.sandbox.populate.wishes import Wishing
from iexec_lab.sandbox.work.results import link
from iexec_lab.services.ipfs import Ipfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.protocol.order import Order
    from iexec_lab.sandbox.populate.goods import Good
    from iexec_lab.sandbox.populate.size import Size

    Tell = Callable[[str, int, int], None]

_AHEAD = 6
"""Steps that are signed while the sandbox still works on earlier ones."""
_PATIENCE = 600.0
"""Seconds for one step; a node with a large state needs long to write it down."""
_READS = 400
_RESULTS = 6
_FIXED = (1980, 1, 1, 0, 0, 0)
"""The time of files in archives, so that these are always the same."""


@dataclass(frozen=True, slots=True)
class Population:
    """What ``sandbox populate`` made, or found made: everything it says is counted on the chain or published.

    ``added`` is False when this market was there already, ``began`` and ``ended`` are times of the chain in
    Unix seconds, ``participants`` addresses by role.
    """

    size: Size
    added: bool
    began: int
    ended: int
    orders: Mapping[str, int]
    deals: Mapping[str, int]
    tasks: Mapping[str, int]
    participants: Mapping[str, Sequence[str]]
    transactions: int

    def __repr__(self) -> str:
        counts = f"{self.orders['open']:,} open orders, {self.deals['matched']:,} deals"
        return f"<Population of seed {self.size.seed}: {counts}, {self.size.days} days>"

    def to_json(self) -> dict[str, Any]:
        """Counts and times."""
        return {
            "seed": self.size.seed,
            "days": self.size.days,
            "added": self.added,
            "began": self.began,
            "ended": self.ended,
            "orders": dict(self.orders),
            "deals": dict(self.deals),
            "tasks": dict(self.tasks),
            "participants": {role: len(found) for role, found in self.participants.items()},
            "transactions": self.transactions,
        }


class Running(Protocol):
    """What has to be known of a sandbox; its Handle has it."""

    @property
    def chain_id(self) -> int: ...
    @property
    def hub(self) -> str: ...
    @property
    def rlc(self) -> str | None: ...
    @property
    def registries(self) -> Mapping[str, str]: ...
    @property
    def urls(self) -> Mapping[str, str]: ...


def populate(handle: Running, size: Size, tell: Tell | None = None) -> Population:
    """Make the market of that size, or what is missing of it.

    ``tell`` is called with what goes on, how many deals are made, and of how many.

    Raises:
        SandboxError: The sandbox does not answer, its faucet has not enough, or a transaction fails.
    """
    return _Work(handle, size, tell or (lambda *_: None)).run()


class _Work:
    def __init__(self, handle: Running, size: Size, tell: Tell) -> None:
        self._handle = handle
        self._size = size
        self._tell = tell
        self._ipfs = Ipfs(handle.urls["ipfs_gateway"], handle.urls["ipfs_node"])
        self._failed: list[str] = []
        self._transactions = 0

    def run(self) -> Population:
        self._tell("Preparing the market", 0, self._size.deals)
        stage, story = self._prepare()
        steps = story.steps()
        first = next(steps)
        found = self._receipt(first)
        fresh = found is None
        if found is None:
            self._fund(stage, story)
            began = max(int(time.time()), self._head()) + 1
            self._send(first, began)
        else:
            began = int(self._block(found["blockNumber"])["timestamp"], 16)
            self._transactions += len(first.transactions)
        added = self._perform(story, steps, began, fresh=fresh)
        if self._head() < began + stage.calendar.end:
            self._send(Step(stage.calendar.end), began)
        if self._failed and fresh:
            raise SandboxError(
                f"{len(self._failed)} transactions of the market failed",
                details={"first": self._failed[0]},
                hint="Leave the sandbox's clock alone meanwhile. Start over: iexec-lab sandbox reset.",
            )
        # From here on the sandbox works for these workerpools, so whatever the book offers can be run.
        keys = [owner.key.hex() for owner in stage.people.schedulers]
        request(self._handle.urls["rpc"], "sandbox_serve", keys)
        if added or fresh:
            self._tell("Writing it down", self._size.deals, self._size.deals)
            request(self._handle.urls["rpc"], "sandbox_shorten", timeout=_PATIENCE)
        return self._counted(stage, story, began, added=added or fresh)

    # -- before -------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[Stage, Story]:
        handle, size = self._handle, self._size
        everybody = people(size)
        files, results = self._upload_files()
        owned = goods(size, everybody, files)
        self._find_addresses(owned.all)
        place = Place(
            chain_id=handle.chain_id,
            hub=handle.hub,
            rlc=handle.rlc,
            registries=dict(handle.registries),
            domain=Domain(chain_id=handle.chain_id, verifying_contract=handle.hub),
        )
        calendar = Calendar(size)
        stage = Stage(size, place, everybody, owned, calendar)
        stock = bulk_stock(stage)
        bulks = self._upload_bulks([slip.signed(stage) for slip in stock.values()])
        prices = Prices(size)
        wishes = Wishing(size, calendar, everybody, owned, prices, bulks).all()
        return stage, Story(stage, wishes, Book(stage, wishes, prices, stock), results)

    def _upload_files(self) -> tuple[list[str], list[tuple[bytes, bytes]]]:
        """CIDs of what datasets are made of; of results the digest and the text for the chain."""
        files = [self._add(f"time,value\n0,{number}\n".encode()) for number in range(4)]
        results = []
        for number in range(_RESULTS):
            text = f"result {number} of market {self._size.name}\n".encode()
            cid = self._add(_archive(text))
            digest = hashlib.sha256(text).digest()
            results.append((digest, link("ipfs", f"/ipfs/{cid}").encode()))
        return files, results

    def _upload_bulks(self, orders: Sequence[Any]) -> list[tuple[str, int]]:
        bulks = []
        for chosen, each in ((orders, 2), (orders[:4], 2), (orders, 3)):
            slices = bulk_slices(chosen, each)
            root = bulk_root([self._add(document.encode()) for document in slices])
            bulks.append((self._add(root.encode()), len(slices)))
        return bulks

    def _add(self, data: bytes) -> str:
        return self._ipfs.add(data)

    def _find_addresses(self, things: Sequence[Good]) -> None:
        registries = self._handle.registries
        calls = [(registries[good.kind], good.predict, good.arguments) for good in things]
        for good, address in zip(things, self._read(calls), strict=True):
            good.address = to_address(address)

    def _fund(self, stage: Stage, story: Story) -> None:
        """Give the funder what it has not got yet."""
        rpc, rlc, funder = self._handle.urls["rpc"], self._handle.rlc, stage.people.funder.address
        wei = story.wei - int(request(rpc, "eth_getBalance", funder, "latest"), 16)
        nrlc = story.nrlc
        if rlc is not None:
            nrlc -= self._read([(rlc, RLC.balanceOf, (funder,))])[0]
        request(rpc, "sandbox_fund", funder, hex(max(nrlc, 0)), hex(max(wei, 0)))

    # -- step by step -------------------------------------------------------------------------------------

    def _perform(self, story: Story, steps: Iterator[Step], began: int, *, fresh: bool) -> bool:
        """Do the steps, but those that were done before; False when all were."""
        unsure: list[Step] = []
        sending = fresh
        late = 0
        with _Line(_AHEAD) as line:
            for step in steps:
                if not sending:
                    unsure.append(step)
                    if not step.transactions:
                        continue
                    if self._receipt(step) is not None:
                        self._transactions += sum(len(one.transactions) for one in unsure)
                        unsure.clear()
                        continue
                    sending = True
                    late = max(0, self._head() + 1 - began - unsure[0].at)
                for one in (*unsure, *([] if unsure else [step])):
                    line.put(lambda one=one, late=late: self._send(one, began + late))  # type: ignore[misc]
                unsure.clear()
                self._tell(f"Day {step.at // DAY} of {self._size.days}", len(story.deals), self._size.deals)
        return sending

    def _send(self, step: Step, began: int) -> None:
        rpc, at = self._handle.urls["rpc"], began + step.at
        if step.orders:
            orders = [[order.kind, _document(order)] for order in step.orders]
            request(rpc, "sandbox_publish", orders, at, timeout=_PATIENCE)
        if step.transactions or not step.orders:
            made = request(rpc, "sandbox_block", step.transactions, at, timeout=_PATIENCE)
            self._failed += made["failed"]
            self._transactions += len(step.transactions)

    def _receipt(self, step: Step) -> dict[str, Any] | None:
        """The receipt of the step's first transaction, if it was sent before."""
        if not step.transactions:
            return None
        tx_hash = "0x" + keccak(bytes.fromhex(step.transactions[0][2:])).hex()
        found: dict[str, Any] | None = request(self._handle.urls["rpc"], "eth_getTransactionReceipt", tx_hash)
        return found

    def _head(self) -> int:
        return int(self._block("latest")["timestamp"], 16)

    def _block(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = request(self._handle.urls["rpc"], "eth_getBlockByNumber", number, False)
        return found

    # -- after --------------------------------------------------------------------------------------------

    def _counted(self, stage: Stage, story: Story, began: int, *, added: bool) -> Population:
        size, wishes = self._size, list(story.deals.values())
        tasks = [
            task_id(deal, wish.first + number)
            for deal, wish in story.deals.items()
            for number in range(wish.tasks)
        ]
        published = sum(count for name, count in stage.counts.items() if name.startswith("published"))
        gone = {"cancelled": stage.counts["cancelled"], "dead": len(stage.goods.sold)}
        filled = published - size.orders - sum(gone.values())
        return Population(
            size=size,
            added=added,
            began=began,
            ended=began + stage.calendar.end,
            orders={"published": published, "open": size.orders, "filled": filled, **gone},
            deals={
                "matched": len(wishes),
                "sponsored": sum(wish.sponsor is not None for wish in wishes),
                "bulk": sum("bulk_cid" in wish.params for wish in wishes),
            },
            tasks={"total": len(tasks), **self._statuses(tasks)},
            participants=stage.people.by_role(),
            transactions=self._transactions,
        )

    def _statuses(self, tasks: Sequence[str]) -> dict[str, int]:
        """How many tasks have which status."""
        views = self._read([(self._handle.hub, HUB.viewTask, (bytes.fromhex(task[2:]),)) for task in tasks])
        now, counts = self._head(), Counter[str]()
        for view in views:
            task = Task.from_abi(view)
            name = TASK_STATUSES[task.status].lower()
            over = name in {"active", "revealing"} and now >= task.final_deadline
            counts["timeout" if over else name] += 1
        return dict(sorted(counts.items()))

    def _read(self, calls: Sequence[tuple[str, Function, Sequence[Any]]]) -> list[Any]:
        """Many reads of the chain."""
        found: list[Any] = []
        for start in range(0, len(calls), _READS):
            found += _read(self._handle.urls["rpc"], calls[start : start + _READS])
        return found


class _Line:
    """Work that is done one after the other in the background, with at most ``ahead`` waiting."""

    def __init__(self, ahead: int) -> None:
        self._pool = ThreadPoolExecutor(1, "populate")
        self._waiting: deque[Future[None]] = deque()
        self._ahead = ahead

    def __enter__(self) -> Self:
        return self

    def put(self, work: Callable[[], None]) -> None:
        """Have it done; an error of earlier work is raised here."""
        self._waiting.append(self._pool.submit(work))
        while len(self._waiting) > self._ahead or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all of it; after an error only for what has begun, as no block is made by halves."""
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for one in self._waiting:
                one.result()


def _read(url: str, calls: Sequence[tuple[str, Function, Sequence[Any]]]) -> list[Any]:
    """Reads of the chain in one round trip."""
    requests = [
        ("eth_call", ({"to": to, "data": "0x" + function.encode(*args).hex()}, "latest"))
        for to, function, args in calls
    ]
    return [
        function.decode(bytes.fromhex(answer[2:]))
        for (_, function, _), answer in zip(calls, request_all(url, requests), strict=True)
    ]


def _archive(text: bytes) -> bytes:
    """The zip of a result: always the same bytes."""
    target = io.BytesIO()
    computed = json.dumps({"deterministic-output-path": "/iexec_out/result.txt"}).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (("result.txt", text), ("computed.json", computed)):
            archive.writestr(zipfile.ZipInfo(name, _FIXED), data)
    return target.getvalue()


def _document(order: Order) -> dict[str, Any]:
    """An order as the market takes it: numbers as numbers."""
    numbers = {name for name, kind in order.layout.items() if kind in {"uint256", "amount"}}
    return {name: int(text) if name in numbers else text for name, text in order.to_json().items()}
