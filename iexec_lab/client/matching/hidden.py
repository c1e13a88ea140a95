"""Orders that a list of the order book leaves out because they are not open to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.errors import IexecError
from iexec_lab.protocol import NULL_ADDRESS, is_address, to_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.services.market import OrderPage

SHORT: Final = 10
"""A list of fewer orders makes people wonder where the others are."""
_LOOKED_AT: Final = 20
_KINDS: Final = ("app", "dataset", "workerpool", "requester")


class _Reason(NamedTuple):
    """Why an order is not listed: what its restriction is about; ``strict``: it has none, and must have."""

    kind: str
    strict: bool = False


def hidden(session: Session, kind: str, values: Mapping[str, Any], listed: OrderPage) -> str | None:
    """How many orders restrictions keep from a list, and which options show them; None when there are none.

    It costs one small request. A market that refuses it gets no remark: the list itself is the answer.

    Args:
        session: Whose market; orders for its wallet are told apart.
        kind: ``apporder`` and so on.
        values: The filters of the list, as ``Market.orderbook`` takes them.
        listed: What the list has.
    """
    limited = [name for name in _KINDS if f"{name}_strict" in values]
    strict = [f"{name}_strict" for name in limited]
    opened = {**values, **dict.fromkeys(limited, "any"), **dict.fromkeys(strict, False)}
    try:
        found = session.market.orderbook(kind, page_size=len(listed.orders) + _LOOKED_AT, **opened)
    except IexecError:
        return None
    count = found.count - listed.count
    if count <= 0:
        return None
    known = {row["orderHash"].lower() for row in listed.orders}
    left_out = [row["order"] for row in found.orders if row["orderHash"].lower() not in known]
    reasons = [tuple(_reasons(values, limited, order)) for order in left_out]
    mine = sum(
        why == (_Reason("requester"),) and order["requesterrestrict"].lower() == session.address.lower()
        for order, why in zip(left_out, reasons, strict=True)
    )
    text = _sentence(count, list(dict.fromkeys(reason for why in reasons for reason in why)))
    return f"{text} For this wallet: {mine}, with --requester {session.address}." if mine else text


def _reasons(
    values: Mapping[str, Any], limited: Sequence[str], order: Mapping[str, Any]
) -> Iterator[_Reason]:
    for name in limited:
        allowed = to_address(order[f"{name}restrict"] if f"{name}restrict" in order else order[name])
        wanted = values.get(name)
        if wanted == "any":
            continue
        if allowed == NULL_ADDRESS:
            if values[f"{name}_strict"] and is_address(wanted):
                yield _Reason(name, strict=True)
        elif not is_address(wanted) or to_address(wanted) != allowed:
            yield _Reason(name)


def _sentence(count: int, reasons: Sequence[_Reason]) -> str:
    named = [reason.kind for reason in reasons if not reason.strict]
    strict = [reason.kind for reason in reasons if reason.strict]
    why = [f"restricted to {_one_of(named)}"] if named else []
    why += [f"open to every {' and every '.join(strict)}"] if strict else []
    how = ["leave out " + " and ".join(f"--{name}-strict" for name in strict)] if strict else []
    how += [f"{' '.join(f'--{name} any' for name in named)} lists them"] if named else []
    noun = "1 more order is" if count == 1 else f"{count} more orders are"
    said = ": ".join(filter(None, [f"{noun} not listed", ", or ".join(why)]))
    advice = "; ".join(how)
    return f"{said}. {advice[:1].upper()}{advice[1:]}." if advice else f"{said}."


def _one_of(names: Sequence[str]) -> str:
    words = [f"{'an' if name == 'app' else 'a'} {name}" for name in names]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
