"""Logging in: a text to sign for a wallet, and the proof that it was signed.

The text stays the same until it is used, and is used up by a valid proof even when the request fails
afterwards. Only wallets with a key can prove it; ERC-1271 is not asked.
"""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import NULL_ADDRESS, to_address
from iexec_lab.sandbox.services._login import is_proof, login_challenge, login_digest
from iexec_lab.sandbox.services._signatures import is_ethers_signature
from iexec_lab.sandbox.services.market.refusals import UnauthorizedError
from iexec_lab.services.auth import MARKET

if TYPE_CHECKING:
    import sqlite3

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32
_PARTS: Final = 3


def challenge(db: sqlite3.Connection, chain_id: int, address: str) -> dict[str, Any]:
    """The pending challenge of a wallet, made on first demand."""
    row = db.execute("SELECT value FROM challenges WHERE address = ?", (address,)).fetchone()
    if row:
        return _typed_data(chain_id, row["value"])
    value = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    data = _typed_data(chain_id, value)
    with db:
        row = address, f"0x{login_digest(data).hex()}", value
        db.execute("INSERT INTO challenges VALUES (?, ?, ?)", row)
    return data


def authorize(db: sqlite3.Connection, chain_id: int, header: str | None) -> str:
    """The wallet that proved itself with ``<digest>_<signature>_<address>``; its challenge is used up.

    Raises:
        UnauthorizedError: for whatever reason.
    """
    parts = (header or "").split("_")
    if len(parts) < _PARTS:
        raise UnauthorizedError
    digest, signature, wallet = parts[:_PARTS]
    try:
        address = to_address(wallet)
    except ValidationError:
        raise UnauthorizedError from None
    query = "SELECT value FROM challenges WHERE address = ? AND hash = ?"
    row = db.execute(query, (address, digest)).fetchone()
    if row is None or address == NULL_ADDRESS:
        raise UnauthorizedError
    if not is_proof(_typed_data(chain_id, row["value"]), digest, signature, address, is_ethers_signature):
        raise UnauthorizedError
    with db:
        db.execute("DELETE FROM challenges WHERE address = ?", (address,))
    return address


def _typed_data(chain_id: int, value: str) -> dict[str, Any]:
    """Here the domain has the chain id as text."""
    text = f"Sign this message to log into {MARKET}: {value}"
    return login_challenge(MARKET, str(chain_id), text)
