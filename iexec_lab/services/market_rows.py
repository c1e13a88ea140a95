"""Orders and deals from a market, checked field by field: the JSON of a stranger becomes rows.

A row is what the market said (``--raw`` prints it) without unknown fields; every field has the right type.
Whether a row is *true* is another question: an order that is used by its hash is hashed again
(``client/matching/published.py``), and ``docs/trust.md`` says what is believed.
"""

from __future__ import annotations

import re
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import ORDERS, deal_id, to_moment
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any], bool]

_ADDRESS_FORM: Final = "0x[0-9a-fA-F]{40}"
_WORD_FORM: Final = "0x[0-9a-fA-F]{64}"
MOMENT_FORM: Final = (
    "20[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)
"""A moment as markets write it; the last day of a leap February is left to those who look closer."""
_NUMBER_FORM: Final = "[0-9]{1,18}"
_ADDRESS: Final = re.compile(_ADDRESS_FORM).fullmatch
_WORD: Final = re.compile(_WORD_FORM).fullmatch
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2}){0,5000}").fullmatch
_NUMBER: Final = re.compile(r"[0-9]{1,78}").fullmatch
_STATUS: Final = re.compile(r"[a-zA-Z_ -]{1,32}").fullmatch
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z").fullmatch


class OrderRow(TypedDict):
    """A published order; all but ``order`` and its hash is the market's claim."""

    order: dict[str, Any]
    orderHash: str
    remaining: int | str
    chainId: NotRequired[int | str]
    status: NotRequired[str]
    publicationTimestamp: NotRequired[str]
    signer: NotRequired[str]
    bulk: NotRequired[bool]


class DealRow(TypedDict, total=False):
    """A deal as the market describes it; ``Hub.view_deal`` gives the hub's own description."""

    dealid: str
    chainId: int | str
    app: dict[str, Any]
    dataset: dict[str, Any]
    workerpool: dict[str, Any]
    appHash: str
    datasetHash: str
    workerpoolHash: str
    requestHash: str
    requester: str
    beneficiary: str
    callback: str
    params: str
    tag: str
    category: int | str
    trust: int | str
    volume: int | str
    botFirst: int | str
    botSize: int | str
    startTime: int | str
    finalTime: int
    schedulerRewardRatio: int | str
    workerStake: int | str
    blockNumber: int | str
    blockTimestamp: str
    transactionHash: str


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and _ADDRESS(value) is not None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD(value) is not None


def _is_bytes(value: Any) -> bool:
    return isinstance(value, str) and _HEX(value) is not None


def _is_uint(value: Any) -> bool:
    if type(value) is int:
        return 0 <= value < 2**256
    return isinstance(value, str) and _NUMBER(value) is not None and int(value) < 2**256


def _is_count(value: Any) -> bool:
    """True for a number that fits the columns of counts."""
    if type(value) is int:
        return 0 <= value < 2**63
    return isinstance(value, str) and _NUMBER(value) is not None and int(value) < 2**63


def _is_text(value: Any) -> bool:
    """True for text that UTF-8 can hold; the hub hashes it as UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_params(value: Any) -> bool:
    """True for JSON text, which every order on a market has."""
    if not _is_text(value):
        return False
    try:
        loads(value)
    except ValueError:
        return False
    return True


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _MOMENT(value) is not None and _is_time(value)


def _is_time(value: Any) -> bool:
    try:
        to_moment(value)
    except ValidationError:
        return False
    return True


def _is_status(value: Any) -> bool:
    return isinstance(value, str) and _STATUS(value) is not None


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_party(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_address(value.get("pointer"))
        and _is_address(value.get("owner"))
        and _is_uint(value.get("price"))
    )


_OF_KIND: Final[Mapping[str, Check]] = {
    "address": _is_address,
    "amount": _is_uint,
    "uint256": _is_uint,
    "tag": _is_word,
    "params": _is_params,
}
_FORMS: Final[Mapping[Check, str]] = {
    _is_address: _ADDRESS_FORM,
    _is_word: _WORD_FORM,
    _is_bytes: "0x[0-9a-f]{128}(?:[0-9a-f]{2})?",  # EIP-2098, or with a byte for v
    _is_uint: _NUMBER_FORM,
    _is_count: _NUMBER_FORM,
}
_COUNTS: Final = {"category", "trust"}
_ABOUT_ORDER: Final[Mapping[str, Check]] = {
    "orderHash": _is_word,
    "remaining": _is_uint,
    "status": _is_status,
    "publicationTimestamp": _is_moment,
    "signer": _is_address,
    "bulk": _is_flag,
}
_TOLD: Final = {"order", "chainId", *_ABOUT_ORDER}
_OF_DEAL: Final[Mapping[str, Check]] = {
    **dict.fromkeys(("app", "dataset", "workerpool"), _is_party),
    **dict.fromkeys(("dealid", "appHash", "datasetHash", "workerpoolHash", "requestHash"), _is_word),
    **dict.fromkeys(("tag", "transactionHash"), _is_word),
    **dict.fromkeys(("requester", "beneficiary", "callback"), _is_address),
    **dict.fromkeys(("category", "trust", "botFirst", "botSize", "schedulerRewardRatio"), _is_count),
    **dict.fromkeys(("volume", "workerStake", "blockNumber"), _is_uint),
    "startTime": _is_time,
    "blockTimestamp": _is_moment,
    "params": _is_text,
}


@cache
def _order_fields(kind: str) -> Mapping[str, Check]:
    fields = {
        name: _is_count if name in _COUNTS else _OF_KIND[form] for name, form in ORDERS[kind].layout.items()
    }
    return {**fields, "salt": _is_word, "sign": _is_bytes}


def usual_fields(kind: str) -> dict[str, str]:
    """The fields of an order as markets write them: name -> one of the forms of ``market_columns.py``."""
    words: dict[Check, str] = {
        _is_address: "address",
        _is_word: "word",
        _is_bytes: "sign",
        _is_params: "params",
    }
    fields = {name: words.get(fits, "number") for name, fits in _order_fields(kind).items()}
    return {**fields, "tag": "tag"}


is_params = _is_params


@cache
def _usual(kind: str) -> Callable[[Any, int], bool]:
    """A test whether a row is exactly as markets write them, with one match for all values.

    This is only for speed; other rows are checked field by field.
    """
    fields = {name: fits for name, fits in _order_fields(kind).items() if fits is not _is_params}
    free = _order_fields(kind).keys() - fields.keys()
    told = {
        "orderHash": _WORD_FORM,
        "signer": _ADDRESS_FORM,
        "status": "(?:open|filled|canceled|dead)",
        "publicationTimestamp": MOMENT_FORM,
        "remaining": _NUMBER_FORM,
        "chainId": _NUMBER_FORM,
    }
    forms = [*(_FORMS[fits] for fits in fields.values()), *told.values()]
    match = re.compile(" ".join(forms)).fullmatch
    # %r puts text in quotes, so that only a number matches as digits.
    shape = " ".join("%r" if form == _NUMBER_FORM else "%s" for form in forms)
    get_order, get_told = itemgetter(*fields), itemgetter(*told)
    order_size, row_size = len(fields) + len(free), len(told) + 1

    def fits(row: Any, chain_id: int) -> bool:
        try:
            order = row["order"]
            return (
                match(shape % (get_order(order) + get_told(row))) is not None
                and len(order) == order_size
                and row["chainId"] == chain_id
                and (len(row) == row_size or (len(row) == row_size + 1 and _is_flag(row["bulk"])))
                and all(_is_params(order[name]) for name in free)
            )
        except (KeyError, RecursionError, TypeError, ValueError):
            return False

    return fits


def order_row(kind: str, chain_id: int, told: Any) -> OrderRow:
    """A published order of this kind and chain.

    Raises:
        ValidationError: It is not one; the text names the field.
    """
    if _usual(kind)(told, chain_id):
        return told  # type: ignore[no-any-return]
    if not isinstance(told, dict):
        raise ValidationError(f"{plain(told, 80)} is not a valid {kind}")
    order = _order_json(kind, told.get("order"))
    for name in ("orderHash", "remaining"):
        if name not in told:
            raise _unfit(name, None)
    row: dict[str, Any] = {}
    for name, value in told.items():
        fits = _ABOUT_ORDER.get(name)
        if fits is not None:
            if not fits(value):
                raise _unfit(name, value)
            row[name] = value
        elif name == "order":
            row[name] = order
        elif name == "chainId":
            row[name] = _checked_chain(value, chain_id)
    return row  # type: ignore[return-value]


def _order_json(kind: str, order: Any) -> dict[str, Any]:
    if not isinstance(order, dict):
        raise _unfit("order", order)
    fields = _order_fields(kind)
    for name, fits in fields.items():
        if not fits(order.get(name)):
            raise _unfit(f"order.{name}", order.get(name))
    return {name: value for name, value in order.items() if name in fields}


def deal_row(chain_id: int, told: Any) -> DealRow:
    """A deal of this chain.

    Raises:
        ValidationError: It is not one, or its id is not that of its request order.
    """
    if not isinstance(told, dict):
        raise ValidationError(f"{plain(told, 80)} is not a deal")
    if not _is_word(told.get("dealid")):
        raise _unfit("dealid", told.get("dealid"))
    row: dict[str, Any] = {}
    for name, value in told.items():
        fits = _OF_DEAL.get(name)
        if name == "chainId":
            row[name] = _checked_chain(value, chain_id)
        elif fits is not None and value is not None:
            if not fits(value):
                raise _unfit(name, value)
            row[name] = _party(value) if isinstance(value, dict) else value
    request, first = row.get("requestHash"), row.get("botFirst")
    if request is not None and first is not None and deal_id(request, first) != row["dealid"].lower():
        raise ValidationError(f"{row['dealid']} is not the id of a deal of request order {request}")
    return row  # type: ignore[return-value]


def _party(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("pointer", "owner", "price")}


def _checked_chain(value: Any, chain_id: int) -> int | str:
    """The expected chain; the market writes its id as a number or as text.

    Raises:
        ValidationError: It is another one.
    """
    if (type(value) is int and value == chain_id) or value == str(chain_id):
        return value  # type: ignore[no-any-return]
    raise _unfit("chainId", value)


def _unfit(name: str, value: Any) -> ValidationError:
    if value is None:
        return ValidationError(f"{name} is missing")
    return ValidationError(f"{name} cannot be {plain(value, 80)}")
