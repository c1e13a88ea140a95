"""``pd`` for the type hints of verbs: pandas is imported when somebody reads them, not with the verbs."""

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
