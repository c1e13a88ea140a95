"""One market of many participants for all tests of a session: 300 open orders, 80 deals, 90 days.

Tests that only read share it, and leave it as it is. ``tests/conftest.py`` has the fixtures: ``populated``
is the sandbox's Handle, ``population`` what populate said of it, ``ledger`` the recomputation from raw logs.
"""

from __future__ import annotations

ORDERS, DEALS, SEED = 300, 80, 1
