"""The depth of a book that a page shows, as a picture with its figures."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from iexec_lab import markup, plots

if TYPE_CHECKING:
    import pandas as pd

    from iexec_lab.plots.picture import Picture


def depth(frame: pd.DataFrame) -> markup.Markup:
    """How many tasks there are up to each price; of several categories the smallest."""
    notes: list[markup.Markup] = []
    if "category" in frame.columns and len({*frame["category"]}) > 1:
        category = int(frame["category"].min())
        attrs = frame.attrs
        frame = frame[frame["category"] == category]
        frame.attrs = attrs
        notes = [markup.note(f"Category {category}, the smallest here; a filter chooses another.")]
    return markup.join(*notes, drawn(plots.depth(frame)))


def drawn(picture: Picture) -> markup.Markup:
    """A picture, and below it its figures as text: they are all there is without matplotlib."""
    png = picture._repr_png_()
    if png is None:
        return markup.block(str(picture), picture.title)
    data, about = png
    image = markup.element(
        "img",
        src=f"data:image/png;base64,{b64encode(data).decode()}",
        alt=str(about["alt"]),
        style=f"width:{about['width']}px;max-width:100%;height:auto",
    )
    return markup.join(image, markup.folded("Figures", markup.block(picture.text(), picture.title)))
