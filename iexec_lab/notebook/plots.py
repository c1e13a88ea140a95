"""Where the picture of an orderbook was first; it is ``lab.plot.depth`` now."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from iexec_lab import plots

if TYPE_CHECKING:
    import pandas as pd

    from iexec_lab.plots.picture import Picture


def depth(*books: pd.DataFrame) -> Picture:
    """As ``lab.plot.depth(*books)``.

    Raises:
        ValidationError: A frame is not an orderbook.
    """
    warnings.warn("iexec_lab.notebook.plots.depth is lab.plot.depth now", DeprecationWarning, stacklevel=2)
    return plots.depth(*books)
