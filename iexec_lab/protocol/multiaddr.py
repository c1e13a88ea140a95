"""Where an app or dataset is: the ``multiaddr`` bytes on chain.

A multiaddr (https://github.com/multiformats/multiaddr) is stored in its binary form, any other text (an
image name, a URL) as UTF-8. ``/ipfs/<cid>`` reads back as ``/p2p/<cid>``: both names have the same code.

Ours because library ``multiaddr`` 0.2 differs from the SDK's (@multiformats/multiaddr 13) in 8 of the 23
texts of ``tests/protocol/test_multiaddr.py``, such as ``/unix/a%2Fb``, and installs 28 further packages.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.cid import base58_decode, base58_encode, parse_cid, read_varint, write_varint
from iexec_lab.protocol.javascript import to_text

if TYPE_CHECKING:
    from collections.abc import Callable

_VARIABLE: Final = -1
_PORT: Final = re.compile(r"0|[1-9][0-9]{0,4}")
_ONION_CHARS: Final = {10: 16, 35: 56}


class _Protocol(NamedTuple):
    """One entry of the table; ``size`` is that of its value in bytes, ``_VARIABLE``, or 0 for no value."""

    code: int
    name: str
    size: int = 0
    to_bytes: Callable[[str], bytes] = str.encode
    to_string: Callable[[bytes], str] = bytes.decode


def encode_multiaddr(value: Any) -> bytes:
    """The bytes to store for a text; bytes are left unchanged.

    Raises:
        ValidationError: ``<value> is not a valid multiaddr``.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if not isinstance(value, str):
        raise ValidationError(f"{to_text(value)} is not a valid multiaddr")
    try:
        return _to_binary(value)
    except ValueError:
        pass
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{value!a} is not a valid multiaddr") from None


def decode_multiaddr(data: bytes) -> str:
    """The text of stored bytes; bytes that are neither a multiaddr nor UTF-8 give replacement characters."""
    try:
        return _to_string(data)
    except ValueError:
        return data.decode(errors="replace")


def _to_binary(text: str) -> bytes:
    path = re.sub(r"/(/)+", "/", text, count=1).rstrip("/")
    if path == "":
        return b""
    if path[0] != "/":
        raise ValueError("a multiaddr starts with /")
    parts = iter(path[1:].split("/"))
    data = b""
    for name in parts:
        protocol = _by_name(name)
        data += write_varint(protocol.code)
        if protocol.size:
            value = protocol.to_bytes(_not_empty(next(parts, "")))
            data += (write_varint(len(value)) if protocol.size == _VARIABLE else b"") + value
    return data


def _to_string(data: bytes) -> str:
    words, rest = [""], data
    while rest:
        code, rest = read_varint(rest)
        protocol = _by_code(code)
        words.append(protocol.name)
        if protocol.size:
            size, rest = read_varint(rest) if protocol.size == _VARIABLE else (protocol.size, rest)
            value, rest = rest[:size], rest[size:]
            if len(value) != size:
                raise ValueError("a value is cut off")
            words.append(_not_empty(protocol.to_string(value)))
    return "/".join(words) or "/"


def _by_name(name: str) -> _Protocol:
    name = "p2p" if name == "ipfs" else name
    for protocol in _PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise ValueError(f"unknown protocol {name}")


def _by_code(code: int) -> _Protocol:
    for protocol in _PROTOCOLS:
        if protocol.code == code:
            return protocol
    raise ValueError(f"unknown protocol {code}")


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("a value is missing")
    return value


def _port_to_bytes(text: str) -> bytes:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("not a port")
    return int(text).to_bytes(2, "big")


def _port_to_string(data: bytes) -> str:
    return str(int.from_bytes(data, "big"))


def _ip6_to_bytes(text: str) -> bytes:
    # A zone is a separate protocol.
    return _refuse() if "%" in text else ipaddress.IPv6Address(text).packed


def _ip6_to_string(data: bytes) -> str:
    address = ipaddress.IPv6Address(data)
    if address.ipv4_mapped:
        # Python 3.13 would show the last part in dots.
        return f"::ffff:{int.from_bytes(data[12:14], 'big'):x}:{int.from_bytes(data[14:], 'big'):x}"
    return address.compressed


def _mask_to_bytes(text: str) -> bytes:
    return int(text).to_bytes(1, "big") if _PORT.fullmatch(text) and int(text) < 256 else _refuse()


def _refuse() -> bytes:
    raise ValueError("not a value of this protocol")


def _peer_to_bytes(text: str) -> bytes:
    return base58_decode(text) if text[0] in "Q1" else parse_cid(text).multihash


def _onion_to_bytes(text: str) -> bytes:
    host, _, port = text.partition(":")
    size = len(host) * 5 // 8
    if _ONION_CHARS.get(size) != len(host) or not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError("not an onion address")
    return base64.b32decode(host.upper()) + int(port).to_bytes(2, "big")


def _onion_to_string(data: bytes) -> str:
    host = base64.b32encode(data[:-2]).decode().lower().rstrip("=")
    return f"{host}:{int.from_bytes(data[-2:], 'big')}"


def _hash_to_bytes(text: str) -> bytes:
    if text[0] != "u":
        raise ValueError("certificate hashes are base64url")
    return base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)


def _hash_to_string(data: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unquote(text: str) -> str:
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        raise ValueError("not percent-encoded")
    return unquote(text, errors="strict")


def _quote(text: str) -> str:
    return quote(text, safe="!'()*-._~")


_P: Final = _Protocol
_PROTOCOLS: Final = (
    _P(
        4,
        "ip4",
        4,
        lambda text: ipaddress.IPv4Address(text).packed,
        lambda data: str(ipaddress.IPv4Address(data)),
    ),
    _P(6, "tcp", 2, _port_to_bytes, _port_to_string),
    _P(33, "dccp", 2, _port_to_bytes, _port_to_string),
    _P(41, "ip6", 16, _ip6_to_bytes, _ip6_to_string),
    _P(42, "ip6zone", _VARIABLE),
    _P(43, "ipcidr", 1, _mask_to_bytes, lambda data: str(data[0])),
    _P(53, "dns", _VARIABLE),
    _P(54, "dns4", _VARIABLE),
    _P(55, "dns6", _VARIABLE),
    _P(56, "dnsaddr", _VARIABLE),
    _P(132, "sctp", 2, _port_to_bytes, _port_to_string),
    _P(273, "udp", 2, _port_to_bytes, _port_to_string),
    _P(275, "p2p-webrtc-star"),
    _P(276, "p2p-webrtc-direct"),
    _P(277, "p2p-stardust"),
    _P(280, "webrtc-direct"),
    _P(281, "webrtc"),
    _P(290, "p2p-circuit"),
    _P(301, "udt"),
    _P(302, "utp"),
    _P(400, "unix", _VARIABLE, lambda text: _unquote(text).encode(), lambda data: _quote(data.decode())),
    _P(421, "p2p", _VARIABLE, _peer_to_bytes, base58_encode),
    _P(443, "https"),
    _P(444, "onion", 12, _onion_to_bytes, _onion_to_string),
    _P(445, "onion3", 37, _onion_to_bytes, _onion_to_string),
    _P(446, "garlic64", _VARIABLE),
    _P(447, "garlic32", _VARIABLE),
    _P(448, "tls"),
    _P(449, "sni", _VARIABLE),
    _P(454, "noise"),
    _P(460, "quic"),
    _P(461, "quic-v1"),
    _P(465, "webtransport"),
    _P(466, "certhash", _VARIABLE, _hash_to_bytes, _hash_to_string),
    _P(477, "ws"),
    _P(478, "wss"),
    _P(479, "p2p-websocket-star"),
    _P(480, "http"),
    _P(
        481,
        "http-path",
        _VARIABLE,
        lambda text: f"/{_unquote(text)}".encode(),
        lambda data: _quote(data.decode()[1:]),
    ),
    _P(777, "memory", _VARIABLE),
)
