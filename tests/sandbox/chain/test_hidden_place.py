from __future__ import annotations

import ipaddress
import socket
import sys
from contextlib import ExitStack

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.chain import hidden_place as hidden
from iexec_lab.sandbox.chain.anvil import Anvil
from iexec_lab.sandbox.chain.hidden_place import BLOCKED_PORTS, can_be_shared, hidden_place


def test_a_place_is_on_loopback_and_on_a_port_that_browsers_refuse():
    with ExitStack() as stack:
        places = [stack.enter_context(hidden_place()).getsockname() for _ in range(50 if LINUX else 5)]
    assert all(ipaddress.ip_address(address).is_loopback for address, _ in places)
    assert {port for _, port in places} <= set(BLOCKED_PORTS)
    assert len(set(places)) == len(places)
    if LINUX:
        assert len({address for address, _ in places}) == len(places)


LINUX = sys.platform == "linux"


def take_all():
    with ExitStack() as stack:
        for _ in range(len(BLOCKED_PORTS) + 1):
            stack.enter_context(hidden_place())


def test_where_all_ports_are_taken_it_says_so(monkeypatch):
    monkeypatch.setattr(hidden, "_addresses", lambda: ("127.0.0.9" if LINUX else "127.0.0.1",))
    with pytest.raises(SandboxError) as caught:
        take_all()
    assert "6667" in caught.value.details["ports"]
    assert caught.value.hint


def test_a_system_with_one_loopback_address_is_enough(monkeypatch):
    monkeypatch.setattr(hidden, "_addresses", lambda: ("203.0.113.1", "127.0.0.1"))
    with hidden_place() as place:
        assert place.getsockname()[0] == "127.0.0.1"


def test_a_kept_place_is_one_to_listen_at():
    with hidden_place() as place:
        assert can_be_shared(*place.getsockname()) is LINUX


@pytest.mark.sandbox
@pytest.mark.skipif(not LINUX, reason="elsewhere it is at the one loopback address")
def test_a_node_listens_there_and_nowhere_else(tmp_path):
    node = Anvil(65535, native=False, log=tmp_path / "anvil.txt")
    try:
        node.wait_ready()
        address, port = node.place
        assert port in BLOCKED_PORTS
        assert address != "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    finally:
        node.stop()
