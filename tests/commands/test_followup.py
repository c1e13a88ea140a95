"""Who leaves after something was signed is told which transaction it is, and the line that shows the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.anvils import KEYS, run_anvil
from helpers.pseudo_terminal import on_terminal
from helpers.waiting import until

from iexec_lab import cli
from iexec_lab.client.jobs.detached import Detached
from iexec_lab.commands import followup, parser, tree
from iexec_lab.errors import AbortedError, TransactionError
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.ethereum.sent import Interrupted, Sent

pytestmark = pytest.mark.sandbox

TO = "0x" + "12" * 20
WORDS = ["wallet", "send-ether", "1", "--to", TO, "--force"]
# Starts a program whose output nobody reads.
UNREAD = """
import os, subprocess, sys
reading, writing = os.pipe()
os.close(reading)
sys.exit(subprocess.run(sys.argv[1:], stdout=writing, stderr=writing).returncode)
"""


@pytest.fixture
def project(tmp_path):
    """Makes a folder whose chain is a node with these options; the program in it, and the node."""
    running = []

    def make(*options):
        process, url = run_anvil(*options)
        running.append(process)
        chain = {"host": url, "id": "31337", "hub": "0x" + "11" * 20}
        (tmp_path / "chain.json").write_text(json.dumps({"default": "slow", "chains": {"slow": chain}}))
        home = {"HOME": str(tmp_path), "IEXEC_LAB_HOME": str(tmp_path), "IEXEC_PRIVATE_KEY": KEYS[0]}

        def start(*words, **streams):
            command = [sys.executable, "-m", "iexec_lab", *WORDS, *words]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
            return subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **home}, text=True, **pipes)

        return start, Rpc(url), home

    yield make
    for process in running:
        process.kill()
        process.wait()


def waiting(rpc):
    """The one transaction in the node's pool."""
    return until(lambda: rpc.request("eth_getBlockByNumber", "pending", True)["transactions"])[0]["hash"]


@pytest.mark.parametrize(
    ("stop", "code", "word"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_who_stops_a_wait_is_told_what_was_sent(project, stop, code, word):
    start, rpc, _ = project("--no-mining")
    program = start("--chain", "slow")
    tx_hash = waiting(rpc)
    program.send_signal(stop)
    out, err = program.communicate()
    assert (program.returncode, out) == (code, "")
    assert err.splitlines() == [
        f"✖ {word}",
        f"  sent before: {tx_hash} (sent, may be mined)",
        "  → iexec-lab wallet show --chain slow shows the outcome; look before you send again.",
    ]


def test_who_stops_a_script_gets_the_hash_as_json(project):
    start, rpc, _ = project("--no-mining")
    program = start("--raw")
    tx_hash = waiting(rpc)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate()
    assert (program.returncode, out, err.count("\n")) == (130, "", 1)
    error = {"name": "Error", "message": "Interrupted.", "txHash": tx_hash}
    assert json.loads(err) == {"ok": False, "command": "iexec wallet send-ether", "error": error}


@pytest.mark.parametrize("raw", [False, True])
def test_a_closed_pipe_leaves_nobody_in_the_dark(project, raw):
    start, rpc, _ = project()
    reading, writing = os.pipe()
    os.close(reading)
    program = start(*["--raw"] * raw, stdout=writing)
    os.close(writing)
    _, err = program.communicate()
    tx_hash = rpc.request("eth_getBlockByNumber", "latest", False)["transactions"][0]
    assert program.returncode == 1
    if raw:
        assert json.loads(err)["error"]["txHash"] == tx_hash
    else:
        assert f"{tx_hash} (mined in block 1)" in err
        assert "iexec-lab wallet show" in err


def test_with_both_outputs_closed_the_terminal_is_told(project, tmp_path):
    _, rpc, home = project()
    inside = [sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{UNREAD}"]
    screen, code = on_terminal([*inside, sys.executable, "-m", "iexec_lab", *WORDS], env=home)
    assert code == 1
    assert rpc.request("eth_getBlockByNumber", "latest", False)["transactions"][0] in screen


def test_a_transaction_that_is_not_mined_in_time_is_an_error_with_its_hash():
    error = TransactionError("transaction 0xab: not mined after 600 s", tx_hash="0xab", hint="Look.")
    followup.tell(error, [Sent("0xab")], ["account", "deposit", "5"])
    assert "sent before" not in error.details
    assert error.hint.startswith("Look. iexec-lab account show shows the outcome")
    assert followup.hash_of(error, [Sent("0xab"), Sent("0xcd")]) == "0xab"


def test_an_error_after_something_was_sent_names_it():
    error = AbortedError("No answer")
    sent = [Sent("0xab"), Sent("0xcd", 7)]
    followup.tell(error, sent, ["order", "fill"])
    assert error.details == {"sent before": "0xab (sent, may be mined), 0xcd (mined in block 7)"}
    assert "iexec-lab jobs shows" in error.hint
    assert followup.hash_of(error, sent) == "0xab"
    assert followup.hash_of(error, sent[1:]) == "0xcd"


def test_an_error_before_anything_was_sent_stays_as_it_is():
    error = AbortedError("No answer", hint="Add --force.")
    followup.tell(error, [], ["order", "fill"])
    assert (error.details, error.hint, followup.hash_of(error, [])) == ({}, "Add --force.", None)


def test_what_was_mined_before_an_error_needs_no_look():
    error = AbortedError("No answer")
    followup.tell(error, [Sent("0xab", 7)], ["order", "fill"])
    assert error.hint is None


def test_a_long_list_is_cut():
    error = AbortedError("No answer")
    followup.tell(error, [Sent(f"0x{number:064x}") for number in range(25)], ["order", "fill"])
    assert error.details["sent before"].endswith(" and 15 more")


def test_an_interrupted_wait_for_a_job_says_how_to_come_back():
    found = followup.stopped(Detached("in Python", "deal show 0xab --watch"), [], ["app", "run"])
    assert found.message == "Interrupted; the work goes on: iexec-lab deal show 0xab --watch"
    assert (
        followup.stopped(Interrupted([Sent("0xab")]), [Sent("0xab")], ["app", "run"]).message
        == "Interrupted."
    )


def test_an_interrupted_wait_in_a_terminal(monkeypatch, capsys):
    line = f"deal show 0x{'ab' * 32} --watch"

    def wait(*_):
        raise Detached("how to go on in Python", line)

    monkeypatch.setattr(cli, "_carry_out", wait)
    assert cli.main(line.split()) == 130
    assert capsys.readouterr() == ("", f"✖ Interrupted; the work goes on: iexec-lab {line}\n")


SPENDING = [command for command in tree.walk() if command.spends]


@pytest.mark.parametrize("command", SPENDING, ids=lambda command: command.name)
def test_every_line_is_one_that_can_be_typed(command):
    words = [*command.path, "0x" + "ab" * 20, "--chain", "bellecour"]
    told = followup.where_to_look(words)
    if told.startswith("Look the hash up"):
        assert command.name in {"order cancel", "ens register", "workerpool set-api-url"}
        return
    line = told.removeprefix("iexec-lab ").partition(" shows the")[0].split()
    found, taken = tree.find(line)
    assert parser.parse(found, line[taken:]).chain == "bellecour"


@pytest.mark.parametrize(
    "words", [[], ["foo"], ["wallet"], [7], ["deal", "claim"], ["deal", "claim", "--raw"]]
)
def test_what_is_no_command_has_no_line(words):
    assert followup.where_to_look(words) == "Look the hash up before you send again."
