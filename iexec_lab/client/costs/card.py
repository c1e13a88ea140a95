"""Costs as a card in a notebook, and its twin as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from iexec_lab import markup
from iexec_lab.protocol import to_moment
from iexec_lab.spelling import in_ether, in_rlc
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.markup import Markup, Tone

SHOWN: Final = 50
"""Newest rows that are drawn; the sums are those of all."""
_TONES: Final[Mapping[str, Tone]] = {
    "ended": "good",
    "done": "good",
    "running": "going",
    "sent": "going",
    "standing": "calm",
    "allowed": "calm",
    "late": "late",
    "failed": "bad",
}
_HEAD: Final = ("What", "State", "Signed", "Locked", "Paid", "Returned", "Gas", "When (UTC)")
_UNITS: Final = {**dict.fromkeys(("Signed", "Locked", "Paid", "Returned"), "RLC"), "Gas": "ether"}


class Told(Protocol):
    """What a card tells of: ``Costs``."""

    title: str

    @property
    def network(self) -> str: ...
    @property
    def budget(self) -> int | None: ...
    @property
    def used(self) -> int: ...
    @property
    def left(self) -> int | None: ...


def html(costs: Told, rows: Sequence[Mapping[str, Any]], sums: Mapping[str, int], remark: str) -> Markup:
    """The card."""
    title = markup.join("Costs of ", costs.title, " on ", costs.network)
    pieces: list[object] = [markup.facts(_sums(sums, rows, exact=False))]
    budget = costs.budget
    if budget is not None:
        used = min(costs.used, budget)
        tone: Tone = "good" if 2 * used < budget else "late" if used < budget else "bad"
        scale = max(budget, 1)
        pieces += [
            element_bar(used, scale, tone),
            markup.element(
                "div", f"Budget {in_rlc(budget)}: {in_rlc(costs.used)} gone, {in_rlc(costs.left or 0)} left"
            ),
        ]
    if rows:
        label = f"Costs of {costs.title}"
        cells = [_cells(row) for row in rows[-SHOWN:]]
        told = [place for place in range(len(_HEAD)) if any(line[place] for line in cells)]
        head = [_headed(_HEAD[place]) for place in told]
        right = {place for place, each in enumerate(told) if _HEAD[each] in _UNITS}
        rows_told = [[line[place] for place in told] for line in cells]
        pieces.append(markup.table(head, rows_told, label, right=right))
    else:
        pieces.append(markup.element("div", "Nothing was signed or sent yet."))
    if len(rows) > SHOWN:
        pieces.append(markup.note(f"{len(rows) - SHOWN} older ones are in .frame()"))
    if remark:
        pieces.append(markup.note(remark, tone="late"))
    return markup.card(title, *pieces, label=f"Costs of {costs.title}")


def element_bar(used: int, budget: int, tone: Tone) -> Markup:
    """How much of the budget is gone, in thousandths: amounts do not fit into what a page reads aloud."""
    gone = 1000 * used // budget
    return markup.bar([(gone, tone, "thousandths of the budget are gone")], 1000)


def text(costs: Told, rows: Sequence[Mapping[str, Any]], sums: Mapping[str, int], remark: str) -> str:
    """The same for a terminal."""
    lines = [f"Costs of {costs.title} on {costs.network}"]
    lines += [f"  {name.lower()}: {value}" for name, value in _sums(sums, rows, exact=True)]
    budget = costs.budget
    if budget is not None:
        lines.append(f"  budget: {in_rlc(budget)}, {in_rlc(costs.used)} gone, {in_rlc(costs.left or 0)} left")
    for row in rows[-SHOWN:]:
        amounts = ", ".join(
            f"{name} {in_rlc(int(row[name]))}"
            for name in ("signed", "locked", "paid", "returned")
            if int(row.get(name) or 0)
        )
        deal = f" {row['dealid']}" if row["dealid"] else ""
        lines.append(f"  {row['what']}{deal} {_state(row)}: {amounts or 'no RLC'}, gas {_gas(row)}")
    lines += [f"  {len(rows) - SHOWN} older ones are in .frame()"] if len(rows) > SHOWN else []
    lines += [] if rows else ["  nothing was signed or sent yet"]
    lines += [f"  {remark}"] if remark else []
    return "\n".join(lines)


def _sums(
    sums: Mapping[str, int], rows: Sequence[Mapping[str, Any]], *, exact: bool
) -> list[tuple[str, object]]:
    unknown = sum(row["gas"] is None for row in rows)
    gas = in_ether(sums["gas_wei"]) + (f", {unknown} not known yet" if unknown else "")
    gas = gas if exact else _ether(sums["gas_wei"]) + gas.partition(" ether")[2]
    names = (("Signed", "signed"), ("Locked", "locked"), ("Paid", "paid"), ("Returned", "returned"))
    found: list[tuple[str, object]] = [(shown, in_rlc(sums[f"{name}_nrlc"])) for shown, name in names]
    return [*found, ("Gas", gas)]


def _headed(name: str) -> Markup:
    """A head with the unit of its column, below it where the page is narrow."""
    unit = _UNITS.get(name)
    return markup.join(name, " ", markup.quiet(unit)) if unit else markup.html(name)


def _cells(row: Mapping[str, Any]) -> list[object]:
    deal: str | None = row["dealid"]
    moment = to_moment(row["timestamp"])
    gas = "?" if row["gas"] is None else f"{int(row['gas']) / 10**18:.3g}"
    return [
        markup.lines([row["what"], *([markup.short(deal)] if deal else [])]),
        markup.badge(_state(row), _TONES.get(row["state"], "calm")),
        *(_amount(row.get(name)) for name in ("signed", "locked", "paid", "returned")),
        gas if gas == "?" else markup.kept(gas, f"{row['gas']} wei"),
        markup.element("span", f"{moment:%m-%d %H:%M}", title=f"{moment:%Y-%m-%d %H:%M:%S} UTC")
        if moment
        else "",
    ]


def _amount(nrlc: Any) -> str:
    """An amount without its unit; nothing is left empty, so that what is there stands out."""
    return format_rlc(int(nrlc)) if nrlc and int(nrlc) else ""


def _state(row: Mapping[str, Any]) -> str:
    tasks = row.get("tasks")
    if row["state"] == "gone":
        return "not on chain"
    if row["state"] == "late":  # all have ended, and not all of them well
        return "late"
    return f"{row['state']} {row['ended']}/{tasks}" if tasks else str(row["state"])


def _gas(row: Mapping[str, Any]) -> str:
    return "?" if row["gas"] is None else in_ether(int(row["gas"]))


def _ether(wei: int) -> str:
    """To look at; the row has the exact wei."""
    return f"{wei / 10**18:.4g} ether" if wei else in_ether(0)
