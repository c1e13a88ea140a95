"""Private keys that a text gives away."""

from __future__ import annotations

import re

from iexec_lab.errors import IexecError
from iexec_lab.wallet.signer import LocalSigner

_WORD = re.compile(r"(?<![0-9a-fA-F])(?:0x)?([0-9a-fA-F]{64})(?![0-9a-fA-F])")


def keys_in(text: str, *addresses: str) -> list[str]:
    """The addresses, of those in the text and of ``addresses``, whose private key is in the text too."""
    known = {found.lower() for found in re.findall("0x[0-9a-fA-F]{40}", text)}
    known |= {address.lower() for address in addresses}
    found = set()
    for word in {each.lower() for each in _WORD.findall(text)}:
        try:
            address = LocalSigner("0x" + word).address
        except (IexecError, ValueError):  # no key: too large a number
            continue
        if address.lower() in known:
            found.add(address)
    return sorted(found)
