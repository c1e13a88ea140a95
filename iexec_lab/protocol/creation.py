"""New orders, with the defaults of the official SDK."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.constants import NULL_ADDRESS, NULL_BYTES32, TEE_FRAMEWORKS
from iexec_lab.protocol.orders import ORDERS, RequestOrder
from iexec_lab.protocol.params import canonical_params
from iexec_lab.protocol.tags import check_tag, sum_tags
from iexec_lab.protocol.values import to_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.protocol.order import Order
    from iexec_lab.protocol.params import Sdk

_MISSING = {"workerpoolorder": "Missing parameter"}


def create_order(
    kind: str,
    values: Mapping[str, Any],
    *,
    frameworks: Sequence[str] = TEE_FRAMEWORKS,
    requester: str | None = None,
    default_tag: str = NULL_BYTES32,
) -> Order:
    """An unsigned order from the fields that are given, in any accepted form; others get the SDK's defaults.

    Prices default to 0, volume to 1, restrictions to none, the beneficiary to the requester; a request's
    parameters become their canonical text. A value of None counts as not given, unknown names are ignored.

    Args:
        kind: ``apporder``, ``datasetorder``, ``workerpoolorder`` or ``requestorder``.
        values: Field values by protocol name.
        frameworks: TEE frameworks that tags may name; ``("tdx",)`` gives the rules of SDK 9.
        requester: The wallet, for a request order that does not name one.
        default_tag: Bits that are added to the tag, as SDK 9 adds tee and tdx (``TDX_TAG``).

    Raises:
        ValidationError: a field is missing or can not be right.
    """
    order = ORDERS[kind]
    given = {name: values[name] for name in order.layout if values.get(name) is not None}
    if order is RequestOrder:
        # The SDK reads null here as "not given", too.
        owner = given.setdefault("requester", requester)
        given["beneficiary"] = given.get("beneficiary") or owner
    for name in (order.resource_field if order is not RequestOrder else "app", "category"):
        if name in order.layout and given.get(name) is None:
            raise ValidationError(_MISSING.get(kind, f"{name} is a required field"))
    rules = partial(check_tag, frameworks=frameworks, ignore_legacy=order.ignores_legacy_tee)
    tag = rules(given.get("tag", NULL_BYTES32), allow_agnostic=order.allows_agnostic_tee)
    if default_tag != NULL_BYTES32:
        tag = rules(sum_tags(tag, default_tag))
    given["tag"] = tag
    if order is RequestOrder:
        callback = to_address(given.get("callback", NULL_ADDRESS))
        sdk: Sdk = 9 if tuple(frameworks) == ("tdx",) else 8
        given["params"] = canonical_params(given.get("params"), tag=tag, callback=callback, sdk=sdk)
    return order(**given)
