"""Prices over time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.history.stats import over_time
from iexec_lab.history.stats.exact import held, integers, seconds, texts
from iexec_lab.plots import style
from iexec_lab.plots.periods import choose, days, lengths, named, period_of
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.twin import Twin, numbered
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS: Final = (style.BLUE, style.RED, style.GREEN, style.PURPLE, style.OCHRE, style.GREY)
_LINES: Final = ("-", "--", "-.", ":")
_PARTS: Final = ("open", "high", "low", "close", "median")


class _Bar(NamedTuple):
    """Prices in nRLC of a period that began at ``at``, seconds since 1970."""

    category: int
    at: int
    open: int
    high: int
    low: int
    close: int
    median: int
    tasks: int


def prices(frame: Any, *, every: str | None = None, of: str = "workerpool") -> Picture:
    """The prices of tasks over time: one category as bars from low to high, several as lines of the median.

    Args:
        frame: Deals of ``lab.history.deals``, or a frame of ``lab.history.prices``.
        every: For deals: ``hour``, ``day``, ``week`` or ``month``; by default what fits.
        of: For deals, whose price: ``workerpool``, ``app``, ``dataset`` or ``task``, the three together.

    Raises:
        ValidationError: It is neither, or there is no such period or price.
    """
    if "open_nrlc" in getattr(frame, "columns", ()):
        table, period = frame, every or period_of(frame)
    else:
        period = every or choose(held(frame, ["started_at"])["started_at"])
        table = over_time.prices(frame, every=period, of=of)
    bars = _bars(table)
    groups = [(category, list(group)) for category, group in groupby(bars, lambda bar: bar.category)]
    edge = style.usual([style.rlc(bar.high) for bar in bars]) * 1.06
    far = sum(style.rlc(bar.high) > edge for bar in bars)
    notes = (
        [f"{numbered(far, 'period')} with a price above {style.number(float(f'{edge:.3g}'))} RLC"]
        if far
        else []
    )
    heading = f"Prices of a task per {period}"
    if len(groups) == 1:
        heading += f", category {groups[0][0]}"
    rows = [
        (
            *((str(bar.category),) if len(groups) > 1 else ()),
            named(bar.at, period),
            *map(format_rlc, bar[2:7]),
            str(bar.tasks),
        )
        for bar in bars
    ]
    head = (*(("category",) if len(groups) > 1 else ()), f"{period} (UTC)", *_PARTS, "tasks")
    twin = Twin(head, rows, [bar.median for bar in bars], newest=True)

    def draw(figure: Any) -> None:
        if len(groups) == 1:
            axes, below = figure.subplots(
                2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1), "hspace": 0.04}
            )
        else:
            axes, below = figure.subplots(), None
        style.title(figure, axes, heading, notes)
        if not bars:
            style.nothing(axes, "no deals")
            return
        wide = lengths([bars[0].at], period)[0]
        if below is None:
            for place, (category, group) in enumerate(groups):
                _line(axes, category, group, place, wide)
            style.legend(figure)
        else:
            _candles(axes, bars, wide)
            _volume(below, bars, wide)
        axes.set_ylim(0, edge)
        axes.set_ylabel("price of a task (RLC)")
        style.numbers(axes.yaxis)
        ends = [bar.at for bar in bars]
        first, last = days([min(ends), max(ends)])
        style.dates(below or axes, first - wide * 0.2, last + wide, 8 * wide)
        if below is not None:
            axes.tick_params(labelbottom=False)

    return Picture(heading, twin, draw, tuple(notes), "no deals", 4.4)


def _bars(table: Any) -> list[_Bar]:
    found = held(table, ["starts_at", "category", *(f"{part}_nrlc" for part in _PARTS), "tasks"])
    columns = (
        texts(found["category"]),
        seconds(found["starts_at"]).astype("int64").tolist(),
        *(integers(found[f"{part}_nrlc"]) for part in _PARTS),
        integers(found["tasks"]),
    )
    return sorted(_Bar(*row) for row in zip(*columns, strict=True))


def _candles(axes: Any, bars: Sequence[_Bar], wide: float) -> None:
    """A line from the lowest to the highest price, a body from the first to the last; the median."""
    middle = [at + wide * 0.45 for at in days([bar.at for bar in bars])]
    axes.vlines(
        middle,
        [style.rlc(bar.low) for bar in bars],
        [style.rlc(bar.high) for bar in bars],
        color=style.GREY,
        linewidth=1.2,
        label="lowest to highest",
    )
    thick = max(1.5, min(9.0, 260 / len(bars)))
    for sign, colour, name in ((1, style.BLUE, "rose"), (-1, style.RED, "fell")):
        moved = [(at, bar) for at, bar in zip(middle, bars, strict=True) if bar.close != bar.open]
        chosen = [(at, bar) for at, bar in moved if (bar.close > bar.open) == (sign > 0)]
        if chosen:
            axes.vlines(
                [at for at, _ in chosen],
                [style.rlc(min(bar.open, bar.close)) for _, bar in chosen],
                [style.rlc(max(bar.open, bar.close)) for _, bar in chosen],
                color=colour,
                linewidth=thick,
                label=name,
            )
    axes.plot(
        middle,
        [style.rlc(bar.median) for bar in bars],
        color=style.OCHRE,
        linewidth=1,
        marker="_" if len(bars) <= 100 else "",
        markersize=9,
        markeredgewidth=2,
        label="median",
    )
    style.legend(axes.figure)


def _volume(axes: Any, bars: Sequence[_Bar], wide: float) -> None:
    left = days([bar.at for bar in bars])
    axes.bar(left, [style.real(bar.tasks) for bar in bars], wide * 0.9, align="edge", color=style.GREY)
    axes.set_ylabel("tasks")
    style.numbers(axes.yaxis, whole=True)
    axes.yaxis.get_major_locator().set_params(nbins=3)


def _line(axes: Any, category: int, bars: Sequence[_Bar], place: int, wide: float) -> None:
    colour, line = _COLOURS[place % len(_COLOURS)], _LINES[place % len(_LINES)]
    middle = [at + wide * 0.45 for at in days([bar.at for bar in bars])]
    low, high, median = (
        [style.rlc(getattr(bar, name)) for bar in bars] for name in ("low", "high", "median")
    )
    # A band as wide as its period: of a single one there would be nothing to see.
    gap = float("nan")
    across = [at for begun in days([bar.at for bar in bars]) for at in (begun, *(begun + wide * 0.9,) * 2)]
    base, top = ([each for value in values for each in (value, value, gap)] for values in (low, high))
    axes.fill_between(across, base, top, color=colour, alpha=0.14, linewidth=0)
    axes.plot(
        middle,
        median,
        color=colour,
        linestyle=line,
        marker="o" if len(bars) <= 60 else "",
        markersize=3.5,
        label=f"category {category}",
    )
