"""How far a table on disk is: one small JSON file beside its Parquet files, replaced as a whole."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME: Final = "_checkpoint.json"
_FORM: Final = 1
_ANCHORS: Final = 32


@dataclass
class Stream:
    """One piece of the past being read: from ``start`` to ``end``, where ``cursor`` is next.

    ``number`` is that of its next file.
    """

    start: int
    end: int
    cursor: int
    number: int = 0
    rows: int = 0
    left_out: int = 0


@dataclass
class Running:
    """An epoch that has not ended: everything up to ``target`` will be settled by it."""

    epoch: int
    begin: int
    end: int | None
    target: int
    anchor: list[Any]
    streams: list[Stream]


@dataclass
class Checkpoint:
    """The state of a table.

    Attributes:
        about: What the files hold: table, chain, hub, filters; another question needs another folder.
        epoch: Number of calls that ended.
        begin: First moment that is covered; None before the first call ended.
        end: Where it ends, if it does not go on with the chain.
        settled: End of what is settled: later rows are read again by the next call.
        anchors: ``[epoch, asked for, block, time, hash]``: blocks that must still be there.
        running: The epoch under way.
    """

    about: dict[str, Any]
    epoch: int = 0
    begin: int | None = None
    end: int | None = None
    settled: int | None = None
    anchors: list[list[Any]] = field(default_factory=list)
    running: Running | None = None

    def save(self, folder: Path) -> None:
        """Put it on disk; a kill leaves the old one or the new one."""
        self.anchors = self.anchors[-_ANCHORS:]
        path = folder / NAME
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps({"form": _FORM, **asdict(self)}))
        unfinished.replace(path)


def load(folder: Path, about: Mapping[str, Any]) -> Checkpoint:
    """The state of a folder; a new one where there is none.

    Raises:
        ValidationError: The folder holds something else, or its checkpoint cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return Checkpoint(dict(about))
    try:
        held = json.loads(path.read_text())
        form, running = held.pop("form"), held.pop("running")
        found = Checkpoint(**held)
        if running is not None:
            streams = [Stream(**stream) for stream in running.pop("streams")]
            found.running = Running(**running, streams=streams)
        if form != _FORM:
            raise ValueError(form)  # noqa: TRY301 - told as all the others are
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValidationError(
            "The checkpoint of a history cannot be read",
            details={"file": str(path)},
            hint="Remove the folder, or write to another one.",
        ) from None
    if found.about != dict(about):
        differs = {key: found.about.get(key) for key in about if found.about.get(key) != about[key]}
        raise ValidationError(
            "The folder holds another history",
            details={"folder": str(folder), "it holds": ", ".join(f"{k} {v}" for k, v in differs.items())},
            hint="Write to another folder, or ask with the same filters.",
        )
    return found


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out while the folder is written.

    Raises:
        ValidationError: Somebody writes there now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows has none
        yield
        return
    with (folder / "_lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValidationError(
                "Another program writes this history now", details={"folder": str(folder)}
            ) from None
        yield
