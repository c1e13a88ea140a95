"""What a notebook holds afterwards: error outputs, progress, no questions; a real kernel, no person."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest
from helpers.places import ROOT

README = ROOT / "README.md"
SLOW = """
import json, os, pathlib, time
while not os.path.exists({gate!r}):
    time.sleep(0.05)
folder = pathlib.Path(os.environ["IEXEC_OUT"])
(folder / "result.txt").write_text("slow")
(folder / "computed.json").write_text(json.dumps({{"deterministic-output-path": str(folder / "result.txt")}}))
"""


RUN = """
import sys, tempfile, nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
book = nbformat.read(sys.argv[1], as_version=4)
with tempfile.TemporaryDirectory() as sockets:  # a short place: paths of sockets may have 107 letters
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/k")
    try:
        # Outputs that come after 4 s, the usual time, would be left out without a word.
        patience = {"timeout": 600, "startup_timeout": 600, "iopub_timeout": 600}
        NotebookClient(book, km=manager, **patience, raise_on_iopub_timeout=True).execute(cwd=sys.argv[2])
        print("executed")
    except CellExecutionError:
        print("failed")
nbformat.write(book, sys.argv[1])
"""


@pytest.fixture
def notebook(tmp_path, monkeypatch, iexec_sandbox):
    """Runs cells in a kernel; gives their outputs, without progress, which only a slow machine shows.

    A failed cell ends the run, like Run All.
    """
    import nbformat  # takes seconds, and every worker that collects tests imports this module

    monkeypatch.setenv("IEXEC_LAB_STATE", str(iexec_sandbox.folder.parent))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "iexec.json").write_text("{}")
    connect = f"%load_ext iexec_lab\n%iexec connect sandbox:{iexec_sandbox.folder.name};"

    def run(*cells, fails=False):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (connect, *cells)])
        path = tmp_path / "book.ipynb"
        nbformat.write(book, path)
        # a process of its own: nbclient leaves sockets for the garbage collector
        command = [sys.executable, "-c", RUN, str(path), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=True)
        assert done.stdout == ("failed\n" if fails else "executed\n")
        cells_now = nbformat.read(path, as_version=4).cells[1:]
        return [[each for each in cell.outputs if not is_progress(each)] for cell in cells_now]

    return run


def is_progress(output):
    return str(output.get("data", {}).get("text/plain", "")).startswith(("✔ ", "✖ "))


def test_a_failure_is_one_error_output_of_a_few_lines_and_ends_the_run(notebook):
    first, second = notebook("%iexec app show", "print('never')", fails=True)
    [output] = first
    assert (output.output_type, output.ename) == ("error", "ProjectError")
    assert output.traceback == [
        'ProjectError: Missing appAddress and no app found in "deployed.json" for chain 65535',
        "  → Give an address, or run %iexec app deploy.",
    ]
    assert second == []


def test_without_a_person_a_question_is_an_error_that_names_the_way(notebook, tmp_path):
    [_, [output]] = notebook(
        f"open({str(tmp_path / 'wallet.json')!r}, 'w').write('{{}}');",
        "%iexec wallet create --unencrypted",
        fails=True,
    )
    assert output.ename == "AbortedError"
    assert "--force" in "\n".join(output.traceback)
    (tmp_path / "wallet.json").unlink()
    [[output]] = notebook("%iexec wallet create", fails=True)
    assert "Nobody is there to answer" in output.evalue
    assert "from a variable" in output.traceback[-1]


def test_where_rlc_has_value_the_cost_is_shown_before_the_question(notebook):
    valued = (
        "from dataclasses import replace\nfrom iexec_lab import connect\nplay = %iexec connect\n"
        "lab = connect(replace(play.session.network, real_value=True), play.session.signer)\n"
        "%iexec connect {lab};"
    )
    _, dry, [table, error], forced = notebook(
        valued,
        "%iexec account deposit 5 --dry-run",
        "try:\n    %iexec account deposit 5\nexcept Exception as error:\n    print(error)",
        "%iexec account deposit 5 --force",
    )
    assert "wallet_left" in dry[-1].data["text/plain"]
    assert "<td" in table.data["text/html"]
    assert "cost: 0.000000005 RLC + 0." in table.data["text/plain"]
    assert "Nobody is there to answer: account deposit on" in error.text
    assert "tx_hash" in forced[-1].data["text/plain"]


def test_the_cells_of_the_readme_run_in_an_empty_folder(notebook, iexec_sandbox):
    part = README.read_text().partition("## In a notebook")[2].partition("\n## ")[0]
    cells = re.findall("```python\n(.*?)```", part, re.DOTALL)
    assert len(cells) == 2
    place = f"connect sandbox:{iexec_sandbox.folder.name}"
    cells = [cell.replace("connect sandbox", place) for cell in cells]
    empty = "import os, tempfile; os.chdir(tempfile.mkdtemp())"
    # twice, as people do
    _, first, again, _, last = notebook(empty, cells[0], *cells, "job.result().text('result.txt')")
    assert "hello" in first[-1].data["text/plain"]
    assert "hello" in again[-1].data["text/plain"]
    assert '"a", "b"' in last[-1].data["text/plain"]


def test_values_have_text_and_html(notebook):
    [[output]] = notebook("%iexec category show 0")
    assert output.output_type == "execute_result"
    assert "<td" in output.data["text/html"]
    assert "300" in output.data["text/plain"]


def test_a_front_end_draws_a_form_and_completes(notebook):
    cell = "%%iexec app run -o job\n--enc"
    [*_, form, twin], [completed], [line] = notebook(
        "%iexec form app show",
        f"print(get_ipython().kernel.do_complete({cell!r}, {len(cell)})['matches'])",
        "print(get_ipython().complete('', '%iexec app ru', 13))",
    )
    assert form.data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "%iexec app show" in twin.data["text/plain"]
    assert "--encrypt-result" in completed.text
    assert line.text == "('ru', ['run'])\n"


def test_a_job_is_one_card_with_its_last_state(notebook, tmp_path, iexec_sandbox):
    gate = str(tmp_path / "gate")
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/app.py").write_text(SLOW.format(gate=gate))
    image = f"me/slow-{time.time_ns()}"
    app = {"name": image, "type": "DOCKER", "multiaddr": image, "checksum": "0x" + 64 * "1"}
    config = tmp_path / "iexec.json"
    outputs = notebook(
        f"%iexec sandbox app add {image} ./slow --name {iexec_sandbox.folder.name};",
        f"import json\nlab = %iexec connect\napp = {json.dumps(app)}\napp['owner'] = lab.session.address\n"
        f"open({str(config)!r}, 'w').write(json.dumps({{'app': app}}));\n%iexec app deploy;",
        # the task ends once a card was drawn
        "from iexec_lab.notebook.drawing import live\npublish = live._publish\n"
        f"def opening(*args, **more):\n    publish(*args, **more)\n    open({gate!r}, 'w').close()\n"
        "live._publish = opening",
        "job = %iexec app run --watch",
        "job",
        "quiet = %iexec app run --watch --quiet",
        "raw = %iexec app run --watch --raw",
        "%iexec deal show {job.deal_id} --watch",
        "%iexec task logs {job.task_ids[0]}",
        # without the extension too
        "app = job.deals[0].deal.app.pointer\n%unload_ext iexec_lab\nlab.app.run(app, volume=2).wait()",
        "job.logs()",
    )
    [card], [again], quiet, raw, [watched, deal], [log], [plain], [plain_log] = outputs[3:]
    assert quiet == raw == []
    for shown in (card, again, watched, plain):
        assert shown.output_type == "display_data"
        assert shown.data["text/plain"].split("\n")[0].endswith(": completed")
        assert "Waiting" not in str(shown)
        assert "<section" in shown.data["text/html"]
    assert "2 completed of 2 tasks" in plain.data["text/html"]
    assert deal.output_type == "execute_result"
    for shown in (log, plain_log):
        assert "── task 0, COMPLETED, worker 0x" in shown.data["text/plain"]
        assert "<details" in shown.data["text/html"]


def test_an_interrupted_wait_detaches_and_the_job_goes_on(notebook, tmp_path, iexec_sandbox):
    gate = str(tmp_path / "gate")
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/app.py").write_text(SLOW.format(gate=gate))
    image = f"me/slower-{time.time_ns()}"
    app = {"name": image, "type": "DOCKER", "multiaddr": image, "checksum": "0x" + 64 * "1"}
    outputs = notebook(
        f"%iexec sandbox app add {image} ./slow --name {iexec_sandbox.folder.name};",
        f"lab = %iexec connect\napp = lab.app.deploy(**{app!r})\njob = %iexec app run {{app}}",
        "import _thread, threading\ntimer = threading.Timer(0.2, _thread.interrupt_main)\n"
        "def begin(status):\n    if timer.ident is None:\n        timer.start()\n"
        "try:\n    job.wait(progress=begin)\nexcept KeyboardInterrupt as stop:\n    print(stop)",
        f"open({gate!r}, 'w').close()\nshown = %iexec deal show {{job.deal_id}} --watch",
    )
    card, said = outputs[2]
    assert "Detached" in said.text
    assert "%iexec deal show 0x" in said.text
    # whoever looks moves it: the line in the next cell has seen the end
    assert "1 completed of 1 task" in card.data["text/html"]


INTERRUPTED = """
from iexec_lab.ethereum import receipts
def stop(*_):
    raise KeyboardInterrupt
receipts._Watch.look = stop
"""


def test_an_interrupt_after_something_was_sent_names_it(notebook):
    for line, told in (
        ("%iexec account deposit 1 RLC", "%iexec account show shows the outcome"),
        ("lab.account.deposit('1 RLC')", "Look before you send again."),
    ):
        outputs = notebook(f"lab = %iexec connect\n{INTERRUPTED}", line, fails=True)
        [shown] = outputs[-1]
        text = "\n".join(shown.traceback)
        assert re.search(r"Interrupted\. Transactions? 0x[0-9a-f]{64} \(sent, may be mined\)", text)
        assert told in text
        assert "Traceback" not in text


def test_a_form_leaves_its_line_and_its_outcome_in_the_notebook(notebook, tmp_path):
    (tmp_path / "iexec.json").write_text('{"workerpool": {"owner": "x", "description": "mine"}}')
    (widget, trace), _, (other_widget, twin) = notebook(
        "made = %iexec form category show\nmade",
        "made.fields['index'].value = '0'\nmade.run()",
        "%iexec form workerpool deploy",
    )
    view = "application/vnd.jupyter.widget-view+json"
    assert view in widget.data
    assert view in other_widget.data
    assert "stands below" in widget.data["text/plain"]
    assert trace.data["text/plain"].startswith("%iexec category show 0\n")
    assert "XS" in trace.data["text/plain"]
    assert "<td" in trace.data["text/html"]
    assert "Description: mine" in twin.data["text/plain"]
    assert "%iexec workerpool deploy" in twin.data["text/html"]
