"""Where things are that tests read: the project's own files, and what the official SDK produced."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
PACKAGE = ROOT / "iexec_lab"
VECTORS = Path(os.environ.get("IEXEC_LAB_VECTORS") or TESTS / "vectors")
"""Recorded from the official SDK; ``IEXEC_LAB_VECTORS`` names another folder of such."""
