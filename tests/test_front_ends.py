"""Each cell of the tables of ``docs/front_ends.md`` is shown by a test."""

from __future__ import annotations

import ast

import pytest
from helpers.places import ROOT

PAGE = ROOT / "docs" / "front_ends.md"
BROWSER, HEADLESS, TERMINAL = (
    f"tests/{name}.py"
    for name in ("browser/test_front_ends", "notebook/test_headless", "notebook/test_terminal")
)
NO_CELLS = "the front end has no cells to type in"
NOT_SAVED = "the front end saves nothing"
LAB, VOILA, PAPERMILL = "JupyterLab 4, Notebook 7; nbclassic with ipywidgets 7", "Voilà", "papermill"
CONVERTED, IPYTHON = "nbconvert --execute, the exported page", "IPython in a terminal"


def in_browser(lab, voila=None):
    return {LAB: f"{BROWSER}::{lab}", VOILA: f"{BROWSER}::{lab}" if voila is None else voila}


def without(papermill, converted, ipython):
    return {PAPERMILL: f"{HEADLESS}::{papermill}", CONVERTED: converted, IPYTHON: ipython}


KEPT = "test_papermill_keeps_tables_the_last_state_of_a_card_results_and_pictures"
OTHERS = "test_papermill_keeps_plots_costs_and_pages_that_can_be_read"
FAILS = "test_papermill_fails_where_a_cell_fails_and_says_why"
EXPORTED = f"{HEADLESS}::test_nbconvert_executes_and_the_page_reads_right"
SHOWN = {
    "lists": in_browser("test_a_list_is_a_table")
    | without(KEPT, EXPORTED, f"{TERMINAL}::test_a_list_is_aligned_text"),
    "a job": in_browser("test_a_job_is_a_card")
    | without(KEPT, EXPORTED, f"{TERMINAL}::test_a_job_is_a_card_of_text"),
    "a job that runs": in_browser(
        "test_a_card_moves_while_its_job_runs",
        f"{BROWSER}::test_a_form_shows_the_card_of_what_it_runs",
    ),
    "a failure": in_browser("test_a_failure_says_why")
    | without(FAILS, EXPORTED, f"{TERMINAL}::test_a_failure_says_why"),
    "logs": in_browser("test_logs_are_text")
    | without(KEPT, EXPORTED, f"{TERMINAL}::test_logs_and_files_are_text"),
    "results": in_browser("test_a_result_shows_its_files")
    | without(KEPT, EXPORTED, f"{TERMINAL}::test_logs_and_files_are_text"),
    "pictures, plots": in_browser("test_a_picture_and_a_plot_are_drawn"),
    "long work": in_browser("test_long_work_has_a_line_that_moves")
    | without(OTHERS, EXPORTED, f"{TERMINAL}::test_long_work_has_a_line"),
    "costs": in_browser("test_costs_are_a_card")
    | without(OTHERS, EXPORTED, f"{TERMINAL}::test_costs_and_figures_are_text"),
    "explorer, dashboard": in_browser("test_the_market_is_a_page")
    | without(OTHERS, EXPORTED, f"{TERMINAL}::test_the_market_is_its_first_rows"),
    "the browser's wallet": in_browser("test_the_wallet_of_the_browser_is_asked")
    | without(OTHERS, EXPORTED, f"{TERMINAL}::test_the_wallet_of_the_browser_is_asked_in_its_page"),
    "plots": without(OTHERS, EXPORTED, f"{TERMINAL}::test_costs_and_figures_are_text"),
    "saved, without its kernel": in_browser("test_saved_it_reads_the_same_without_a_kernel", NOT_SAVED),
    "pictures": without(KEPT, EXPORTED, f"{TERMINAL}::test_logs_and_files_are_text"),
    "a question": in_browser("test_a_question_is_answered_below_the_cell", NO_CELLS)
    | without(FAILS, EXPORTED, f"{TERMINAL}::test_a_question_is_answered_in_the_terminal"),
    "a password": in_browser("test_a_password_is_neither_shown_nor_saved", NO_CELLS)
    | without(FAILS, EXPORTED, f"{TERMINAL}::test_a_password_is_not_shown"),
    "forms": in_browser("test_a_form_checks_what_is_typed")
    | without(
        "test_papermill_keeps_a_form_that_can_be_read",
        EXPORTED,
        f"{TERMINAL}::test_a_form_is_the_line_to_type",
    ),
    "Tab": in_browser("test_tab_completes", NO_CELLS)
    | {PAPERMILL: NO_CELLS, CONVERTED: NO_CELLS, IPYTHON: f"{TERMINAL}::test_tab_completes"},
    "a stranger's name": in_browser("test_a_name_is_only_a_text"),
    "keys": without("test_papermill_keeps_no_key", EXPORTED, f"{TERMINAL}::test_a_password_is_not_shown"),
}
"""Line of the page -> front end -> its test, or why there is nothing to test."""


def cells():
    """Line, front end and words of each cell of the tables of the page."""
    heads = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            heads = []
            continue
        first, *words = [each.strip() for each in line.strip("|").split("|")]
        if not heads:
            heads = words
        elif not first.startswith("---"):
            yield from ((first, head, word) for head, word in zip(heads, words, strict=True))


@pytest.mark.parametrize(("line", "head"), [each[:2] for each in cells()])
def test_every_cell_of_the_page_is_shown_by_a_test(line, head):
    test = SHOWN[line][head]
    if test not in {NO_CELLS, NOT_SAVED}:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_nothing_is_tested_that_the_page_does_not_say():
    said = {each[:2] for each in cells()}
    assert {(line, head) for line, heads in SHOWN.items() for head in heads} == said
