"""Records of sent transactions, so that an interrupt or error can name them.

with recording() as sent: ...     ``sent`` lists the transactions of this block, even if it is left early
with telling(): ...               an interrupt or error that leaves this block names them
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError, JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NAMED = 10  # hashes that a text lists

_records: ContextVar[tuple[list[Sent], ...]] = ContextVar("records", default=())
_watchers: ContextVar[tuple[Callable[[str], object], ...]] = ContextVar("watchers", default=())


@dataclass(slots=True)
class Sent:
    """A signed transaction given to some node; ``block`` is the block that has it, once known."""

    tx_hash: str
    block: int | None = None

    def __str__(self) -> str:
        state = "sent, may be mined" if self.block is None else f"mined in block {self.block}"
        return f"{self.tx_hash} ({state})"


class Interrupted(KeyboardInterrupt):
    """Stopped after something was sent; the text names it. ``tx_hashes`` lists what was sent.

    ``job`` is what was bought, where that is known.
    """

    job: Any = None

    def __init__(self, sent: Sequence[Sent], hint: str = "Look before you send again.") -> None:
        super().__init__(f"Interrupted. {sentence(sent)} {hint}")
        self.tx_hashes = [each.tx_hash for each in sent]

    def _render_traceback_(self) -> list[str]:
        """IPython shows this line in place of a traceback."""
        return [str(self)]


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """List what is sent in this block, nested blocks included."""
    sent: list[Sent] = []
    token = _records.set((*_records.get(), sent))
    try:
        yield sent
    finally:
        _records.reset(token)


@contextmanager
def telling() -> Iterator[None]:
    """Make interrupts and errors name what was sent; a plain interrupt becomes ``Interrupted``."""
    with recording() as sent:
        try:
            yield
        except KeyboardInterrupt as stop:
            if not sent or type(stop) not in {KeyboardInterrupt, Interrupted}:
                raise
            raise Interrupted(sent) from None
        except IexecError as error:
            name_in(error, sent)
            raise


@contextmanager
def watching(tell: Callable[[str], object]) -> Iterator[None]:
    """Call ``tell`` with the hash of each transaction of this block before a node gets it."""
    token = _watchers.set((*_watchers.get(), tell))
    try:
        yield
    finally:
        _watchers.reset(token)


def note_signed(tx_hash: str) -> None:
    """Note that a transaction is about to be given to a node."""
    for tell in _watchers.get():
        tell(tx_hash)
    for sent in _records.get():
        if all(each.tx_hash != tx_hash for each in sent):
            sent.append(Sent(tx_hash))


def note_refused(*tx_hashes: str) -> None:
    """Note that no pool has them."""
    for sent in _records.get():
        sent[:] = [each for each in sent if each.tx_hash not in tx_hashes]


def note_mined(tx_hash: str, block: int) -> None:
    """Note that it is in a block."""
    note_signed(tx_hash)
    for sent in _records.get():
        for each in sent:
            if each.tx_hash == tx_hash:
                each.block = block


def name_in(error: IexecError, sent: Sequence[Sent]) -> None:
    """Add to an error the transactions that it does not name yet; an error about tasks names their deal."""
    if isinstance(error, JobError):
        return
    told = " ".join(map(str, [error.message, *error.details.values()]))
    untold = [each for each in sent if each.tx_hash not in told]
    if untold:
        before = error.details.get("sent before")
        error.details["sent before"] = ", ".join(filter(None, [before, _named(untold)]))


def sentence(sent: Sequence[Sent]) -> str:
    """One sentence that names them."""
    return f"Transaction{'s' if len(sent) > 1 else ''} {_named(sent)}."


def _named(sent: Sequence[Sent]) -> str:
    more = f" and {len(sent) - NAMED} more" if len(sent) > NAMED else ""
    return ", ".join(map(str, sent[:NAMED])) + more
