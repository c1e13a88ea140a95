"""AES in the two modes of iExec envelopes, with PKCS#7 padding, piece by piece.

``cryptography`` does the AES. Chunks and padding are ours because its padder has no ``update_into`` and
copies every piece; here buffers are used again, and memory is flat (35 MB at its peak for 512 MiB).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from iexec_lab.crypto.streams import PIECE, RING
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
    """Encrypted pieces, then the padding; each piece is valid until ``RING`` more are taken."""
    buffers = _Buffers()
    out, filled, length = buffers.next(), 0, 0
    for chunk in chunks:
        length += len(chunk)
        if filled + len(chunk) + BLOCK > len(out):
            yield out[:filled]
            out, filled = buffers.next(len(chunk) + BLOCK), 0
        filled += cipher.update_into(chunk, out[filled:])
    yield out[:filled]
    padding = BLOCK - length % BLOCK
    yield memoryview(cipher.update(bytes([padding]) * padding) + cipher.finalize())


def decrypt_chunks(cipher: CipherContext, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Clear pieces without the padding; each is valid until ``RING`` more are taken.

    Raises:
        CryptoError: the data is cut off, or the padding shows that the key is wrong.
    """
    buffers = _Buffers()
    out, filled, length = buffers.next(), 0, 0
    for chunk in chunks:
        length += len(chunk)
        if filled + len(chunk) + BLOCK > len(out):
            # The last block may be padding: it goes in front of the next piece.
            kept = max(filled - BLOCK, 0)
            tail = out[kept:filled]
            yield out[:kept]
            out = buffers.next(len(chunk) + 2 * BLOCK)
            out[: len(tail)] = tail
            filled = len(tail)
        filled += cipher.update_into(chunk, out[filled:])
    if length % BLOCK or filled < BLOCK:
        raise CryptoError("the encrypted data is truncated", details={"size": f"{length} bytes"})
    yield out[: filled - _padding(out[filled - BLOCK : filled])]


class _Buffers:
    """A ring of buffers that grow as needed."""

    def __init__(self) -> None:
        self._ring = deque(memoryview(bytearray()) for _ in range(RING))

    def next(self, size: int = 0) -> memoryview:
        buffer = self._ring.popleft()
        if len(buffer) < max(size, PIECE):
            buffer = memoryview(bytearray(max(size, PIECE)))
        self._ring.append(buffer)
        return buffer


def _padding(block: memoryview) -> int:
    """How many bytes at the end of the last block are padding."""
    count = block[-1]
    if not 1 <= count <= BLOCK or bytes(block[-count:]) != bytes([count]) * count:
        raise CryptoError(
            "the padding is wrong", hint="Try another key; if it is the right one, the file is damaged."
        )
    return count
