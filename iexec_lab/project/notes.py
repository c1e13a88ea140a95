"""``.iexec-lab.json``: what a folder remembers beside the official files, which have no place for it.

Addresses, file names and hashes only, never a key or a password. It is a convenience: a file that is missing,
broken or cannot be written is as good as none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError
from iexec_lab.project import jsonfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NOTES = ".iexec-lab.json"
_DIGITS = 80
_WALLET = ("wallet_file", "wallet_address", "keystoredir")


class FolderNotes:
    """The notes of one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NOTES

    def connected_wallet(self, network: str) -> dict[str, str]:
        """The wallet that ``connect`` named for a network, as options of ``find_wallet``; empty when none."""
        return _wallet(self._part("wallets").get(network))

    def made_wallet(self) -> dict[str, str]:
        """The keystore file that ``init``, ``wallet create`` or ``wallet import`` made here last."""
        return _wallet(self._part("made"))

    def published(self, kind: str, chain_id: int) -> str | None:
        """Hash of the order of a kind ("apporder" ...) that was published from here last."""
        orders = self._part("published").get(str(chain_id))
        found = orders.get(kind) if isinstance(orders, dict) else None
        return found if isinstance(found, str) else None

    def budget(self, place: str) -> tuple[int, int] | None:
        """What ``costs --budget`` allows at a place: nRLC, and since when (seconds since 1970)."""
        found = self._part("budgets").get(place)
        if not isinstance(found, dict):
            return None
        nrlc, since = found.get("nrlc"), found.get("since")
        if not (isinstance(nrlc, str) and nrlc.isascii() and nrlc.isdigit() and len(nrlc) < _DIGITS):
            return None
        return int(nrlc), since if isinstance(since, int) else 0

    def save_budget(self, place: str, nrlc: int | None, since: int) -> None:
        """Remember a budget; None forgets it.

        Raises:
            ProjectError: It cannot be written: nothing would hold then.
        """

        def change(document: dict[str, Any]) -> None:
            budgets = _object(document, "budgets")
            if nrlc is None:
                budgets.pop(place, None)
            else:
                budgets[place] = {"nrlc": str(nrlc), "since": since}

        if nrlc is not None or self._part("budgets").get(place):
            jsonfile.update(self._path, change)

    def save_connected_wallet(self, network: str, wallet: Mapping[str, str] | None) -> None:
        """Remember the wallet that goes with a network; None forgets it."""
        if not wallet and not self._part("wallets").get(network):
            return

        def change(document: dict[str, Any]) -> None:
            wallets = _object(document, "wallets")
            if wallet:
                wallets[network] = _wallet(dict(wallet))
            else:
                wallets.pop(network, None)

        self._update(change)

    def save_made_wallet(self, address: str, keystoredir: str | None) -> None:
        wallet = {"wallet_address": address} | ({"keystoredir": keystoredir} if keystoredir else {})
        self._update(lambda document: document.update(made=wallet))

    def save_published(self, kind: str, chain_id: int, order_hash: str) -> None:
        self._update(
            lambda document: _object(_object(document, "published"), str(chain_id)).update({kind: order_hash})
        )

    def _part(self, name: str) -> dict[str, Any]:
        try:
            part = (jsonfile.read(self._path) or {}).get(name)
        except IexecError:
            return {}
        return part if isinstance(part, dict) else {}

    def _update(self, change: Callable[[dict[str, Any]], None]) -> None:
        try:
            jsonfile.update(self._path, change)
        except IexecError:
            return


def _wallet(value: Any) -> dict[str, str]:
    """The options of a wallet in a note; nothing else in it counts."""
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in _WALLET if isinstance(value.get(name), str) and value[name]}


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(document.get(name), dict):
        document[name] = {}
    part: dict[str, Any] = document[name]
    return part
