"""Web3 Secret Storage version 3: a private key encrypted under a password.

Written as by the official SDK (scrypt n = 131072, r = 8, p = 1; AES-128-CTR; MAC = keccak of the second half
of the derived key and the ciphertext; section key ``Crypto``); files of other tools are read too (``crypto``,
pbkdf2).

Ours because ``eth_keyfile`` writes pbkdf2 under ``crypto``, does not bound the cost that a file may ask for,
and takes 9 times as long to import as this room (376 modules against 140). Each reads the other's files.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
import uuid
from typing import Any, cast

from iexec_lab.errors import WalletError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.signatures import key_address
from iexec_lab.protocol.values import is_address, to_address
from iexec_lab.wallet.signer import parse_private_key

_VERSION = re.compile("3(?![0-9])")  # 3, "3", 3.0
SCRYPT_N, SCRYPT_R, SCRYPT_P = 131072, 8, 1
# A file can ask for any cost; no wallet needs a gigabyte or a minute.
MAX_SCRYPT_MEMORY = 1 << 30
MAX_SCRYPT_COST = 1 << 24
MAX_PBKDF2_ROUNDS = 20_000_000


def encrypt_key(
    private_key: bytes,
    password: str,
    *,
    salt: bytes | None = None,
    iv: bytes | None = None,
    identity: uuid.UUID | None = None,
    n: int = SCRYPT_N,
) -> dict[str, Any]:
    """The keystore object of a key. Salt (32 bytes), iv (16) and id are random unless a test fixes them."""
    key = parse_private_key(private_key)
    salt = os.urandom(32) if salt is None else salt
    iv = os.urandom(16) if iv is None else iv
    derived = _scrypt(password, salt, n, SCRYPT_R, SCRYPT_P, 32)
    ciphertext = _aes_ctr(derived[:16], iv, key)
    return {
        "address": key_address(key)[2:].lower(),
        "id": str(identity or uuid.uuid4()),
        "version": 3,
        "Crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": {"salt": salt.hex(), "n": n, "dklen": 32, "p": SCRYPT_P, "r": SCRYPT_R},
            "mac": keccak(derived[16:32] + ciphertext).hex(),
        },
    }


def decrypt_key(keystore: dict[str, Any], password: str) -> bytes:
    """The 32 bytes of the key.

    Raises:
        WalletError: ``incorrect password``, or the object is not a keystore of version 3.
    """
    try:
        crypto = _lower(_lower(keystore)["crypto"])
        if not _VERSION.match(str(keystore["version"])) or crypto["cipher"] != "aes-128-ctr":
            raise WalletError(f"Unsupported keystore: version {keystore['version']}, {crypto['cipher']}")
        ciphertext, mac = _data(crypto["ciphertext"]), _data(crypto["mac"])
        iv = _data(_lower(crypto["cipherparams"])["iv"])
        derived = _derive(str(crypto["kdf"]).lower(), _lower(crypto["kdfparams"]), password)
        if not hmac.compare_digest(keccak(derived[16:32] + ciphertext), mac):
            raise WalletError("incorrect password", hint="Type the password of this wallet again.")
        key = parse_private_key(_aes_ctr(derived[:16], iv, ciphertext))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise WalletError("This is not a keystore file of version 3") from None
    stated = keystore.get("address") or ""
    if stated and stated_address(stated) != key_address(key):
        raise WalletError("keystore address/privateKey mismatch")
    return key


def stated_address(value: Any) -> str | None:
    """The address in a keystore, EIP-55: with or without 0x, capitals as they come; None when it is none."""
    digits = value.lower().removeprefix("0x") if isinstance(value, str) else ""
    return to_address(f"0x{digits}") if is_address(f"0x{digits}") else None


def _lower(part: Any) -> dict[str, Any]:
    """An object of the file by its keys in lower case: tools write ``Crypto``, ``crypto``, ``KdfParams``."""
    return {name.lower(): value for name, value in part.items()}


def _data(text: str) -> bytes:
    """Bytes in hexadecimal digits, with or without 0x."""
    return bytes.fromhex(text[2:] if text[:2].lower() == "0x" else text)


def _derive(kdf: str, params: dict[str, Any], password: str) -> bytes:
    salt, size = _data(params["salt"]), int(params["dklen"])
    if not 32 <= size <= 1024:
        raise ValueError("dklen")
    if kdf == "scrypt":
        return _scrypt(password, salt, int(params["n"]), int(params["r"]), int(params["p"]), size)
    if kdf == "pbkdf2":
        rounds, digest = int(params["c"]), str(params["prf"]).rpartition("-")[2].lower()
        if not 0 < rounds <= MAX_PBKDF2_ROUNDS or digest not in {"sha256", "sha512"}:
            raise WalletError(f"Unsupported keystore: pbkdf2 with {digest}, {rounds} rounds")
        return hashlib.pbkdf2_hmac(digest, _password_bytes(password), salt, rounds, size)
    raise WalletError(f"Unsupported keystore: {kdf}")


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, size: int) -> bytes:
    memory = 128 * r * (n + p + 2)
    if min(n, r, p, memory) < 1:
        raise ValueError("scrypt")
    if memory > MAX_SCRYPT_MEMORY or p > 16 or n * r * p > MAX_SCRYPT_COST:
        raise WalletError(f"Unsupported keystore: scrypt with n={n}, r={r}, p={p}")
    secret = _password_bytes(password)
    if n >= 1 << (16 * r):
        # OpenSSL refuses this, as RFC 7914 says, but early wallets wrote n = 262144 with r = 1.
        from Crypto.Protocol.KDF import scrypt

        return cast("bytes", scrypt(secret, salt, size, n, r, p))  # type: ignore[arg-type]
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, dklen=size, maxmem=memory + (1 << 20))


def _password_bytes(password: str) -> bytes:
    try:
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise WalletError("The password is not valid Unicode text") from None


def _aes_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    context = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return context.update(data) + context.finalize()
