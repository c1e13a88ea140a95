"""What another key was meant for."""

from __future__ import annotations

from iexec_lab.crypto import load_private_key


def surely(make, key):
    """The first of what ``make`` gives; made anew where the second has, by chance, the padding of ``key``."""
    private = load_private_key(key).private_numbers()
    n = private.public_numbers.n
    while True:
        made, data = make()
        if pow(int.from_bytes(data, "big"), private.d, n) >> ((n.bit_length() + 7) // 8 * 8 - 16) != 2:
            return made
