"""Orders made, signed and published by the session's wallet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from iexec_lab.client.plan import is_rehearsal
from iexec_lab.errors import MarketError, OrderError, ValidationError
from iexec_lab.protocol import (
    ORDERS,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    create_order,
    sum_tags,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.client.permit import Permit
    from iexec_lab.client.session import Session
    from iexec_lab.client.side_by_side import Begun

AnyOrder = AppOrder | DatasetOrder | WorkerpoolOrder | RequestOrder
T = TypeVar("T", bound=AnyOrder)


def draft(session: Session, kind: str, values: Mapping[str, Any]) -> AnyOrder:
    """An unsigned order with the network's defaults; ``values`` by protocol names, None counts as absent.

    Raises:
        ValidationError: A value is not valid, or one is missing.
    """
    network = session.network
    given = {name: _resolved(session, value) for name, value in values.items() if value is not None}
    order = create_order(
        kind,
        given,
        frameworks=network.frameworks,
        requester=session.address,
        default_tag=network.default_tag,
    )
    return with_default_tag(session, cast("AnyOrder", order))


def _resolved(session: Session, value: Any) -> Any:
    """An ENS name as the address it means; any other value as it is."""
    return session.to_address(value) if isinstance(value, str) and value.endswith(".eth") else value


def with_default_tag(session: Session, order: T) -> T:
    """Where TDX is all there is, every order says so, whatever tag was asked for (as SDK 9 does)."""
    if not session.network.tdx_only:
        return order
    return replace(order, tag=sum_tags(order.tag, session.network.default_tag))


def sign(permit: Permit, order: T) -> T:
    """A signed copy of an order that the permit's plan showed.

    Raises:
        OrderError: The wallet is not the requester, or does not own the resource.
    """
    session = permit.session
    signer = session.signer
    if order.kind == "requestorder":
        owner, role = order.resource, "requester"
    else:
        [owner], role = session.hub.owners([order.resource]), "resource owner"
    if owner != signer.address:
        raise OrderError(
            f"Invalid order signer, must be the {role}",
            details={"wallet": signer.address, role: owner},
            hint=f"Use the wallet of the {role}: --wallet-address or --wallet-file names it, "
            "in Python connect(wallet=...).",
        )
    return permit.sign(order)


def begin_login(session: Session, *, asked: bool) -> Begun[Any] | None:
    """Begin the market's challenge for ``publish``, unless it would grow old while somebody is asked."""
    if asked or is_rehearsal():
        return None
    [login] = session.begin(lambda: session.market.challenge(session.address))
    return login


def publish(session: Session, order: AnyOrder, login: Begun[Any] | None = None) -> str:
    """Publish a signed order on the market; return its hash. ``login`` is its challenge, if that was begun.

    Raises:
        ValidationError: It is not signed.
        MarketError, ApiError: The market was not reached, or refused, or says that it published another.
    """
    require_signed(order)
    token = session.market.log_in(session.gate, login.result() if login else None)
    published = session.market.publish(order.kind, order.to_json(), token)
    own = order.hash(session.domain)
    if published != own:
        raise MarketError(
            f"Market API error: The market was given {order.kind} {own} but names another",
            details={"named": published},
            hint="Anyone who saw the order can use it: iexec-lab order cancel closes it. "
            f"See first: iexec-lab order show {own}.",
        )
    return own


def require_signed(order: AnyOrder) -> None:
    """Refuse an order without a signature.

    Raises:
        ValidationError: It has none.
    """
    if order.signature is None:
        raise ValidationError(
            "sign is a required field", hint=f"Sign the {order.kind} first: iexec-lab order sign."
        )


def order_terms(order: AnyOrder) -> dict[str, Any]:
    """The terms of an order for a plan, units in the names."""
    terms: dict[str, Any] = {"kind": order.kind}
    for name, value in order.to_json().items():
        if name in {"salt", "sign"}:
            continue
        terms[f"{name}_nrlc" if name.endswith("price") else name] = value
    return terms


def to_order(kind: str, value: Any, *, signed: bool = True) -> AnyOrder:
    """An order object, or the JSON of one from a file or the market; any tag bits are accepted."""
    if not isinstance(value, ORDERS[kind]):
        value = ORDERS[kind].from_json(value, stage="signed" if signed else "unsigned", frameworks=None)
    return cast("AnyOrder", value)
