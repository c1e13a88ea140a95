"""Reading the pages of a long list side by side, while they bring rows, within one allowance."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable

    from iexec_lab.errors import ServiceError

TOGETHER: Final = 12
"""Pages fetched side by side."""
AT_FIRST: Final = 6
"""Of a whole list whose size nobody has told yet."""
FEW: Final = 4
"""Of a long list: reading what came takes longer then, and each thread holds memory."""
_MAX_COUNT: Final = 2**53
MAX_LIST: Final = 1 << 30
"""Bytes of all pages of one list: more than a million orders."""
MAX_ROWS: Final = 128 << 20
"""Bytes of those pages whose rows are held as they came, which takes several times their size."""

P = TypeVar("P")


@dataclass(slots=True)
class Allowance:
    """What one call may take in all, in any number of answers.

    Attributes:
        error: Class of the errors.
        seconds: Time for the whole call.
        size: Bytes of all answers.
        rows: Bytes of the answers whose rows are held as they came.
    """

    error: type[ServiceError]
    seconds: float
    size: int = MAX_LIST
    deadline: float = field(init=False)
    rows: int = MAX_ROWS
    _taken: int = field(init=False, default=0)
    _held: int = field(init=False, default=0)
    _lock: Any = field(init=False, default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def take(self, size: int) -> None:
        """Count bytes that were read.

        Raises:
            ServiceError: There are too many, or they came too late.
        """
        with self._lock:
            self._taken += size
        if self._taken > self.size:
            raise self._spent(f"has more than {self.size >> 20} MB")
        if time.monotonic() > self.deadline:
            raise self._spent(f"was not read within {self.seconds:g} seconds")

    def hold(self, size: int) -> None:
        """Count the bytes of an answer that is held as it came.

        Raises:
            ServiceError: There are too many.
        """
        with self._lock:
            self._held += size
        if self._held > self.rows:
            raise self._spent(f"has more than {self.rows >> 20} MB")

    def _spent(self, why: str) -> ServiceError:
        hint = "Ask for less: limit=..., or page by page; or wait longer: connect(..., timeout=...)."
        return self.error(f"{self.error.service} error: The list {why}", hint=hint)


def side_by_side(read: Callable[[int], P], ahead: int, last: Callable[[], int]) -> Generator[P, None, None]:
    """Pages from 0 in order, fetched ahead of where they are needed.

    Args:
        read: Fetches a page.
        ahead: How many are asked for at once at the start, before the first has said how many there are. What
            comes of those that turn out to be none does not matter.
        last: The last page; asked when the first page was taken.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(TOGETHER, "market page")
    try:
        waiting = deque(pool.submit(read, number) for number in range(1, min(ahead, TOGETHER)))
        yield read(0)
        end = last()
        asked, taken = len(waiting), 0
        together = TOGETHER if end <= 2 * TOGETHER else FEW
        while taken < end:
            while asked < end and len(waiting) < together:
                asked += 1
                waiting.append(pool.submit(read, asked))
            page = waiting.popleft().result()
            taken += 1
            if asked < end:
                asked += 1
                waiting.append(pool.submit(read, asked))
            yield page
    finally:
        pool.shutdown(cancel_futures=True)


class Sizes:
    """How many entries lists had when they were read last: a guess how many pages to ask for at once."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = Lock()

    def put(self, name: Hashable, size: int) -> int:
        with self._lock:
            self._known[name] = size
            self._known.move_to_end(name)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return size

    def pages_ahead(self, name: Hashable, size: int, limit: int | None, *, is_whole: bool) -> int:
        """How many pages of ``size`` to ask for at once; ``is_whole``: nobody asked for a part of it."""
        known = self._known.get(name, size * AT_FIRST if is_whole else size)
        return min(-(-(known if limit is None else min(known, limit)) // size), TOGETHER)


SIZES: Final = Sizes()


def is_page(count: Any, items: Any) -> bool:
    """True for a count, and a list that is empty or has at least one object."""
    if type(count) is not int or not 0 <= count < _MAX_COUNT or not isinstance(items, list):
        return False
    return not items or any(isinstance(item, dict) for item in items)
