"""Where one can be: the market, or one thing on it, with the lists that belong there.

A list is the words of a command, so it is read, filtered and followed as that command is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.spelling import is_id, short_id

if TYPE_CHECKING:
    from collections.abc import Sequence


class Listing(NamedTuple):
    """A list.

    Attributes:
        title: As a button has it.
        words: The command, with what is fixed here.
        identity: The column that names a row.
        order: The column that it is ordered by at first, and whether the largest come first; "" for as it is.
        about: What the rows are, for people.
    """

    title: str
    words: tuple[str, ...]
    identity: str
    order: tuple[str, bool] = ("", False)
    about: str = ""

    @property
    def name(self) -> str:
        """As it is called in ``lab.explore``."""
        return self.title.lower().replace(" ", "-")


class Place(NamedTuple):
    """A thing and its lists.

    Attributes:
        what: ``market``, ``account``, ``app`` ...
        id: Its address or id; "" for the market.
        lists: What belongs to it.
    """

    what: str
    id: str
    lists: tuple[Listing, ...]

    @property
    def title(self) -> str:
        return "The market" if not self.id else f"{self.what.capitalize()} {short_id(self.id)}"


def _book(title: str, words: str, price: str, about: str) -> Listing:
    wants = words.split()[1] == "requester"
    return Listing(title, tuple(words.split()), "order_hash", (price, wants), about)


def _list(title: str, words: str, identity: str, about: str) -> Listing:
    return Listing(title, tuple(words.split()), identity, about=about)


def _statement(words: str, about: str, title: str = "Statement") -> Listing:
    return Listing(title, tuple(words.split()), "", ("happened_at", True), about)


MARKET: Final = (
    _book(
        "Workerpool orders",
        "orderbook workerpool",
        "workerpool_price_rlc",
        "computing power for sale, cheapest first",
    ),
    _book("App orders", "orderbook app any", "app_price_rlc", "apps that may be run, cheapest first"),
    _book(
        "Dataset orders",
        "orderbook dataset any --app any --workerpool any --requester any",
        "dataset_price_rlc",
        "datasets that may be used, also by few, cheapest first",
    ),
    _book(
        "Requests", "orderbook requester", "workerpool_max_price_rlc", "work that is wanted, best paid first"
    ),
    _list("Deals", "deal list --all", "deal_id", "everybody's deals, newest first"),
    _list("Tasks", "task list --all", "task_id", "everybody's tasks, newest first"),
    _list("Apps", "app list", "address", "apps of everybody, newest first"),
    _list("Datasets", "dataset list", "address", "datasets of everybody, newest first"),
    _list("Workerpools", "workerpool list", "address", "workerpools of everybody, newest first"),
)
_OF_ONE: Final[dict[str, tuple[Listing, ...]]] = {
    "account": (
        _list("Deals", "deal list --requester @", "deal_id", "deals that it asked for, newest first"),
        _list("Tasks", "task list --requester @", "task_id", "tasks that it asked for, newest first"),
        _list("Results for it", "deal list --beneficiary @", "deal_id", "deals whose results are for it"),
        _list("Orders", "order list @ --status any", "order_hash", "access that it gave, newest first"),
        _list("Received", "order list @ --received", "order_hash", "orders that only it may use"),
        _list("Apps", "app list --owner @", "address", "its apps, newest first"),
        _list("Datasets", "dataset list --owner @", "address", "its datasets, newest first"),
        _list("Workerpools", "workerpool list --owner @", "address", "its workerpools, newest first"),
        _statement("account history @", "every RLC in and out of it, newest first"),
        _list("Work", "account contributions @", "task_id", "what it worked on, newest first"),
    ),
    "app": (
        _list("Deals", "deal list --app @", "deal_id", "deals that run it, newest first"),
        _list("Tasks", "task list --app @", "task_id", "tasks that run it, newest first"),
        _book("Orders", "orderbook app @", "app_price_rlc", "orders that let it run, cheapest first"),
        _list("Transfers", "app transfers @", "", "who made it and who owned it"),
    ),
    "dataset": (
        _list("Deals", "deal list --dataset @", "deal_id", "deals that use it, newest first"),
        _list("Deals in a bulk", "dataset deals @ --bulk", "deal_id", "deals that had it in a bulk"),
        _book(
            "Orders",
            "orderbook dataset @ --app any --workerpool any --requester any",
            "dataset_price_rlc",
            "orders that let it be used, also by few, cheapest first",
        ),
        _list("Transfers", "dataset transfers @", "", "who made it and who owned it"),
    ),
    "workerpool": (
        _list("Deals", "deal list --workerpool @", "deal_id", "deals that it works on, newest first"),
        _list("Tasks", "task list --workerpool @", "task_id", "its tasks, newest first"),
        _book("Orders", "orderbook workerpool @", "workerpool_price_rlc", "what it sells, cheapest first"),
        _list("Transfers", "workerpool transfers @", "", "who made it and who owned it"),
    ),
    "deal": (
        _list("Tasks", "task list --deal @", "task_id", "its tasks"),
        _list("Events", "deal events @", "", "what happened to it"),
        _list("Same request", "deal deals @", "deal_id", "the other deals of the same request"),
    ),
    "task": (
        _list("Contributions", "task contributions @", "worker", "who worked on it"),
        _list("Events", "task events @", "", "what happened to it"),
    ),
}
_OWN: Final = (
    _list("Jobs", "jobs --all", "deal_id", "running, late and ended deals of this wallet"),
    _statement("account history", "every RLC in and out, newest first"),
    _list("Orders", "order list --status any", "order_hash", "access that was given, newest first"),
    _list("Received", "order list --received", "order_hash", "orders that only this wallet may use"),
    _statement("account history --cause reward", "what this wallet earned, newest first", "Earnings"),
    _list("Deals", "deal list", "deal_id", "deals of this wallet, newest first"),
)
SHOWS: Final = {
    "deal": "deal show @ --details",
    "task": "task show @ --details",
    "app": "app show @ --details",
    "dataset": "dataset show @ --details",
    "workerpool": "workerpool show @ --details",
    "account": "account show @ --details",
}
"""What -> the command that tells all about one."""
SUBJECTS: Final = {
    "listed_deal": ("deal", "deal_id"),
    "deal": ("deal", "deal_id"),
    "job": ("deal", "deal_id"),
    "past_deal": ("deal", "deal_id"),
    "past_task": ("task", "task_id"),
    "task": ("task", "task_id"),
    "task_details": ("task", "task_id"),
    "contribution": ("task", "task_id"),
    "past_app": ("app", "address"),
    "past_dataset": ("dataset", "address"),
    "past_workerpool": ("workerpool", "address"),
}
"""Kind of a row -> what it is about, and the column that names it."""
LINKS: Final = {
    "app": "app",
    "dataset": "dataset",
    "workerpool": "workerpool",
    "requester": "account",
    "beneficiary": "account",
    "sponsor": "account",
    "owner": "account",
    "signer": "account",
    "worker": "account",
    "account": "account",
    "counterparty": "account",
    "deal_id": "deal",
    "task_id": "task",
}
"""Column -> what its ids lead to."""


def market() -> Place:
    """Everything."""
    return Place("market", "", MARKET)


def own(address: str) -> Place:
    """What the dashboard shows of a wallet."""
    return Place("wallet", address, _filled(_OWN, address))


def place_of(what: str, identifier: str) -> Place | None:
    """The place of one thing, or None when nothing belongs to it."""
    lists = _OF_ONE.get(what)
    return Place(what, identifier, _filled(lists, identifier)) if lists and is_id(identifier) else None


def found_place(text: str) -> Place:
    """What a search for a text found; the market's lists stand beside it."""
    listing = Listing("Found", ("search", text[:200]), "id", about="what it is, and where it leads")
    return Place("search", "", (listing, *MARKET))


def listing_named(lists: Sequence[Listing], name: str | None) -> Listing:
    """The list of a name, by default the first.

    Raises:
        ValidationError: There is none.
    """
    if name is None:
        return lists[0]
    wanted = str(name).strip().lower().replace(" ", "-").replace("_", "-").removesuffix("-")
    for each in lists:
        if wanted in {each.name, each.name.replace("-", ""), each.name.removesuffix("s")}:
            return each
    raise ValidationError(
        f"{name} is no list of the explorer", hint=f"Use one of: {', '.join(each.name for each in lists)}."
    )


def _filled(lists: Sequence[Listing], identifier: str) -> tuple[Listing, ...]:
    return tuple(
        each._replace(words=tuple(identifier if word == "@" else word for word in each.words))
        for each in lists
    )


def show_words(what: str, identifier: str) -> list[str]:
    """The command that tells all about a thing."""
    return [identifier if word == "@" else word for word in SHOWS[what].split()]
