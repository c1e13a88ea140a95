"""Apps, datasets, workerpools and categories by the logs of their registries and of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.ethereum.calls import Call, attempt
from iexec_lab.ethereum.contracts import ERC721_EVENTS, EVENTS, HUB
from iexec_lab.history.graph_values import anyone, count, moment, text
from iexec_lab.history.logs import rows as log_rows
from iexec_lab.history.logs.deals import read_deals
from iexec_lab.history.records import Page, Span
from iexec_lab.protocol import NULL_ADDRESS, to_address, to_bytes32
from iexec_lab.protocol.multiaddr import decode_multiaddr

if TYPE_CHECKING:
    from iexec_lab.history.logs.reader import LogReader

_VIEWS: Final = {
    "apps": ("app", HUB.viewApp),
    "datasets": ("dataset", HUB.viewDataset),
    "workerpools": ("workerpool", HUB.viewWorkerpool),
}


def assets(source: LogReader, table: str) -> Page:
    """All rows of such a table."""
    if table == "categories":
        return _categories(source)
    kind, view = _VIEWS[table]
    first, last = source.blocks(Span())
    made: dict[str, list[Any]] = {}
    registry = source.hub.registries()[kind]
    for logs in source.logs([ERC721_EVENTS.Transfer], first, last, address=registry):
        source.times.learn(logs)
        for log in logs:
            arguments = ERC721_EVENTS.Transfer.decode(log)
            each = to_address(f"0x{arguments['tokenId']:040x}") if arguments["tokenId"] < 1 << 160 else ""
            if arguments["from"] == NULL_ADDRESS and each:
                at = source.times[log_rows.position(log)[0]]
                made[each] = [at, log["transactionHash"], 0, arguments["to"]]
            elif each in made:
                made[each][2] += 1
                made[each][3] = arguments["to"]
    uses = _uses(source, kind, first, last)
    views = attempt(source.rpc, [Call(source.hub.address, view, (each,)) for each in made])

    def read(item: tuple[str, Any]) -> tuple[Any, ...]:
        each, values = item
        at, tx_hash, transfers, owner = made[each]
        used, last_used = uses.get(each, (0, None))
        about = (to_address(owner), at, count(used), last_used)
        if kind == "app":
            _, name, type_, multiaddr, checksum, mrenclave = values
            return (
                *(each, text(name), text(type_), *about, decode_multiaddr(multiaddr)),
                *(to_bytes32(checksum), mrenclave.decode(errors="replace"), transfers, tx_hash),
            )
        if kind == "dataset":
            _, name, multiaddr, checksum = values
            digest = to_bytes32(checksum)
            return (
                *(each, text(name), *about, decode_multiaddr(multiaddr)),
                *(digest if int(digest, 16) else None, transfers, tx_hash),
            )
        _, description, stake, reward = values
        return each, text(description), *about, count(stake), count(reward), transfers, tx_hash

    return log_rows.to_page(table, zip(made, views, strict=True), read)


def _uses(source: LogReader, kind: str, first: int, last: int) -> dict[str, tuple[int, int]]:
    """Asset -> tasks of all its deals, and when the last of these was made."""
    found: dict[str, tuple[int, int]] = {}
    for logs in source.logs([EVENTS.OrdersMatched], first, last):
        source.times.learn(logs)
        ids = ["0x" + EVENTS.OrdersMatched.decode(log)["dealid"].hex() for log in logs]
        for deal in read_deals(source, ids).values():
            pointer = anyone(getattr(deal, kind).pointer)
            if pointer is not None:
                used, _ = found.get(pointer, (0, 0))
                found[pointer] = used + deal.bot_size, deal.start_time
    return found


def _categories(source: LogReader) -> Page:
    first, last = source.blocks(Span())
    made = [log for logs in source.logs([EVENTS.CreateCategory], first, last) for log in logs]
    source.times.learn(made)

    def read(log: Any) -> tuple[Any, ...]:
        found = EVENTS.CreateCategory.decode(log)
        at = moment(source.times[log_rows.position(log)[0]])
        return (
            *(count(found["catid"]), text(found["name"]), text(found["description"])),
            *(count(found["workClockTimeRef"]), at),
        )

    return log_rows.to_page("categories", made, read)
