"""What can be chosen when a market starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``maximum`` requests in ``period`` seconds for each client; the real service has 100 in 60.

    ``exempt_loopback`` leaves clients on 127.0.0.1 alone, as the real service does.
    """

    maximum: int = 100
    period: float = 60.0
    exempt_loopback: bool = True


@dataclass(frozen=True, slots=True)
class MarketOptions:
    """Settings of a market; the defaults are those of the real service.

    ``max_open_orders`` is counted per order kind and wallet. ``accept_presigned`` lets orders in that were
    signed on chain and carry no signature bytes: the real service answers them with status 500.
    """

    max_open_orders: int = 50
    rate_limit: RateLimit | None = None
    accept_presigned: bool = False
