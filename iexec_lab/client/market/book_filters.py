"""Filters of the order book: one declaration for Python, the command line, forms and the reference.

An address of another kind than the list's own is a restriction: orders match that are open to all or to it.
With the strict flag only those match that name it; ``any`` takes all, None only those open to all.
"""

from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import Opt

_TAG_FORMS = 'words (``"tee,tdx"`` or a list), or 32 bytes as 0x text'


def _open_to(kind: str) -> Opt:
    return Opt({"requester": "user"}.get(kind, kind), f"orders this {kind} may use", shows="address")


def _strict(kind: str) -> Opt:
    return Opt("flag", f"leave out orders that any {kind} may use", default=False)


def _owner(kind: str) -> Opt:
    return Opt("user", f"only {kind}s of this owner", shows="address", python_only=True)


class BookFilters(TypedDict, total=False):
    """What all four lists take."""

    tag: Annotated[Any, Opt("tag", "orders with exactly this tag", _TAG_FORMS)]
    require_tag: Annotated[Any, Opt("tag", "orders with at least this tag")]
    max_tag: Annotated[Any, Opt("tag", "orders with at most this tag")]
    min_volume: Annotated[int | None, Opt("integer", "orders for at least this many executions")]
    limit: Annotated[
        int | None,
        Opt("integer", "stop after this many orders", "the best ones; None for all", shows="count"),
    ]
    page: Annotated[int | None, Opt("integer", "one page only, from 0", python_only=True)]
    page_size: Annotated[int, Opt("integer", "its size, 10 to 1000", default=20, python_only=True)]


class AppFilters(BookFilters, total=False):
    """Orders that let an app be used."""

    app_owner: Annotated[str | None, _owner("app")]
    dataset: Annotated[str | None, _open_to("dataset")]
    workerpool: Annotated[str | None, _open_to("workerpool")]
    requester: Annotated[str | None, _open_to("requester")]
    dataset_strict: Annotated[bool, _strict("dataset")]
    workerpool_strict: Annotated[bool, _strict("workerpool")]
    requester_strict: Annotated[bool, _strict("requester")]


class DatasetFilters(BookFilters, total=False):
    """Orders that let a dataset be used."""

    dataset_owner: Annotated[str | None, _owner("dataset")]
    app: Annotated[str | None, _open_to("app")]
    workerpool: Annotated[str | None, _open_to("workerpool")]
    requester: Annotated[str | None, _open_to("requester")]
    app_strict: Annotated[bool, _strict("app")]
    workerpool_strict: Annotated[bool, _strict("workerpool")]
    requester_strict: Annotated[bool, _strict("requester")]
    dataset_strict: Annotated[
        bool,
        Opt("flag", "accepted and without effect, as in the official SDK", default=False, python_only=True),
    ]
    bulk_only: Annotated[
        bool,
        Opt("flag", "orders that bulk processing can use", "free, with unlimited volume", default=False),
    ]


class WorkerpoolFilters(BookFilters, total=False):
    """Orders that sell tasks."""

    workerpool_owner: Annotated[str | None, _owner("workerpool")]
    category: Annotated[int | None, Opt("category", "category of the tasks", shows="id")]
    min_trust: Annotated[int | None, Opt("integer", "pools that promise at least this trust")]
    app: Annotated[str | None, _open_to("app")]
    dataset: Annotated[str | None, _open_to("dataset")]
    requester: Annotated[str | None, _open_to("requester")]
    app_strict: Annotated[bool, _strict("app")]
    dataset_strict: Annotated[bool, _strict("dataset")]
    requester_strict: Annotated[bool, _strict("requester")]


class RequesterFilters(BookFilters, total=False):
    """Requests that wait for a workerpool."""

    category: Annotated[int | None, Opt("category", "category of the tasks", shows="id")]
    max_trust: Annotated[int | None, Opt("integer", "requests that ask for at most this trust")]
    app: Annotated[str | None, _open_to("app")]
    dataset: Annotated[str | None, _open_to("dataset")]
    beneficiary: Annotated[str | None, Opt("user", "requests for this beneficiary", shows="address")]
    workerpool: Annotated[str | None, _open_to("workerpool")]
    workerpool_strict: Annotated[bool, _strict("workerpool")]


class LevelFilters(TypedDict, total=False):
    """What is computed from a list takes the filters that it has; an address of its own kind names it."""

    category: Annotated[int | None, Opt("category", "category of the tasks", shows="id")]
    tag: Annotated[Any, Opt("tag", "orders with exactly this tag", _TAG_FORMS)]
    require_tag: Annotated[Any, Opt("tag", "orders with at least this tag")]
    max_tag: Annotated[Any, Opt("tag", "orders with at most this tag")]
    min_volume: Annotated[int | None, Opt("integer", "orders for at least this many executions")]
    min_trust: Annotated[int | None, Opt("integer", "pools that promise at least this trust")]
    max_trust: Annotated[int | None, Opt("integer", "requests that ask for at most this trust")]
    app: Annotated[str | None, Opt("app", "orders of this app, or that it may use", shows="address")]
    dataset: Annotated[
        str | None, Opt("dataset", "orders of this dataset, or that it may use", shows="address")
    ]
    workerpool: Annotated[
        str | None, Opt("workerpool", "orders of this workerpool, or that it may use", shows="address")
    ]
    requester: Annotated[
        str | None, Opt("user", "orders of this requester, or that they may use", shows="address")
    ]


class BestFilters(LevelFilters, total=False):
    """What ``best`` takes."""

    by: Annotated[
        Any,
        Opt(
            "text",
            "tell orders apart by these: category,tag for computing, else asset",
            "of ``category``, ``tag`` and ``asset``; text with commas or a list",
            shows="names",
        ),
    ]


class SpreadFilters(TypedDict, total=False):
    """What ``spread`` takes."""

    category: Annotated[int | None, Opt("category", "only this category", shows="id")]
    tag: Annotated[Any, Opt("tag", "orders with exactly this tag", _TAG_FORMS)]
    require_tag: Annotated[Any, Opt("tag", "orders with at least this tag")]
    max_tag: Annotated[Any, Opt("tag", "orders with at most this tag")]
    min_volume: Annotated[int | None, Opt("integer", "orders for at least this many executions")]


KINDS = {
    "app": "apporder",
    "dataset": "datasetorder",
    "workerpool": "workerpoolorder",
    "requester": "requestorder",
}
"""Verb of ``lab.orderbook`` -> the kind of its orders."""
FOLDER = "book"
"""Where recordings are unless told otherwise, in the current folder."""
FILTERS: dict[str, type] = {
    "app": AppFilters,
    "dataset": DatasetFilters,
    "workerpool": WorkerpoolFilters,
    "requester": RequesterFilters,
}
"""Verb of ``lab.orderbook`` -> its filters."""
