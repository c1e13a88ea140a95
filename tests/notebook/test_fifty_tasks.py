"""Fifty tasks, two of which fail: interrupted, lost with its kernel, found again; a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from helpers.told_app import deploy

# Cells in a real kernel; "interrupt" runs one until its card has been seen.
RUN = """
import json, sys, tempfile, time
from jupyter_client.manager import KernelManager

cells = json.loads(sys.argv[1])
answers = []
with tempfile.TemporaryDirectory() as sockets:
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/k")
    manager.start_kernel(cwd=sys.argv[2])
    client = manager.client()
    client.start_channels()

    def run(code, *, until=None, then=None):
        client.wait_for_ready(timeout=300)
        request, seen = client.execute(code, stop_on_error=True), []
        while True:
            message = client.get_iopub_msg(timeout=300)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return seen
            if kind in {"stream", "display_data", "update_display_data", "execute_result", "error"}:
                text = content.get("text") or content.get("data", {}).get("text/plain", "")
                seen.append([kind, text or "\\n".join(content.get("traceback", ()))])
                if until and until in seen[-1][1]:
                    until = None
                    then()

    for kind, code in cells:
        if kind == "interrupt":
            answers.append(run(code, until="of 50 tasks", then=manager.interrupt_kernel))
        elif kind == "restart":
            manager.restart_kernel(now=True)
            client.stop_channels()
            client = manager.client()
            client.start_channels()
            answers.append([])
        else:
            answers.append(run(code))
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(answers))
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch, iexec_sandbox):
    monkeypatch.setenv("IEXEC_LAB_STATE", str(iexec_sandbox.folder.parent))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "iexec.json").write_text("{}")

    def run(*cells):
        words = [sys.executable, "-c", RUN, json.dumps(cells), str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=1200, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return ["\n".join(text for _, text in each) for each in json.loads(done.stdout)]

    return run


def test_it_is_interrupted_lost_and_found_again(kernel, iexec_sandbox, tmp_path, tmp_path_factory):
    app = deploy(iexec_sandbox, tmp_path_factory.mktemp("app"))
    gate = tmp_path / "gate"
    connect = f"%load_ext iexec_lab\nlab = %iexec connect sandbox:{iexec_sandbox.name} --new-wallet\n"
    fund = f"%iexec sandbox fund {{lab.session.address}} --name {iexec_sandbox.name};\n"
    line = f"job = %iexec app run {app} --args 'gate={gate} fail=7,23' --volume 50 --watch"
    again = f"%load_ext iexec_lab\nlab = %iexec connect sandbox:{iexec_sandbox.name}\n"
    again_waited = (
        f"open({str(gate)!r}, 'w').close()\njob = lab.job(jobs.deal_id[0])\n"
        "try:\n    job.wait(fail_fast=True)\n"
        "except Exception as error:\n    print('\\n'.join(error.lines()))\n"
        "import time\nwhile (job.tasks.status == 'COMPLETED').sum() < 48:\n    time.sleep(0.5)\njob"
    )
    _, _, stopped, kept, _, found, back, results, rows = kernel(
        ("run", connect),
        ("run", f"{fund}%iexec account deposit 10 RLC;"),
        ("interrupt", line),
        ("run", "print('kept', job.deal_id)"),
        ("restart", ""),
        ("run", f"{again}jobs = %iexec jobs --all\nprint(jobs.to_dict('records'))"),
        ("run", again_waited),
        ("run", "print(job.result(6).text('result.txt'), job.result(24).text('result.txt'))"),
        ("run", "print(job.tasks.status.value_counts().to_dict())"),
    )
    assert "Detached; the job goes on." in stopped
    deal = kept.partition("kept ")[2].strip()
    assert len(deal) == 66
    assert deal in found
    assert "exit code 1" in back  # the logs are those of the wallet that went with its kernel
    assert "48 completed" in back
    assert "task 6 is done" in results
    assert "task 24 is done" in results
    assert "48" in rows
