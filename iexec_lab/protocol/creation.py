"""New orders, with the defaults of the official SDK."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.constants import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.protocol.orders import ORDERS, RequestOrder, WorkerpoolOrder
from iexec_lab.protocol.params import canonical_params
from iexec_lab.protocol.tags import check_tag, sum_tags
from iexec_lab.protocol.values import to_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.protocol.order import Order
    from iexec_lab.protocol.params import Sdk


def create_order(
    kind: str,
    values: Mapping[str, Any],
    *,
    frameworks: Sequence[str] = TEE_FRAMEWORKS,
    requester: str | None = None,
    default_tag: str = NULL_BYTES32,
) -> Order:
    """An unsigned order from the given fields, in any accepted form; the others get the SDK's defaults.

    Prices default to 0, volume to 1, restrictions to none, the beneficiary to the requester; a request's
    parameters become their canonical text. None counts as not given; unknown names are ignored.

    Args:
        kind: ``apporder``, ``datasetorder``, ``workerpoolorder`` or ``requestorder``.
        values: Field values by protocol name.
        frameworks: TEE frameworks that tags may name; ``("tdx",)`` gives the rules of SDK 9.
        requester: The wallet, for a request order that does not name one.
        default_tag: Bits that are added to the tag, as SDK 9 adds tee and tdx (``TDX_TAG``).

    Raises:
        ValidationError: a field is missing or invalid.
    """
    order = ORDERS[kind]
    given = {name: values[name] for name in order.layout if values.get(name) is not None}
    checked = {"tag": _tag(order, given, frameworks, default_tag)} if order is RequestOrder else {}
    if order is RequestOrder:
        given["requester"] = given.get("requester") or requester
        given["beneficiary"] = given.get("beneficiary") or given["requester"]
    elif order is WorkerpoolOrder and not {"workerpool", "category"} <= given.keys():
        raise ValidationError("Missing parameter", hint="a workerpoolorder needs workerpool and category")
    needed = {field.name for field in fields(order) if field.default is MISSING}
    # In the SDK's order of writing, so that of several mistakes the same one is named.
    for name in order.written:
        if name == "tag":
            checked.setdefault(name, _tag(order, given, frameworks, default_tag))
        elif name == "params":
            callback = to_address(given.get("callback", NULL_ADDRESS))
            sdk: Sdk = 9 if tuple(frameworks) == ("tdx",) else 8
            checked[name] = canonical_params(given.get(name), tag=checked["tag"], callback=callback, sdk=sdk)
        elif given.get(name) is not None:
            checked[name] = order.read_field(name, given[name])
        elif name in needed:
            raise ValidationError(f"{name} is a required field")
    return order(**checked)


def _tag(order: type[Order], given: dict[str, Any], frameworks: Sequence[str], default_tag: str) -> str:
    tag: str = order.read_field("tag", given.get("tag", NULL_BYTES32), frameworks=frameworks)
    if default_tag == NULL_BYTES32:
        return tag
    return check_tag(
        sum_tags(tag, default_tag), frameworks=frameworks, ignore_legacy=order.ignores_legacy_tee
    )
