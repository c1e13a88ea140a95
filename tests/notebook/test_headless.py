"""Notebooks that nobody looks at: papermill, and nbconvert with --execute; and the page that it exports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.kept_secrets import keys_in
from helpers.saved import NEVER
from helpers.told_app import deploy

CELLS = (
    "word = 'nothing'",
    "%load_ext iexec_lab\nlab = %iexec connect sandbox:{name}",
    "lab.category.list()",
    "job = %iexec app run {app} --args {{word}} --watch",
    "job",
    "job.logs()",
    "result = job.result()\nresult",
    "result['picture.png']",
    "%iexec form account deposit",
    "lab.plot.depth()",
    """
import time
from iexec_lab import doors
with doors.progress("Counting") as step:
    step.update("", 3, 12, "sheep")
    time.sleep(1)
""",
    "%iexec costs",
    "lab.explore('apps')",
    "%iexec dashboard",
    """
began = time.monotonic()
try:
    %iexec connect sandbox:{name} --browser-wallet
except Exception as error:
    print(error)
print("at once" if time.monotonic() - began < 30 else "late")
""",
    "%iexec wallet create --unencrypted --keystoredir . --force",
    "import os; os.rename('wallet.json', 'kept.json')\n%iexec wallet create",
    "print('never')",
)
CONNECT, LIST, RUN, JOB, LOGS, RESULT, PICTURE, FORM, *_ = range(1, len(CELLS))
PLOT, WORK, COSTS, EXPLORER, DASHBOARD, BROWSER, WALLET, QUESTION, LAST = range(FORM + 1, len(CELLS))


@pytest.fixture(scope="module")
def folder(iexec_sandbox, tmp_path_factory):
    """Has the notebook."""
    import nbformat

    folder = tmp_path_factory.mktemp("headless")
    app = deploy(iexec_sandbox, tmp_path_factory.mktemp("app"))
    sources = [cell.format(name=iexec_sandbox.name, app=app) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    return folder


@pytest.fixture(scope="module")
def run(folder, iexec_sandbox):
    """Run a program on the notebook, beside it; its exit code and what it said."""

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=folder,
            env={
                **os.environ,
                "IEXEC_LAB_STATE": str(iexec_sandbox.folder.parent),
                "IPYTHONDIR": str(folder / "ipython"),
            },
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def papermill(run, folder):
    """What it said, and the outputs of each cell of the notebook; the parameters are a cell more."""
    import nbformat

    pytest.importorskip("papermill", reason="needs papermill")
    code, said = run("papermill", "in.ipynb", "out.ipynb", "-p", "word", "go", "--no-progress-bar")
    assert code, said
    cells = [cell for cell in nbformat.read(folder / "out.ipynb", 4).cells if cell.cell_type == "code"]
    assert "word = " in cells[1].source
    return said, [cell.outputs for cell in (cells[0], *cells[2:])]


def test_papermill_fails_where_a_cell_fails_and_says_why(papermill):
    said, outputs = papermill
    [error] = outputs[QUESTION]
    assert error.output_type == "error"
    assert "Nobody is there to answer" in error.evalue
    assert "Nobody is there to answer" in said
    assert outputs[LAST] == []


def test_papermill_keeps_tables_the_last_state_of_a_card_results_and_pictures(papermill):
    _, outputs = papermill
    assert "<table" in outputs[LIST][-1].data["text/html"]
    cards = [
        output for output in outputs[RUN] if "completed of" in output.get("data", {}).get("text/plain", "")
    ]
    assert len(cards) <= 1  # none where the job had ended before the first look
    [card] = outputs[JOB]
    assert "1 completed of 1 task" in card.data["text/plain"]
    assert all("1 completed of 1 task" in each.data["text/html"] for each in (*cards, card))
    assert "task 0 was told go" in outputs[LOGS][-1].data["text/plain"]
    assert "ages.csv" in outputs[RESULT][-1].data["text/html"]
    assert "data:image/png;base64," in outputs[PICTURE][-1].data["text/html"]


def test_papermill_keeps_a_form_that_can_be_read(papermill):
    _, outputs = papermill
    texts = [output.data.get("text/html", "") for output in outputs[FORM] if "data" in output]
    assert any("stake RLC of the wallet" in text for text in texts)


def test_papermill_keeps_plots_costs_and_pages_that_can_be_read(papermill):
    _, outputs = papermill
    assert outputs[PLOT][-1].data["image/png"]
    [line] = outputs[WORK]
    assert "✔ Counting: 3 sheep, 1 s" in line.data["text/plain"]
    assert "Costs of this session" in outputs[COSTS][-1].data["text/html"]
    for page, title in ((EXPLORER, "The market: Apps"), (DASHBOARD, "Dashboard: Jobs")):
        assert title in outputs[page][-1].data["text/plain"]
        assert "The same list: %iexec" in outputs[page][-1].data["text/plain"]
    assert "No page with a wallet" in outputs[BROWSER][-1].text
    assert "at once" in outputs[BROWSER][-1].text


def test_papermill_keeps_no_key(papermill, folder):
    _, outputs = papermill
    assert "0x" in outputs[WALLET][-1].data["text/plain"]
    wallet = (folder / "kept.json").read_text()
    assert keys_in(wallet)
    address = keys_in(wallet)[0]
    assert keys_in((folder / "out.ipynb").read_text(), address) == []


def test_nbconvert_executes_and_the_page_reads_right(run, folder, iexec_sandbox):
    page = folder / "in.html"
    code, said = run("nbconvert", "--execute", "--to", "html", "in.ipynb")
    assert code, "a cell failed"
    assert "Nobody is there to answer" in said
    assert not page.exists()
    code, said = run("nbconvert", "--execute", "--allow-errors", "--to", "html", "in.ipynb")
    assert code == 0, said
    text = page.read_text()
    for shown in (
        "work_clock_seconds",
        "1 completed of 1 task",
        "task 0 was told nothing",
        "ages.csv",
        "data:image/png;base64,",
        "stake RLC of the wallet",
        "data:image/png;base64,iVBOR",
        "✔ Counting: 3 sheep",
        "Costs of this session",
        "The market: Apps",
        "Dashboard: Jobs",
        "No page with a wallet",
    ):
        assert shown in text, shown
    assert not [each for each in NEVER if each in text]
    assert keys_in(text, *(user.address for user in iexec_sandbox.users)) == []
