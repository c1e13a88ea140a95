from __future__ import annotations

import io
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from helpers.past_frames import deals

from iexec_lab.commands.context import Context
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.plotting import plotting
from iexec_lab.commands.terminal import Terminal
from iexec_lab.errors import ValidationError
from iexec_lab.plots import Picture


@pytest.fixture
def run(tmp_path):
    asked = []

    def handle(context, args):
        asked.append(context.rows)
        return Outcome({"count": 9}, lambda: deals(9).drop(columns=["final_deadline"]), "9 deals.")

    def act(plot):
        return plotting(handle, "deals")(Context(Terminal(), folder=tmp_path, rows=100), Namespace(plot=plot))

    act.asked = asked
    return act


def test_without_it_nothing_changes(run):
    outcome = run(None)
    assert (outcome.said, outcome.shown) == ("9 deals.", None)
    assert len(outcome.value) == 9
    assert run.asked == [100]


def test_a_notebook_gets_the_picture_a_terminal_its_figures(run):
    outcome = run(True)
    assert isinstance(outcome.value, Picture)
    assert run.asked == [10_000]
    assert outcome.raw == {"count": 9}
    assert outcome.shown.startswith("Deals per day\n")
    assert "█" in outcome.shown


def test_bars_of_a_terminal_without_blocks(run, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    shown = run(True).shown
    assert "##" in shown
    assert shown.isascii()


def test_a_file_in_the_project(run, tmp_path):
    outcome = run("deals.png")
    assert (tmp_path / "deals.png").read_bytes().startswith(b"\x89PNG")
    assert outcome.said == f"9 deals. Saved as {tmp_path / 'deals.png'}."
    assert outcome.shown == {}


def test_a_name_that_is_none_is_refused_before_anything_is_read(run, tmp_path):
    with pytest.raises(ValidationError, match="0x12 is no name of a picture"):
        run("0x12")
    assert not run.asked
    assert list(Path(tmp_path).iterdir()) == []


def test_the_book_in_a_terminal_and_in_a_file(iexec):
    lines = iexec.text("orderbook workerpool --category 0 --plot")[0].splitlines()
    head = lines.index("Depth of the orderbook, category 0")
    assert lines[head + 1].startswith("best price for sale: ")
    assert iexec.text("orderbook workerpool --plot book.svg")[0].strip().endswith("book.svg.")
    assert (iexec.folder / "book.svg").read_text().startswith("<?xml")
    plain = iexec("orderbook workerpool --category 0")
    assert iexec("orderbook workerpool --category 0 --plot") == plain
    assert "Balance of 0x" in iexec.text("account history --plot")[0]


def test_lists_of_deals_and_tasks_have_pictures(iexec):
    shown = iexec.text("deal list --all --plot")[0]
    assert "Deals per " in shown
    assert "Tasks begun per " in iexec.text("task list --all --plot")[0]
    assert iexec.text("history deals --plot deals.pdf")[0].strip().endswith("deals.pdf.")
