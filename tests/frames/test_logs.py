"""Logs are drawn as logs, by themselves and with the extension."""

from __future__ import annotations

import pandas as pd

from iexec_lab.frames import build, logs
from iexec_lab.notebook.drawing import display

WORKER = "0x" + "ab" * 20


def row(index=0, status="COMPLETED", out="one\ntwo\n", err=""):
    return {
        "taskid": f"0x{index:064x}",
        "index": index,
        "statusName": status,
        "worker": WORKER,
        "stdout": out,
        "stderr": err,
    }


def frame(*rows):
    return build("log", rows)


def drawings(shown):
    return repr(shown), shown._repr_html_()


def test_each_task_is_a_block_under_a_line_that_says_whose_it_is():
    shown = frame(row(), row(7, "TIMEOUT", "", "Traceback\n  File x\n"))
    text, page = drawings(shown)
    assert text.split("\n")[0].startswith("── task 0, COMPLETED, worker 0xAB")
    assert "\none\ntwo\n── task 7, TIMEOUT" in text
    assert "  standard error:\n  Traceback\n    File x\n[2 logs]" in text
    assert page.count("<details") == 2
    assert page.count("<pre") == 2
    assert ">one\ntwo</pre>" in page
    assert "text-align:left" in page
    assert "\\n" not in text + page


def test_with_the_extension_it_is_the_same_unless_all_columns_are_wanted():
    shown = frame(row())
    assert display.to_text(shown, 40, shorten=True) == repr(shown)
    assert display.to_html(shown, 40, shorten=True) == shown._repr_html_()
    assert "<td" in display.to_html(shown, 40, shorten=True, wide=True)
    assert "[1 of 2 logs]" in display.to_text(frame(row(), row(1)), 1, shorten=True)


def test_it_is_a_frame_like_any_other():
    shown = frame(row(), row(1))
    assert isinstance(shown, pd.DataFrame)
    assert list(shown.columns) == ["task_id", "task_index", "status", "worker", "stdout", "stderr"]
    part = shown[shown["task_index"] == 1]
    assert type(part) is pd.DataFrame
    assert "── task 1" in display.to_text(part, 40, shorten=True)
    assert "──" not in repr(shown[["worker"]])
    assert shown.attrs["kind"] == "log"
    assert repr(frame()) == "[0 logs]"


def test_many_are_folded_except_those_that_went_wrong():
    page = frame(*(row(index, "FAILED" if index == 5 else "COMPLETED") for index in range(9)))._repr_html_()
    assert (page.count("<details"), page.count(" open=")) == (9, 2)
    assert "of 60 logs" in repr(frame(*(row(index) for index in range(60))))


def test_what_steers_a_terminal_is_taken_out_and_hostile_text_is_text():
    wild = "\x1b[31mred\x1b[0m\x1b]0;title\x07\n 10%\r 100%\r\nbell\x07\ttab<img src=x onerror=alert(1)>"
    text, page = drawings(frame(row(out=wild)))
    assert "\nred\n 100%\nbell\\x07 tab" in text.replace("   ", " ").replace("  ", " ")
    assert "\x1b" not in text + page
    assert "<img" not in page
    assert frame(row(out=wild)).loc[0, "stdout"] == wild


def test_of_a_long_one_the_end_is_drawn():
    long = "x" * logs.LONGEST + "the end"
    for drawn in drawings(frame(row(out=long))):
        assert "… 7 more characters before; the frame has them" in drawn
        assert "the end" in drawn
        assert len(drawn) < 2 * logs.LONGEST


def test_what_wrote_nothing_says_so():
    for drawn in drawings(frame(row(out="", err=None))):
        assert "it wrote nothing" in drawn


def test_of_many_logs_those_of_failures_are_drawn():
    rows = [row(place, "TIMEOUT" if place == 45 else "COMPLETED") for place in range(50)]
    shown = display.to_text(frame(*rows), 40, shorten=True)
    assert "task 45, TIMEOUT" in shown
    assert shown.index("task 38") < shown.index("task 45")
    assert "task 39" not in shown
    assert "[40 of 50 logs]" in shown
