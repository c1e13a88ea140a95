"""The depth of orderbooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.stats.exact import held, integers
from iexec_lab.plain_text import plain
from iexec_lab.plots import style
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.twin import Twin, numbered
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class _Side:
    """A book; ``levels`` are (price in nRLC, tasks there, tasks up to there), the best price first."""

    name: str
    colour: str
    line: str
    levels: Sequence[tuple[int, int, int]]

    def shape(self, edge: float) -> tuple[list[float], list[float]]:
        """Prices in RLC and tasks of the steps; those of requests go from the edge to the left."""
        prices = [style.rlc(price) for price, _, _ in self.levels]
        tasks = [style.real(total) for _, _, total in self.levels]
        if self.name == "wanted":
            return [edge, *prices, 0.0], [0.0, *tasks, tasks[-1]]
        return [prices[0], *prices, max(edge, prices[-1])], [0.0, *tasks, tasks[-1]]


_BOOKS: Final = {
    "apporder": ("app_price_nrlc", "apps", style.GREEN, "-."),
    "datasetorder": ("dataset_price_nrlc", "datasets", style.PURPLE, ":"),
    "workerpoolorder": ("workerpool_price_nrlc", "for sale", style.BLUE, "-"),
    "requestorder": ("workerpool_max_price_nrlc", "wanted", style.RED, "--"),
}


def depth(*books: Any) -> Picture:
    """How many tasks an orderbook sells up to each price; of requests, how many are wanted down to it.

    Args:
        books: Frames of ``lab.orderbook``, drawn over each other. Requests count with what they pay a
            workerpool for a task.

    Raises:
        ValidationError: A frame is not an orderbook.
    """
    sides = [side for side in map(_side, books) if side.levels]
    edge = style.usual([style.rlc(price) for side in sides for price, _, _ in side.levels]) * 1.05
    far = sum(style.rlc(price) > edge for side in sides for price, _, _ in side.levels)
    notes = [f"best price {side.name}: {style.in_rlc(side.levels[0][0])}" for side in sides]
    if far:
        notes.append(f"{numbered(far, 'price')} above {style.number(float(f'{edge:.3g}'))} RLC not drawn")
    drawn = tuple(notes)
    rows = [
        (side.name, format_rlc(price), str(tasks), str(total))
        for side in sides
        for price, tasks, total in side.levels[:20]
    ]
    weights = [total for side in sides for _, _, total in side.levels[:20]]
    notes += [f"{len(side.levels) - 20:,} more prices {side.name}" for side in sides if len(side.levels) > 20]
    twin = Twin(("side", "price (RLC)", "tasks", "tasks up to it"), rows, weights)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, "Depth of the orderbook", drawn)
        if not sides:
            style.nothing(axes, "no open orders")
            return
        for side in sides:
            across, up = side.shape(edge)
            axes.step(across, up, where="post", color=side.colour, linestyle=side.line, label=side.name)
            if len(side.levels) <= 60:
                axes.plot(across[1:-1], up[1:-1], "o", color=side.colour, markersize=3.5)
            axes.fill_between(across, up, step="post", color=side.colour, alpha=0.12, linewidth=0)
        _count(axes, [level for side in sides for level in side.levels if style.rlc(level[0]) <= edge])
        axes.set_xlim(0, edge)
        axes.set_xlabel("price of a task (RLC)")
        axes.set_ylabel("tasks, added up")
        style.numbers(axes.xaxis)
        style.legend(figure)

    return Picture("Depth of the orderbook", twin, draw, tuple(notes), "no open orders")


def _count(axes: Any, drawn: Sequence[tuple[int, int, int]]) -> None:
    """Tasks from 0; in powers of ten where a few offers have far more than the others."""
    single = sorted(tasks for _, tasks, _ in drawn)
    if single[-1] > 1_000 * max(single[len(single) // 2], 1):
        axes.set_yscale("symlog", linthresh=1)
        axes.yaxis.get_major_locator().set_params(numticks=7)
        style.numbers(axes.yaxis)
        above = 3.0
    else:
        style.numbers(axes.yaxis, whole=True)
        above = 1.06
    axes.set_ylim(0, style.real(max(*(total for _, _, total in drawn), 1)) * above)


def _side(book: Any) -> _Side:
    """Offers of a book by price, those of the same price together."""
    kind = getattr(book, "attrs", {}).get("kind")
    columns = getattr(book, "columns", ())
    if kind not in _BOOKS:
        kind = next((name for name, (price, *_) in _BOOKS.items() if price in columns), None)
    if kind is None or "remaining" not in columns:
        raise ValidationError(
            "depth draws orderbooks",
            details={"kind": plain(getattr(book, "attrs", {}).get("kind"))},
            hint="Pass frames of the order book.",
        )
    price, name, colour, line = _BOOKS[kind]
    found = held(book, [price, "remaining"])
    offers: dict[int, int] = {}
    for nrlc, remaining in zip(integers(found[price]), integers(found["remaining"]), strict=True):
        offers[nrlc] = offers.get(nrlc, 0) + remaining
    levels, total = [], 0
    for nrlc in sorted(offers, reverse=kind == "requestorder"):
        total += offers[nrlc]
        levels.append((nrlc, offers[nrlc], total))
    return _Side(name, colour, line, levels)
