"""What stands below a form that connected: the balance, test coins, and the forms that come next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.errors import IexecError
from iexec_lab.notebook.forms import pieces
from iexec_lab.spelling import in_ether, in_rlc

if TYPE_CHECKING:
    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.hand.desk import Desk
    from iexec_lab.notebook.forms.hand.guided import Guided

_NEXT: Final = (
    ("run", "Run an app", "play"),
    ("sell", "Sell", "tag"),
    ("protect", "Protect and sell a file", "lock"),
)


class NextSteps:
    """The balance, and what to do with it.

    Attributes:
        box: What is drawn.
    """

    def __init__(self, desk: Desk, lab: IExec, form: Guided) -> None:
        self._desk, self._lab, self._form = desk, lab, form
        self._card = widgets.HTML()
        self._next = widgets.VBox(layout=widgets.Layout(overflow="visible"))
        items = [
            pieces.action(label, icon, partial(self.open, name), primary=name == "run")
            for name, label, icon in _NEXT
        ]
        if lab.session.network.funding_hint and lab.session.wallet.address:
            items.insert(0, pieces.action("Get test RLC", "tint", self._fund, help="Free on a sandbox"))
        # The one that most people want stands last, as in every form.
        items.sort(key=lambda button: button.button_style == "primary")
        self.box = widgets.VBox(
            [self._card, pieces.buttons(*items), self._next], layout=widgets.Layout(overflow="visible")
        )
        self.look()

    def look(self) -> None:
        """Read and show the balance."""
        try:
            self._card.value = _balance(self._lab)
        except IexecError as error:
            self._card.value = pieces.mistake(error)

    def open(self, name: str) -> None:
        """Draw another form below."""
        from iexec_lab.notebook.forms.opening import hand_made

        self._next.children = [hand_made(name, self._desk).box]

    def _fund(self) -> None:
        address = str(self._lab.session.wallet.address)
        self._form.work(lambda: self._form.perform(["sandbox", "fund", address], shown=False))
        self.look()


def _balance(lab: IExec) -> markup.Markup:
    """The card of a wallet: where it is, and what it holds.

    Raises:
        IexecError: The node was not reached.
    """
    session = lab.session
    network, address = session.network, session.wallet.address
    title = markup.join("Connected to ", network.name, f" (chain {network.id})")
    if not address:
        return markup.card(title, "No wallet: enough to look around.", label="Connection")
    held, account = lab.wallet._fetch_show()["balance"], lab.account._fetch_show()  # noqa: SLF001 - facts
    stake = account["balance"]
    facts: list[tuple[str, Any]] = [
        ("in the wallet", in_rlc(held["nRLC"])),
        *([("for gas", in_ether(int(held["wei"])))] if "wei" in held else []),
        ("on the account, to pay with", in_rlc(stake["stake"])),
        ("locked by running deals", in_rlc(stake["locked"])),
    ]
    wallet = markup.join("Wallet ", markup.whole(address), f", {session.wallet.origin}")
    return markup.card(title, wallet, markup.facts(facts), label="Connection")
