"""IPython in a terminal: what a person types and sees there."""

from __future__ import annotations

import re
import sys

import pytest
from helpers.pseudo_terminal import on_terminal
from helpers.told_app import told

# IPython's prompt, and our questions.
WAITS = re.compile(rb"(?:In \[\d+\]: |\(Y/n\) |(?i:password)[^\n]*: )\Z")
COMPLETED = re.compile(rb"(?:In \[\d+\]: |deposit ?)\s*\Z")
SECRET = "a password that nobody else knows"
VALUED = (
    "from dataclasses import replace; from iexec_lab import connect; "
    "valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)"
)
WORK = (
    "import time; from iexec_lab import doors; "
    "work = doors.progress('Counting'); step = work.__enter__(); step.update('', 3, 12, 'sheep'); "
    "time.sleep(1.5); work.__exit__(None, None, None)"
)
ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
# Plays the page of the wallet.
BROWSER = f"""
import json, re, sys
from urllib.request import Request, urlopen
page = json.loads(re.search(r'replace\\((".*?")\\)', urlopen(sys.argv[1]).read().decode())[1])
asked = json.load(urlopen(page + "next"))
reply = json.dumps({{"id": asked["id"], "result": ["{ACCOUNT}"]}}).encode()
urlopen(Request(page + "reply", reply, {{"content-type": "application/json"}}))
"""


@pytest.fixture(scope="module")
def screen(iexec_sandbox, tmp_path_factory):
    """All that was on the screen, as text."""
    app = told(iexec_sandbox, tmp_path_factory.mktemp("told"))
    folder = tmp_path_factory.mktemp("terminal")
    lines = [
        f"%cd -q {folder}",
        "%load_ext iexec_lab",
        f"lab = %iexec connect sandbox:{iexec_sandbox.name}",
        "lab.category.list()",
        f"job = %iexec app run {app.app} --args go --watch",
        "job",
        "job.logs()",
        "job.result()",
        "job.result()['picture.png']",
        f"lab.job('{app.failed.deal_id}').wait(fail_fast=True)",
        f"lab.job('{app.hostile.deal_id}')",
        "%iexec form account deposit",
        "lab.plot.depth()",
        "%iexec costs",
        "lab.explore('apps')",
        "%iexec dashboard",
        WORK,
        "%iexec wallet create --keystoredir .",
        SECRET,
        SECRET,
        VALUED,
        "%iexec connect {valued};",
        "%iexec account deposit 5",
        "n",
        f"%iexec connect sandbox:{iexec_sandbox.name} --browser-wallet",
        "exit",
    ]
    (folder / "browser.py").write_text(BROWSER)
    words = [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"]
    environment = {
        "BROWSER": f"{sys.executable} {folder / 'browser.py'} %s &",
        "IEXEC_LAB_STATE": str(iexec_sandbox.folder.parent),
        "IPYTHONDIR": str(folder / "ipython"),
        "COLUMNS": "160",
        "TERM": "dumb",
    }
    seen, code = on_terminal(words, *lines, env=environment, question=WAITS)
    assert code == 0, seen
    return seen.replace("\r\n", "\n")


def after(screen, typed):
    """What stands below a line that was typed."""
    _, found, rest = screen.partition(f"{typed}\n")
    assert found, screen
    return re.split(r"^In \[\d+\]: ", rest, flags=re.MULTILINE)[0]


def test_a_list_is_aligned_text(screen):
    shown = after(screen, "lab.category.list()")
    assert "work_clock_seconds" in shown
    assert "<t" not in shown


def test_a_job_is_a_card_of_text(screen):
    assert "1 completed of 1 task" in after(screen, "]: job")


def test_logs_and_files_are_text(screen):
    assert "task 0 was told go" in after(screen, "job.logs()")
    assert "ages.csv" in after(screen, "job.result()")
    assert "picture.png" in after(screen, "job.result()['picture.png']")


def test_costs_and_figures_are_text(screen):
    assert "Costs of this session" in after(screen, "%iexec costs")
    assert "best price for sale" in after(screen, "lab.plot.depth()")


def test_the_market_is_its_first_rows(screen):
    for typed, title in (
        ("lab.explore('apps')", "The market: Apps"),
        ("%iexec dashboard", "Dashboard: Jobs"),
    ):
        shown = after(screen, typed)
        assert title in shown
        assert "The same list: %iexec" in shown


def test_long_work_has_a_line(screen):
    assert "Counting: 3 of 12 sheep …" in after(screen, WORK)


def test_the_wallet_of_the_browser_is_asked_in_its_page(screen):
    assert ACCOUNT in after(screen, "--browser-wallet")


def test_a_failure_says_why(screen):
    shown = after(screen, ".wait(fail_fast=True)")
    assert "no column 'age' in ages.csv" in shown
    assert "Traceback" not in shown


def test_a_form_is_the_line_to_type(screen):
    shown = after(screen, "%iexec form account deposit")
    assert "%iexec account deposit" in shown
    assert "amount" in shown


def test_a_password_is_not_shown(screen):
    shown = after(screen, "%iexec wallet create --keystoredir .")
    assert "0x" in shown
    assert SECRET not in screen


def test_a_question_is_answered_in_the_terminal(screen):
    shown = after(screen, "%iexec account deposit 5")
    assert "cost" in shown
    assert "Operation aborted by user." in shown


@pytest.mark.slow
def test_tab_completes(tmp_path):
    words = [sys.executable, "-m", "IPython", "--no-banner", "--no-confirm-exit", "--ext=iexec_lab"]
    environment = {"IPYTHONDIR": str(tmp_path), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"}
    seen, _ = on_terminal(words, "%iexec account depo\t", "\x15exit", env=environment, question=COMPLETED)
    assert "%iexec account deposit" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
