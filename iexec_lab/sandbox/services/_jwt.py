"""The tokens of a service (RFC 7519, HS256 only), made and read by itself with a key that survives it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from iexec_lab.sandbox.state.disk import damaged, write_file

if TYPE_CHECKING:
    from pathlib import Path

_ALGORITHM = "HS256"
_KEY_SIZE = 32


class TokenSigner:
    """Makes tokens for wallets with the key in ``path`` (made on first use, 0600)."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_file(path, secrets.token_bytes(_KEY_SIZE))
        self._key = path.read_bytes()
        if len(self._key) < _KEY_SIZE:
            raise damaged(path, "the key is too short")

    def make(self, audience: str, end: int) -> str:
        """A token for a wallet's address, good until ``end`` (seconds since 1970)."""
        import jwt  # only now: no start of a sandbox waits for it

        claims = {"aud": audience, "iat": int(time.time()), "exp": end, "jti": secrets.token_hex(8)}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def audience(self, token: str, now: float) -> str | None:
        """Whom a token was made for; None when it is not ours, or ended before ``now``."""
        import jwt

        # The chain's time counts, not this machine's; and any wallet may be the audience.
        checks = dict.fromkeys(("verify_aud", "verify_iat", "verify_exp"), False)
        try:
            options: Any = {"require": ["aud", "exp"], **checks}
            claims = jwt.decode(token, self._key, [_ALGORITHM], options=options)
            return str(claims["aud"]) if now < int(claims["exp"]) else None
        except (jwt.InvalidTokenError, TypeError, ValueError, RecursionError):
            return None
