"""Packets of socket.io as its parser for Node reads them: which pass, and what they carry.

Ours because python-socketio lets others pass (``NaN``, an event named ``true``) and stops at some that are
valid there (long numbers, no payload); a packet that does not pass ends the session.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from iexec_lab.protocol.javascript import check_shape, to_text

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

_HEAD: Final = re.compile(
    r"(?P<type>[0-6])(?:(?<=[56])(?P<attachments>[0-9]+)-)?(?:(?P<namespace>/[^,]*)(?:,|\Z))?"
    r"(?P<id>[0-9]+)?",
    re.ASCII,
)
_RESERVED: Final = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
}
"""Events that no client may send."""
_EXACT_DIGITS: Final = 15
_MAX_DIGITS: Final = 400


@dataclass(frozen=True, slots=True)
class Packet:
    """``data`` is None where there is none; ``id`` is what an acknowledgement repeats."""

    type: int
    namespace: str
    id: str | None
    data: Any
    attachments: int = 0


def read_packet(text: Any) -> Packet | None:
    """A packet of a client; None when it does not pass."""
    found = _HEAD.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    kind, payload = int(found["type"]), text[found.end() :]
    attachments = int((found["attachments"] or "0")[:_EXACT_DIGITS])
    if (kind in {BINARY_EVENT, BINARY_ACK}) != (attachments > 0):
        return None
    try:
        data = _read_json(payload) if payload else None
    except (ValueError, RecursionError):
        return None
    if payload and not _is_valid(kind, data):
        return None
    return Packet(kind, found["namespace"] or "/", _number(found["id"]), data, attachments)


def _is_valid(kind: int, data: Any) -> bool:
    match kind:
        case 0:
            return isinstance(data, dict)
        case 1:
            return False
        case 2 | 5:
            return isinstance(data, list) and bool(data) and _is_event(data[0])
        case 3 | 6:
            return isinstance(data, list)
    return isinstance(data, str | dict)


def _is_event(name: Any) -> bool:
    if isinstance(name, str):
        return name not in _RESERVED
    return isinstance(name, int | float) and not isinstance(name, bool)


def _number(digits: str | None) -> str | None:
    """An id as JavaScript prints it: beyond 2^53 not every number is its own."""
    if digits is None:
        return None
    return str(int(digits)) if len(digits) <= _EXACT_DIGITS else to_text(float(digits))


def _read_json(text: str) -> Any:
    check_shape(text.encode(errors="surrogatepass"))
    return json.loads(text, parse_constant=_refuse, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
