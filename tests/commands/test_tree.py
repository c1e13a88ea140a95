"""The tree holds every command and option of the official CLI, 8.x and 9.x, and says how to use each."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from pathlib import Path

import pytest

from iexec_lab.commands import parser, tree
from iexec_lab.errors import UsageError

OFFICIAL = json.loads((Path(__file__).parent / "official_grammar.json").read_text())
COMMANDS = list(tree.walk())
KINDS = set(re.findall(r"\w+", tree.__doc__.split("refusals:")[1]))


def name(command) -> str:
    return command.name


@pytest.mark.parametrize("path", OFFICIAL)
def test_every_official_command_is_there_with_its_options(path):
    official = OFFICIAL[path]
    command, taken = tree.find(path.split())
    assert command is not None
    assert taken == len(path.split())
    for flag, arity in official["options"].items():
        option = command.option(flag)
        assert option is not None, flag
        ours = "variadic" if option.variadic else option.value
        # cancel takes the hash that older versions and the manual show
        assert ours == arity or (path == "order cancel" and (arity, ours) == ("none", "optional")), flag
    assert len(command.args) == len(official["args"])
    for ours, theirs in zip(command.args, official["args"], strict=True):
        assert not ours.required or theirs.startswith("<")
    for alias in official.get("aliases", ()):
        assert tree.find([*path.split()[:-1], alias])[0] is command


def test_our_own_commands():
    own = {command.name for command in COMMANDS} - set(OFFICIAL)
    assert own >= {"connect", "jobs", "sandbox start", "sandbox app add", "sandbox forward"}


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_every_command_explains_itself(command):
    assert command.summary
    assert not command.summary.endswith(".")
    text = parser.help_text(command)
    assert command.usage in text
    assert f"iexec-lab {command.example}" in text
    for item in (*command.args, *command.options):
        assert item.help
        assert item.kind in KINDS
    dests = [item.dest for item in (*command.args, *command.options, *tree.EVERYWHERE)]
    assert len(dests) == len(set(dests))


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_the_example_of_every_command_can_be_parsed(command):
    import shlex

    words = shlex.split(command.example)
    found, taken = tree.find(words)
    assert found is command
    parser.parse(command, words[taken:])


@pytest.mark.parametrize("noun", tree.NOUNS)
def test_every_noun_is_listed_with_its_commands(noun):
    text = parser.overview([noun])
    for command in tree.commands(noun):
        assert command.summary in text


def test_commands_that_spend_say_so():
    spending = {command.name for command in COMMANDS if command.spends}
    assert {"app run", "order fill", "wallet send-RLC", "account deposit", "ens register"} <= spending
    assert not {"app show", "orderbook app", "order sign", "dataset push-secret"} & spending


@pytest.mark.parametrize(
    "words", [[], ["app"], ["sandbox", "app"], ["--help"], ["app", "--help"], ["app", "-h"]]
)
def test_unfinished_commands_are_no_error(words):
    command, _ = tree.find(words)
    assert command is None


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["ap"], "unknown command 'ap'", "Did you mean app?"),
        (["app", "rum"], "unknown command 'rum'", "Did you mean run?"),
        (["sandbox", "app", "ad"], "unknown command 'ad'", "Did you mean add?"),
        (["zzz"], "unknown command 'zzz'", "List the commands: iexec-lab --help."),
        ([object()], "unknown command", ""),
    ],
)
def test_a_wrong_word_gets_a_suggestion(words, message, hint):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        tree.find(words)
    assert hint in caught.value.hint


def test_finding_one_noun_imports_no_other():
    import subprocess
    import sys

    code = (
        "import sys; from iexec_lab.commands import tree; tree.find(['deal', 'show', 'x']);"
        "print(sorted(m for m in sys.modules if m.startswith(('iexec_lab.commands.', 'iexec_lab.client'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "iexec_lab.commands.nouns.deal" in loaded
    assert "iexec_lab.commands.nouns.order" not in loaded
    declarations = {"iexec_lab.client", "iexec_lab.client.options", "iexec_lab.client.wait_options"}
    declarations |= {"iexec_lab.client.market", "iexec_lab.client.market.filters"}
    assert {name for name in literal_eval(loaded) if name.startswith("iexec_lab.client")} <= declarations


def test_the_presets_are_those_of_the_sandbox():
    from iexec_lab.commands.nouns.sandbox import PRESETS
    from iexec_lab.sandbox.chain import presets

    assert set(PRESETS) == set(presets.PRESETS)
