"""The nouns of ``lab``: one table for people, type checkers and completion.

A noun is made, and its module imported, when it is first used: reading an order book needs no crypto.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iexec_lab.client.nouns.account import Accounts
    from iexec_lab.client.nouns.app import Apps
    from iexec_lab.client.nouns.category import Categories
    from iexec_lab.client.nouns.dataset import Datasets
    from iexec_lab.client.nouns.deal import Deals
    from iexec_lab.client.nouns.ens import Ens
    from iexec_lab.client.nouns.history import History
    from iexec_lab.client.nouns.network import NetworkNoun
    from iexec_lab.client.nouns.order import Orders
    from iexec_lab.client.nouns.orderbook import Orderbook
    from iexec_lab.client.nouns.plot import Plots
    from iexec_lab.client.nouns.requester import Requester
    from iexec_lab.client.nouns.result import Results
    from iexec_lab.client.nouns.storage import Storage
    from iexec_lab.client.nouns.task import Tasks
    from iexec_lab.client.nouns.voucher import Vouchers
    from iexec_lab.client.nouns.wallet import Wallets
    from iexec_lab.client.nouns.workerpool import Workerpools
    from iexec_lab.client.session import Session


class Nouns:
    """What ``lab`` has: ``lab.app``, ``lab.deal`` ..."""

    session: Session

    @cached_property
    def account(self) -> Accounts:
        """RLC on the hub: staked, locked, approved for others."""
        from iexec_lab.client.nouns.account import Accounts

        return Accounts(self.session)

    @cached_property
    def app(self) -> Apps:
        """Deploy, show, sell and run apps."""
        from iexec_lab.client.nouns.app import Apps

        return Apps(self.session)

    @cached_property
    def category(self) -> Categories:
        """Sizes of tasks."""
        from iexec_lab.client.nouns.category import Categories

        return Categories(self.session)

    @cached_property
    def dataset(self) -> Datasets:
        """Encrypt, deploy, show and sell datasets."""
        from iexec_lab.client.nouns.dataset import Datasets

        return Datasets(self.session)

    @cached_property
    def deal(self) -> Deals:
        """Deals and their tasks."""
        from iexec_lab.client.nouns.deal import Deals

        return Deals(self.session)

    @cached_property
    def ens(self) -> Ens:
        """Names of wallets, apps, datasets and workerpools."""
        from iexec_lab.client.nouns.ens import Ens

        return Ens(self.session)

    @cached_property
    def history(self) -> History:
        """What happened on the market, at any size."""
        from iexec_lab.client.nouns.history import History

        return History(self.session)

    @cached_property
    def network(self) -> NetworkNoun:
        """What the network is made of."""
        from iexec_lab.client.nouns.network import NetworkNoun

        return NetworkNoun(self.session)

    @cached_property
    def order(self) -> Orders:
        """Make, sign, publish, cancel and fill orders."""
        from iexec_lab.client.nouns.order import Orders

        return Orders(self.session)

    @cached_property
    def orderbook(self) -> Orderbook:
        """What the market offers and asks for."""
        from iexec_lab.client.nouns.orderbook import Orderbook

        return Orderbook(self.session)

    @cached_property
    def plot(self) -> Plots:
        """Pictures of the market."""
        from iexec_lab.client.nouns.plot import Plots

        return Plots(self.session)

    @cached_property
    def requester(self) -> Requester:
        """The wallet's secrets for the apps it runs."""
        from iexec_lab.client.nouns.requester import Requester

        return Requester(self.session)

    @cached_property
    def result(self) -> Results:
        """Keys for results, and opening them."""
        from iexec_lab.client.nouns.result import Results

        return Results(self.session)

    @cached_property
    def storage(self) -> Storage:
        """Where results and datasets are kept."""
        from iexec_lab.client.nouns.storage import Storage

        return Storage(self.session)

    @cached_property
    def task(self) -> Tasks:
        """Tasks, their results and logs."""
        from iexec_lab.client.nouns.task import Tasks

        return Tasks(self.session)

    @cached_property
    def voucher(self) -> Vouchers:
        """RLC that somebody else provides."""
        from iexec_lab.client.nouns.voucher import Vouchers

        return Vouchers(self.session)

    @cached_property
    def wallet(self) -> Wallets:
        """Coin and RLC of the wallet, and sending them."""
        from iexec_lab.client.nouns.wallet import Wallets

        return Wallets(self.session)

    @cached_property
    def workerpool(self) -> Workerpools:
        """Deploy and show workerpools, sell their tasks."""
        from iexec_lab.client.nouns.workerpool import Workerpools

        return Workerpools(self.session)

    @property
    def secrets(self) -> Requester:
        """The same as ``requester``."""
        return self.requester

    @property
    def hub(self) -> Categories:
        """The same as ``category``, under the official SDK's name."""
        return self.category


NOUNS = tuple(name for name, member in vars(Nouns).items() if isinstance(member, cached_property))
"""Their names, in alphabetical order."""
