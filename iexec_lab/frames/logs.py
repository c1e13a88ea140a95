"""What apps wrote, drawn as logs: a block for each task and worker, monospace, line by line.

A log is a stranger's text: what steers a terminal is taken out, and of a long one the end is drawn. The
values of the frame are whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.plain_text import unsteered
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iexec_lab.markup import Markup, Tone

KIND: Final = "log"
MOST_BLOCKS: Final = 40
LONGEST: Final = 20_000
"""Characters of an output that are drawn, from its end."""
_OPEN: Final = 4
"""So many blocks are open; of more, those of tasks without a result and the first one."""
_COLUMNS: Final = ("task_index", "worker", "stdout", "stderr")
_TONES: Final[dict[str, Tone]] = {"COMPLETED": "good", "FAILED": "bad", "TIMEOUT": "late"}


def are_logs(frame: Any) -> bool:
    """Whether a frame holds logs that can be drawn as blocks."""
    return frame.attrs.get("kind") == KIND and set(_COLUMNS) <= {*map(str, frame.columns)}


def rows_of(frame: Any, most: int = MOST_BLOCKS) -> Iterator[dict[str, Any]]:
    """The first rows of a frame of logs; of many, those of tasks without a result are among them."""
    part = frame.head(most)
    if len(frame) > most and "status" in frame.columns:
        failed = (frame["status"] != "COMPLETED").fillna(value=False).to_numpy(dtype=bool)
        places = sorted([*failed.nonzero()[0][:most], *(~failed).nonzero()[0]][:most])
        part = frame.iloc[places]
    columns = {name: [*part[name]] for name in (*_COLUMNS, *({"status"} & {*map(str, frame.columns)}))}
    for place in range(len(part)):
        yield {name: values[place] for name, values in columns.items()}


def to_text(rows: Iterable[Mapping[str, Any]], total: int) -> str:
    """Logs for a terminal, each under a line that says whose it is."""
    lines: list[str] = []
    shown = 0
    for row in rows:
        shown += 1
        lines.append(f"── {_head(row)} ".ljust(72, "─").rstrip())
        out, err = _output(row.get("stdout")), _output(row.get("stderr"))
        lines += [out] if out else []
        lines += ["  standard error:", *(f"  {line}" for line in err.split("\n"))] if err else []
        lines += [] if out or err else ["(it wrote nothing)"]
    return "\n".join([*lines, _rest(shown, total)])


def to_html(rows: Iterable[Mapping[str, Any]], total: int) -> Markup:
    """The same for a page."""
    held = [*rows]
    blocks = []
    for place, row in enumerate(held):
        out, err = _output(row.get("stdout")), _output(row.get("stderr"))
        status = str(row.get("status") or "")
        head = markup.join(
            markup.element("b", f"task {row['task_index']}"),
            " ",
            markup.badge(status.lower(), _TONES.get(status, "going")) if status else "",
            " worker ",
            _worker(row),
        )
        parts: list[object] = (
            [markup.block(out, f"standard output of task {row['task_index']}")] if out else []
        )
        if err:
            parts.append(markup.element("div", "standard error", style="opacity:.75;font-size:.9em"))
            parts.append(markup.block(err, f"standard error of task {row['task_index']}"))
        parts += [] if parts else [markup.element("div", "it wrote nothing", style="opacity:.75")]
        opened = len(held) <= _OPEN or place == 0 or status not in {"", "COMPLETED"}
        blocks.append(markup.folded(head, *parts, is_open=opened))
    end = markup.element("div", _rest(len(held), total), style="opacity:.75")
    return markup.element("div", *blocks, end, style="text-align:left;max-width:66em")


def _head(row: Mapping[str, Any]) -> str:
    status = f", {row['status']}" if row.get("status") else ""
    return f"task {row['task_index']}{status}, worker {row['worker']}"


def _worker(row: Mapping[str, Any]) -> Markup:
    worker = str(row["worker"])
    return markup.short(worker, short_id(worker))


def _rest(shown: int, total: int) -> str:
    said = f"{total} log{'' if total == 1 else 's'}"
    return f"[{said}]" if shown == total else f"[{shown} of {said}]"


def _output(value: Any) -> str:
    """An output as it would stand in a terminal, without what would move its cursor."""
    if not isinstance(value, str):
        return ""
    cut = len(value) - LONGEST
    text = unsteered(value[-LONGEST:].replace("\r\n", "\n"))
    lines = [_line(line.rstrip("\r").rpartition("\r")[2]) for line in text.strip("\n").split("\n")]
    told = [f"… {cut} more characters before; the frame has them"] if cut > 0 else []
    return "\n".join([*told, *lines]).rstrip()


def _line(line: str) -> str:
    line = line.expandtabs(8)
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
