"""The dashboard: the wallet's account above, its jobs, statement, orders and earnings below, kept up to date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.notebook.explorer.page import Page
from iexec_lab.notebook.explorer.places import own
from iexec_lab.units import format_ether, format_rlc

if TYPE_CHECKING:
    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.explorer.rows import Rows

_EVERY: Final = 15.0
"""Seconds between two looks while somebody looks at the page and no feed says more."""
_EARNINGS_EVERY: Final = 120.0
"""Seconds between two sums over the statement, which is read from its beginning."""


class Dashboard(Page):
    """What a wallet has, and what goes on for it."""

    def __init__(self, lab: IExec) -> None:
        self._account = widgets.HTML()
        self._claim = widgets.Button(
            description="Claim all …", icon="undo", layout=widgets.Layout(width="auto", display="none")
        )
        self._claim.on_click(lambda _button: self.open_form("deal claim", {"all": True}))
        self._earned, self._earned_at = 0, -_EARNINGS_EVERY
        self._read_account(lab)
        place = own(lab.session.own_address)
        super().__init__(lab, place, place.lists[0], above=[self._account, self._claim])

    @property
    def topic(self) -> str | None:
        return "deals"

    @property
    def every(self) -> float:
        return _EVERY

    def _read_account(self, lab: IExec) -> None:
        """What the wallet has, of the chain; amounts are exact."""
        wallet, account, jobs = lab.session.together(
            lab.wallet.show, lab.account.show, lambda: lab.jobs(all=True)
        )
        if time.monotonic() - self._earned_at >= _EARNINGS_EVERY:
            rewards = lab.account.history(cause="reward")["amount_nrlc"]
            self._earned = sum(each for each in rewards if isinstance(each, int))
            self._earned_at = time.monotonic()
        claimable = sum(each for each in jobs["claimable_nrlc"] if isinstance(each, int))
        states = jobs["state"].value_counts().to_dict()
        self.facts = [
            ("Wallet", str(wallet["address"].iloc[0])),
            ("Network", f"{lab.session.network.name} (chain {lab.session.network.id})"),
            ("RLC in the wallet", f"{format_rlc(wallet['rlc_nrlc'].iloc[0])} RLC"),
            ("Coins for gas", format_ether(wallet["ether_wei"].iloc[0])),
            ("Staked", f"{format_rlc(account['stake_nrlc'].iloc[0])} RLC"),
            ("Locked", f"{format_rlc(account['locked_nrlc'].iloc[0])} RLC"),
            ("Earned", f"{format_rlc(self._earned)} RLC"),
            ("Can be claimed", f"{format_rlc(claimable)} RLC"),
            ("Jobs", ", ".join(f"{count} {state}" for state, count in states.items()) or "none"),
        ]
        self._account.value = markup.card("My account", markup.facts(self.facts), label="my account")
        self._claim.layout.display = "" if claimable else "none"

    def _look(self, rows: Rows) -> None:
        self._read_account(self._lab)
        super()._look(rows)
