"""A place to listen where no web page can go.

anvil asks nobody who they are: any page that finds its port could open a WebSocket there and own the chain.
So it listens on a port that browsers refuse to connect to, whatever the page and the name of the host,
because it is that of another protocol (WHATWG Fetch, "bad port"); and, on systems where all of 127.0.0.0/8
is loopback, at an address that nobody can guess. Programs of this machine are not kept out.
"""

from __future__ import annotations

import random
import secrets
import socket
import sys
from contextlib import suppress

from iexec_lab.errors import SandboxError

BLOCKED_PORTS = (
    6665,
    6666,
    6667,
    6668,
    6669,
    6697,
    6566,
    6000,
    5060,
    5061,
    4045,
    3659,
    2049,
    1723,
    1720,
    10080,
)
"""Of that list, those that need no privilege and that Chromium, too, refuses (4190 and 6679 it does not)."""
_MANY_KEEP = sys.platform == "linux"
"""Whether a place that is kept, but where nobody listens yet, can be kept by another one, too."""


def hidden_place() -> socket.socket:
    """A bound socket at such a place.

    Raises:
        SandboxError: all of these ports are taken.
    """
    for address in _addresses():
        for port in random.sample(BLOCKED_PORTS, len(BLOCKED_PORTS)):
            with suppress(OSError):
                if _MANY_KEEP:
                    keep(address, port, alone=True).close()
                return keep(address, port)
    raise SandboxError(
        "No port is free on which the Ethereum node is safe from web pages",
        details={"ports": ", ".join(map(str, BLOCKED_PORTS))},
        hint="Stop a sandbox, or what else uses these ports.",
    )


def _addresses() -> tuple[str, ...]:
    if sys.platform != "linux":
        return ("127.0.0.1",)
    return (
        f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}",
        "127.0.0.1",
    )


def keep(address: str, port: int, *, alone: bool = False) -> socket.socket:
    """A socket that keeps a place from those who want any, until the node that asks for this one listens.

    It can not be had ``alone`` where somebody keeps it already.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, not alone)
    try:
        place.bind((address, port))
    except OSError:
        place.close()
        raise
    return place


def can_be_shared(address: str, port: int) -> bool:
    """Whether this system, as Linux does, lets one listen on a port that another socket only keeps."""
    try:
        with keep(address, port) as other:
            other.listen()
    except OSError:
        return False
    return True
