"""Wallet files: the directories, names, look-up order and formats of the official command line.

A keystore file is "Web3 Secret Storage" version 3, encrypted under a password; ``wallet.json`` in the working
directory holds a bare key. ``cwd`` stands for the working directory, so that a project elsewhere has its own.
Ours because ``eth_account`` writes and finds no files.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iexec_lab.errors import WalletError
from iexec_lab.protocol.javascript import loads
from iexec_lab.regular_files import exists, possible, read_regular, unwritable_hint
from iexec_lab.wallet.secret_storage import decrypt_key, encrypt_key, stated_address
from iexec_lab.wallet.signer import LocalSigner

UNENCRYPTED_NAME = "wallet.json"
_NO_WALLET = "Make a wallet: iexec-lab wallet create; or set IEXEC_PRIVATE_KEY."

_DEFAULT_FOLDERS = {
    "linux": ".ethereum/keystore",
    "darwin": "Library/Ethereum/keystore",
    "win32": "AppData/Roaming/Ethereum/keystore",
}


@dataclass(frozen=True, slots=True)
class WalletFile:
    """One wallet file; it is read only when needed."""

    path: Path
    encrypted: bool = True

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> dict[str, Any]:
        """The JSON object in the file.

        Raises:
            WalletError: The file cannot be read, or holds something else.
        """
        try:
            content = loads(read_regular(self.path).decode("utf-8-sig"))
        except OSError as error:
            raise _refused(error, "open", self.path) from None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise WalletError(f"{self.name} is not a wallet file", details={"file": self.path})
        return content

    @property
    def address(self) -> str:
        """The address in the file, else in its name, EIP-55; no password is needed.

        Raises:
            WalletError: The file cannot be read, or has no address.
        """
        content = self.read()
        address = stated_address(content.get("address"))
        if content.get("address") is None:
            if not self.encrypted and "privateKey" in content:
                return self.unlock().address
            address = stated_address(self.name.rpartition("--")[2])
        if address is None:
            raise WalletError(f"{self.name} has no address", details={"file": self.path})
        return address

    @property
    def shown(self) -> str:
        """Its address, or its name when it has none."""
        try:
            return self.address
        except WalletError:
            return self.name

    def unlock(self, password: str | None = None) -> LocalSigner:
        """The signer of the key in the file; the password only matters for an encrypted one.

        Raises:
            WalletError: "incorrect password", or the file holds no key.
        """
        content = self.read()
        try:
            if self.encrypted:
                return LocalSigner(decrypt_key(content, password or ""))
            return LocalSigner(content.get("privateKey") or "")
        except WalletError as error:
            raise WalletError(error.message, details={"file": self.path}, hint=error.hint) from None


@dataclass(frozen=True, slots=True)
class SavedWallet:
    """A file just written and its content, which includes the private key when it is not encrypted."""

    path: Path
    address: str
    content: dict[str, Any]

    def __repr__(self) -> str:
        return f"SavedWallet(path={self.path!r}, address={self.address!r})"


def keystore_dir(option: str | os.PathLike[str] | None = None, *, cwd: Path = Path()) -> Path:
    """The directory that ``--keystoredir`` means: ``global`` (the default), ``local`` or a path.

    Raises:
        WalletError: The name is impossible.
    """
    if option is None or option == "global":
        return Path.home() / _DEFAULT_FOLDERS.get(sys.platform, "")
    folder = cwd if option == "local" else cwd / os.path.normpath(option)
    try:
        return possible(folder)
    except OSError as error:
        raise _refused(error, "scandir", folder) from None


def list_wallets(folder: Path) -> list[WalletFile]:
    """The keystore files of a directory, newest first by the time in their names.

    Raises:
        WalletError: The directory cannot be read.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise _refused(error, "scandir", folder) from None
    named = [name for name in names if len(parts := name.split("--")) > 2 and parts[2]]
    named.sort(key=lambda name: name.split("--")[1], reverse=True)
    return [WalletFile(folder / name) for name in named]


def find_wallet(
    *,
    wallet_file: str | None = None,
    wallet_address: str | None = None,
    keystoredir: str | os.PathLike[str] | None = None,
    cwd: Path = Path(),
) -> WalletFile:
    """The wallet that the options select.

    In this order: the file named; the newest file of the address named; ``wallet.json`` in the working
    directory, even when a keystore directory is given; the newest file of the keystore directory.

    Raises:
        WalletError: There is none.
    """
    folder = keystore_dir(keystoredir, cwd=cwd)
    if wallet_file:
        return WalletFile(folder / wallet_file)
    if wallet_address:
        return _find_address(wallet_address, folder)
    bare = WalletFile(cwd / UNENCRYPTED_NAME, encrypted=False)
    if exists(bare.path):
        return bare
    found = list_wallets(folder)
    if not found:
        raise WalletError(
            "Missing option --wallet-address <walletAddress> or --wallet-file <walletFileName> "
            "and no wallet.json found in working directory",
            hint=_NO_WALLET,
        )
    return found[0]


def read_address(
    *,
    wallet_file: str | None = None,
    wallet_address: str | None = None,
    keystoredir: str | os.PathLike[str] | None = None,
    cwd: Path = Path(),
) -> str | None:
    """The address of the wallet that the options select; None when it cannot be read."""
    try:
        return find_wallet(
            wallet_file=wallet_file, wallet_address=wallet_address, keystoredir=keystoredir, cwd=cwd
        ).address
    except WalletError:
        return None


def save_wallet(
    signer: LocalSigner,
    password: str | None,
    *,
    keystoredir: str | os.PathLike[str] | None = None,
    cwd: Path = Path(),
    overwrite: bool = False,
) -> SavedWallet:
    """Write the key to a new file, mode 0600.

    With a password, which may be empty: a keystore file in the keystore directory (created when missing);
    with None: ``wallet.json`` in the working directory.

    Raises:
        WalletError: The file exists and must not be replaced, or cannot be written.
    """
    content: dict[str, Any]
    if password is not None:
        folder, name = keystore_dir(keystoredir, cwd=cwd), keystore_name(signer.address)
        content = encrypt_key(bytes.fromhex(signer.export_key()[2:]), password)
    else:
        folder, name = cwd, UNENCRYPTED_NAME
        content = {
            "privateKey": signer.export_key(),
            "publicKey": signer.public_key,
            "address": signer.address,
        }
    path = folder / name
    if exists(path) and not overwrite:
        raise WalletError(f'"{name}" already exists', details={"file": path}, hint="Replace it with --force.")
    try:
        possible(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, json.dumps(content, indent=2))
    except OSError as error:
        refused = _refused(error, "open", path)
        refused.hint = unwritable_hint(error, folder.absolute())
        raise refused from None
    return SavedWallet(path, signer.address, content)


def create_wallet(
    password: str | None,
    *,
    keystoredir: str | os.PathLike[str] | None = None,
    cwd: Path = Path(),
    overwrite: bool = False,
) -> SavedWallet:
    """Make a random key and save it; see ``save_wallet``."""
    return save_wallet(
        LocalSigner.generate(), password, keystoredir=keystoredir, cwd=cwd, overwrite=overwrite
    )


def import_wallet(
    private_key: str,
    password: str | None,
    *,
    keystoredir: str | os.PathLike[str] | None = None,
    cwd: Path = Path(),
    overwrite: bool = False,
) -> SavedWallet:
    """Save a given key (64 hexadecimal digits, with or without 0x); see ``save_wallet``."""
    return save_wallet(
        LocalSigner(private_key), password, keystoredir=keystoredir, cwd=cwd, overwrite=overwrite
    )


def keystore_name(address: str, when: datetime | None = None) -> str:
    """``UTC--2026-11-22T12-00-00.123000000Z--<address without 0x>``."""
    now = when or datetime.now(UTC)
    return f"UTC--{now:%Y-%m-%dT%H-%M-%S}.{now.microsecond // 1000:03d}000000Z--{address[2:]}"


def _find_address(address: str, folder: Path) -> WalletFile:
    wanted = address.lower().removeprefix("0x")
    try:
        found = list_wallets(folder)
    except WalletError:
        raise WalletError(
            f'Missing keystore directory {folder}, did you forget to run "iexec wallet create" ?',
            hint=_NO_WALLET,
        ) from None
    for wallet in found:
        if wallet.name.split("--")[2].lower() == wanted:
            return wallet
    raise WalletError(
        f"No wallet file matching address {address} found in {folder}",
        hint="Wallets there: "
        + (", ".join("0x" + each.name.split("--")[2] for each in found) or "none")
        + ".",
    )


def _write_private(path: Path, text: str) -> None:
    """Write beside the target, then rename, so that a reader never sees half a key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _refused(error: OSError, action: str, path: Path) -> WalletError:
    """The failure in Node's words; for a missing file the hint says how to create a wallet."""
    code = error.errno or errno.EIO
    words = error.strerror or os.strerror(code)
    return WalletError(
        f"{errno.errorcode.get(code, 'EIO')}: {words[:1].lower()}{words[1:]}, {action} '{path}'",
        hint=_NO_WALLET if code == errno.ENOENT else None,
    )
