"""Commands of networks that the sandbox is not (ENS, vouchers, bridges) call the verbs they should."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from helpers.answers import USER, Recorder

from iexec_lab.client.iexec import IExec
from iexec_lab.client.jobs.running import JobRows
from iexec_lab.commands import parser, tree
from iexec_lab.commands.context import Context
from iexec_lab.commands.dry_run import DRY_RUN
from iexec_lab.commands.handlers import calling, done, given, parameters
from iexec_lab.commands.options import SENDS


@pytest.fixture
def called(monkeypatch, tmp_path):
    """The verb and the arguments that a line leads to."""
    lab = Recorder()
    face = SimpleNamespace(
        working=lambda _doing: nullcontext(MagicMock()), note=print, confirm=lambda _q: True
    )
    monkeypatch.setattr(Context, "lab", lambda _self, _args: lab)

    def run(line):
        words = line.split()
        command, taken = tree.find(words)
        command.handler(Context(face, folder=tmp_path), parser.parse(command, words[taken:]))
        return lab.calls[-1]

    return run


@pytest.mark.parametrize(
    ("line", "verb", "values"),
    [
        ("ens resolve a.eth", "ens.resolve", {"name": "a.eth"}),
        (f"ens lookup {USER}", "ens.lookup", {"address": USER}),
        ("ens get-owner a.eth", "ens.get_owner", {"name": "a.eth"}),
        (
            f"ens register hello --domain apps.iexec.eth --for {USER} --force",
            "ens.register",
            {"label": "hello", "domain": "apps.iexec.eth", "for_": USER, "force": True},
        ),
        ("ens register hello", "ens.register", {"label": "hello"}),
        ("voucher show", "voucher.show", {}),
        (f"voucher show --user {USER}", "voucher.show", {"user": USER}),
        (f"voucher authorize {USER}", "voucher.authorize", {"requester": USER}),
        (f"voucher revoke {USER}", "voucher.revoke", {"requester": USER}),
        (
            "wallet bridge-to-sidechain 5 RLC",
            "wallet.bridge_to_sidechain",
            {"amount": ["5", "RLC"]},
        ),
        (
            "wallet bridge-to-mainchain 5 --force",
            "wallet.bridge_to_mainchain",
            {"amount": ["5", "nRLC"], "force": True},
        ),
        (
            f"workerpool set-api-url http://x {USER}",
            "workerpool.set_api_url",
            {"api_url": "http://x", "address": USER},
        ),
    ],
)
def test_lines_call_verbs(called, line, verb, values):
    assert called(line) == (verb, values)


def test_only_what_was_given_is_passed_on():
    args = SimpleNamespace(a=None, b=False, c="", d=0, amount="1", unit=None)
    assert given(args, ("a", "b", "c", "d", "amount", "unit")) == {"c": "", "d": 0, "amount": "1"}


def test_what_was_left_out_is_told():
    rows = JobRows.of([{"a": 1}], 3)
    lab = SimpleNamespace(jobs=lambda: rows)
    assert done(lab, "jobs").line == "3 left out: not what was asked for."
    assert done(lab, "jobs", "Read.").line == "3 left out: not what was asked for. Read."
    rows.left_out = 0
    assert done(lab, "jobs").said == ""


SHARED = {option.dest for option in (*SENDS, *tree.EVERYWHERE, DRY_RUN)}
"""Options that are not the verb's: which wallet, which network, how it is shown."""
CALLING = [
    (command, handler)
    for command in tree.walk()
    if isinstance(handler := inspect.unwrap(command.handler), calling)
]


@pytest.mark.parametrize(("command", "handler"), CALLING, ids=lambda each: getattr(each, "name", ""))
def test_what_a_line_takes_reaches_the_verb(command, handler):
    """A name that the verb does not know would be a silent nothing."""
    words = {item.dest for item in (*command.args, *command.options)} - SHARED
    assert words <= set(parameters(IExec(MagicMock()), handler.verb))


def test_most_commands_only_call_a_verb():
    assert len(CALLING) > 30
