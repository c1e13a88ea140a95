"""Which orders fit together: the checks that need only the orders themselves.

These are the official SDK's checks before it matches orders, in its words; the hub makes the same ones and
answers with a code. Ownership, signatures, stakes and remaining volumes are for the chain to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.orders import NULL_DATASET_ORDER
from iexec_lab.protocol.tags import check_deal_tag, has_tag, missing_bits, sum_tags, tag_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.protocol.orders import AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder


def check_match(
    app: AppOrder,
    workerpool: WorkerpoolOrder,
    request: RequestOrder,
    dataset: DatasetOrder = NULL_DATASET_ORDER,
    *,
    frameworks: Sequence[str] = TEE_FRAMEWORKS,
) -> str:
    """Refuse orders that the hub could not match; return the tag that the deal needs.

    Args:
        app: The app order.
        workerpool: The workerpool order.
        request: The request order.
        dataset: The dataset order; the null order without a dataset.
        frameworks: TEE frameworks that tags may name; ``("tdx",)`` gives the rules of SDK 9.

    Raises:
        ValidationError: the orders do not fit; the message is the first reason.
    """
    tag = check_deal_tag(app.tag, dataset.tag, request.tag, frameworks=frameworks)
    _check_addresses(app, dataset, workerpool, request)
    if workerpool.category != request.category:
        raise ValidationError(
            f"category mismatch between requestorder ({request.category}) "
            f"and workerpoolorder ({workerpool.category})"
        )
    if workerpool.trust < request.trust:
        raise ValidationError(
            f"workerpoolorder trust is too low (expected {request.trust}, got {workerpool.trust})"
        )
    missing = missing_bits(workerpool.tag, tag)
    if missing:
        names = ",".join(str(tag_name(bit, frameworks=frameworks)) for bit in missing)
        raise ValidationError(f"Missing tags [{names}] in workerpoolorder")
    if has_tag(sum_tags(request.tag, dataset.tag), "tee") and not has_tag(app.tag, "tee"):
        raise ValidationError("Missing tag [tee] in apporder")
    _check_prices(app, dataset, workerpool, request)
    return tag


def _check_addresses(
    app: AppOrder, dataset: DatasetOrder, workerpool: WorkerpoolOrder, request: RequestOrder
) -> None:
    pairs = (
        ("app", request.app, app.app),
        ("dataset", request.dataset, dataset.dataset),
        ("workerpool", request.workerpool, workerpool.workerpool),
    )
    for name, wanted, offered in pairs:
        if wanted != offered and (name == "app" or wanted != NULL_ADDRESS):
            raise ValidationError(
                f"{name} address mismatch between requestorder ({wanted}) and {name}order ({offered})"
            )


def _check_prices(
    app: AppOrder, dataset: DatasetOrder, workerpool: WorkerpoolOrder, request: RequestOrder
) -> None:
    prices = (
        ("app", request.appmaxprice, app.appprice),
        ("workerpool", request.workerpoolmaxprice, workerpool.workerpoolprice),
        ("dataset", request.datasetmaxprice, dataset.datasetprice),
    )
    for name, limit, price in prices:
        if limit < price:
            raise ValidationError(
                f"{name}maxprice too low (expected {price}, got {limit})", details={"unit": "nRLC a task"}
            )
