"""What is said beside a value that the cell draws: nothing is printed twice."""

from __future__ import annotations

import re
from typing import Any

from iexec_lab.spelling import is_id, short_id

_ALL = ", limit=None all"
_LIMIT = re.compile(r"\blimit=(\d+)")


def beside(said: str, value: Any) -> str:
    """The sentence without what the value says: a count says all of it, an id stands whole below."""
    if isinstance(value, bool) or (isinstance(value, int) and str(value) in said):
        return ""
    is_upright = hasattr(value, "columns") and len(value) == 1
    stands = value.iloc[0].tolist() if is_upright else [value]
    for whole in filter(is_id, stands):
        said = said.replace(whole, short_id(whole))
    return said


def as_typed(value: Any) -> Any:
    """A frame whose remark names options as they are typed on a line; any other value as it is."""
    remark = getattr(value, "attrs", {}).get("remark") if hasattr(value, "columns") else None
    if isinstance(remark, str):
        value.attrs["remark"] = _LIMIT.sub(r"--limit \1", remark.replace(_ALL, ""))
    return value
