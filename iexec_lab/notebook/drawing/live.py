"""Cards that move: what changes is drawn once in a cell, and again in the same place by whoever looks at it.

The client hands in what it is (a job, a task that is waited for): it has a ``key``, ``ended`` and a
``card()``. A cell has at most one card that nobody asked for; the last state is what a saved notebook holds.

A card goes where ``into`` says, as a form's does, else into an output of the cell that can be found again by
its display id: no widget, so that it stays readable without a kernel.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Manner = Literal["usual", "hushed", "always"]
    Bundle = dict[str, str]
    Draw = Callable[[Bundle], None]

PATIENCE: Final = 0.5
"""Seconds that a first look may take before the card is drawn without it."""
INTERVAL: Final = 0.3
"""Seconds between two drawings: fast looks must not fill the page's queue. The end is always drawn."""
_MOST_BOARDS: Final = 200
_MOST_PLACES: Final = 8
"""Cards of one job that go on moving: the newest ones."""

_target: ContextVar[Draw | None] = ContextVar("target", default=None)
_manner: ContextVar[Manner] = ContextVar("manner", default="usual")
_boards: OrderedDict[tuple[object, ...], _Board] = OrderedDict()
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell that runs: the request that runs it, and which cell it is in the notebook, if that is told."""

    request: str
    cell: str = ""


@dataclass(slots=True)
class _Place:
    """Where a card stands."""

    draw: Draw
    cell: _Cell
    asked: bool


@dataclass(frozen=True, slots=True)
class _Wait:
    """Somebody who waits: where, whether a card is drawn there, and even for what ended well."""

    cell: _Cell
    draw: Draw | None
    seen: bool
    always: bool


@dataclass(slots=True)
class _Board:
    """All places of one thing."""

    places: list[_Place] = field(default_factory=list)
    waiting: list[_Wait] = field(default_factory=list)
    drawn: float = 0.0
    ended: bool = False
    looking: bool = False

    def stands_in(self, cell: _Cell) -> bool:
        return any(place.cell == cell for place in self.places)


def has_page() -> bool:
    """Whether a front end shows what a kernel displays, and can be told to draw it anew."""
    shell = _shell()
    return bool(getattr(shell, "kernel", None))


@contextmanager
def into(draw: Draw) -> Iterator[None]:
    """In this block cards are drawn by calling ``draw`` with texts by MIME type, again and again.

    A form uses it: what its buttons start has no cell. ``draw`` is called from threads too.
    """
    token = _target.set(draw)
    try:
        yield
    finally:
        _target.reset(token)


@contextmanager
def manner(how: Manner) -> Iterator[None]:
    """How waits in this block are drawn.

    Args:
        how: ``usual``; ``hushed``: not at all, for ``--quiet`` and ``--raw``; ``always``: even when all has
            ended already, for ``--watch``, which asks for it.
    """
    token = _manner.set(how)
    try:
        yield
    finally:
        _manner.reset(token)


def begin(thing: Any) -> None:
    """It is waited for from here on: a card appears in this cell once a look shows that it has not ended."""
    hushed = _manner.get() == "hushed" or not _shows_progress()
    seen = not hushed and (_target.get() is not None or _in_a_cell())
    wait = _Wait(_cell(), _target.get(), seen, _manner.get() == "always")
    with _lock:
        _board(thing).waiting.append(wait)
    if seen and not thing.ended:
        _later(partial(_appear, thing, wait.cell, wait.draw, partial(_is_waiting, thing, wait)))


@contextmanager
def soon(thing: Any) -> Iterator[None]:
    """In this block a card that will be displayed is looked at; if that takes long, it is drawn before."""
    looking = threading.Event()
    cell, draw = _cell(), _target.get()
    timer = _later(partial(_appear, thing, cell, draw, lambda: not looking.is_set()))
    try:
        yield
    finally:
        looking.set()
        timer.cancel()


def _later(draw: Callable[[], None]) -> threading.Timer:
    """Draw after a moment, in the context of the cell."""
    timer = threading.Timer(PATIENCE, copy_context().run, (draw,))
    timer.daemon = True
    timer.start()
    return timer


def _is_waiting(thing: Any, wait: _Wait) -> bool:
    return any(each is wait for each in _boards[thing.key].waiting) if thing.key in _boards else False


def _appear(thing: Any, cell: _Cell, draw: Draw | None, is_wanted: Callable[[], bool]) -> None:
    """The card as it is, where none stands yet."""
    with _lock, suppress(Exception):  # a front end that is gone is no failure of the work
        if is_wanted() and not (board := _board(thing)).stands_in(cell):
            _add(board, cell, draw, _bundle(thing.card()), asked=False)


def end(thing: Any) -> None:
    """It is not waited for any more; its cards have the last state."""
    move(thing, at_once=True)
    with _lock:
        waiting = _board(thing).waiting
        if waiting:
            waiting.pop()


def is_waited(thing: Any) -> bool:
    """Whether somebody waits for it and moves its cards."""
    with _lock:
        return bool(thing.key in _boards and _boards[thing.key].waiting)


def is_seen(thing: Any) -> bool:
    """Whether its card stands in a place of whoever waits for it now."""
    with _lock:
        board = _boards.get(thing.key)
        return board is not None and bool(board.waiting) and board.stands_in(board.waiting[-1].cell)


def stands_here(thing: Any) -> bool:
    """Whether this cell has its card."""
    with _lock:
        return thing.key in _boards and _boards[thing.key].stands_in(_cell())


def move(thing: Any, *, at_once: bool = False) -> None:
    """Draw all cards of a thing as it is now; the first one of a wait appears."""
    with _lock:
        board = _boards.get(thing.key)
        if board is None or not (board.places or board.waiting):
            return
        card = thing.card()
        if board.ended and not card.ended:  # a look that began earlier
            return
        fresh = [wait for wait in board.waiting if wait.seen and not board.stands_in(wait.cell)]
        now = time.monotonic()
        if not (at_once or card.ended or fresh) and now - board.drawn < INTERVAL:
            return
        board.drawn, board.ended = now, card.ended
        bundle = _bundle(card)
        for place in board.places:
            place.draw(bundle)
        for wait in fresh[-1:]:
            # What has ended well is the value of the cell.
            if wait.always or not card.ended or card.status.failed:
                _add(board, wait.cell, wait.draw, bundle, asked=False)


def display(thing: Any) -> None:
    """Draw it here because somebody asked for it; while it runs it goes on moving."""
    with _lock:
        board, cell, bundle = _board(thing), _cell(), _bundle(thing.card())
        if any(place.cell == cell and not place.asked for place in board.places):
            move(thing, at_once=True)  # it stands in this cell already
        else:
            _add(board, cell, _target.get(), bundle, asked=True)
        if thing.ended or board.looking or not _shows_progress():
            return
        board.looking = True
    threading.Thread(target=_look_on, args=(thing, board), name="iexec-lab card", daemon=True).start()


def _look_on(thing: Any, board: _Board) -> None:
    try:
        thing._look_on()  # noqa: SLF001 - the other half
    finally:
        board.looking = False


def _board(thing: Any) -> _Board:
    board = _boards.pop(thing.key, None) or _Board()
    _boards[thing.key] = board
    while len(_boards) > _MOST_BOARDS:
        _boards.popitem(last=False)
    return board


def _add(board: _Board, cell: _Cell, draw: Draw | None, bundle: Bundle, *, asked: bool) -> None:
    if draw is None:
        name = f"iexec-lab-{uuid4().hex}"
        _publish(name, bundle)
        draw = partial(_publish, name, update=True)
    else:
        draw(bundle)
    # A cell that is run again has lost its outputs.
    places = [
        each for each in board.places if not cell.cell or each.cell.cell != cell.cell or each.cell == cell
    ]
    board.places = [*places, _Place(draw, cell, asked)][-_MOST_PLACES:]


def _publish(name: str, bundle: Bundle, *, update: bool = False) -> None:
    from IPython.display import display as show

    more = {"update": True} if update else {}
    show(bundle, raw=True, display_id=name, **more)  # type: ignore[no-untyped-call]


def _bundle(card: Any) -> Bundle:
    return {"text/plain": card.text(), "text/html": str(card.html())}


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _parent() -> dict[str, Any]:
    """The request that this code answers."""
    try:
        found = _shell().kernel.get_parent()
    except AttributeError:  # another kernel than ipykernel
        found = getattr(_shell(), "parent_header", None)
    return found if isinstance(found, dict) else {}


def _cell() -> _Cell:
    parent = _parent()
    header = parent.get("header", {})
    return _Cell(str(header.get("msg_id", "")), str(parent.get("metadata", {}).get("cellId", "")))


def _in_a_cell() -> bool:
    """Whether a new output would be seen: what a widget's button starts has no cell of its own."""
    kind: str = _parent().get("header", {}).get("msg_type", "execute_request")
    return kind == "execute_request"


def _shows_progress() -> bool:
    """The setting of the magics; without them progress is shown."""
    magics = getattr(getattr(_shell(), "magics_manager", None), "registry", {}).get("IexecMagics")
    return bool(getattr(magics, "progress", True))
