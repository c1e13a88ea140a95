"""Whose workerpools a sandbox serves: its own accounts', and those of owners whose keys it was given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iexec_lab.protocol.signatures import key_address
from iexec_lab.sandbox.chain.accounts import Account
from iexec_lab.sandbox.state.disk import damaged, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iexec_lab.sandbox.chain.accounts import Accounts


class Owners:
    """Accounts by address, and the block from which on each counts; those that came later are in ``path``.

    Deals of earlier blocks were somebody else's work.

    Raises:
        SandboxError: The file is damaged.
    """

    def __init__(self, path: Path, accounts: Accounts) -> None:
        self._path = path
        self._known = {address: (account, 0) for address, account in accounts.owners.items()}
        if path.exists():
            try:
                kept = json.loads(path.read_bytes())
                self._take((bytes.fromhex(key), int(block)) for key, block in kept)
            except (TypeError, ValueError) as error:
                raise damaged(path, error) from error

    def __contains__(self, address: str) -> bool:
        return address in self._known

    def account(self, address: str) -> Account | None:
        """The account with this address, if its key is here."""
        account, _since = self._known.get(address, (None, 0))
        return account

    def serves(self, address: str, block: int) -> bool:
        """Whether a deal of that block, on a workerpool of that owner, is ours."""
        return address in self._known and block >= self._known[address][1]

    def add(self, keys: Iterable[bytes], block: int) -> None:
        """Serve these as well, from that block on; those that are here already stay as they are.

        Raises:
            ValueError: Not a private key.
        """
        self._take((key, block) for key in keys)
        kept = [[account.key.hex(), since] for account, since in self._known.values() if since]
        write_file(self._path, json.dumps(kept).encode())

    def _take(self, keys: Iterable[tuple[bytes, int]]) -> None:
        for key, since in keys:
            address = key_address(key)
            self._known.setdefault(address, (Account(address, key), since))
