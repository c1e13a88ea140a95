"""The tokens of a service (RFC 7519, HS256 only), made and read by itself with a key that survives it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from iexec_lab.sandbox.state.disk import damaged, write_file

if TYPE_CHECKING:
    from pathlib import Path

_ALGORITHM = "HS256"
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
        import jwt  # only now: no start of a sandbox waits for it

        now = int(time.time())
        claims = {"aud": audience, "iat": now, "exp": now + _LIFE, "jti": secrets.token_hex(8)}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def audience(self, token: str) -> str | None:
        """Whom a token was made for; None when it is not ours or too old."""
        import jwt

        # A clock that was set back makes nothing of ours too young, and any wallet may be the audience.
        checks = {"require": ["aud", "exp"], "verify_aud": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, [_ALGORITHM], options=checks)  # type: ignore[arg-type]
        except (jwt.InvalidTokenError, UnicodeError, RecursionError):
            return None
        return str(claims["aud"])
