"""Filters of the lists of deals, tasks, apps, datasets, workerpools: one declaration for Python and commands.

All that are given must be met. What each means to a row is said in ``wanted.py``.
"""

from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import Opt, either

MOMENTS = '"7d", "12h", a date such as "2026-10-01", or a block such as "#123"'
_TAG_FORMS = 'words (``"tee,tdx"`` or a list), or 32 bytes as 0x text'
DEAL_STATUSES = ("running", "completed", "claimable", "failed")
"""Tasks go on; all have a result; some can be claimed back; all have ended, some without a result."""
TASK_STATUSES = ("active", "revealing", "completed", "failed", "timeout")
ROWS = 100
"""Rows of a list unless it is told otherwise."""


def _only(kind: str, what: str) -> Opt:
    return Opt(kind, f"only {what}", shows="address")


def _order(kind: str) -> Opt:
    return Opt(f"{kind}order", f"only deals of this {kind}order", shows="hash")


class EventFilters(TypedDict, total=False):
    """Filters of what happened to one deal, task or asset."""

    source: Annotated[
        str | None, Opt("name", 'where it is read: "subgraph" or "logs" (the node)', shows="name")
    ]


class ChildFilters(EventFilters, total=False):
    """Filters of what belongs to one thing: the deals of an app, the contributions of a worker."""

    since: Annotated[Any, Opt("text", "from then on", MOMENTS, MOMENTS, shows="moment")]
    until: Annotated[Any, Opt("text", "before then", "as ``since``", "as --since", shows="moment")]
    limit: Annotated[int | None, Opt("integer", "how many rows", "None for all", default=ROWS, shows="count")]


class DatasetDealFilters(ChildFilters, total=False):
    """Filters of the deals of a dataset."""

    bulk: Annotated[
        bool,
        Opt(
            "flag",
            "instead those that had it in a bulk",
            "the deals of a dataset itself otherwise",
            default=False,
        ),
    ]


class ListFilters(ChildFilters, total=False):
    """What every list takes."""

    sort: Annotated[
        str | None,
        Opt("name", '"newest" (default), "oldest", or a column, largest first', shows="column"),
    ]
    ascending: Annotated[bool, Opt("flag", "with a column to sort by: smallest first", default=False)]


class DealListFilters(ListFilters, total=False):
    """Filters of a list of deals."""

    all: Annotated[bool, Opt("flag", "deals of everybody", default=False)]
    beneficiary: Annotated[str | None, _only("user", "deals with this beneficiary")]
    app: Annotated[str | None, _only("app", "deals that run this app")]
    dataset: Annotated[str | None, _only("dataset", "deals with this dataset")]
    workerpool: Annotated[str | None, _only("workerpool", "deals with this workerpool")]
    app_owner: Annotated[str | None, _only("user", "deals with an app of this owner")]
    dataset_owner: Annotated[str | None, _only("user", "deals with a dataset of this owner")]
    workerpool_owner: Annotated[str | None, _only("user", "deals with a workerpool of this owner")]
    sponsor: Annotated[str | None, _only("user", "deals that this account pays for")]
    category: Annotated[int | None, Opt("category", "only deals of this category", shows="id")]
    tag: Annotated[Any, Opt("tag", "only deals with exactly this tag", _TAG_FORMS)]
    require_tag: Annotated[Any, Opt("tag", "only deals with at least this tag")]
    status: Annotated[str | None, Opt("name", f"only deals that are {either(DEAL_STATUSES)}", shows="word")]
    bulk: Annotated[bool, Opt("flag", "only deals on a bulk of datasets", default=False)]
    apporder_hash: Annotated[str | None, _order("app")]
    datasetorder_hash: Annotated[str | None, _order("dataset")]
    workerpoolorder_hash: Annotated[str | None, _order("workerpool")]
    requestorder_hash: Annotated[str | None, _order("request")]


class TaskListFilters(ListFilters, total=False):
    """Filters of a list of tasks."""

    all: Annotated[bool, Opt("flag", "tasks of everybody", default=False)]
    deal: Annotated[str | None, Opt("deal", "only tasks of this deal", shows="id")]
    app: Annotated[str | None, _only("app", "tasks that run this app")]
    dataset: Annotated[str | None, _only("dataset", "tasks of deals with this dataset")]
    workerpool: Annotated[str | None, _only("workerpool", "tasks of this workerpool")]
    worker: Annotated[str | None, _only("user", "tasks that this worker contributed to")]
    category: Annotated[int | None, Opt("category", "only tasks of this category", shows="id")]
    status: Annotated[str | None, Opt("name", f"only tasks that are {either(TASK_STATUSES)}", shows="word")]
    late: Annotated[
        bool, Opt("flag", "only tasks that nobody finished in time: they are claimable", default=False)
    ]


class AssetListFilters(ListFilters, total=False):
    """Filters of a list of apps, datasets or workerpools."""

    owner: Annotated[str | None, _only("user", "those of this owner")]
    name: Annotated[str | None, Opt("text", "only those with this text in the name", "in any case")]
    used_since: Annotated[
        Any, Opt("text", "only those used from then on", "as ``since``", "as --since", shows="moment")
    ]


LISTS: dict[str, type] = {
    "deal": DealListFilters,
    "task": TaskListFilters,
    **dict.fromkeys(("app", "dataset", "workerpool"), AssetListFilters),
}
"""Noun -> the filters of its list."""
