"""TEE frameworks that a task can run in.

Kept apart from ``protocol``, whose import takes 25 ms, because the command line lists them in its help.
"""

from __future__ import annotations

from typing import Final

TEE_FRAMEWORKS: Final = ("scone", "gramine", "tdx")
