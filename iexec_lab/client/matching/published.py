"""Published orders: an answer of the market counts only if its hash is the one asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching import signing
from iexec_lab.errors import ApiError, MarketError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_bytes32

if TYPE_CHECKING:
    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.session import Session
    from iexec_lab.services.market_rows import OrderRow


@dataclass(frozen=True, slots=True)
class Published:
    """An order found by its hash; ``told`` is what the market says about it.

    Remaining volume, status, signer and time in ``told`` are the market's word; ``order`` and ``orderHash``
    are verified.
    """

    order: AnyOrder
    hash: str
    told: OrderRow


def fetch_order(session: Session, kind: str, order_hash: Any) -> Published:
    """The published order of a kind and hash, hashed again, so that it is the one asked for.

    Its signature is another matter: see ``is_signed``; a match has it checked by ``check_match``.

    Raises:
        ValidationError: It is not a hash.
        ApiError: The market does not know it, or does not answer with an order.
        MarketError: The market was not reached, or answered with another order.
    """
    wanted = to_bytes32(order_hash)
    try:
        told = session.market.order(kind, wanted)
    except ApiError as error:
        error.hint = error.hint or _why_unknown(session, kind, wanted)
        raise
    try:
        order = signing.to_order(kind, told["order"])
    except ValidationError as error:
        raise _other(session, kind, wanted, error.message) from None
    found = order.hash(session.domain)
    if found != wanted:
        raise _other(session, kind, wanted, f"order {found} of {order.resource}")
    told["orderHash"] = wanted
    return Published(order, wanted, told)


def _why_unknown(session: Session, kind: str, wanted: str) -> str:
    """Advice on a hash that the market does not know as an order of this kind."""
    from iexec_lab.client.what_is import what_is

    noun = kind.removesuffix("order")
    book = "requester" if noun == "request" else noun
    return f"{what_is(session, wanted)} Published ones: iexec-lab orderbook {book}."


def _other(session: Session, kind: str, wanted: str, answer: str) -> MarketError:
    return MarketError(
        f"Market API error: The market did not answer with {kind} {wanted}",
        url=session.network.market,
        details={"answer": plain(answer), "url": session.network.market},
        hint="Its hash on this network is different: this market mixes orders up, or it lies.",
    )


def is_signed(session: Session, order: AnyOrder) -> bool:
    """Whether the hub accepts the order's signature as its requester's, or its resource's present owner's.

    Raises:
        CallError: The node was not reached.
    """
    if order.kind == "requestorder":
        signer: str | None = order.resource
    else:
        [signer] = session.hub.try_owners([order.resource])
    if signer is None:
        return False
    try:
        if order.signer(session.domain) == signer:
            return True
    except ValidationError:
        pass  # presigned, or a smart account's: the hub knows
    claim = (signer, order.hash(session.domain), order.signature or "0x")
    return session.hub.verify_signatures([claim])[0]
