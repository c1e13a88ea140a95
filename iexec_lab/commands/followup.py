"""What a command leaves behind when it ends before its answer: what it sent, and where to look for the rest.

Lines are those of a terminal; a notebook turns them into its own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from iexec_lab.commands import tree
from iexec_lab.errors import AbortedError, JobError, UsageError
from iexec_lab.ethereum.sent import Interrupted, Sent, name_in, recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.errors import IexecError

__all__ = ["Interrupted", "hash_of", "recording", "stopped", "tell", "where_to_look"]

# The command that shows the work of another one; {} is its first argument.
_SHOWN_BY = {
    "app run": "jobs",
    "order fill": "jobs",
    "dataset publish-file": "dataset count",
    "deal claim": "deal show {}",
    "task claim": "task show {}",
    **{f"{kind} deploy": f"{kind} count" for kind in ("app", "dataset", "workerpool")},
    **{f"{kind} transfer": f"{kind} show {{}}" for kind in ("app", "dataset", "workerpool")},
    "category create": "category count",
    "account": "account show",
    "voucher": "voucher show",
    "wallet": "wallet show",
}


def tell(error: IexecError, sent: Sequence[Sent], words: Sequence[Any], *, stopped: bool = False) -> None:
    """Add to an error what was sent before it, and where to look when the outcome of that is open."""
    name_in(error, sent)
    if isinstance(error, JobError) and error.line:
        # A line of Python is for Python.
        error.steps = (f"Come back: {tree.PROGRAM} {error.line}", *error.steps[1:])
        error.hint = " ".join(error.steps)
    if sent and (stopped or any(each.block is None for each in sent)):
        error.hint = " ".join(filter(None, [error.hint, where_to_look(words)]))


def hash_of(error: IexecError, sent: Sequence[Sent]) -> str | None:
    """The transaction that an error is about: its own, else the last whose outcome is open, else the last."""
    own: str | None = getattr(error, "tx_hash", None)
    by_state = sorted(sent, key=lambda each: each.block is None)
    return own or (by_state[-1].tx_hash if by_state else None)


def stopped(stop: KeyboardInterrupt, sent: Sequence[Sent], words: Sequence[Any]) -> AbortedError:
    """An interrupt as an error."""
    from iexec_lab.client.jobs.detached import Detached

    if isinstance(stop, Detached):
        return AbortedError(f"Interrupted; the work goes on: {tree.PROGRAM} {stop.line}")
    error = AbortedError("Interrupted." if isinstance(stop, Interrupted) or not str(stop) else str(stop))
    tell(error, sent, words, stopped=True)
    return error


def where_to_look(words: Sequence[Any]) -> str:
    """The sentence with the line that shows the outcome of a command."""
    line = _line(words)
    if line is None:
        return "Look the hash up before you send again."
    return f"{tree.PROGRAM} {line} shows the outcome; look before you send again."


def _line(words: Sequence[Any]) -> str | None:
    try:
        command, taken = tree.find(words)
    except UsageError:
        return None
    if command is None:
        return None
    form = _SHOWN_BY.get(command.name) or _SHOWN_BY.get(command.path[0])
    rest = [str(word) for word in words[taken:]]
    if form is None or ("{}" in form and (not rest or rest[0].startswith("-"))):
        return None
    line = form.format(rest[0]) if "{}" in form else form
    chain = next((after for before, after in pairwise(rest) if before == "--chain"), None)
    return f"{line} --chain {chain}" if chain else line
