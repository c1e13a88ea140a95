"""What is said beside a value, and what the value says itself."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab import frames
from iexec_lab.commands import tree
from iexec_lab.commands.outcome import Outcome
from iexec_lab.notebook.beside import as_typed, beside
from iexec_lab.spelling import short_id

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
LISTED = "%iexec category list"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def handle(context, args):
        return Outcome({}, lambda: frames.build("category", []), "Of all.", "0 categories.")

    command, _ = tree.find(["category", "list"])
    monkeypatch.setattr(
        tree, "find", lambda words: (type(command)(("category", "list"), "", handle), len(words))
    )
    created = InteractiveShell()
    created.extension_manager.load_extension("iexec_lab")
    yield created
    created.extension_manager.unload_extension("iexec_lab")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (LISTED, "Of all."),
        (f"x = 1\n{LISTED}", "Of all."),
        ("%%iexec\ncategory list", "Of all."),
        (f"kept = {LISTED}", "0 categories. Of all."),
        (f"{LISTED};", "0 categories. Of all."),
        (f"{LISTED}\nNone", "0 categories. Of all."),
        (f"{LISTED} -o kept", "0 categories. Of all."),
        (f"for _ in [1]:\n    {LISTED}", "0 categories. Of all."),
    ],
)
def test_what_the_drawn_value_tells_is_said_only_where_it_is_not_drawn(shell, capsys, cell, said):
    assert shell.run_cell(cell).success
    printed = capsys.readouterr().out
    assert printed.startswith(f"{said}\n")
    assert printed.count("0 categories.") == said.count("0 categories.")


def test_an_id_is_whole_in_the_value_alone():
    said = f"Deployed app {ADDRESS}."
    one = frames.build("funding", [{"address": ADDRESS, "nRLC": 1, "wei": 1}], single=True)
    assert beside(said, ADDRESS) == beside(said, one) == f"Deployed app {short_id(ADDRESS)}."
    assert beside(said, "0x" + "ab" * 20) == beside(said, None) == said
    assert beside("3 categories.", 3) == beside("It is.", True) == ""
    in_rlc = "He may use 0.001 RLC of the stake."  # a number alone has no unit
    assert beside(in_rlc, 1_000_000) == in_rlc


def test_options_are_named_as_they_are_typed():
    frame = frames.build("category", [], remark="more than 5: limit=50 shows more, limit=None all")
    assert as_typed(frame).attrs["remark"] == "more than 5: --limit 50 shows more"
    assert as_typed(None) is None


def test_a_text_of_several_lines_is_drawn_as_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell()
    shell.extension_manager.load_extension("iexec_lab")
    try:
        script = shell.run_cell("script = %iexec completion bash\nscript").result
        assert "complete -o nosort" in capsys.readouterr().out.splitlines()[-1]
        assert script == f"{script}"  # still a text, that can be written into a file
        drawn = shell.display_formatter.format(script)[0]
        assert drawn["text/plain"] == script.rstrip("\n")
    finally:
        shell.extension_manager.unload_extension("iexec_lab")
