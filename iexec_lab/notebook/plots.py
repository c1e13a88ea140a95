"""Pictures of the market, drawn with altair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.libraries import needing
from iexec_lab.units import format_rlc

if TYPE_CHECKING:
    from collections.abc import Iterator

    import altair as alt
    import pandas as pd

_PRICES: Final = {
    "apporder": "app_price_nrlc",
    "datasetorder": "dataset_price_nrlc",
    "workerpoolorder": "workerpool_price_nrlc",
    "requestorder": "workerpool_max_price_nrlc",
}


def depth(*books: pd.DataFrame) -> alt.Chart:
    """How many tasks an orderbook sells up to each price; for requests, how many are wanted down to it.

    Args:
        books: Frames of ``lab.orderbook``, drawn over each other. Requests count with what they pay a
            workerpool for a task.

    Raises:
        ValidationError: a frame is not an orderbook.
        LibraryError: altair is not installed.
    """
    with needing("A plot", "altair"):
        import altair as alt
    data: alt.InlineData = alt.InlineData(values=[step for book in books for step in _steps(book)])
    lines = alt.Chart(data).mark_line(interpolate="step-after", point=True)
    drawn: alt.Chart = lines.encode(
        x=alt.X("price:Q", title="price of a task (RLC)"),
        y=alt.Y("tasks:Q", title="tasks, added up", scale=alt.Scale(type="symlog")),
        color=alt.Color("book:N", title=None),
        order="step:Q",
        tooltip=[alt.Tooltip(f"{name}:N") for name in ("book", "exact price", "exact tasks")],
    )
    return drawn


def _steps(book: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A point for each order, the best price first; floats are for the axes only."""
    kind = book.attrs.get("kind")
    price = _PRICES.get(str(kind))
    if price is None or price not in book or "remaining" not in book:
        raise ValidationError(
            "depth draws orderbooks", details={"kind": kind}, hint="Pass a frame from lab.orderbook.<kind>()."
        )
    tasks = 0
    offers = sorted(zip(book[price], book["remaining"], strict=True), reverse=kind == "requestorder")
    for step, (nrlc, remaining) in enumerate(offers):
        tasks += remaining
        yield {
            "book": kind,
            "step": step,
            "price": nrlc / 10**9,
            "tasks": float(tasks),
            "exact price": format_rlc(nrlc),
            "exact tasks": str(tasks),
        }
