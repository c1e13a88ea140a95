"""Addresses of the Inter-exchange Client Address Protocol: ``XE``, two check digits, the number in base 36.

The market takes them wherever it takes an address, and keeps them as they were written: nobody finds an order
of ``XE…`` under ``0x…``. Only the chain is asked for the address behind them.
"""

from __future__ import annotations

import re
from typing import Any, Final

from iexec_lab.protocol import to_address

_ICAP: Final = re.compile(r"XE(?P<check>[0-9]{2})(?P<number>[0-9A-Za-z]{30,31})", re.ASCII)
_ADDRESSES: Final = 1 << 160


def is_icap(text: str) -> bool:
    """Whether it is such an address and its check digits are right (ISO 7064, modulo 97)."""
    found = _ICAP.fullmatch(text)
    if found is None or int(found["number"], 36) >= _ADDRESSES:
        return False
    digits = "".join(str(int(each, 36)) for each in found["number"] + "XE00")
    return int(found["check"]) == 98 - int(digits) % 97


def behind_icap(value: Any) -> Any:
    """The EIP-55 form of an ICAP address; any other value as it is."""
    if not isinstance(value, str) or not is_icap(value):
        return value
    return to_address(int(value[4:], 36).to_bytes(20, "big"))
