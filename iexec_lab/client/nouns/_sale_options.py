"""Terms of an order that sells an app, a dataset or tasks: one declaration for all faces of ``publish``."""

from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import AMOUNT_FORMS, Opt

_UNCHECKED = Opt("flag", "do not check secrets and tags before signing", default=False)


def _only(kind: str) -> Opt:
    return Opt({"requester": "user"}.get(kind, kind), f"only for this {kind}", shows="address")


class SaleOptions(TypedDict, total=False):
    """What all three take."""

    price: Annotated[
        Any,
        Opt(
            "amount",
            "price of one execution",
            AMOUNT_FORMS,
            "in nRLC unless a unit follows (0)",
            default=0,
            shows="amount unit",
            variadic=True,
        ),
    ]
    volume: Annotated[
        int, Opt("integer", "how many executions the order is good for", default=1_000_000, shows="volume")
    ]
    tag: Annotated[Any, Opt("tag", "tag words (tee,tdx) or 32 bytes", "text, a list of words, or 0x text")]


class AppSale(SaleOptions, total=False):
    """The tag is what the app needs."""

    dataset_restrict: Annotated[str | None, _only("dataset")]
    workerpool_restrict: Annotated[str | None, _only("workerpool")]
    requester_restrict: Annotated[str | None, _only("requester")]
    skip_preflight_check: Annotated[bool, _UNCHECKED]


class DatasetSale(SaleOptions, total=False):
    """The tag is what using the dataset needs; ``tee`` keeps an encrypted one inside enclaves."""

    app_restrict: Annotated[str | None, _only("app")]
    workerpool_restrict: Annotated[str | None, _only("workerpool")]
    requester_restrict: Annotated[str | None, _only("requester")]
    skip_preflight_check: Annotated[bool, _UNCHECKED]


class FileSale(DatasetSale, total=False):
    """What ``dataset publish-file`` takes; the tag is ``tee`` unless given: only enclaves get the key."""

    name: Annotated[
        str | None,
        Opt("text", "name of the dataset on chain; by default the file's", "for ever", shows="text"),
    ]


class WorkerpoolSale(SaleOptions, total=False):
    """The tag is what the workers offer. 30 % of the price is locked for each task."""

    category: Annotated[
        int,
        Opt(
            "category",
            "category of the tasks",
            "a number from ``lab.category.list()``",
            default=0,
            shows="id",
        ),
    ]
    trust: Annotated[int, Opt("integer", "highest trust on offer", default=0)]
    app_restrict: Annotated[str | None, _only("app")]
    dataset_restrict: Annotated[str | None, _only("dataset")]
    requester_restrict: Annotated[str | None, _only("requester")]


SALES: dict[str, type] = {"app": AppSale, "dataset": DatasetSale, "workerpool": WorkerpoolSale}
"""Noun -> options of its ``publish``."""
