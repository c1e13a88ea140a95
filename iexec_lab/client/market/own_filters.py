"""Filters of an account statement and of the list of orders: one declaration for Python and commands."""

from typing import Annotated, Any, TypedDict

from iexec_lab.client.options import Opt, either

_MOMENTS = '"7d", "12h", a date such as "2026-10-01", or a block such as "#123"'
_TAG_FORMS = 'words (``"tee,tdx"`` or a list), or 32 bytes as 0x text'
KINDS = ("app", "dataset", "workerpool", "request")
STATUSES = ("open", "filled", "canceled", "dead")
"""Something is left of it; all of it was matched; it was closed on chain; its asset has another owner now."""


class _Times(TypedDict, total=False):
    since: Annotated[Any, Opt("text", "from then on", _MOMENTS, _MOMENTS, shows="moment")]
    until: Annotated[Any, Opt("text", "before then", "as ``since``", "as --since", shows="moment")]


class StatementFilters(_Times, total=False):
    """What a statement takes."""

    limit: Annotated[
        int | None, Opt("integer", "only the newest so many movements", "None for all", shows="count")
    ]
    cause: Annotated[
        Any,
        Opt(
            "text",
            'only movements with this cause, or a word of it: "deposit", "reward", "stake" ...',
            "text, or a list",
            "several with commas between",
            shows="cause",
        ),
    ]
    source: Annotated[
        str | None, Opt("name", 'where it is read: "subgraph" or "logs" (the node)', shows="name")
    ]


def _about(kind: str) -> Opt:
    return Opt(
        {"requester": "user"}.get(kind, kind),
        f"only orders of this {kind} or restricted to it",
        shows="address",
    )


class AccessFilters(_Times, total=False):
    """What the list of orders takes."""

    received: Annotated[bool, Opt("flag", "orders that only this account may use", default=False)]
    all: Annotated[
        bool,
        Opt("flag", "orders of everybody; with received, also those open to all", default=False),
    ]
    kind: Annotated[str | None, Opt("name", f"only one kind: {either(KINDS)}", shows="kind")]
    status: Annotated[
        str | None,
        Opt("name", either((*STATUSES, "any")), default="open", shows="word"),
    ]
    app: Annotated[str | None, _about("app")]
    dataset: Annotated[str | None, _about("dataset")]
    workerpool: Annotated[str | None, _about("workerpool")]
    requester: Annotated[str | None, _about("requester")]
    tag: Annotated[Any, Opt("tag", "only orders with exactly this tag", _TAG_FORMS)]
    category: Annotated[int | None, Opt("category", "only orders of this category", shows="id")]
    limit: Annotated[
        int | None, Opt("integer", "the newest so many orders", "None for all", default=100, shows="count")
    ]
