"""Published orders: an answer of the market counts only if its hash is the one asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.client.matching import signing
from iexec_lab.errors import ApiError, MarketError, OrderError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import to_bytes32
from iexec_lab.protocol.slips import id_hint

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    wanted = to_hash(kind, order_hash)
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


def to_hash(kind: str, order_hash: Any) -> str:
    """The hash of an order, 32 bytes as ``0x`` and lower-case digits.

    Raises:
        ValidationError: It is not a hash; the hint says where orders of the kind are listed.
    """
    try:
        return to_bytes32(order_hash)
    except ValidationError as error:
        error.hint = id_hint(order_hash, f"{_listing(kind)} lists published ones.")
        raise


def _listing(kind: str) -> str:
    """The command that lists the published orders of a kind."""
    noun = kind.removesuffix("order")
    book = {"request": "requester", "app": "app any", "dataset": "dataset any"}.get(noun, noun)
    return f"iexec-lab orderbook {book}"


def _why_unknown(session: Session, kind: str, wanted: str) -> str:
    """Advice on a hash that the market does not know as an order of this kind."""
    from iexec_lab.client.what_is import what_is

    return f"{what_is(session, wanted)} Published ones: {_listing(kind)}."


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
    return are_signed(session, [order])[0]


def are_signed(session: Session, orders: Sequence[AnyOrder]) -> list[bool]:
    """The same of each order; all owners are asked for together, and all signatures that need the hub."""
    assets = list(dict.fromkeys(order.resource for order in orders if order.kind != "requestorder"))
    owners = dict(zip(assets, session.hub.try_owners(assets), strict=True)) if assets else {}
    signers = [order.resource if order.kind == "requestorder" else owners[order.resource] for order in orders]
    verdicts = [_recovers(session, order, signer) for order, signer in zip(orders, signers, strict=True)]
    claims = [
        (signer, order.hash(session.domain), order.signature or "0x")
        for order, signer, verdict in zip(orders, signers, verdicts, strict=True)
        if signer is not None and not verdict
    ]
    told = iter(session.hub.verify_signatures(claims) if claims else ())
    return [
        verdict or (signer is not None and next(told))
        for signer, verdict in zip(signers, verdicts, strict=True)
    ]


def _recovers(session: Session, order: AnyOrder, signer: str | None) -> bool:
    try:
        return signer is not None and order.signer(session.domain) == signer
    except ValidationError:
        return False  # presigned, or a smart account's: the hub knows


def fetch_signed(session: Session, kind: str, order_hashes: Sequence[Any]) -> list[AnyOrder]:
    """Published orders that can still be used: signed by their owners, and something is left of them.

    Raises:
        ValidationError, ApiError, MarketError: As for ``fetch_order``.
        OrderError: One is not (or no longer) its owner's, or used up.
        CallError: The node was not reached.
    """
    found = session.each(lambda order_hash: fetch_order(session, kind, order_hash), order_hashes)
    orders = [each.order for each in found]
    if not orders:
        return orders
    signed, consumed = are_signed(session, orders), session.hub.view_consumed([each.hash for each in found])
    for each, is_good, used in zip(found, signed, consumed, strict=True):
        if not is_good or used >= each.order.volume:
            raise OrderError(
                f"{kind} invalid sign" if not is_good else f"{kind} is fully consumed",
                details={"order": each.hash, kind.removesuffix("order"): each.order.resource},
                hint="Leave this order out.",
            )
    return orders
