"""What the market has that a form can propose: apps, datasets, sizes of tasks, the cheapest price of each.

Each list is short and each source may be away: what the others know is proposed then. Everything here is
asked beside the kernel's work (``aside.py``).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.market import names
from iexec_lab.client.matching import proposed
from iexec_lab.errors import IexecError
from iexec_lab.plain_text import plain
from iexec_lab.project import Project
from iexec_lab.spelling import in_rlc, in_time, short_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.recent import Seen

MOST: Final = 40
"""Entries of a list."""
_LONGEST_NAME: Final = 40
_SHOWN_NAME: Final = 26
"""Letters of a name in a list, so that the price and the address behind it are not cut."""


class Known(NamedTuple):
    """An app, a dataset or a workerpool; ``price`` in nRLC, None where it has no order for this wallet."""

    address: str
    name: str
    why: str
    price: int | None

    @property
    def label(self) -> str:
        name = plain(self.name, _SHOWN_NAME) or "without a name"
        price = [] if self.price is None else ["free" if not self.price else in_rlc(self.price)]
        return " · ".join([name, *price, short_id(self.address), self.why])


class Size(NamedTuple):
    """A category: its longest run in seconds, and the cheapest price of a task in nRLC."""

    number: int
    name: str
    seconds: int
    price: int | None

    @property
    def label(self) -> str:
        price = "nothing on offer" if self.price is None else f"from {in_rlc(self.price)}"
        return f"{self.name or self.number} · up to {in_time(self.seconds)} · {price}"


def apps(lab: IExec, folder: Path, seen: Seen) -> list[Known]:
    """Apps to run: deployed here, the wallet's own, seen in this session, those on sale for this wallet."""
    return _known(lab, "app", folder, seen.of("app"), _sold(lab, "app"))


def datasets(lab: IExec, folder: Path, app: str) -> list[Known]:
    """Datasets that this app may use for this wallet: the wallet's own, and those on sale."""
    return _known(lab, "dataset", folder, [], _sold(lab, "dataset", app=app))


def named(lab: IExec, kind: str, text: str) -> list[Known]:
    """Those with this text in their name, newest first."""
    rows = [row for row in names.search(lab.session, text, []) if row["what"] == kind][:MOST]
    return [Known(str(row["id"]), str(row["name"]), f"of {short_id(row['owner'])}", None) for row in rows]


def assets(lab: IExec, kind: str, folder: Path, seen: Seen) -> list[Known]:
    """What this wallet may sell: deployed here, and its own."""
    return _known(lab, kind, folder, seen.of(kind), list, only_own=True)


def sizes(lab: IExec) -> list[Size]:
    """The categories there are, with the cheapest order of each that is open to this wallet."""
    found = lab.category._fetch_list()[:MOST]  # noqa: SLF001 - the facts of a verb, without pandas
    wallet = lab.session.wallet.address

    def cheapest(number: int) -> int | None:
        with suppress(IexecError):
            page = lab.orderbook._fetch_workerpool(  # noqa: SLF001 - as above
                category=number, limit=1, **({"requester": wallet} if wallet else {})
            )
            return int(page.orders[0]["order"]["workerpoolprice"]) if page.orders else None
        return None

    prices = lab.session.each(cheapest, range(len(found)))
    return [
        Size(
            number,
            plain(each["category"]["name"], _LONGEST_NAME),
            int(each["category"]["workClockTimeRef"]),
            price,
        )
        for number, (each, price) in enumerate(zip(found, prices, strict=True))
    ]


def orders(lab: IExec, kind: str, address: str, **filters: Any) -> list[dict[str, Any]]:
    """The open orders of one of them, cheapest first, as the market tells them."""
    fetch = getattr(lab.orderbook, f"_fetch_{kind}")
    found: list[dict[str, Any]] = list(fetch(address, limit=MOST, **filters).orders)
    return found


def _sold(lab: IExec, kind: str, **filters: Any) -> Callable[[], list[tuple[str, int]]]:
    """Addresses and prices of what is on sale for this wallet, cheapest first."""
    wallet = lab.session.wallet.address

    def read() -> list[tuple[str, int]]:
        given = {**filters, **({"requester": wallet} if wallet else {})}
        found = orders(lab, kind, "any", **given)
        return [(each["order"][kind], int(each["order"][f"{kind}price"])) for each in found]

    return read


def _known(
    lab: IExec,
    kind: str,
    folder: Path,
    seen: Iterable[str],
    sold: Callable[[], list[tuple[str, int]]],
    *,
    only_own: bool = False,
) -> list[Known]:
    wallet, noun = lab.session.wallet.address, getattr(lab, kind)

    def own() -> list[str]:
        if wallet is None:
            return []
        rows = noun._fetch_list(owner=wallet, limit=MOST)  # noqa: SLF001 - the facts of a verb
        return [str(address) for address in rows.columns["address"]]

    def here() -> list[str]:
        return list(filter(None, [Project(folder).deployed(kind, lab.session.network.id)]))

    deployed, mine, offers = lab.session.together(
        lambda: _tried(here), lambda: _tried(own), lambda: _tried(sold)
    )
    prices: dict[str, int] = {}
    for address, price in offers:
        prices.setdefault(lab.session.to_address(address), price)
    why: dict[str, str] = {}
    for reason, addresses in (
        ("deployed here", deployed),
        ("yours", mine),
        ("seen in this notebook", list(seen)),
        ("on the market", list(prices)),
    ):
        for address in addresses:
            why.setdefault(lab.session.to_address(address), reason)
    session, listed = lab.session, list(why)[:MOST]
    there = session.hub.is_registered(kind, listed)  # deployed.json may be older than the chain
    chosen = [address for address, is_there in zip(listed, there, strict=True) if is_there]
    called = proposed.names(lab.session, kind, chosen)
    owned = {lab.session.to_address(address) for address in mine}
    return [
        Known(address, name, why[address], prices.get(address))
        for address, name in called.items()
        if (not only_own or address in owned or why[address] == "deployed here")
    ]


def _tried(read: Callable[[], list[Any]]) -> list[Any]:
    try:
        return read()
    except IexecError:
        return []
