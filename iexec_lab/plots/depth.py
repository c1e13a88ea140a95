"""The depth of orderbooks."""

from __future__ import annotations

from dataclasses import dataclass, replace
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

    def without(self, most: int) -> _Side:
        """The side without the prices at which more tasks than that are offered."""
        levels, total = [], 0
        for price, tasks, _ in self.levels:
            kept = tasks if tasks <= most else 0
            total += kept
            levels.append((price, kept, total))
        return replace(self, levels=levels)

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


_OUTLIER: Final = 100  # times what offers usually have: more than that hides all the others


def depth(*books: Any, category: int | None = None) -> Picture:
    """How many tasks an orderbook sells up to each price; of requests, how many are wanted down to it.

    Args:
        books: Frames of ``lab.orderbook``, drawn over each other. Requests count with what they pay a
            workerpool for a task. What a few prices have beyond all the others is told, not drawn.
        category: Of which size of tasks, where the books do not say it.

    Raises:
        ValidationError: A frame is not an orderbook.
    """
    sides = [side for side in map(_side, books) if side.levels]
    edge = style.usual([style.rlc(price) for side in sides for price, _, _ in side.levels]) * 1.05
    far = sum(style.rlc(price) > edge for side in sides for price, _, _ in side.levels)
    notes = [f"best price {side.name}: {style.in_rlc(side.levels[0][0])}" for side in sides]
    if far:
        notes.append(f"{numbered(far, 'price')} above {style.number(float(f'{edge:.3g}'))} RLC not drawn")
    near = sorted(tasks for side in sides for price, tasks, _ in side.levels if style.rlc(price) <= edge)
    most = _OUTLIER * max(near[(len(near) - 1) // 2], 1) if near else 0
    beyond = [(side.name, price, tasks) for side in sides for price, tasks, _ in side.levels if tasks > most]
    notes += [f"{_many(tasks)} more {name} at {style.in_rlc(price)}" for name, price, tasks in beyond[:3]]
    if len(beyond) > 3:
        notes.append(f"{len(beyond) - 3:,} more prices of as many tasks")
    clipped = [side.without(most) for side in sides]
    drawn = tuple(notes)
    heading = style.heading("Depth of the orderbook", _categories(books, category))
    rows = [
        (side.name, format_rlc(price), str(tasks), str(total))
        for side in sides
        for price, tasks, total in side.levels[:20]
    ]
    weights = [total for side in clipped for _, _, total in side.levels[:20]]
    notes += [f"{len(side.levels) - 20:,} more prices {side.name}" for side in sides if len(side.levels) > 20]
    twin = Twin(("side", "price (RLC)", "tasks", "tasks up to it"), rows, weights)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        style.title(figure, axes, heading, drawn)
        if not sides:
            style.nothing(axes, "no open orders")
            return
        for side in clipped:
            across, up = side.shape(edge)
            axes.step(across, up, where="post", color=side.colour, linestyle=side.line, label=side.name)
            if len(side.levels) <= 60:
                axes.plot(across[1:-1], up[1:-1], "o", color=side.colour, markersize=3.5)
            axes.fill_between(across, up, step="post", color=side.colour, alpha=0.12, linewidth=0)
        style.numbers(axes.yaxis, whole=True)
        tops = [level[2] for side in clipped for level in side.levels if style.rlc(level[0]) <= edge]
        axes.set_ylim(0, style.real(max(*tops, 1)) * 1.06)
        axes.set_xlim(0, edge)
        axes.set_xlabel("price of a task (RLC)")
        axes.set_ylabel("tasks, added up")
        style.numbers(axes.xaxis)
        style.legend(figure)

    return Picture(heading, twin, draw, tuple(notes), "no open orders")


def _many(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about {style.real(count):.3g}"


def _categories(books: Sequence[Any], category: int | None) -> str:
    """Of which categories the books are; those of several are added up, which has to be said."""
    columns = [book["category"].dropna().unique() for book in books if "category" in book]
    found = sorted({int(each) for column in columns for each in column})
    if len(found) > 1:
        named = ", ".join(map(str, found[:6])) + ("…" if len(found) > 6 else "")
        return f"categories {named} added up"
    known = found[0] if found else category
    return "" if known is None else f"category {known}"


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
