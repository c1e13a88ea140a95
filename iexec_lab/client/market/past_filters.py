"""Options of ``lab.history``: one declaration for Python, the command line, forms and the reference."""

from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import Opt

MOMENTS = '"7d", "12h" or "30m" before the newest block, "2026-10-01", or a block as "#123"'


def _of(kind: str, what: str) -> Opt:
    return Opt(kind, f"only {what}", shows="address")


class PastOptions(TypedDict, total=False):
    """What every table of history takes."""

    to: Annotated[
        str | None,
        Opt(
            "folder",
            "write Parquet files there; the same call again goes on where it stopped",
            "the frame then says what was written",
            shows="folder",
        ),
    ]
    engine: Annotated[
        str,
        Opt(
            "name",
            "pandas or dask",
            "with ``dask`` the workers read the rows when the frame is computed",
            default="pandas",
            python_only=True,
        ),
    ]
    source: Annotated[str | None, Opt("name", '"subgraph", or "logs" of the node', shows="name")]
    limit: Annotated[int | None, Opt("integer", "the newest rows only, so many", shows="count")]
    progress: Annotated[Any, Opt("name", "called with a ``Progress`` now and then", python_only=True)]


class PastDeals(PastOptions, total=False):
    """Filters of deals."""

    party: Annotated[str | None, _of("user", "deals in which this account had a part")]
    requester: Annotated[str | None, _of("user", "deals of this requester")]
    beneficiary: Annotated[str | None, _of("user", "deals for this beneficiary")]
    app: Annotated[str | None, _of("app", "deals with this app")]
    dataset: Annotated[str | None, _of("dataset", "deals with this dataset")]
    workerpool: Annotated[str | None, _of("workerpool", "deals with this workerpool")]
    category: Annotated[int | None, Opt("category", "only deals of this category", shows="id")]


class PastTasks(PastOptions, total=False):
    """Filters of tasks."""

    party: Annotated[str | None, _of("user", "tasks that this account asked for or worked on")]
    requester: Annotated[str | None, _of("user", "tasks of this requester")]
    worker: Annotated[str | None, _of("user", "tasks that this worker contributed to")]
    app: Annotated[str | None, _of("app", "tasks of this app")]
    dataset: Annotated[str | None, _of("dataset", "tasks with this dataset")]
    workerpool: Annotated[str | None, _of("workerpool", "tasks of this workerpool")]
    category: Annotated[int | None, Opt("category", "only tasks of this category", shows="id")]
    deal_id: Annotated[str | None, Opt("deal", "only tasks of this deal", shows="dealid")]


class PastEvents(PastOptions, total=False):
    """Filters of events."""

    party: Annotated[str | None, _of("user", "events of this account")]
    event: Annotated[str | None, Opt("name", "only this event, such as TaskFinalize", shows="name")]
    deal_id: Annotated[str | None, Opt("deal", "only events of this deal", shows="dealid")]
    task_id: Annotated[str | None, Opt("task", "only events of this task", shows="taskid")]


class PastTransfers(PastOptions, total=False):
    """Filters of transfers of staked RLC."""

    party: Annotated[str | None, _of("user", "transfers from or to this account")]
    cause: Annotated[
        str | None,
        Opt("name", 'only "deposit", "withdrawal", "transfer", "lock", "unlock" or "reward"', shows="word"),
    ]


class PastOrders(PastOptions, total=False):
    """Filters of orders that were matched."""

    party: Annotated[str | None, _of("address", "orders of this app, dataset, workerpool or requester")]
    order_kind: Annotated[
        str | None, Opt("name", 'only "app", "dataset", "workerpool" or "request"', shows="word")
    ]


PAST: dict[str, type] = {
    "deals": PastDeals,
    "tasks": PastTasks,
    "events": PastEvents,
    "transfers": PastTransfers,
    "orders": PastOrders,
}
"""Table -> its options."""
