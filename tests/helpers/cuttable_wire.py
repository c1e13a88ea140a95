"""A wire to a service that a test cuts and mends: a TCP proxy on loopback.

The service hears its own name, since ours answers to no other.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit


class Wire:
    """``url`` leads to ``upstream`` until ``cut()``, and again after ``mend()``."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._is_cut = False
        near = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{near}"
        self._names = f":{near}".encode(), f":{parts.port}".encode()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listener.close()

    def cut(self) -> None:
        self._is_cut = True
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        self._is_cut = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._upstream)
                self._open += [near, far]
                threading.Thread(target=self._carry_both, args=(near, far), daemon=True).start()

    def _carry_both(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=_carry, args=(far, near), daemon=True)
        back.start()
        _carry(near, far, self._names)
        back.join()
        near.close()
        far.close()


def _carry(source: socket.socket, target: socket.socket, names: tuple[bytes, bytes] = (b"", b"")) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data.replace(*names, 1) if names[0] else data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
