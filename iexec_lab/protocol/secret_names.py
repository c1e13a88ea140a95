"""Names under which the SMS keeps the secrets that results need."""

from __future__ import annotations

from typing import Final, Literal

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.javascript import to_text

RESULT_ENCRYPTION_KEY: Final = "iexec-result-encryption-public-key"
DROPBOX_TOKEN: Final = "iexec-result-dropbox-token"  # noqa: S105  a name
IPFS_TOKEN: Final = "iexec-result-iexec-ipfs-token"  # noqa: S105  a name


def storage_token_name(provider: str | None = None, *, sdk: Literal[8, 9] = 8) -> str | None:
    """The name of the secret with a storage provider's token; None when no token is needed.

    With SDK 8 IPFS needs the result proxy's token; SDK 9 no longer has a result proxy.

    Raises:
        ValidationError: ``"<provider>" not supported`` (SDK 8 only).
    """
    if provider == "dropbox":
        return DROPBOX_TOKEN
    if sdk == 9:
        return None
    if provider in (None, "default", "ipfs"):
        return IPFS_TOKEN
    raise ValidationError(f'"{to_text(provider)}" not supported', hint="storage is ipfs or dropbox")
