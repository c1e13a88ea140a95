"""The rule for asking, command by command and face by face, where RLC has value."""

from __future__ import annotations

import io
import json
import secrets
import sys
from argparse import Namespace
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from helpers.answers import Recorder
from helpers.spending_verbs import ACTIONS, FILES

from iexec_lab.client.iexec import connect
from iexec_lab.client.plan import ROUTINE
from iexec_lab.commands import parser, tree
from iexec_lab.commands.context import Context
from iexec_lab.errors import AbortedError
from iexec_lab.project import Project
from iexec_lab.wallet.keystore import read_address
from iexec_lab.wallet.signer import LocalSigner

USER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
HASH = "0x" + "ab" * 32
LINES = {
    "account deposit 5": "account.deposit",
    "account withdraw 5": "account.withdraw",
    f"account approve 5 {USER}": "account.approve",
    f"account revoke {USER}": "account.revoke",
    **{f"{kind} deploy": f"{kind}.deploy" for kind in ("app", "dataset", "workerpool")},
    **{f"{kind} publish {USER}": f"{kind}.publish" for kind in ("app", "dataset", "workerpool")},
    **{f"{kind} unpublish {USER}": f"{kind}.unpublish" for kind in ("app", "dataset", "workerpool")},
    **{
        f"{kind} transfer {USER} --to {USER}": f"{kind}.transfer" for kind in ("app", "dataset", "workerpool")
    },
    "dataset publish-file table.csv": "dataset.publish_file",
    f"app run {USER}": "app.run",
    f"app request-execution {USER}": "app.request_execution",
    "order sign --app": "order.sign",
    "order publish --app": "order.publish",
    f"order unpublish --app {HASH}": "order.unpublish",
    f"order cancel --app {HASH}": "order.cancel",
    f"order fill --app {HASH} --workerpool {HASH} --request {HASH}": "order.fill",
    f"deal claim {HASH}": "deal.claim",
    "deal claim --all": "deal.claim_all",
    f"task claim {HASH}": "task.claim",
    "category create": "category.create",
    f"wallet send-ether 5 --to {USER}": "wallet.send_ether",
    f"wallet send-RLC 5 --to {USER}": "wallet.send_rlc",
    f"wallet sendRLC 5 --to {USER}": "wallet.send_rlc",
    f"wallet sweep --to {USER}": "wallet.sweep",
    "wallet bridge-to-sidechain 5": "wallet.bridge_to_sidechain",
    "wallet bridge-to-mainchain 5": "wallet.bridge_to_mainchain",
    f"voucher authorize {USER}": "voucher.authorize",
    f"voucher revoke {USER}": "voucher.revoke",
    "ens register hello": "ens.register",
    f"workerpool set-api-url http://x {USER}": "workerpool.set_api_url",
}
PYTHON_ONLY = {
    *("ens.configure_resolution", "ens.set_text", "ens.set_workerpool_url"),
    *("order.unpublish_all", "order.unpublish_last"),
}
ORDER = dict.fromkeys(("app", "datasetrestrict", "workerpoolrestrict", "requesterrestrict"), USER) | {
    "appprice": "0",
    "volume": "1",
    "tag": "0x" + "00" * 32,
    "salt": HASH,
    "sign": "0x" + "11" * 65,
}
PROJECT = {
    "app": {"owner": USER, "name": "a", "type": "DOCKER", "multiaddr": "x", "checksum": HASH},
    "dataset": {"owner": USER, "name": "a", "multiaddr": "/ipfs/x", "checksum": HASH},
    "workerpool": {"owner": USER, "description": "a"},
    "category": {"name": "a", "description": "b", "workClockTimeRef": "60"},
    "order": {"apporder": {"app": USER, "appprice": "0", "volume": "1", "tag": []}},
}


def asking_commands():
    """Commands whose ``--force`` answers a question about what is signed or spent."""
    return {
        command.name
        for command in tree.walk()
        if (option := command.option("--force")) and option.help == "do not ask for confirmation"
    }


def test_no_command_is_forgotten():
    named = {tree.find(line.split())[0].name for line in LINES}
    assert named == asking_commands()
    assert {*LINES.values(), *PYTHON_ONLY} == set(ACTIONS)
    assert {command.name for command in tree.walk() if command.spends} <= named
    assert not FILES & set(LINES.values())


@pytest.mark.parametrize("words", [[], ["--force"]])
@pytest.mark.parametrize("line", LINES)
def test_a_command_hands_on_what_was_typed_and_no_other_yes(line, words, monkeypatch, tmp_path):
    (tmp_path / "iexec.json").write_text(json.dumps(PROJECT))
    (tmp_path / "orders.json").write_text(json.dumps({"134": {"apporder": ORDER}}))
    asked = []
    lab = Recorder()
    lab.session = MagicMock(network=SimpleNamespace(id=134))
    face = SimpleNamespace(
        working=lambda _doing: nullcontext(MagicMock()),
        note=asked.append,
        remark=asked.append,
        warn=asked.append,
    )
    monkeypatch.setattr(Context, "lab", lambda _self, _args: lab)
    monkeypatch.setattr(Project, "save_signed_order", lambda *_: None)
    command, taken = tree.find(line.split())
    args = parser.parse(command, [*line.split(), *words][taken:])
    with suppress(
        AttributeError, KeyError, TypeError, ValueError
    ):  # the stand-in's answer is of no use later
        command.handler(Context(face, folder=tmp_path), args)
    calls = [values for verb, values in lab.calls if verb == LINES[line]]
    assert [bool(values.get("force", False)) for values in calls] == [bool(words)]


TRIED = {
    "account deposit 7": "account deposit",
    "account withdraw 7": "account withdraw",
    f"account approve 7 {USER}": "account approve",
    f"account revoke {USER}": "account revoke",
    f"wallet send-ether 7 wei --to {USER}": "wallet send-ether",
    f"wallet send-RLC 7 nRLC --to {USER}": "wallet send-RLC",
    "workerpool deploy": "workerpool deploy",
    "order sign --workerpool": "order sign",
    "workerpool publish --category 4": "workerpool publish",
}


class Screen(io.StringIO):
    """A terminal on which somebody types these answers."""

    def isatty(self):
        return True


@pytest.fixture
def valued(iexec, monkeypatch):
    """The program in a project of its own, on a network that counts as valuable."""
    describe(iexec.folder)
    for line in ("workerpool deploy", "account deposit 100", "order init --workerpool"):
        iexec(line)
    describe(iexec.folder)  # for another one
    monkeypatch.setattr("iexec_lab.networks.has_value", lambda *_: True)
    monkeypatch.delenv("CI", raising=False)
    return iexec


def describe(folder):
    """Write a workerpool that nobody has deployed into ``iexec.json``."""
    file = folder / "iexec.json"
    values = json.loads(file.read_text())
    description = f"{folder.name} {secrets.token_hex(4)}"
    values["workerpool"] = {"owner": read_address(cwd=folder), "description": description}
    file.write_text(json.dumps(values))


def sit(monkeypatch, answer):
    """A person at the terminal who answers this to every question."""
    monkeypatch.setattr(sys, "stdin", Screen(f"{answer}\n" * 5))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _self: True)


@pytest.mark.parametrize("line", TRIED)
class TestFaces:
    def test_in_a_pipe_only_the_routine_goes_through(self, valued, line):
        self.check_unattended(valued, line)

    def test_with_raw_only_the_routine_goes_through(self, valued, line, monkeypatch):
        sit(monkeypatch, "n")
        routine = TRIED[line] in ROUTINE
        out, err = valued.text(f"{line} --raw", 0 if routine else 1)
        assert ("Continue?" in err) is not routine
        assert ('"ok":true' in out) is routine

    def test_in_ci_only_the_routine_goes_through(self, valued, line, monkeypatch):
        monkeypatch.setenv("CI", "true")
        self.check_unattended(valued, line)

    def test_force_answers_beforehand(self, valued, line):
        assert valued(f"{line} --force")["ok"] is True

    def test_a_person_is_shown_and_asked(self, valued, line, monkeypatch):
        sit(monkeypatch, "n")
        _, shown = valued.text(line, 1)
        network = valued.folder / "chain.json"
        assert f"{TRIED[line]} on {json.loads(network.read_text())['default']}" in shown
        assert "chain: 65535, hub 0x" in shown
        assert "Operation aborted by user." in shown

    def test_a_yes_is_enough(self, valued, line, monkeypatch):
        sit(monkeypatch, "y")
        _, shown = valued.text(line)
        assert "Continue? (Y/n)" in shown

    @staticmethod
    def check_unattended(valued, line):
        if TRIED[line] in ROUTINE:
            valued.text(line)
        else:
            _, told = valued.text(line, 1)
            assert "Nobody is there to answer" in told
            assert "--force" in told


def test_a_lab_that_a_command_was_given_keeps_its_own_rule(iexec_sandbox, tmp_path):
    network = replace(iexec_sandbox.network, real_value=True)
    signer = LocalSigner(iexec_sandbox.users[0].key)
    lab = connect(network, signer, project=tmp_path)
    face = SimpleNamespace(agree=lambda _plan: True, secret=lambda _question: "")
    context = Context(face, folder=tmp_path)
    context.adopt(lab)
    assert context.lab(Namespace()).session.confirm is not None
    with pytest.raises(AbortedError, match="was not confirmed"):
        lab.account.approve(1, USER)
    asked = []
    own = connect(network, signer, project=tmp_path, confirm=asked.append)
    context.adopt(own)
    with pytest.raises(AbortedError):
        context.lab(Namespace()).account.approve(1, USER)
    assert len(asked) == 1
