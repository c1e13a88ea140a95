"""How a result looks: the list of its files, and the head of each, as HTML that folds and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab import markup
from iexec_lab.client.results.file_drawing import Look, Room, look_into
from iexec_lab.client.results.file_kinds import kind_by_name
from iexec_lab.crypto import open_archive
from iexec_lab.crypto.archive import is_folder_entry
from iexec_lab.errors import IexecError, as_typed
from iexec_lab.plain_text import plain
from iexec_lab.spelling import in_bytes, short_id

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from iexec_lab.markup import Markup

_LOOKED_INTO: Final = 30  # files whose heads are drawn
_NAMED: Final = 200  # files that are listed by name besides
_OPEN: Final = {
    "image": 4,
    "table": 3,
    "lines": 1,
    "parquet": 1,
}  # how many of a kind are seen without a click
_IN_TEXT: Final = 20  # files that a terminal lists
_PLUMBING: Final = "computed.json"


def draw(
    path: Path, task_id: str, main: str | None, trouble: IexecError | None, report: str | None
) -> dict[str, str]:
    """The result as text and as HTML.

    Args:
        path: The zip.
        task_id: Whose result it is; empty where that is not known.
        main: The file that is read without a name.
        trouble: Why nothing can be read.
        report: What went wrong, of a result that is an error report.
    """
    if trouble is None:
        try:
            with open_archive(path) as archive:
                return _drawn(archive, task_id or path.name, main, report, is_task=bool(task_id))
        except IexecError as error:
            trouble = error
    title = f"Result of task {task_id}" if task_id else f"Result {plain(path.name)}"
    lines = told(trouble)
    note = markup.note("\n".join(lines), tone="bad")
    drawn = markup.card(_title(task_id or path.name, is_task=bool(task_id)), note, label=title)
    return {"text/plain": "\n".join([title, *(f"  {line}" for line in lines)]), "text/html": drawn}


def told(error: IexecError) -> list[str]:
    """What failed, with its values and the hint, as this face types commands."""
    lines = [line.strip() for line in error.lines()]
    lines[0] = lines[0].partition(": ")[2]
    return [as_typed(line) for line in lines]


def _drawn(
    archive: zipfile.ZipFile, name: str, main: str | None, report: str | None, *, is_task: bool
) -> dict[str, str]:
    infos = {info.filename: info for info in archive.infolist() if not is_folder_entry(info)}
    order = sorted(infos, key=lambda each: (each != main, each == _PLUMBING))
    room = Room()
    looks = {each: look_into(archive, infos[each], room) for each in order[:_LOOKED_INTO]}
    others = [infos[each] for each in order[_LOOKED_INTO:]]
    count = f"{len(infos):,} file{'' if len(infos) == 1 else 's'}"
    size = f"{count}, {in_bytes(sum(info.file_size for info in infos.values()))}" if infos else "no files"
    title = f"Result of task {name}" if is_task else f"Result {plain(name)}"

    notes = [markup.note(f"An error report, the app did not run: {report}", tone="bad")] if report else []
    head = markup.join(_title(name, is_task=is_task), markup.element("span", f"  {size}", style=_QUIET))
    folds = _folds(looks, main)
    rest = [_names(others)] if others else []
    if is_task and not infos:
        rest = [markup.note("The app wrote no file. See what it said: job.logs().")]
    drawn = markup.card(head, *notes, *folds, *rest, label=title)
    return {"text/plain": "\n".join(_text(title, size, looks, len(others), main, report)), "text/html": drawn}


_QUIET: Final = "opacity:.75;font-weight:400;white-space:pre-wrap"


def _title(name: str, *, is_task: bool) -> Markup:
    if not is_task:
        return markup.join("Result ", plain(name, 120))
    shown = short_id(plain(name, 80))
    return markup.join("Result of task ", markup.short(plain(name), shown))


def _folds(looks: dict[str, Look], main: str | None) -> list[Markup]:
    left = dict(_OPEN)
    first = main if main is not None and main in looks else next(iter(looks), None)
    seen: list[Markup] = []
    folds: list[Markup] = []
    for name, look in looks.items():
        if look.drawn is None:
            folds.append(markup.element("div", look.title(), style="margin:.2em 0 .2em 1.05em"))
            continue
        kind = look.kind.drawn
        is_open = name == first or left.get(kind, 0) > 0
        if kind in left and name != _PLUMBING:
            left[kind] -= 1
        (seen if is_open else folds).append(markup.folded(look.title(), look.drawn, is_open=is_open))
    return [*seen, *folds]


def _names(infos: Sequence[zipfile.ZipInfo]) -> Markup:
    """Files that nobody looked into."""
    rows = [
        (plain(info.filename, 120), kind_by_name(info.filename), in_bytes(info.file_size))
        for info in infos[:_NAMED]
    ]
    more = [markup.element("div", f"… {len(infos) - _NAMED:,} more")] if len(infos) > _NAMED else []
    return markup.folded(f"{len(infos):,} more files", markup.table(("name", "kind", "size"), rows), *more)


def _text(
    title: str, size: str, looks: dict[str, Look], others: int, main: str | None, report: str | None
) -> Iterable[str]:
    yield f"{title}: {size}"
    if report:
        yield f"  An error report, the app did not run: {report}"
    shown = list(looks.values())[:_IN_TEXT]
    width = min(max((len(look.name) for look in shown), default=0), 40)
    for look in shown:
        yield f"  {plain(look.name, 60):<{width}}  {look.about}"
    more = others + len(looks) - len(shown)
    if more:
        yield f"  … {more:,} more"
    first = looks.get(main) if main is not None else next(iter(looks.values()), None)
    if first is not None and first.lines:
        yield f"{first.name}:"
        yield from (f"  {line}" for line in first.lines)


def first_lines(path: Path, main: str | None, count: int = 2) -> list[str]:
    """The first lines of the file that is read without a name; of what is no text, what it is."""
    with open_archive(path) as archive:
        infos = {info.filename: info for info in archive.infolist() if not is_folder_entry(info)}
        names = [main] if main is not None else [name for name in infos if name != _PLUMBING]
        for name in names[:5]:
            look = look_into(archive, infos[name], Room(text=4_000, images=0))
            if look.lines and look.kind.drawn != "bytes":
                return [line for line in look.lines if line.strip()][:count]
        return [f"{look_into(archive, infos[name], Room(0, 0)).about}" for name in names[:1]]
