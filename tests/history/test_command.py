"""``history`` in a terminal."""

from __future__ import annotations

import json
import shlex

import pytest
from helpers.graph_stub import GraphStub, Past

from iexec_lab import cli

HUB = "0xB2157BF2fAb286b2A4170E3491Ac39770111Da3E"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    with GraphStub(Past(deals=60, step=36_000)) as stub:
        chain = {"id": "421614", "host": "http://127.0.0.1:1", "hub": HUB, "pocoSubgraph": stub.url}
        (tmp_path / "chain.json").write_text(json.dumps({"default": "here", "chains": {"here": chain}}))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

        def run(line, code=0):
            found = cli.main(shlex.split(line))
            out, err = capsys.readouterr()
            assert found == code, out + err
            return out + err

        yield run


def test_rows_are_shown_as_people_read_them(run):
    text = run("history deals --limit 3")
    assert len(text.splitlines()) == 4
    assert " UTC " in text
    assert " RLC" in text
    rows = json.loads(run("history deals --limit 3 --raw"))["rows"]
    assert [row["deal_id"] for row in rows] == [line.split()[0] for line in text.splitlines()[1:]]
    assert all(row["app_price_nrlc"].isdecimal() for row in rows)


def test_rows_are_written_and_the_line_says_where(run):
    assert "180 tasks in" in run("history tasks --to past --since 60d")
    again = json.loads(run("history tasks --to past --raw"))
    assert again["rows"] == 180
    assert again["folder"].endswith("past/421614/tasks")
    assert "another history" in run("history tasks --to past --category 0", 1)


def test_a_moment_that_is_none(run):
    text = run("history events --since soon", 1)
    assert "since cannot be soon" in text
    assert "7d" in text


FIGURES = ["per-day --every week", "per-app", "prices --of task", "success --by app", "late", "concentration"]


@pytest.mark.parametrize("line", FIGURES)
def test_figures_are_commands_too(run, line):
    text = run(f"history {line}")
    raw = json.loads(run(f"history {line} --raw"))
    assert raw["count"] == len(raw["rows"]) > 0
    assert f"{raw['count']} rows." in text
    first = raw["rows"][0]
    assert all(value.isdecimal() for name, value in first.items() if name.endswith("_nrlc"))
    assert not [name for name in first if name.endswith("_rlc")]


@pytest.mark.parametrize("verb", ["per-day", "per-app", "prices"])
def test_a_limit_holds_for_figures_too(run, verb):
    whole = json.loads(run(f"history {verb} --raw"))
    assert whole["count"] > 2
    first = json.loads(run(f"history {verb} --limit 2 --raw"))
    assert first == {**whole, "rows": whole["rows"][:2]}
    assert f"The first 2 of {whole['count']} rows: --limit {whole['count']} shows all." in run(
        f"history {verb} --limit 2"
    )


def test_a_limit_holds_for_the_value_of_a_figure(run):
    from iexec_lab.commands import parser, tree
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.terminal import Terminal

    command, taken = tree.find(words := shlex.split("history per-day --limit 2"))
    frame = command.handler(Context(Terminal(quiet=True)), parser.parse(command, words[taken:])).value
    assert len(frame) == frame.attrs["rows"] == 2
    assert "shows all" in frame.attrs["remark"]


def test_figures_have_filters_and_pictures(run):
    assert "Tasks bought per day" in run("history per-day --since 3d --plot")
    assert json.loads(run(f"history per-app --app {HUB} --raw"))["rows"] == []
