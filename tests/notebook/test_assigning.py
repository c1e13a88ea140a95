"""What ``job = %iexec ...`` leaves behind when the line ends before its answer."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.client.jobs.detached import Detached
from iexec_lab.commands import tree
from iexec_lab.commands.outcome import Outcome, leaving_the_job
from iexec_lab.errors import JobError
from iexec_lab.ethereum.sent import note_signed
from iexec_lab.notebook import assigning, magic

JOB = object()


def detached():
    raise Detached("Detached; the job goes on.", "deal show 0x1 --watch", "Reattach: ...", JOB)


def failed():
    error = JobError("task 0 failed")
    error.job = JOB
    raise error


def refused():
    raise JobError("Nothing was paid")


@leaving_the_job
def stopped_between(_context, _job):
    note_signed("0x" + "12" * 32)
    raise KeyboardInterrupt


ENDS = {
    "detached": detached,
    "failed": failed,
    "refused": refused,
    "stopped": lambda: stopped_between(None, JOB),
    "done": lambda: 7,
}


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """``app run <end>`` ends as it is told, everything else is as it is."""
    monkeypatch.chdir(tmp_path)
    created = InteractiveShell()
    created.extension_manager.load_extension("iexec_lab")
    before = magic.carry_out

    def carry_out(handler, context, args):
        if getattr(args, "app", None) in ENDS:
            value = ENDS[args.app]()
            return Outcome({}, lambda: value)
        return before(handler, context, args)

    monkeypatch.setattr(magic, "carry_out", carry_out)
    yield created
    created.extension_manager.unload_extension("iexec_lab")


def run(shell, cell):
    shell.user_ns["calls"] = []
    return shell.run_cell(cell)


@pytest.mark.parametrize("end", ["detached", "failed", "stopped"])
@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("job = %iexec app run {end} --watch", "job"),
        ("job: object = %iexec app run {end} --watch", "job"),
        ("for _ in range(3):\n    job = %iexec app run {end} --watch", "job"),
        ("with open('x', 'w'):\n    if True:\n        job = %iexec app run {end} --watch", "job"),
        ("%%iexec app run {end} -o job\n--watch", "job"),
        ("%%time\njob = %iexec app run {end} --watch", "job"),
        ("%%capture\njob = %iexec app run {end} --watch", "job"),
        ("async def wait():\n    global job\n    job = %iexec app run {end} --watch\nawait wait()", "job"),
    ],
)
def test_the_name_holds_the_job_and_the_cell_ends_as_before(shell, cell, name, end):
    cell = cell.replace("{end}", end)
    found = run(shell, f"{cell}\ncalls.append('never')" if not cell.startswith("%%iexec") else cell)
    assert shell.user_ns[name] is JOB
    assert isinstance(found.error_in_exec, (KeyboardInterrupt, JobError)) or cell.startswith("%%")
    assert shell.user_ns["calls"] == []
    assert assigning._LEFT not in shell.user_ns


def test_what_is_a_place_of_its_own_holds_it_too(shell):
    run(shell, "class Box: pass\nbox, held = Box(), {}")
    run(shell, "box.job = %iexec app run detached --watch")
    run(shell, "held['a b'] = %iexec app run failed --watch")
    assert shell.user_ns["box"].job is shell.user_ns["held"]["a b"] is JOB
    found = run(shell, "first, second = %iexec app run detached --watch")
    assert isinstance(found.error_in_exec, Detached)
    assert "first" not in shell.user_ns


def test_a_function_assigns_its_own_name(shell):
    run(
        shell,
        "def go():\n    try:\n        job = %iexec app run detached --watch\n"
        "    except KeyboardInterrupt:\n        return job\nfound = go()",
    )
    assert shell.user_ns["found"] is JOB
    assert "job" not in shell.user_ns


def test_where_nothing_was_bought_the_name_stays_what_it_was(shell):
    shell.user_ns["job"] = "before"
    assert isinstance(run(shell, "job = %iexec app run refused --watch").error_in_exec, JobError)
    assert shell.user_ns["job"] == "before"
    run(shell, "%%iexec app run refused -o job\n--watch")
    assert shell.user_ns["job"] == "before"


def test_an_answer_is_assigned_as_ever_and_other_lines_are_let_alone(shell):
    run(shell, "a = %iexec app run done")
    assert shell.user_ns["a"] == 7
    run(shell, "c = %pwd\nd = get_ipython().user_ns.get('a')")
    assert (type(shell.user_ns["c"]), shell.user_ns["d"]) == (str, 7)


def test_an_error_still_points_to_its_line(shell, capsys):
    run(shell, "x = 1\njob = %iexec app run {y}\n")
    assert "y" in capsys.readouterr().out
    found = run(shell, "def broken():\n    job = %iexec app run detached\n    return 1\nbroken()")
    assert isinstance(found.error_in_exec, Detached)


def test_without_the_extension_nothing_is_left(shell):
    shell.extension_manager.unload_extension("iexec_lab")
    assert not [each for each in shell.ast_transformers if isinstance(each, assigning.KeepsTheJob)]
    shell.extension_manager.load_extension("iexec_lab")


def test_all_commands_that_wait_for_a_job_have_a_word_for_it():
    waiting = {command.name for command in tree.walk() if command.option("--watch")}
    assert waiting == {"app run", "deal show", "task show"}
