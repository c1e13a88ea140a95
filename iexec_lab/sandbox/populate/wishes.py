"""The deals to come: who wants what from whom, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.protocol import sum_tags
from iexec_lab.sandbox.populate.goods import GPU, TAGS
from iexec_lab.sandbox.populate.prices import CLOCKS

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.calendar import Calendar
    from iexec_lab.sandbox.populate.goods import App, Dataset, Goods, Pool
    from iexec_lab.sandbox.populate.people import People
    from iexec_lab.sandbox.populate.prices import Prices
    from iexec_lab.sandbox.populate.size import Size

FATES = {
    "completed": 58,
    "partial": 7,
    "failed": 8,
    "claimed": 9,
    "partly claimed": 4,
    "wrong": 5,
    "unrevealed": 3,
    "reopened": 3,
    "running": 3,
}
"""What becomes of deals, in percent. ``partial``: some tasks are done, the others left for good; ``failed``:
all are left, and nobody claims; ``wrong``: somebody contributes something else and is punished;
``unrevealed``: one of the winners is; ``running``: the end of the history comes first."""
_CATEGORIES = (0,) * 8 + (1,) * 5 + (2,) * 4 + (3,) * 2 + (4,)
_ARGUMENTS = ("--mode fast", "--epochs 5 --seed 42", "input.csv", "--resolution 1080", "--verbose", "")
_LEFT_ENDS = {"failed", "claimed"}


@dataclass(slots=True)
class Wish:
    """One deal; ``price`` of the workerpool in nRLC, ``first`` the index of its first task.

    ``joined`` is set when it fills the rest of the request of the deal before.
    """

    number: int
    at: int
    fate: str
    category: int
    pool: Pool
    app: App
    dataset: Dataset | None
    requester: Account
    sponsor: Account | None
    beneficiary: str
    callback: bool
    gpu: bool
    tasks: int
    trust: int
    price: int
    params: str
    first: int = 0
    joined: bool = False

    @property
    def clock(self) -> int:
        return CLOCKS[self.category]

    @property
    def cost(self) -> int:
        """NRLC of one task."""
        return self.app.price + (self.dataset.price if self.dataset else 0) + self.price

    @property
    def tee(self) -> bool:
        return bool(self.app.framework)

    @property
    def tag(self) -> str:
        """Of the request, and of the workerpool's order."""
        return sum_tags(TAGS[self.app.framework], GPU) if self.gpu else TAGS[self.app.framework]


class Wishing:
    """``bulks`` are pairs: the CID of a bulk on IPFS and the number of its slices."""

    def __init__(
        self,
        size: Size,
        calendar: Calendar,
        people: People,
        goods: Goods,
        prices: Prices,
        bulks: Sequence[tuple[str, int]],
    ) -> None:
        self._dice = size.dice("deals")
        self._size = size
        self._calendar = calendar
        self._people = people
        self._goods = goods
        self._prices = prices
        self._bulks = bulks

    def all(self) -> list[Wish]:
        """In order of time."""
        dice, count = self._dice, self._size.deals
        fates = self._fates()
        sponsored = set(dice.sample(range(count), -(-count // 10)))
        # The first of those that are no puzzle to a workerpool with an enclave.
        able = [number for number, fate in enumerate(fates) if fate in {"completed", "partial", "claimed"}]
        bulks = set(able[:: max(1, len(able) * 12 // max(count, 1))][: -(-count * 8 // 100)])
        rushes = sorted(self._rush(fate) for fate in fates)
        # Those that run at the end come last, as their rush does.
        order = sorted(
            ((fate, number) for number, fate in enumerate(fates)), key=lambda each: each[0] == "running"
        )
        wishes: list[Wish] = []
        for number, (fate, original) in enumerate(order):
            at = rushes[number]
            wish = self._wish(number, at, fate, bulk=original in bulks, sponsored=original in sponsored)
            if wishes and wishes[-1].at == at and self._may_join(wishes[-1], wish) and dice.random() < 0.2:
                wish = self._joined(wishes[-1], wish)
            wishes.append(wish)
        return wishes

    def _fates(self) -> list[str]:
        """Each fate in its share, at least once where there are a dozen deals."""
        count = self._size.deals
        found: list[str] = []
        for fate, share in FATES.items():
            if fate != "completed":
                found += [fate] * max(count * share // 100, int(count >= 12))
        found += ["completed"] * (count - len(found))
        self._dice.shuffle(found)
        return found

    def _rush(self, fate: str) -> int:
        """Later ones are a little more likely: the market grows."""
        rushes, dice = self._calendar.rushes, self._dice
        if fate == "running":
            return rushes[-1]
        return rushes[int(len(rushes) * max(dice.random(), dice.random() * dice.random()))]

    def _wish(self, number: int, at: int, fate: str, *, bulk: bool, sponsored: bool) -> Wish:
        dice, goods = self._dice, self._goods
        cid, slices = dice.choice(self._bulks)
        trust = dice.choice((3, 3, 4, 5)) if fate in {"wrong", "unrevealed"} else 0
        if fate == "completed":
            trust = dice.choice((0, 0, 0, 1, 1, 2, 3, 5))
        if bulk:
            app, trust = dice.choice([app for app in goods.apps if app.framework]), 0
        else:
            plain = trust > 1 or fate == "reopened"
            app = _zipf(dice, [app for app in goods.apps if not (plain and app.framework)])
        dataset = None if bulk or dice.random() < 0.5 else _zipf(dice, goods.datasets)
        category = self._category(at, fate)
        pool = _zipf(dice, goods.pools)
        requester = _zipf(dice, self._people.requesters)
        callback = fate in {"completed", "partial"} and dice.random() < 0.05 and not bulk
        return Wish(
            number=number,
            at=at,
            fate=fate,
            category=category,
            pool=pool,
            app=app,
            dataset=dataset,
            requester=requester,
            sponsor=dice.choice(self._people.sponsors) if sponsored else None,
            beneficiary=self._beneficiary(requester),
            callback=callback,
            gpu=dice.random() < 0.08,
            tasks=slices if bulk else self._tasks(fate),
            trust=trust,
            price=self._prices.at(category, at, pool.dearness * dice.randrange(950, 1051) // 1000),
            params=self._params(cid if bulk else None),
        )

    def _category(self, at: int, fate: str) -> int:
        category = self._dice.choice(_CATEGORIES)
        if fate == "running":
            return 4
        left = self._calendar.end - at
        slow = 12 if fate in {*_LEFT_ENDS, "partial", "partly claimed"} else 8
        while category and CLOCKS[category] * slow > left:
            category -= 1
        return category

    def _tasks(self, fate: str) -> int:
        dice = self._dice
        if fate in {"partial", "partly claimed"}:
            return dice.randrange(2, 6)
        if fate in {"wrong", "unrevealed", "reopened"}:
            return 1
        if fate == "running":
            return dice.randrange(1, 4)
        return dice.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 8))

    def _beneficiary(self, requester: Account) -> str:
        dice = self._dice
        return dice.choice(self._people.beneficiaries).address if dice.random() < 0.15 else requester.address

    def _params(self, bulk: str | None) -> str:
        dice = self._dice
        params: dict[str, Any] = {"iexec_result_storage_provider": "ipfs"}
        if arguments := dice.choice(_ARGUMENTS):
            params["iexec_args"] = arguments
        if dice.random() < 0.15:
            files = ["https://files.example/a.csv", "https://files.example/b.json"]
            params["iexec_input_files"] = files[: dice.randrange(1, 3)]
        if dice.random() < 0.1:
            params["iexec_secrets"] = {"1": "api-login"}
        if bulk:
            params["bulk_cid"] = bulk
        return json.dumps(params, separators=(",", ":"))

    def _may_join(self, before: Wish, wish: Wish) -> bool:
        plain = {"completed", "partial", "claimed", "failed"}
        bulk = "bulk_cid" in before.params + wish.params
        return before.fate in plain and wish.fate in plain and not before.joined and not bulk

    def _joined(self, before: Wish, wish: Wish) -> Wish:
        """The wish as the rest of the request before it, from another workerpool's order."""
        wish.category, wish.app, wish.dataset = before.category, before.app, before.dataset
        wish.requester, wish.beneficiary, wish.callback = (
            before.requester,
            before.beneficiary,
            before.callback,
        )
        wish.gpu, wish.trust, wish.params = before.gpu, before.trust, before.params
        wish.price = self._prices.at(wish.category, wish.at, wish.pool.dearness)
        wish.first, wish.joined = before.tasks, True
        return wish


def _zipf(dice: random.Random, things: Sequence[Any]) -> Any:
    """One of them, the first ones more often."""
    chance = dice.random()
    return things[int(len(things) * chance * chance)]
