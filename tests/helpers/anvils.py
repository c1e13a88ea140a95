"""Bare Ethereum nodes."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress

from iexec_lab.errors import CallError
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.sandbox.artifacts import anvil_binary

KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)


def run_anvil(*options):
    """A node on a free port as (process, url)."""
    chain = [] if "--chain-id" in options else ["--chain-id", "31337"]
    for _ in range(5):  # somebody may take the port meanwhile
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(anvil_binary()), "--port", str(port), *chain, "--quiet", *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        if listens(process, url):
            return process, url
    raise AssertionError("anvil ended")


def listens(process, url, patience=120):
    """Whether a node answers at last; False when its process ended instead."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with suppress(CallError):
            Rpc(url, attempts=1).request("eth_chainId")
            return process.poll() is None
        if process.poll() is not None:
            return False
        time.sleep(0.025)
    process.kill()
    process.wait()
    raise AssertionError("anvil does not listen")
