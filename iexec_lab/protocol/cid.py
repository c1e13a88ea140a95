"""Content identifiers of IPFS: from text to multihash and back.

https://github.com/multiformats/cid: ``Qm...`` is version 0 (base58 of a sha2-256 multihash), version 1 text
starts with a letter that names its base.

Ours because library ``py-cid`` 0.5 installs 11 further packages for these 130 lines.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DAG_PB: Final = 0x70
_BASE58: Final = {c: i for i, c in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BASE36: Final = {c: i for i, c in enumerate("0123456789abcdefghijklmnopqrstuvwxyz")}
_BASE32: Final = {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz234567")}
_BASE58_DIGITS: Final = "".join(_BASE58)
# No hash in use is longer; the limit keeps big-number arithmetic on text from the network cheap.
_MAX_LENGTH: Final = 512


class Cid(NamedTuple):
    """A parsed identifier; ``multihash`` is code, length and digest."""

    version: int
    codec: int
    multihash: bytes


def parse_cid(text: str) -> Cid:
    """The parts of an identifier in base58, base36 or base32.

    Raises:
        ValueError: the text is not an identifier.
    """
    data = _decode(text)
    version, rest = read_varint(data)
    if version == 0x12:  # version 0 is the bare multihash
        cid = Cid(0, DAG_PB, data)
        if text[0] != "Q":
            raise ValueError("version 0 has no base prefix")
    elif version == 1:
        codec, rest = read_varint(rest)
        cid = Cid(1, codec, rest)
    else:
        raise ValueError(f"unknown CID version {version}")
    code, after_code = read_varint(cid.multihash)
    size, digest = read_varint(after_code)
    if len(digest) != size or (cid.version == 0 and (code, size) != (0x12, 32)):
        raise ValueError("the digest does not have the length it states")
    return cid


def is_cid(text: object) -> bool:
    """True when ``parse_cid`` would accept the value."""
    try:
        return isinstance(text, str) and bool(parse_cid(text))
    except ValueError:
        return False


def base58_decode(text: str) -> bytes:
    """Raises ValueError for a character that is not one of the 58."""
    return _decode_digits(text, _BASE58)


def base58_encode(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58_DIGITS[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def read_varint(data: bytes) -> tuple[int, bytes]:
    """An unsigned LEB128 number, and what follows it.

    Raises:
        ValueError: the data ends inside the number, or it has more than nine bytes.
    """
    value = 0
    for position, byte in enumerate(data[:9]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return value, data[position + 1 :]
    raise ValueError("not a varint")


def write_varint(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _decode(text: str) -> bytes:
    if not 2 <= len(text) <= _MAX_LENGTH:
        raise ValueError("not a CID")
    base, digits = text[0], text[1:]
    if base == "Q":
        return base58_decode(text)
    if base == "z":
        return base58_decode(digits)
    if base == "k":
        return _decode_digits(digits, _BASE36)
    if base == "b":
        return _decode_base32(digits)
    raise ValueError(f"unknown base {base}")


def _decode_digits(text: str, alphabet: dict[str, int]) -> bytes:
    value = 0
    for char in text:
        if char not in alphabet:
            raise ValueError(f"{char} is not a digit of base {len(alphabet)}")
        value = value * len(alphabet) + alphabet[char]
    zero = next(iter(alphabet))
    return bytes(len(text) - len(text.lstrip(zero))) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def _decode_base32(text: str) -> bytes:
    value = 0
    for char in text:
        if char not in _BASE32:
            raise ValueError(f"{char} is not a digit of base 32")
        value = value << 5 | _BASE32[char]
    size, unused = divmod(len(text) * 5, 8)
    if unused >= 5 or value & ((1 << unused) - 1):
        raise ValueError("unexpected end of data")
    return (value >> unused).to_bytes(size, "big")
