"""The dashboard: the wallet's account above, its jobs, statement, orders and earnings below, up to date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.notebook.explorer.page import Page
from iexec_lab.notebook.explorer.places import own
from iexec_lab.notebook.forms import pieces
from iexec_lab.spelling import in_ether, in_rlc

if TYPE_CHECKING:
    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.explorer.rows import Rows

_GAS_STEP: Final = 10**12
"""Wei that are told apart: a millionth of an ether."""
_EVERY: Final = 15.0
"""Seconds between two looks while somebody looks at the page and no feed says more."""
_EARNINGS_EVERY: Final = 120.0
"""Seconds between two sums over the statement, which is read from its beginning."""


class Dashboard(Page):
    """What a wallet has, and what goes on for it."""

    title = "Dashboard"

    def __init__(self, lab: IExec) -> None:
        self._account = widgets.HTML()
        self._claim = pieces.action(
            "Claim all …",
            "undo",
            lambda: self.opened.open_form("deal claim", {"all": True}),
            primary=True,
            help="Get back what was paid for tasks that nobody finished",
        )
        self._earned, self._earned_at = 0, -_EARNINGS_EVERY
        self._read_account(lab)
        place = own(lab.session.own_address)
        super().__init__(lab, place, place.lists[0], above=[self._account, pieces.buttons(self._claim)])

    @property
    def topic(self) -> str | None:
        return "deals"

    @property
    def every(self) -> float:
        return _EVERY

    def _read_account(self, lab: IExec) -> None:
        """What the wallet has, of the chain; amounts are exact."""
        if time.monotonic() - self._earned_at >= _EARNINGS_EVERY:
            self._earned = earned(lab)
            self._earned_at = time.monotonic()
        self.facts, claimable = account_facts(lab, self._earned)
        self._account.value = markup.card(
            markup.join("My account ", markup.whole(lab.session.own_address)),
            markup.facts(self.facts[1:]),
            label="my account",
        )
        self._claim.description = f"Claim {in_rlc(claimable)} …"
        self._claim.layout.display = "" if claimable else "none"

    def _look(self, rows: Rows) -> None:
        self._read_account(self._lab)
        super()._look(rows)


def earned(lab: IExec) -> int:
    """All rewards of the wallet so far, in nRLC."""
    rewards = lab.account.history(cause="reward")["amount_nrlc"]
    return sum(each for each in rewards if isinstance(each, int))


def _about_ether(wei: int) -> str:
    """Coins for gas: enough decimals to see what is left."""
    return in_ether(wei // _GAS_STEP * _GAS_STEP)


def account_facts(lab: IExec, earned_nrlc: int) -> tuple[list[tuple[str, str]], int]:
    """What the wallet has, of the chain, and the nRLC that can be claimed; amounts are exact."""
    wallet, account, jobs = lab.session.together(
        lab.wallet.show, lab.account.show, lambda: lab.jobs(all=True)
    )
    claimable = sum(each for each in jobs["claimable_nrlc"] if isinstance(each, int))
    states = jobs["state"].value_counts().to_dict()
    network = lab.session.network
    facts = [
        ("Wallet", str(wallet["address"].iloc[0])),
        ("Network", f"{network.name} (chain {network.id})"),
        ("In the wallet", in_rlc(wallet["rlc_nrlc"].iloc[0])),
        ("Coins for gas", _about_ether(wallet["ether_wei"].iloc[0])),
        ("Staked", in_rlc(account["stake_nrlc"].iloc[0])),
        ("Locked", in_rlc(account["locked_nrlc"].iloc[0])),
        ("Earned", in_rlc(earned_nrlc)),
        ("Can be claimed", in_rlc(claimable)),
        ("Jobs", ", ".join(f"{count} {state}" for state, count in states.items()) or "none"),
    ]
    return facts, claimable
