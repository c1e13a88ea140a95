"""Values that a form can propose: what is deployed from this folder, one's own, and what the market sells.

What is on disk is known at once. The market is asked in a thread, once for each kind and for a bounded number
of rows; where it does not answer the form stays as it is, and as usable.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.matching import proposed
from iexec_lab.errors import IexecError, ProjectError
from iexec_lab.project import Project
from iexec_lab.protocol import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.fields import Field

    Known = dict[str, str]

ASSETS: Final = ("app", "dataset", "workerpool")
_NO_ANSWER: Final = (IexecError, OSError, ValueError, KeyError, TypeError)
"""What a stranger's answer, or none, may lead to."""
_PATIENCE: Final = 20.0
"""Seconds after which nothing more is asked for one form."""


def deployed_here(folder: Any, kind: str, chain_id: int | None) -> Known:
    """The last deployment of a kind on this chain, from ``deployed.json``."""
    if chain_id is None or kind not in ASSETS:
        return {}
    with suppress(ProjectError):
        address = Project(folder).deployed(kind, chain_id)
        return {address: "deployed from this folder"} if address else {}
    return {}


class Proposals:
    """What is known on one market; every answer is kept, and so is that there was none.

    Args:
        lab: The market.
    """

    def __init__(self, lab: IExec) -> None:
        self._lab = lab
        self._kept: dict[tuple[str, str], Known] = {}

    def of(self, kind: str, app: str = "") -> Known:
        """Values of a kind and what is known of each; empty where the market does not answer.

        Args:
            kind: "app", "dataset", "workerpool", "category", "user", "deal", or a kind of order.
            app: Datasets, pools and their orders that this app may use.
        """
        key = (kind, app.lower())
        if key not in self._kept:
            self._kept[key] = {}
            with suppress(*_NO_ANSWER):
                self._kept[key] |= self._own(kind)
            with suppress(*_NO_ANSWER):
                self._kept[key] |= self._ask(kind, app)
        return self._kept[key]

    def _ask(self, kind: str, app: str) -> Known:
        session = self._lab.session
        if kind in ASSETS:
            return proposed.on_sale(session, kind, app)
        if kind.endswith("order") and kind != "requestorder":
            return proposed.orders(session, kind, app)
        if kind == "category":
            return proposed.categories(session)
        if kind in {"user", "address"}:
            own = session.wallet.address
            return {own: "this wallet"} if own else {}
        return {}

    def _own(self, kind: str) -> Known:
        """The wallet's own, newest first, where the network has a subgraph: reading logs would take long."""
        session = self._lab.session
        if kind not in ASSETS or not (session.network.poco_subgraph and session.wallet.address):
            return {}
        noun = getattr(self._lab, kind)
        rows = noun._fetch_list(owner=session.wallet.address, limit=proposed.MOST).rows()  # noqa: SLF001 - its facts
        named = proposed.names(session, kind, [row["address"] for row in rows])
        return {address: ", ".join(filter(None, [name, "yours"])) for address, name in named.items()}


def propose(lab: IExec, fields: Iterable[Field], app: Callable[[], str]) -> threading.Thread:
    """Begin to ask for what these fields could hold; each gets it when it is there.

    Args:
        lab: The market.
        fields: Whose kinds are asked for.
        app: The app that is chosen, for what depends on it; empty for none.
    """
    known, wanted = Proposals(lab), list(fields)

    def ask() -> None:
        until = time.monotonic() + _PATIENCE
        for field in wanted:
            if time.monotonic() > until:
                return
            kind = field.item.kind
            chosen = app() if kind != "app" else ""
            values = known.of(kind, chosen if is_address(chosen) else "")
            if values:
                field.propose(values)

    thread = threading.Thread(target=ask, daemon=True, name="iexec-lab-proposals")
    thread.start()
    return thread
