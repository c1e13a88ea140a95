"""What ``%iexec?`` shows is true: each of its lines is one that the parser takes."""

from __future__ import annotations

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.commands import parser, tree
from iexec_lab.notebook import manual
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.magic import IexecMagics


@pytest.fixture
def shown(monkeypatch):
    """What IPython shows of a name."""
    shell = InteractiveShell()
    shell.extension_manager.load_extension("iexec_lab")
    pages = []
    monkeypatch.setattr("IPython.core.page.page", lambda data, *_, **__: pages.append(data["text/plain"]))

    def ask(question):
        assert shell.run_cell(question).success
        return re.sub(r"\x1b\[[\d;]*m", "", pages.pop())

    yield ask
    shell.extension_manager.unload_extension("iexec_lab")


@pytest.mark.parametrize("question", ["%iexec?", "%%iexec?"])
def test_a_question_mark_shows_the_page(shown, question):
    text = shown(question)
    assert manual.page().splitlines()[0] in text
    assert "%%iexec app run {app} -o job" in text


def test_it_names_every_noun_with_its_line():
    for noun, summary in tree.NOUNS.items():
        assert re.search(rf"^{noun} +{re.escape(summary)}$", manual.page(), re.MULTILINE)


def test_it_has_room_on_a_page():
    lines = manual.page().splitlines()
    assert len(lines) > 62  # as many as the page of %sql
    assert max(map(len, lines)) <= 110


def test_its_lines_are_commands():
    lines = re.findall(r"^(?:\w+ = )?%iexec (.*?)(?:   .*)?$", manual.page(), re.MULTILINE)
    assert len(lines) > 10
    for [tokens] in map(split, lines):
        words = [token.rstrip(";") for token in tokens]
        command, taken = tree.find(words)
        if not parser.wants_help(words[taken:]):
            assert command
            parser.parse(command, words[taken:])


def test_its_cells_are_commands():
    first, second = re.findall(r"((?:^    .*\n)+)", manual.page(), re.MULTILINE)
    [head, *options] = split(first)
    assert head[-2:] == ["-o", "job"]
    words = [*head[1:-2], *(token for tokens in options for token in tokens)]
    command, taken = tree.find(words)
    parser.parse(command, words[taken:])
    for words in split(second)[1:]:
        command, taken = tree.find(words)
        parser.parse(command, words[taken:])


def test_its_setting_exists():
    settings = re.findall(r"IexecMagics\.(\w+)", manual.page())
    assert settings
    assert set(settings) <= set(IexecMagics.class_traits(config=True))
