"""The key that opens an encrypted result: at hand, given as a file, or missing and then told whose it is."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import CryptoError
from iexec_lab.plain_text import plain
from iexec_lab.regular_files import is_file, is_folder, read_regular

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

_BEGIN: Final = "-----BEGIN"
_MAY_BE_ONE: Final = re.compile(r"\s*[A-Za-z0-9+/=\s]{24,}|[^\n]*\n.*|.{1000,}", re.DOTALL)


def key_at(key: str | bytes | os.PathLike[str], beneficiary: str = "") -> str | bytes:
    """The PEM of a key, or what a file of that name holds; of a folder, the beneficiary's.

    Raises:
        CryptoError: The file cannot be read.
    """
    if isinstance(key, bytes) or (isinstance(key, str) and _BEGIN in key):
        return key
    if isinstance(key, str) and not is_file(key) and _MAY_BE_ONE.fullmatch(key):
        return key  # a key that lost its first line is no name of a file that an error may repeat
    path = Path(key)
    return read_key(path / f"{beneficiary}_key" if is_folder(path) else path, "private")


def read_key(path: str | os.PathLike[str], which: str) -> bytes:
    """The PEM file of a beneficiary's key.

    Args:
        path: The file.
        which: Which key: ``private`` or ``public``.

    Raises:
        CryptoError: It cannot be read.
    """
    try:
        return read_regular(path)
    except OSError as error:
        raise CryptoError(
            f"Failed to load the {which} key from {plain(path)}",
            details={"why": error.strerror},
            hint="Make a key pair: iexec-lab result generate-encryption-keypair.",
        ) from None


@contextmanager
def naming(beneficiary: str) -> Iterator[None]:
    """Errors about a key tell whose it should be."""
    try:
        yield
    except CryptoError as error:
        if beneficiary:
            error.details = {"beneficiary": beneficiary, **error.details}
        raise


def encrypted_for(beneficiary: str, wallet: str, looked_for: Path | None, file: Path) -> CryptoError:
    """The error about a key that is not at hand: whose it is, where it was looked for, what to type."""
    details: Mapping[str, object] = {
        **({"beneficiary": beneficiary} if beneficiary else {}),
        **({"wallet": wallet} if beneficiary and wallet and wallet != beneficiary else {}),
        **({"looked for": looked_for} if looked_for else {}),
        "file": file,
    }
    name = f"{beneficiary}_key" if beneficiary else "0x..._key"
    hint = f'With the file of the private key: .decrypt("<folder>/{name}").'
    if beneficiary and wallet and wallet != beneficiary:
        hint = f"Only {beneficiary} has the key, not this wallet. {hint}"
    elif looked_for:
        hint = f"{hint} Or put it into {looked_for.parent}, and run this again."
    else:
        hint = f"{hint} Or work in the project that holds .secrets/beneficiary."
    return CryptoError(
        "The result is encrypted for its beneficiary, whose key was not found", details=details, hint=hint
    )
