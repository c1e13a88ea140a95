"""How many rows a list may have: one rule for all lists."""

from __future__ import annotations

from operator import index
from typing import Any

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain


def to_limit(limit: Any) -> int | None:
    """How many rows; None for all.

    Raises:
        ValidationError: It is no whole number from 1.
    """
    if limit is None:
        return None
    number = 0
    if not isinstance(limit, (bool, str)):
        try:
            number = index(limit)
        except TypeError:
            number = 0
    if number < 1:
        raise ValidationError(
            f"limit cannot be {plain(limit, 40)}", hint="Give a whole number from 1; without it all are read."
        )
    return number
