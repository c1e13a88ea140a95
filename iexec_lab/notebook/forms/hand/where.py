"""At which market a form works: a line when one is open, else the form that connects, as its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.errors import IexecError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.connect import ConnectForm
from iexec_lab.notebook.forms.hand.aside import Aside
from iexec_lab.notebook.forms.hand.guided import beside
from iexec_lab.spelling import in_rlc, short_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.hand.desk import Desk


class Where:
    """The market of a form.

    Attributes:
        lab: It, once one is open.
        box: What is drawn.
    """

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self.lab: IExec | None = desk.lab()
        self._told = widgets.HTML()
        self._row = [self._told]
        if not desk.fixed:
            change = pieces.action("Change", "exchange", self._choose, help="Another network or wallet")
            self._row.append(change)
        self._stake = Aside(self._tell)
        self.box = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        if self.lab is None:
            self._choose()
        else:
            self._opened(self.lab)

    def look(self) -> None:
        """Ask anew what is on the account."""
        lab = self.lab
        if lab is not None and lab.session.wallet.address:
            self._stake.ask(lambda: int(lab.account._fetch_show()["balance"]["stake"]))  # noqa: SLF001 - facts

    def _choose(self) -> None:
        network = self.lab.session.network.name if self.lab else ""
        form = ConnectForm(self._desk, network, then=self._connected)
        self.box.children = [form.embedded()]

    def _connected(self, lab: IExec) -> None:
        self._opened(lab)
        self._changed()

    def _opened(self, lab: IExec) -> None:
        self.lab = lab
        self._draw("")
        self.box.children = [beside(*self._row)]
        self.look()

    def _tell(self, stake: Any) -> None:
        self._draw("" if isinstance(stake, IexecError) else f"{in_rlc(stake)} on the account")

    def _draw(self, stake: str) -> None:
        assert self.lab is not None
        session = self.lab.session
        address = session.wallet.address
        wallet = markup.short(address, short_id(address)) if address else "no wallet"
        parts = [markup.element("strong", session.network.name), markup.join("wallet ", wallet), stake]
        if session.network.real_value:
            parts.insert(1, markup.badge("RLC has value", "late"))
        self._told.value = markup.element("div", markup.join(*filter(None, parts), between=" · "))
