"""The ports of a sandbox's services: taken before anything else is started, and the same at each start.

Ports of their own, because the official SDK throws away the path of a service's URL.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.state.disk import write_file
from iexec_lab.sandbox.state.registry import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = "127.0.0.1"
PORTS = "ports.json"


def open_sockets(folder: Path, port_base: int | None) -> dict[str, socket.socket]:
    """A listening socket for each service, on consecutive ports from ``port_base`` if that is given.

    Else on the ports of the last start, which a ``chain.json`` may name, or free ones where those are taken.
    They listen at once: services may call one another while they start, and the node, which takes any free
    port, takes none of theirs.
    """
    last = _last_ports(folder)
    sockets: dict[str, socket.socket] = {}
    try:
        for offset, name in enumerate(SERVICES):
            if port_base:
                sockets[name] = _listen(name, port_base + offset)
            elif port := last.get(name):
                with suppress(SandboxError):
                    sockets[name] = _listen(name, port)
        for name in SERVICES:  # only now, so that none is given a port that was another one's
            if name not in sockets:
                sockets[name] = _listen(name, 0)
    except SandboxError:
        close_sockets(sockets)
        raise
    sockets = {name: sockets[name] for name in SERVICES}
    ports = {name: one.getsockname()[1] for name, one in sockets.items()}
    if ports != last:
        write_file(folder / PORTS, json.dumps(ports).encode())
    return sockets


def _last_ports(folder: Path) -> dict[str, int]:
    """Of the last start; none where that is not known, which is no reason not to start."""
    try:
        return {name: int(port) for name, port in json.loads((folder / PORTS).read_bytes()).items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SandboxError(
            f"Port {port} for {name} can not be opened: {error}",
            hint=f"Choose another --port-base; {len(SERVICES)} ports from there on are used.",
        ) from error
    return listener


def close_sockets(sockets: Mapping[str, socket.socket]) -> None:
    for listener in sockets.values():
        listener.close()
