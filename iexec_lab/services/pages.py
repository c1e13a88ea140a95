"""Reading the pages of a long list side by side, while they bring rows, within one allowance."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from iexec_lab.errors import ServiceError

TOGETHER: Final = 12
"""Pages fetched side by side."""
FEW: Final = 4
"""Of a long list: reading what came takes longer then, and each thread holds memory."""
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


def further(read: Callable[[int], P], last: int) -> Generator[P, None, None]:
    """Pages 1 to ``last`` in order; at most ``TOGETHER`` are fetched ahead."""
    if last < 1:
        return
    from concurrent.futures import ThreadPoolExecutor

    numbers = iter(range(1, last + 1))
    together = TOGETHER if last <= 2 * TOGETHER else FEW
    with ThreadPoolExecutor(together, "market page") as pool:
        waiting = deque(pool.submit(read, number) for number in islice(numbers, together))
        try:
            while waiting:
                page = waiting.popleft().result()
                waiting.extend(pool.submit(read, number) for number in islice(numbers, 1))
                yield page
        finally:
            for future in waiting:
                future.cancel()
