"""AES in the two modes of iExec envelopes, with PKCS#7 padding, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab.errors import CryptoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cryptography.hazmat.primitives.ciphers import CipherContext

BLOCK: Final = 16


def cbc_encryptor(key: bytes, iv: bytes) -> CipherContext:
    """AES-CBC; datasets and current results use 32-byte keys."""
    return _cipher(key, iv, encrypt=True)


def cbc_decryptor(key: bytes, iv: bytes) -> CipherContext:
    return _cipher(key, iv, encrypt=False)


def ecb_encryptor(key: bytes) -> CipherContext:
    """AES-ECB with 16-byte keys, as results had it before SDK 8.15."""
    return _cipher(key, None, encrypt=True)


def ecb_decryptor(key: bytes) -> CipherContext:
    return _cipher(key, None, encrypt=False)


def _cipher(key: bytes, iv: bytes | None, *, encrypt: bool) -> CipherContext:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    mode = modes.ECB() if iv is None else modes.CBC(iv)  # noqa: S305  old results have it
    cipher = Cipher(algorithms.AES(key), mode)
    return cipher.encryptor() if encrypt else cipher.decryptor()


def encrypt_chunks(cipher: CipherContext, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Encrypted pieces, the last one with padding; each is valid until the next but one is asked for."""
    out, other = bytearray(), bytearray()
    length = 0
    for chunk in chunks:
        length += len(chunk)
        out, other = other, out
        if len(out) < len(chunk) + BLOCK:
            out = bytearray(len(chunk) + BLOCK)
        yield memoryview(out)[: cipher.update_into(chunk, out)]
    padding = BLOCK - length % BLOCK
    yield memoryview(cipher.update(bytes([padding]) * padding) + cipher.finalize())


def decrypt_chunks(cipher: CipherContext, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Clear pieces without the padding; each is valid until the next one is asked for.

    Raises:
        CryptoError: the data is cut off, or its padding says that the key is wrong.
    """
    out = bytearray()
    tail = b""
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if len(out) < len(chunk) + 2 * BLOCK:
            out = bytearray(len(chunk) + 2 * BLOCK)
        # The last block may be padding: it waits in front of the next piece.
        out[: len(tail)] = tail
        view = memoryview(out)
        end = len(tail) + cipher.update_into(chunk, view[len(tail) :])
        kept = max(end - BLOCK, 0)
        tail = bytes(view[kept:end])
        yield view[:kept]
    if length % BLOCK or len(tail) != BLOCK:
        raise CryptoError("the encrypted data is truncated", details={"size": f"{length} bytes"})
    yield memoryview(_unpad(tail))


def _unpad(block: bytes) -> bytes:
    padding = block[-1]
    if not 1 <= padding <= BLOCK or block[-padding:] != bytes([padding]) * padding:
        raise CryptoError("the padding is wrong", hint="another key was used, or the file is damaged")
    return block[:-padding]
