"""The whole story of a market, told as the steps that make it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from iexec_lab.ethereum.contracts import HUB, NATIVE_HUB, RLC, WORKERPOOL
from iexec_lab.protocol import NULL_DATASET_ORDER, deal_id
from iexec_lab.sandbox.chain.genesis import ETHER, WEI_PER_NRLC
from iexec_lab.sandbox.populate.tasks import Life, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.book import Book
    from iexec_lab.sandbox.populate.stage import Stage, Step
    from iexec_lab.sandbox.populate.wishes import Wish

_AT_ONCE = 40
"""Deposits of one transaction."""
_CREATION, _POLICIES = 60, 120
_POCKET = 25 * 10**9
"""nRLC that everybody has besides what the story needs."""


class Story:
    """``nrlc`` and ``wei`` are what the funder has to have first; ``deals`` maps the ids to their wishes."""

    def __init__(
        self, stage: Stage, wishes: Sequence[Wish], book: Book, results: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._stage = stage
        self._wishes = wishes
        self._book = book
        self._work = Work(stage, stage.size.dice("tasks"), results)
        self._stakes: Counter[str] = Counter()
        self._wallets: Counter[str] = Counter()
        self._dice = stage.size.dice("money")
        self.deals: dict[str, Wish] = {}
        self._plan()

    def _plan(self) -> None:
        stage = self._stage
        self._book.open()
        for wish in self._wishes:
            stage.later(wish.at, lambda wish=wish: self._match(wish))  # type: ignore[misc]
        self._plan_moves()
        for account in stage.people.active:
            self._stakes[account.address] += _POCKET * self._dice.randrange(40, 400) // 100
        self._stakes.update(self._book.needs)
        for wish in self._wishes:
            self._stakes[(wish.sponsor or wish.requester).address] += wish.cost * wish.tasks
            self._stakes[wish.pool.owner.address] += wish.price * 30 // 100 * wish.tasks
            for worker in wish.pool.workers:
                self._stakes[worker.address] += wish.price * 50 // 100 * wish.tasks
        stage.later(0, self._fund_all)
        stage.later(_CREATION, self._create_all)
        stage.later(_POLICIES, self._set_policies)

    @property
    def nrlc(self) -> int:
        native = self._stage.place.rlc is None
        return 0 if native else sum(self._stakes.values()) + sum(self._wallets.values())

    @property
    def wei(self) -> int:
        people = len(list(self._stage.people.active)) + 1
        gas = people * self._gas_money
        if self._stage.place.rlc is not None:
            return gas
        return gas + (sum(self._stakes.values()) + sum(self._wallets.values())) * WEI_PER_NRLC

    @property
    def _gas_money(self) -> int:
        """Wei for one participant."""
        return ETHER if self._stage.place.rlc is None else (20 + self._stage.size.deals // 10) * ETHER

    def steps(self) -> Iterator[Step]:
        """In order of time; each is made when it is asked for."""
        return self._stage.play()

    # -- the beginning ------------------------------------------------------------------------------------

    def _fund_all(self) -> None:
        stage, funder, hub = self._stage, self._stage.people.funder, self._stage.place.hub
        rlc = stage.place.rlc
        for account in stage.people.active:
            coins = self._gas_money
            if rlc is None:
                coins += self._wallets[account.address] * WEI_PER_NRLC
            elif self._wallets[account.address]:
                amount = self._wallets[account.address]
                stage.send(funder, rlc, RLC.transfer, account.address, amount, gas=100_000)
            stage.send(funder, account.address, value=coins, gas=21_000)
        stakes = [(address, nrlc) for address, nrlc in self._stakes.items() if nrlc]
        if rlc is not None:
            stage.send(funder, rlc, RLC.approve, hub, sum(nrlc for _, nrlc in stakes), gas=100_000)
        for start in range(0, len(stakes), _AT_ONCE):
            part = stakes[start : start + _AT_ONCE]
            amounts, addresses = [nrlc for _, nrlc in part], [address for address, _ in part]
            value = sum(amounts) * WEI_PER_NRLC if rlc is None else 0
            stage.send(funder, hub, HUB.depositForArray, amounts, addresses, value=value, gas=6_000_000)

    def _create_all(self) -> None:
        for good in self._stage.goods.all:
            registry = self._stage.place.registries[good.kind]
            self._stage.send(good.owner, registry, good.create, *good.arguments)

    def _set_policies(self) -> None:
        for pool in self._stage.goods.pools:
            policy = pool.stake_ratio, pool.reward_ratio
            self._stage.send(pool.owner, pool.address, WORKERPOOL.changePolicy, *policy, gas=300_000)

    # -- deals --------------------------------------------------------------------------------------------

    def _match(self, wish: Wish) -> None:
        stage, terms = self._stage, self._book.terms[wish.number]
        for slip in terms.offers:
            stage.publish(slip.signed(stage))
        dataset = terms.dataset.signed(stage) if terms.dataset else NULL_DATASET_ORDER
        request = terms.request.signed(stage)
        orders = terms.app.signed(stage), dataset, terms.pool.signed(stage), request
        function = HUB.sponsorMatchOrders if wish.sponsor else HUB.matchOrders
        stage.hub(wish.sponsor or wish.requester, function, *(order.to_tuple() for order in orders))
        deal = deal_id(request.hash(stage.place.domain), wish.first)
        self.deals[deal] = wish
        Life(self._work, wish, deal).begin()

    # -- money that moves besides -------------------------------------------------------------------------

    def _plan_moves(self) -> None:
        """Deposits, withdrawals and transfers of stake."""
        stage, dice = self._stage, self._dice
        everybody = list(stage.people.active)
        for number in range(6 + stage.size.deals // 4):
            account, other = dice.sample(everybody, 2)
            nrlc = dice.randrange(1, 5_000) * 1_000_000
            at = dice.choice(stage.calendar.rushes)
            kind = ("deposit", "withdraw", "transfer", "withdrawTo")[number % 4]
            if kind == "deposit":
                self._wallets[account.address] += nrlc
            else:
                self._stakes[account.address] += nrlc
            stage.later(at, lambda move=(kind, account, other, nrlc): self._move(*move))  # type: ignore[misc]

    def _move(self, kind: str, account: Account, other: Account, nrlc: int) -> None:
        stage, rlc = self._stage, self._stage.place.rlc
        stage.counts[kind] += 1
        if kind == "withdraw":
            stage.hub(account, HUB.withdraw, nrlc, gas=200_000)
        elif kind == "withdrawTo":
            stage.hub(account, HUB.withdrawTo, nrlc, other.address, gas=200_000)
        elif kind == "transfer":
            stage.hub(account, HUB.transfer, other.address, nrlc, gas=200_000)
        elif rlc is None:
            value = nrlc * WEI_PER_NRLC
            stage.send(account, stage.place.hub, NATIVE_HUB.deposit, value=value, gas=200_000)
        else:
            stage.send(account, rlc, RLC.approveAndCall, stage.place.hub, nrlc, b"", gas=300_000)
