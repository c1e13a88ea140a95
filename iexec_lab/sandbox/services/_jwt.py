"""JSON web tokens (RFC 7519) of one kind: HS256, made and read by the same service."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from iexec_lab.sandbox.state.disk import damaged, write_file

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = {"alg": "HS256", "typ": "JWT"}
_KEY_SIZE = 32
_LIFE = 366 * 24 * 3600  # seconds; an 8.x client stores its token for all later results


class TokenSigner:
    """Makes tokens for wallets with the key in ``path`` (made on first use, 0600)."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_file(path, secrets.token_bytes(_KEY_SIZE))
        self._key = path.read_bytes()
        if len(self._key) < _KEY_SIZE:
            raise damaged(path, "the key is too short")

    def make(self, audience: str) -> str:
        """A token for a wallet's address."""
        now = int(time.time())
        claims = {"aud": audience, "iat": now, "exp": now + _LIFE, "jti": secrets.token_hex(8)}
        signed = f"{_part(_HEADER)}.{_part(claims)}"
        return f"{signed}.{self._seal(signed)}"

    def audience(self, token: str) -> str | None:
        """Whom a token was made for; None when it is not ours or too old."""
        signed, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(signed).encode()):
            return None
        claims = _read(signed.partition(".")[2])
        return str(claims["aud"]) if claims and claims["exp"] > time.time() else None

    def _seal(self, signed: str) -> str:
        return _text(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _read(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        return None
    return value if isinstance(value, dict) else None
