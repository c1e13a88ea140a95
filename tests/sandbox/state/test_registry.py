"""Where a sandbox cannot run, that is said; all else of the package works there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.networks import sandbox_network
from iexec_lab.sandbox.state.registry import SERVICES, Genesis, Record, StateLock, running, write_record

GENESIS = Genesis(65535, native=False, preset=None, hub="0x1", rlc="0x2", registries={}, workerpool="0x3")

ELSEWHERE = """
import sys
for name in ("fcntl", "pwd", "resource", "termios"):
    sys.modules[name] = None  # as on Windows
import iexec_lab.sandbox.pytest_plugin, iexec_lab.notebook.magic
from iexec_lab import cli, connect
connect("arbitrum-sepolia-testnet")
sys.exit(cli.main(["connect", "sandbox"]))
"""


def test_a_machine_without_posix_is_told_what_needs_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("✖ A sandbox needs Linux or macOS")
    assert "WSL" in done.stderr


def record_without(folder, service):
    lock = StateLock(folder)
    owner = int((folder / "lock").read_text())
    urls = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(SERVICES, 9000) if name != service}
    write_record(folder, Record(owner, 1.0, GENESIS, urls))
    assert json.loads((folder / "registry.json").read_text())["urls"] == urls
    return lock


def test_a_sandbox_of_a_version_without_subgraph_is_found(tmp_path):
    lock = record_without(tmp_path, "subgraph")
    record = running(tmp_path)
    network = sandbox_network(chain_id=65535, hub="0x1", native=False, urls=record.urls)
    assert network.poco_subgraph is None
    with_it = record.urls | {"subgraph": "http://127.0.0.1:9"}
    network = sandbox_network(chain_id=65535, hub="0x1", native=False, urls=with_it)
    assert network.poco_subgraph == "http://127.0.0.1:9"
    del lock


def test_a_record_without_a_market_is_damaged(tmp_path):
    lock = record_without(tmp_path, "market")
    with pytest.raises(SandboxError, match="damaged"):
        running(tmp_path)
    del lock
