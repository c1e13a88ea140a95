"""The market API: order books, deals and categories over HTTP, changes over socket.io.

    request -> app (CORS, rate limit) -> routes -> fields -> publishing, listing -> book (SQLite)
    chain   -> watcher ------------------------------------------------------->  book -> feed -> socket.io

It answers as version 7.1.2 of the real service does.
"""

from __future__ import annotations

from iexec_lab.sandbox.services.market.app import create
from iexec_lab.sandbox.services.market.options import MarketOptions, RateLimit

__all__ = ["MarketOptions", "RateLimit", "create"]
