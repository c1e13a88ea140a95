"""Jobs of all wallets that a user worked with here, so that a kernel with another wallet finds them.

Where to look: what the folder noted when it was bought (``project/spent.py``), and what the market lists for
the wallets of the record, of the keystore, and the one that is connected. What is shown is the chain's word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.client.costs.facts import find_deals
from iexec_lab.client.ledger import DEALS, entries_of, place_of
from iexec_lab.errors import ServiceError, WalletError
from iexec_lab.protocol import NULL_ADDRESS, is_address, to_address
from iexec_lab.protocol.ids import deal_id
from iexec_lab.wallet.keystore import keystore_dir, list_wallets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.costs.facts import Held
    from iexec_lab.client.ledger import Entry
    from iexec_lab.client.session import Session

CONNECTED: Final = "connected"
KEYSTORE: Final = "keystore"
NOTED: Final = "noted here"
"""Whose a wallet is: of this session; in a file of the keystore; only known from the folder's record."""
MOST_WALLETS: Final = 50
"""So many wallets are looked for at the market, the connected one and the newest first."""
MOST_NOTED: Final = 1000
"""So many of the newest entries of a record are looked at."""
MOST_PENDING: Final = 50


class Mine(NamedTuple):
    """What was found.

    Attributes:
        wallets: Address of each wallet, and whose it is.
        noted: Deals of the record, with their tasks.
        told: Ids of deals that the market lists.
        pending: Transactions that are on their way: wallet, and the deal that each will make.
        left_out: Deals of the market that could not be read.
        remark: What could not be looked at.
    """

    wallets: Mapping[str, str]
    noted: Sequence[Held]
    told: Sequence[str]
    pending: Sequence[dict[str, Any]]
    left_out: int
    remark: str


def find_mine(session: Session, limit: int | None) -> Mine:
    """The deals of all wallets.

    Raises:
        WalletError: There is no wallet, and nothing was noted.
        MarketError: The market was not reached, and nothing was noted.
    """
    entries = noted(session)
    wallets = wallets_of(session, entries)
    if not wallets:
        raise WalletError("Wallet file not found", hint="Name the requester, or connect with a wallet.")
    asked = list(wallets)[:MOST_WALLETS]
    [market] = session.begin(
        lambda: session.each(lambda who: session.market.deals_all(limit=limit, requester=who), asked)
    )
    found = find_deals(session, entries)
    held = [each for deals in found.values() for each in deals]
    waiting = pending(session, [entry for entry in entries if not found[entry.id]])
    remarks = []
    if len(wallets) > len(asked):
        remarks.append(f"{len(wallets) - len(asked)} wallets of the keystore were not looked for")
    try:
        pages = market.result()
    except ServiceError as error:
        if not held and not waiting:
            raise
        return Mine(wallets, held, (), waiting, 0, f"the market does not answer ({error.message})")
    told = [deal["dealid"].lower() for page in pages for deal in page.deals]
    left_out = sum(page.left_out for page in pages)
    return Mine(wallets, held, list(dict.fromkeys(told)), waiting, left_out, "; ".join(remarks))


def noted(session: Session) -> list[Entry]:
    """What was written down of this network, and what this process knows besides; newest last."""
    here = {entry.id: entry for entry in entries_of(session.folder, place_of(session.place))}
    here |= {entry.id: entry for entry in list(session.ledger.whole.entries) if not entry.void}
    bought = [entry for entry in here.values() if entry.requests or entry.deals]
    return bought[-MOST_NOTED:]


def wallets_of(session: Session, entries: Sequence[Entry]) -> dict[str, str]:
    """Address of each wallet, and whose it is; the connected one first, then the newest."""
    found = {} if session.address == NULL_ADDRESS else {session.address: CONNECTED}
    kept = dict.fromkeys(_keystore(session), KEYSTORE)
    for entry in reversed(entries):
        found.setdefault(entry.wallet, kept.get(entry.wallet, NOTED))
    return {**found, **{address: KEYSTORE for address in kept if address not in found}}


def _keystore(session: Session) -> list[str]:
    """Addresses in the names of the keystore's files, newest first: no file is opened."""
    options = session.wallet.options
    try:
        files = list_wallets(keystore_dir(options.get("keystoredir"), cwd=session.folder))
    except WalletError:
        return []
    names = ["0x" + file.name.split("--")[2] for file in files]
    return list(dict.fromkeys(to_address(name) for name in names if is_address(name)))


def pending(session: Session, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Runs whose transaction a node still holds: they will be deals, or nothing."""
    waiting = [
        (entry, tx_hash)
        for entry in entries
        if entry.action in DEALS
        for tx_hash, gas in entry.sent.items()
        if gas is None
    ][-MOST_PENDING:]
    if not waiting:
        return []
    answers = session.rpc.batch([("eth_getTransactionByHash", [tx_hash]) for _, tx_hash in waiting])
    rows = []
    for (entry, tx_hash), answer in zip(waiting, answers, strict=True):
        known = isinstance(answer, dict) and answer.get("hash") == tx_hash
        if known and answer.get("blockNumber") is None:
            made = deal_id(entry.requests[0], 0) if entry.requests else None
            rows.append({"dealid": made, "requester": entry.wallet, "startTime": str(entry.at)})
    return rows
