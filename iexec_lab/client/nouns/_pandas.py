"""``pd`` for the hints of verbs: pandas is imported once somebody looks at them, not when a verb is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["pd"]

if TYPE_CHECKING:
    import pandas as pd
else:

    class _Pandas:
        def __getattr__(self, name: str) -> Any:
            import pandas as pd

            return getattr(pd, name)

    pd = _Pandas()
