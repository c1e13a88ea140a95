"""Base64 as Node reads and writes it, whole or piece by piece.

Ours because ``base64.b64decode`` reads one alphabet at a time, refuses missing padding, and takes no pieces.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LETTERS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_STRAY: Final = bytes(set(range(256)) - _LETTERS)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def decode_base64(text: bytes) -> bytes:
    """The bytes of lenient base64: either alphabet, up to the first ``=``, everything else skipped."""
    return b"".join(decode_base64_chunks([memoryview(text)]))


def decode_base64_chunks(chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """The same for text that comes in pieces."""
    rest = b""
    for chunk in chunks:
        text, padding, _ = bytes(chunk).partition(b"=")
        letters = rest + text.translate(_URL_SAFE, _STRAY)
        if padding:
            rest = letters
            break
        whole = len(letters) - len(letters) % 4
        yield memoryview(base64.b64decode(letters[:whole]))
        rest = letters[whole:]
    # One letter alone holds less than a byte.
    rest = rest[: len(rest) - (len(rest) % 4 == 1)]
    yield memoryview(base64.b64decode(rest + b"=" * (-len(rest) % 4)))


def encode_base64_chunks(chunks: Iterable[memoryview]) -> Iterator[bytes]:
    """Standard base64 without line breaks."""
    rest = b""
    for chunk in chunks:
        data = rest + bytes(chunk)
        whole = len(data) - len(data) % 3
        yield base64.b64encode(data[:whole])
        rest = data[whole:]
    yield base64.b64encode(rest)
