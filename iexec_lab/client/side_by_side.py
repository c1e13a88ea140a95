"""Work that does not depend on each other, in threads: begun together, told in order.

    books = begin(read_apps, read_pools)
    owner = look_up()                        # meanwhile
    apps, pools = books[0].result(), books[1].result()

An error is raised where the result is asked for, so the first one told is that of the plain order. Nobody
waits for work whose result is not wanted any more, not even the end of the program: the threads are daemons.
"""

from __future__ import annotations

import threading
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8


class Begun(Generic[T]):
    """Work that was begun; it runs in the context (``contextvars``) in which it was."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._context = copy_context()
        self._ended = threading.Event()
        self._value: T
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value = self._context.run(self._work)
        except BaseException as error:  # noqa: BLE001 -- raised by ``result``
            self._error = error
        finally:
            self._ended.set()

    def result(self) -> T:
        """What the work gave; its error raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._value


def begin(*works: Callable[[], T]) -> list[Begun[T]]:
    """Begin pieces of work, ``THREADS`` of them at a time, in this order."""
    return _begin([Begun(work) for work in works])


def _begin(begun: Sequence[Begun[T]], waiting: deque[Begun[T]] | None = None) -> list[Begun[T]]:
    queue = deque() if waiting is None else waiting
    queue.extend(begun)

    def labour() -> None:
        while True:
            try:
                work = queue.popleft()
            except IndexError:
                return
            work.run()

    for _ in range(min(THREADS, len(begun))):
        threading.Thread(target=labour, name="side by side", daemon=True).start()
    return list(begun)


def each(
    work: Callable[[T], R], items: Iterable[T], progress: Callable[[int, int], object] | None = None
) -> list[R]:
    """``work`` on every item; results in order. After an error nothing more is begun.

    ``progress`` is called in this thread, with how many are done and how many there are.
    """
    held = list(items)
    if len(held) < 2:
        return [work(item) for item in held]
    waiting: deque[Begun[R]] = deque()
    begun = _begin([Begun(lambda item=item: work(item)) for item in held], waiting)  # type: ignore[misc]
    try:
        found = []
        for each in begun:
            found.append(each.result())
            if progress is not None:
                progress(len(found), len(held))
        return found
    finally:
        waiting.clear()
