from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iexec_lab.sandbox.artifacts import anvil_binary
from iexec_lab.sandbox.chain.snapshot import Kind, snapshot, without_traces

pytestmark = pytest.mark.sandbox


def test_a_snapshot_is_made_once(tmp_path, monkeypatch):
    packages = anvil_binary().parents[2]
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "packages").symlink_to(packages)
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path))
    first, state = snapshot(Kind(), tmp_path / "anvil.txt")
    made = state.stat().st_mtime_ns
    assert snapshot(Kind(), tmp_path / "anvil.txt") == (first, state)
    assert state.stat().st_mtime_ns == made
    other, elsewhere = snapshot(Kind(chain_id=77), tmp_path / "anvil.txt")
    assert elsewhere != state
    assert (first.chain_id, other.chain_id) == (65535, 77)
    assert other.hub == first.hub
    assert len(list((tmp_path / "cache" / "snapshots").iterdir())) == 2


def test_another_anvil_makes_another_snapshot(tmp_path, monkeypatch):
    _, state = snapshot(Kind(), tmp_path / "anvil.txt")
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(anvil_binary()))
    _, other = snapshot(Kind(), tmp_path / "anvil.txt")
    assert other.parent != state.parent


def test_traces_go_and_all_else_stays():
    transaction = {"info": {"traces": [{"idx": 0}], "out": None}, "receipt": {"status": "0x1"}}
    state = {"blocks": [1], "transactions": [transaction]}
    left = json.loads(without_traces(json.dumps(state).encode()))
    transaction["info"]["traces"] = []
    assert left == state


@pytest.mark.parametrize("damaged", ["state.json", "genesis.json"])
@pytest.mark.parametrize("how", [lambda path: os.truncate(path, 20), Path.unlink])
def test_a_damaged_snapshot_is_made_again(tmp_path, monkeypatch, damaged, how):
    packages = anvil_binary().parents[2]
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "packages").symlink_to(packages)
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path))
    genesis, state = snapshot(Kind(), tmp_path / "anvil.txt")
    size = state.stat().st_size
    how(state.with_name(damaged))
    assert snapshot(Kind(), tmp_path / "anvil.txt") == (genesis, state)
    assert abs(state.stat().st_size - size) < 1000
    assert [path.name for path in state.parents[1].iterdir()] == [state.parent.name]
