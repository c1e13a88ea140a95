"""What is seen of one row: all its columns at once, then what the chain and the history know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab import markup
from iexec_lab.notebook.drawing.words import upright
from iexec_lab.notebook.explorer.places import LINKS, SUBJECTS, place_of
from iexec_lab.notebook.explorer.rows import title_of, tone_of
from iexec_lab.spelling import is_id, short_id

if TYPE_CHECKING:
    import pandas as pd

_MOST_LINES: Final = 60
_GRID: Final = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,34em),1fr));gap:.15em 1.6em"
)
_PAIR: Final = "display:grid;grid-template-columns:8.5em 1fr;gap:.6em;line-height:1.45;overflow-wrap:anywhere"
_NAMES: Final = {
    "app_name": "app",
    "dataset_name": "dataset",
    "workerpool_description": "workerpool",
    "category_name": "category",
}
"""What is a name -> of what; both stand together."""
_FOR_FEW: Final = frozenset(
    {
        *("tag_hex", "params", "block", "block_number", "log_index", "transaction_hash", "first_index"),
        *("apporder_hash", "datasetorder_hash", "workerpoolorder_hash", "requestorder_hash", "registry"),
        *("task_ids", "callback_result", "salt", "checksum", "multiaddr_hex", "results_digest"),
    }
)
_ORDERS: Final = {
    "apporder": ("App order", ("app",)),
    "datasetorder": ("Dataset order", ("dataset",)),
    "workerpoolorder": ("Workerpool order", ("workerpool", "category")),
    "requestorder": ("Request", ()),
}
_RUNNABLE: Final = ("app", "dataset", "workerpool")


def subject_of(row: pd.DataFrame) -> tuple[str, str] | None:
    """What a row is about: ``deal`` and its id, or None."""
    kind = str(row.attrs.get("kind"))
    if kind == "found":
        what, identifier = str(row["what"].iloc[0]), str(row["id"].iloc[0])
        what = "account" if what in {"account", "wallet", "contract", "address"} else what
        return (what, identifier) if is_id(identifier) else None
    if kind not in SUBJECTS:
        return None
    what, name = SUBJECTS[kind]
    found = row[name].iloc[0] if name in row.columns else None
    return (what, str(found)) if is_id(found) else None


def links_of(row: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Words of a button -> what it leads to, and its id: all that a row names and that has a place."""
    found: dict[str, tuple[str, str]] = {}
    own = subject_of(row)
    for name, what in LINKS.items():
        if name not in row.columns:
            continue
        value = row[name].iloc[0]
        if is_id(value) and int(value, 16) and (what, value) != own and place_of(what, value):
            found[f"{title_of(name.removesuffix('_id')).capitalize()} {short_id(value)}"] = (what, value)
    return found


def form_values(row: pd.DataFrame) -> dict[str, Any] | None:
    """What the form of a run is opened with for this row, or None when nothing can be run with it."""
    kind = str(row.attrs.get("kind"))
    if kind in _ORDERS:
        return {name: _plain(row[name].iloc[0]) for name in _ORDERS[kind][1] if name in row.columns} or None
    if kind == "access" and str(row["kind"].iloc[0]) in _RUNNABLE:
        return {str(row["kind"].iloc[0]): row["asset"].iloc[0]}
    subject = subject_of(row)
    return {subject[0]: subject[1]} if subject is not None and subject[0] in _RUNNABLE else None


def claimable(row: pd.DataFrame) -> str:
    """The deal whose tasks can be claimed back, or ""."""
    subject = subject_of(row)
    if subject is None or subject[0] != "deal":
        return ""
    states = {str(row[name].iloc[0]) for name in ("status", "state") if name in row.columns}
    return subject[1] if states & {"claimable", "late"} else ""


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int)) else int(value)


def heading(row: pd.DataFrame) -> markup.Markup:
    """What it is, with the whole id to copy."""
    kind = str(row.attrs.get("kind"))
    subject = subject_of(row)
    if kind in _ORDERS:
        return markup.join(_ORDERS[kind][0], " ", markup.whole(str(row["order_hash"].iloc[0])))
    if kind == "access":
        what = str(row["kind"].iloc[0]).capitalize()
        return markup.join(what, " order ", markup.whole(str(row["order_hash"].iloc[0])))
    if subject is not None:
        return markup.join(subject[0].capitalize(), " ", markup.whole(subject[1]))
    return markup.html({"movement": "Movement", "past_event": "Event"}.get(kind, "Row"))


def _named_above(row: pd.DataFrame) -> str:
    """The id that the heading has."""
    if "order_hash" in row.columns:
        return str(row["order_hash"].iloc[0])
    subject = subject_of(row)
    return subject[1] if subject is not None else ""


def drawn(row: pd.DataFrame, whole: pd.DataFrame | None, remark: str = "") -> markup.Markup:
    """The card: the row, and what was found of it, each name once; what few read is folded."""
    pairs = dict(upright(row))
    if whole is not None:
        pairs |= dict(upright(whole))
    known = _named_above(row)
    told = {name: lines for name, lines in pairs.items() if any(lines) and lines != [known]}
    states = [told.pop(name)[0] for name in ("status", "state") if name in told][:1]
    for name, of in _NAMES.items():
        if name in told and of in told:
            told[of] = [*told.pop(name), *told[of]]
    few = {name: told.pop(name) for name in [*told] if name in _FOR_FEW}
    folded = [markup.folded("Hashes and numbers", _pairs(few))] if few else []
    more = [markup.note(remark)] if remark else []
    return markup.card(
        markup.join(heading(row), *(markup.badge(each, tone_of(each)) for each in states), between=" "),
        _pairs(told),
        *folded,
        *more,
        label="details of the row",
    )


def _pairs(told: dict[str, list[str]]) -> markup.Markup:
    shown = [
        markup.element(
            "div",
            markup.element("div", title_of(name), style="opacity:.8"),
            markup.element("div", *(markup.element("div", _line(line)) for line in lines[:_MOST_LINES])),
            style=_PAIR,
        )
        for name, lines in told.items()
    ]
    return markup.element("div", *shown, style=_GRID)


def _line(text: str) -> markup.Markup:
    """An id is selected by one click."""
    return markup.whole(text) if is_id(text) else markup.html(text)
