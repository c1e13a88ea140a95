"""``--plot``: the answer of a list as a picture."""

from __future__ import annotations

import sys
from dataclasses import replace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import Outcome
    from iexec_lab.commands.tree import Handler
    from iexec_lab.plots.picture import Picture

_BLOCK = "█"
_MOST_ROWS = 10_000
"""Rows of a picture, unless --limit says otherwise: it has room for more than a list."""


def plotting(handler: Handler, name: str) -> Handler:
    """A handler that draws its answer with ``plots.<name>`` when ``--plot`` is given.

    A notebook gets the picture, a terminal its figures; a file is written when one is named.
    """

    def handle(context: Context, args: Namespace) -> Outcome:
        if not args.plot:
            return handler(context, args)
        from iexec_lab import plots
        from iexec_lab.plots.picture import check_name

        path = context.folder / check_name(args.plot) if isinstance(args.plot, str) else None
        outcome = handler(replace(context, rows=_MOST_ROWS), args)
        draw: Callable[..., Picture] = getattr(plots, name)
        picture = draw(outcome.value, **_about(context, args, name))
        if path is None:
            return replace(outcome, make=lambda: picture, shown=_text(picture))
        saved = picture.save(path)
        said = f"{outcome.line} Saved as {saved}.".strip()
        return replace(outcome, make=lambda: picture, said=said, told="", shown={})

    return handle


def _about(context: Context, args: Namespace, name: str) -> dict[str, Any]:
    """What a picture must know beside its rows: the chain's clock decides which of them are late."""
    if name == "balance":
        return {"account": getattr(args, "address", None) or context.lab(args).session.address}
    if name not in {"deals", "tasks"}:
        return {}
    from iexec_lab.client.market.past import Past

    return {"now": lambda: Past(context.lab(args).session).now}


def _text(picture: Picture) -> str:
    """The figures, as wide as the terminal, with bars that its encoding has."""
    width = get_terminal_size((100, 24)).columns
    try:
        _BLOCK.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return picture.text(width, "#")
    return picture.text(width, _BLOCK)
