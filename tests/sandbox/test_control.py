"""The life of a sandbox: start, refuse, stop, be killed, come back."""

from __future__ import annotations

import fcntl
import gc
import importlib.util
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.faulty_server import FaultyServer, cut, json_reply
from helpers.sandbox.processes import alive, children
from helpers.waiting import until

from iexec_lab.errors import IexecError, SandboxError, ValidationError
from iexec_lab.sandbox import Handle, Sandbox, control
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.state.paths import state_folder
from iexec_lab.sandbox.state.registry import SERVICES, lock_owner, running

pytestmark = pytest.mark.sandbox

USER = well_known_accounts().users[0]
SOMEBODY = "0x3333333333333333333333333333333333333333"


@pytest.fixture
def name(home):
    yield "life"
    control.stop("life")


def rpc(handle, method, *params):
    return control.request(handle.urls["rpc"], method, *params)


def balance(handle, address):
    return int(rpc(handle, "eth_getBalance", address, "latest"), 16)


def are_free(ports):
    with ExitStack() as stack:
        try:
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            return False
    return True


def send_one(handle):
    nonce = int(rpc(handle, "eth_getTransactionCount", USER.address, "pending"), 16)
    raw = USER.sign_transaction(
        nonce=nonce, gas_price=10**10, gas=21000, to=SOMEBODY, value=1, data=b"", chain_id=handle.chain_id
    )
    sent = rpc(handle, "eth_sendRawTransaction", raw)
    return sent, rpc(handle, "eth_getTransactionReceipt", sent)["blockHash"]


def wait_until(condition):
    assert until(condition, seconds=60)


def anvil_of(handle):
    (pid,) = [pid for pid, command in children(handle.pid).items() if "anvil" in command]
    return pid


def kill_9(pid):
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))


def test_a_sandbox_runs_until_it_is_stopped(name):
    assert control.find(name) is None
    assert control.stop(name) is False
    handle = control.start(name)
    assert control.find(name) == handle
    assert isinstance(handle, Handle)
    assert tuple(handle.urls) == SERVICES
    assert {url.rpartition(":")[0] for url in handle.urls.values()} == {"http://127.0.0.1"}
    assert (handle.chain_id, handle.native) == (65535, False)
    assert int(rpc(handle, "eth_chainId"), 16) == 65535
    helpers = children(handle.pid)
    assert helpers
    assert control.stop(name) is True
    assert control.find(name) is None
    wait_until(lambda: not any(alive(pid) for pid in (*helpers, handle.pid)))


def test_starting_twice_is_refused_with_what_runs(name):
    handle = control.start(name)
    with pytest.raises(SandboxError, match="running on this state folder") as caught:
        control.start(name)
    assert caught.value.details["pid"] == handle.pid
    assert caught.value.details["rpc"] == handle.urls["rpc"]
    assert caught.value.hint
    with pytest.raises(SandboxError, match="running on this state folder"):
        Sandbox(handle.folder).start()
    assert control.find(name) == handle


def test_stopping_keeps_the_state_and_resetting_forgets_it(name):
    first = control.start(name)
    sent, block = send_one(first)
    control.stop(name)
    second = control.start(name)
    assert rpc(second, "eth_getTransactionReceipt", sent)["blockHash"] == block
    control.reset(name)
    assert not second.folder.exists()
    third = control.start(name)
    assert rpc(third, "eth_getTransactionReceipt", sent) is None
    assert third.hub == first.hub


@pytest.mark.parametrize("victims", [("sandbox",), ("anvil",), ("sandbox", "anvil"), ("anvil", "sandbox")])
def test_nothing_is_lost_when_something_is_killed(name, victims):
    handle = control.start(name)
    sent = dict(send_one(handle) for _ in range(5))
    handle.fund(SOMEBODY, ether="3 ether")
    handle.forward(5000)
    wealth = balance(handle, SOMEBODY)
    head = rpc(handle, "eth_getBlockByNumber", "latest", False)
    anvil = anvil_of(handle)
    for victim in victims:
        kill_9(handle.pid if victim == "sandbox" else anvil)
    wait_until(lambda: not alive(anvil))
    if "sandbox" in victims:
        wait_until(lambda: control.find(name) is None)
        handle = control.start(name)
    assert {one: rpc(handle, "eth_getTransactionReceipt", one)["blockHash"] for one in sent} == sent
    assert balance(handle, SOMEBODY) == wealth
    assert rpc(handle, "eth_getBlockByNumber", head["number"], False)["hash"] == head["hash"]
    send_one(handle)
    assert int(rpc(handle, "eth_getBlockByNumber", "latest", False)["timestamp"], 16) >= time.time() + 4900


def test_a_sandbox_killed_while_it_works_has_all_it_acknowledged(name):
    acknowledged = {}
    for _ in range(3):
        handle = control.start(name)
        acknowledged.update([send_one(handle)])
        kill_at = time.monotonic() + 0.15
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.15; kill -9 {handle.pid}"])
        try:
            while True:
                acknowledged.update([send_one(handle)])
        except SandboxError:
            assert time.monotonic() >= kill_at - 0.05
        killer.wait()
        wait_until(lambda: control.find(name) is None)
    handle = control.start(name)
    assert {
        one: rpc(handle, "eth_getTransactionReceipt", one)["blockHash"] for one in acknowledged
    } == acknowledged


def test_a_context_manager_leaves_nothing_behind():
    with Sandbox() as sandbox:
        folder = sandbox.folder
        processes = [sandbox.pid, *children(sandbox.pid)]
        assert balance(sandbox, sandbox.users[0].address) > 0
        assert folder.is_dir()
    assert not folder.exists()
    wait_until(lambda: not any(alive(pid) for pid in processes))


def test_it_runs_on_when_only_its_handle_is_kept():
    before = set(control._STARTED)
    handle = Sandbox().start()
    gc.collect()
    assert int(rpc(handle, "eth_chainId"), 16) == 65535
    for started in list(control._STARTED - before):
        started.stop()
    wait_until(lambda: not alive(handle.pid))


def test_a_given_folder_is_kept(tmp_path):
    folder = tmp_path / "mine"
    with Sandbox(folder) as sandbox:
        sent, block = send_one(sandbox)
    with Sandbox(folder) as sandbox:
        assert rpc(sandbox, "eth_getTransactionReceipt", sent)["blockHash"] == block


def test_it_dies_with_its_parent(tmp_path):
    code = (
        "import sys, time\n"
        "from iexec_lab.sandbox import Sandbox\n"
        f"handle = Sandbox({str(tmp_path / 'state')!r}).start()\n"
        "print(handle.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with parent.stdout:
        pid = int(parent.stdout.readline())
    processes = [pid, *children(pid)]
    assert len(processes) >= 2
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(alive(one) for one in processes))
    assert lock_owner(tmp_path / "state") is None


def test_a_started_one_outlives_its_parent(name):
    code = f"from iexec_lab.sandbox import control; control.start({name!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    handle = control.find(name)
    assert int(rpc(handle, "eth_blockNumber"), 16) > 0


def test_it_is_drawn_in_a_notebook(name):
    handle = control.start(name)
    drawn = handle._repr_html_()
    assert f"Sandbox {name} (chain 65535)" in re.sub("<[^>]*>", "", drawn)
    assert handle.urls["market"] in drawn


def test_ports_follow_the_base(name):
    bases = random.sample(range(21_000, 32_000, 100), 110)  # several runs at once do not choose the same
    base = next(base for base in bases if are_free(range(base, base + len(SERVICES))))
    handle = control.start(name, port_base=base)
    assert list(handle.urls.values()) == [f"http://127.0.0.1:{base + i}" for i in range(len(SERVICES))]
    with pytest.raises(SandboxError, match=f"Port {base} for rpc can not be opened") as caught:
        Sandbox(port_base=base).start()
    assert "--port-base" in caught.value.hint


def test_ports_stay_where_they_were(name):
    before = control.start(name)
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: control.find(name) is None)
    assert control.start(name).urls == before.urls
    control.stop(name)
    with socket.create_server(("127.0.0.1", int(before.urls["market"].rpartition(":")[2]))):
        again = control.start(name)
    changed = {service for service, url in again.urls.items() if url != before.urls[service]}
    assert changed == {"market"}
    assert control.find(name).urls == again.urls


@pytest.mark.parametrize("damage", ["", "[]", '{"rpc": "x"}', '{"rpc": 99999999}'])
def test_ports_that_can_not_be_read_are_chosen_anew(tmp_path, damage):
    (tmp_path / "ports.json").write_text(damage)
    with Sandbox(tmp_path) as sandbox:
        assert set(sandbox.urls) == set(SERVICES)


def test_the_second_start_needs_no_network(name, tmp_path, monkeypatch):
    control.start(name)
    control.reset(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    assert int(rpc(control.start(name), "eth_chainId"), 16) == 65535


def test_failing_to_start_tells_why_and_leaves_no_lock(name, tmp_path, monkeypatch):
    monkeypatch.setenv("IEXEC_LAB_ANVIL", str(tmp_path / "missing"))
    with pytest.raises(SandboxError, match="IEXEC_LAB_ANVIL is not an executable"):
        control.start(name)
    monkeypatch.setenv("IEXEC_LAB_ANVIL", "/bin/false")
    with pytest.raises(SandboxError, match="anvil ended at once"):
        control.start(name)
    monkeypatch.delenv("IEXEC_LAB_ANVIL")
    control.start(name)


def test_a_market_without_its_chain_is_not_given_another_one(tmp_path):
    (tmp_path / "market.sqlite").touch()
    with pytest.raises(SandboxError, match=r"journal\.sqlite is damaged") as caught:
        Sandbox(tmp_path).start()
    assert caught.value.details["file"] == str(tmp_path / "chain" / "journal.sqlite")
    assert "sandbox reset" in caught.value.hint


def test_a_damaged_file_is_named(name):
    folder = control.start(name).folder
    control.stop(name)
    for leftover in folder.glob("market.sqlite*"):
        leftover.unlink()
    (folder / "market.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SandboxError, match=r"market\.sqlite is damaged"):
        control.start(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chain_id": 0}, "0 is no chain id"),
        ({"chain_id": 2**53}, "is no chain id"),
        ({"native": True, "preset": "arbitrum-mainnet"}, "arbitrum-mainnet is no native chain"),
        ({"native": False, "preset": "bellecour"}, "bellecour is a native chain"),
    ],
)
def test_a_chain_that_can_not_be_is_refused(tmp_path, options, message):
    with pytest.raises(SandboxError, match=message):
        Sandbox(tmp_path, **options).start()


def test_a_native_chain(name):
    handle = control.start(name, native=True)
    assert (handle.chain_id, handle.native, handle.rlc) == (65534, True, None)
    poor = "0x4444444444444444444444444444444444444444"
    handle.fund(poor, rlc="5 RLC")
    assert balance(handle, poor) == 5 * 10**18
    assert rpc(handle, "eth_gasPrice") == "0x0"
    control.stop(name)
    assert control.start(name).native is True
    control.stop(name)
    with pytest.raises(SandboxError, match="another kind of chain"):
        control.start(name, native=False)


def test_resetting_deletes_whatever_an_app_left(name):
    left = state_folder(name) / "workerpool" / "work"
    left.mkdir(parents=True)
    folder = os.open(left, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    control.reset(name)
    assert not state_folder(name).exists()


def test_another_chain_id(name):
    handle = control.start(name, chain_id=4242)
    assert int(rpc(handle, "eth_chainId"), 16) == handle.chain_id == 4242


def test_funding_and_forwarding(name):
    with pytest.raises(SandboxError, match='Sandbox "life" is not running'):
        control.fund(SOMEBODY, rlc=1, name=name)
    handle = control.start(name)
    control.fund(SOMEBODY, rlc="1.5 RLC", ether="2 ether", name=name)
    data = "0x70a08231" + SOMEBODY[2:].rjust(64, "0")
    assert int(rpc(handle, "eth_call", {"to": handle.rlc, "data": data}, "latest"), 16) == 1_500_000_000
    assert balance(handle, SOMEBODY) == 2 * 10**18
    before = int(rpc(handle, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    assert control.forward(86400, name=name) >= before + 86400
    with pytest.raises(ValidationError):
        control.forward(-1, name=name)
    with pytest.raises(IexecError, match="not a valid"):
        control.fund("0x12", rlc=1, name=name)
    with pytest.raises(SandboxError, match=r"The faucet has \d+\.\d+ RLC left"):
        handle.fund(SOMEBODY, rlc="90000000 RLC")
    with pytest.raises(SandboxError, match=r"The faucet has \d+\.\d+ of the chain's coins left"):
        handle.fund(SOMEBODY, ether="90000000000 ether")
    for seconds in (300_000_000_000, 2**80):
        with pytest.raises(SandboxError, match="year 9000"):
            handle.forward(seconds)


def test_the_status_says_what_runs_where(name):
    assert control.status(name) == {"name": name, "running": False}
    handle = control.start(name)
    status = control.status(name)
    assert status["running"] is True
    assert status["pid"] == handle.pid
    assert status["block"] == int(rpc(handle, "eth_blockNumber"), 16)
    assert abs(status["time"] - time.time()) < 600
    assert status["answering"] == dict.fromkeys(SERVICES, True)


def test_a_folder_that_can_not_be_used_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="state folder can not be used"):
        Sandbox(tmp_path / "file" / "state").start()


def test_the_official_cli_gets_its_chain_object(iexec_sandbox):
    nine, eight = iexec_sandbox.chain_json(), iexec_sandbox.chain_json(version=8)
    assert set(nine) == {
        *("id", "host", "hub", "sms", "ipfsGateway", "iexecGateway", "compass", "pocoSubgraph"),
    }
    assert nine["id"] == "65535"
    assert eight == {
        **nine,
        "resultProxy": iexec_sandbox.urls["result_proxy"],
        "native": False,
        "useGas": True,
    }


def test_the_registry_file_is_private_and_holds_no_keys(iexec_sandbox):
    path = iexec_sandbox.folder / "registry.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert USER.key.hex() not in path.read_text()
    assert json.loads(path.read_text())["pid"] == iexec_sandbox.pid
    assert running(iexec_sandbox.folder).urls == iexec_sandbox.urls


def test_only_loopback_is_listened_on(iexec_sandbox):
    listed = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ports = {int(url.rpartition(":")[2]) for url in iexec_sandbox.urls.values()}
    hosts = set()
    for line in listed:
        host, _, port = line.split()[1].partition(":")
        if int(port, 16) in ports and line.split()[3] == "0A":
            hosts.add(host)
    assert hosts == {"0100007F"}


def test_who_asks_for_the_owner_is_taken_for_none(tmp_path):
    (tmp_path / "lock").write_text("1")
    with (tmp_path / "lock").open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert lock_owner(tmp_path) is None


def test_a_sandbox_that_ends_by_itself_may_be_stopped(name):
    ended = subprocess.Popen(["true"])
    ended.wait()
    folder = state_folder(name)
    folder.mkdir(parents=True)
    (folder / "lock").write_text(str(ended.pid))
    with (folder / "lock").open() as dying:
        fcntl.flock(dying, fcntl.LOCK_EX)
        assert control.stop(name) is True


def test_a_node_that_dies_in_the_middle_of_its_answer_is_said():
    server = FaultyServer(lambda _: json_reply({"result": "0x1"}), always=cut(3))
    with server, pytest.raises(SandboxError, match="does not answer"):
        control.request(server.url, "eth_chainId")


@pytest.mark.parametrize("name_", ["", "../x", "a/b", ".hidden", "x" * 65])
def test_a_name_is_no_path(home, name_):
    with pytest.raises(ValidationError):
        control.find(name_)
