"""Apps, datasets, workerpools and categories by a part of their name, or of where they are stored.

Where the network has a subgraph it says which ones may be meant, else the newest entries of the registries
are gone through. What they are called is read from their contracts in both cases.
"""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.market.lookups import VIEWS, found
from iexec_lab.errors import CallError, IexecError, SubgraphError
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.calls import Call, attempt, read
from iexec_lab.ethereum.contracts import HUB, REGISTRY
from iexec_lab.ethereum.hub import MOST_CATEGORIES
from iexec_lab.protocol import decode_multiaddr, is_address, to_address
from iexec_lab.protocol.multiaddr import encode_multiaddr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iexec_lab.client.session import Session

    Row = dict[str, Any]
    Candidates = dict[str, dict[str, int]]  # kind -> address -> seconds since 1970, 0 where not known

MOST: Final = 2_000
"""Entries of a registry that are gone through, the newest ones, where there is no subgraph."""
FEW: Final = 200
"""The same where the subgraph knows nothing: it may not have seen them yet, or they have a name like it."""
MOST_FOUND: Final = 100
"""Rows of a kind."""
_SHORT: Final = 2  # so few letters are in everything
_LONGEST_WORD: Final = 200
_QUERY: Final = """query search($text: String!, $place: Bytes!) {
  app: apps(first: 100, orderBy: timestamp, orderDirection: desc, where: {name_contains_nocase: $text}) {
    id timestamp }
  dataset: datasets(first: 100, orderBy: timestamp, orderDirection: desc,
    where: {name_contains_nocase: $text}) { id timestamp }
  workerpool: workerpools(first: 100, orderBy: timestamp, orderDirection: desc,
    where: {description_contains_nocase: $text}) { id timestamp }
  app_at: apps(first: 100, where: {multiaddr_contains: $place}) { id timestamp }
  dataset_at: datasets(first: 100, where: {multiaddr_contains: $place}) { id timestamp }
}"""


def search(session: Session, text: str, near: list[str]) -> list[Row]:
    """Everything with this text in its name; where there is nothing ``near`` gets names that are like it."""
    with one_look():
        expect(session.rpc, [Call(session.network.hub, HUB.countCategory).request()])
        return _search(session, text, near)


def _search(session: Session, text: str, near: list[str]) -> list[Row]:
    if session.network.poco_subgraph:
        with suppress(IexecError):  # the registries know, too
            rows, _ = _among(session, text, _of_subgraph(session, text))
            if rows:
                return rows
    most = FEW if session.network.poco_subgraph else MOST
    rows, names = _among(session, text, _of_registries(session, most))
    if not rows:
        near += _like(text.casefold(), names)
    return rows


def _among(session: Session, text: str, candidates: Candidates) -> tuple[list[Row], Iterable[str]]:
    """Those of the candidates, and the categories, that have this text; and all names."""
    needle, rows, names = text.casefold(), _Found(), dict[str, None]()
    session.hub.foresee_terms()
    for kind, where, moment, view in _views(session, candidates):
        name, place = view[1], _place(kind, view)
        names[name] = None
        if needle in name.casefold() or (len(needle) > _SHORT and needle in place.casefold()):
            owner = to_address(view[0])
            row = found(kind, where, f"{kind} show {where}", name=name, owner=owner)
            rows.add({**row, **({"timestamp": moment} if moment else {})})
    for number, name in _categories(session):
        names[name] = None
        if needle == name.casefold() or (len(needle) > _SHORT and needle in name.casefold()):
            rows.add(found("category", str(number), f"category show {number}", name=name))
    return rows, names


class _Found(list["Row"]):
    """Rows, no more than ``MOST_FOUND`` of a kind."""

    def add(self, row: Row) -> None:
        if sum(each["what"] == row["what"] for each in self) < MOST_FOUND:
            self.append(row)


def _views(session: Session, candidates: Candidates) -> Iterator[tuple[str, str, int, tuple[Any, ...]]]:
    """(kind, address, moment, what its contract says) of all candidates that there are."""
    places = [(kind, *each) for kind, moments in candidates.items() for each in moments.items()]
    calls = [Call(session.network.hub, VIEWS[kind], (where,)) for kind, where, _ in places]
    for (kind, where, moment), view in zip(places, attempt(session.rpc, calls), strict=True):
        if not isinstance(view, CallError):
            yield kind, where, moment, view


def _like(needle: str, names: Iterable[str]) -> list[str]:
    """Names that are like a text, or have a word that is."""
    by_word: dict[str, str] = {}
    for name in names:
        for word in (name, *name.split()):
            by_word.setdefault(word[:_LONGEST_WORD].casefold(), name)
    return list(dict.fromkeys(by_word[word] for word in get_close_matches(needle, by_word, 3)))


def _place(kind: str, view: tuple[Any, ...]) -> str:
    """Where an app's image or a dataset's file is stored."""
    if kind == "workerpool":
        return ""
    return decode_multiaddr(view[3] if kind == "app" else view[2])


def _categories(session: Session) -> list[tuple[int, str]]:
    count = min(session.hub.count_category(), MOST_CATEGORIES)
    return [(index, each.name) for index, each in session.hub.categories(range(count)).items()]


def _of_subgraph(session: Session, text: str) -> Candidates:
    from iexec_lab.services.subgraph import Subgraph

    graph = Subgraph(session.network.setting("pocoSubgraph"), timeout=session.timeout)
    answer = graph.query(_QUERY, {"text": text, "place": _as_stored(text)}, operation="search")
    made: Candidates = {}
    for kind in VIEWS:
        rows = [*_rows(answer, kind), *(_rows(answer, f"{kind}_at") if kind != "workerpool" else ())]
        made[kind] = {to_address(row["id"]): _moment(row) for row in rows[: 2 * MOST_FOUND]}
    return _registered(session, made)


def _registered(session: Session, named: Candidates) -> Candidates:
    """Those that are entries of their registries."""
    places = [(kind, where) for kind, moments in named.items() for where in moments]
    calls = [Call(session.registries[kind], REGISTRY.isRegistered, (where,)) for kind, where in places]
    known = {place for place, is_one in zip(places, read(session.rpc, calls), strict=True) if is_one}
    return {
        kind: {where: moment for where, moment in moments.items() if (kind, where) in known}
        for kind, moments in named.items()
    }


def _as_stored(text: str) -> str:
    """How a place with this text looks on chain: the bytes of a CID, or the text itself."""
    stored = encode_multiaddr(f"/p2p/{text}")
    return "0x" + (text.encode("utf-8", "replace") if stored.startswith(b"/") else stored).hex()


def _rows(answer: dict[str, Any], name: str) -> Iterable[dict[str, Any]]:
    rows = answer.get(name)
    if not isinstance(rows, list):
        raise SubgraphError("Subgraph error: the answer does not have the shape of the query")
    return [row for row in rows if isinstance(row, dict) and is_address(row.get("id"))]


def _moment(row: dict[str, Any]) -> int:
    time = str(row.get("timestamp", ""))
    return int(time) if time.isascii() and time.isdecimal() and len(time) < 12 else 0


def _of_registries(session: Session, most: int) -> Candidates:
    registries = session.registries
    totals = read(session.rpc, [Call(registries[kind], REGISTRY.totalSupply) for kind in VIEWS])
    entries = [
        (kind, index)
        for kind, total in zip(VIEWS, totals, strict=True)
        for index in range(total - 1, max(total - 1 - most, -1), -1)
    ]
    calls = [Call(registries[kind], REGISTRY.tokenByIndex, (index,)) for kind, index in entries]
    made: Candidates = {kind: {} for kind in VIEWS}
    for (kind, _), token in zip(entries, attempt(session.rpc, calls), strict=True):
        if not isinstance(token, CallError):
            made[kind][to_address(token.to_bytes(32, "big")[12:])] = 0
    return made
