"""The page of a line that says nothing: where you are, what to type next."""

from __future__ import annotations

import json

import pytest

from iexec_lab.commands import parser, tree
from iexec_lab.commands.context import Context
from iexec_lab.commands.first_page import first_page
from iexec_lab.commands.terminal import Terminal

APP = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STATES = {
    "nothing": {},
    "connected": {"chain.json": {"default": "sandbox", "chains": {"sandbox": {"id": "65535"}}}},
    "a project": {
        "chain.json": {"default": "sandbox", "chains": {"sandbox": {"id": "65535"}}},
        "iexec.json": {"app": {}},
    },
    "an app": {
        "chain.json": {"default": "sandbox", "chains": {"sandbox": {"id": "65535"}}},
        "iexec.json": {"app": {}},
        "deployed.json": {"app": {"65535": APP}},
    },
    "broken": {"chain.json": [], "iexec.json": 5, "deployed.json": None},
}
FIRST = {
    "nothing": "connect sandbox",
    "connected": "init --skip-wallet",
    "a project": "app init",
    "an app": "app run --watch",
    "broken": "app init",
}


def page(folder, state, *, notebook=False):
    for name, held in STATES[state].items():
        (folder / name).write_text(json.dumps(held))
    return first_page(Context(Terminal(), folder=folder), notebook=notebook)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("notebook", [False, True])
def test_every_line_is_one_that_can_be_typed(tmp_path, state, notebook):
    found = page(tmp_path, state, notebook=notebook)
    lines = [line for _, group in found.groups for line, _ in group]
    assert lines[0] == f"iexec-lab {FIRST[state]}"
    for line in lines:
        program, *words = line.split()
        assert program == "iexec-lab"
        command, taken = tree.find(words)
        assert "--help" in words or parser.parse(command, words[taken:])
    assert any("form" in line for line in lines) is notebook


def test_it_says_where_you_are(tmp_path):
    assert "Not connected" in page(tmp_path, "nothing").text()
    assert "Connected to sandbox" in page(tmp_path, "connected").text()


def test_each_face_has_its_own_lines(tmp_path):
    found = page(tmp_path, "nothing", notebook=True)
    assert "%iexec" not in found.text()
    for shown in (repr(found), str(found._repr_html_())):
        assert "%iexec connect sandbox" in shown
        assert "iexec-lab connect" not in shown
    assert len(found.text().splitlines()) < 25
