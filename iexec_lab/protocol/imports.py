"""Import eth_account, and what imports it, without its side effect."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def keeping_recursion_limit() -> Iterator[None]:
    """Put the recursion limit back after an import.

    py_ecc, below eth_account, sets it to 100,000, at which deeply nested JSON from the network overflows the
    C stack of Python 3.11.
    """
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
