from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.waiting import until

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.work.app_process import KEPT_CHARACTERS, AppSupervisor, Command, can_isolate

pytestmark = pytest.mark.slow

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a subreaper")


def python(code, *arguments, **options):
    options = {"env": {"PATH": os.environ["PATH"]}, "cwd": "/", "limit": 120, **options}
    return Command([sys.executable, "-c", code, *arguments], **options)


def run(command, folder):
    async def main():
        async with AppSupervisor() as supervisor:
            return await supervisor.run(command, folder)

    return asyncio.run(main())


def alive(mark):
    """Processes whose command line holds ``mark``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def gone(mark):
    return until(lambda: alive(mark) == [], seconds=60)


@pytest.fixture
def mark(request):
    return f"mark-{os.getpid()}-{request.node.name}-{time.time_ns()}"


def test_exit_code_and_both_streams_are_kept(tmp_path):
    ended = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), tmp_path)
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "out\n", "err\n")
    assert ended.error is None


def test_a_signal_gives_128_and_its_number(tmp_path):
    assert run(python("import os; os.kill(os.getpid(), 11)"), tmp_path).exit_code == 139


def test_environment_and_folder_are_what_was_given(tmp_path):
    (tmp_path / "here").mkdir()
    code = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'), os.getcwd())"
    ended = run(python(code, env={"A": "1"}, cwd=str(tmp_path / "here")), tmp_path)
    assert ended.stdout == f"['A'] {tmp_path}/here\n"


def test_stdin_is_empty(tmp_path):
    assert run(python("import sys; print(repr(sys.stdin.read()))"), tmp_path).stdout == "''\n"


@pytest.mark.parametrize("argv", [["/no/such/file"], ["/etc/passwd"], ["echo", "zero \0 byte"]])
def test_what_can_not_be_started_says_why(tmp_path, argv):
    ended = run(Command(argv, {"PATH": "/bin"}, "/"), tmp_path)
    assert ended.exit_code == 127
    assert ended.error


def test_only_the_end_of_a_long_output_is_kept(tmp_path):
    code = "import sys\nfor i in range(3000): sys.stdout.write(f'{i:06}' + 'é' * 9994)"
    ended = run(python(code), tmp_path)
    assert len(ended.stdout) == KEPT_CHARACTERS
    assert ended.stdout.startswith("002990")


def test_bytes_that_are_no_text_do_not_matter(tmp_path):
    assert run(python(r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb')"), tmp_path).stdout == "a��b"


@LINUX
def test_the_time_limit_ends_the_whole_tree(tmp_path, mark):
    code = (
        "import subprocess, sys, time; "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]], "
        "start_new_session=True); print('started', flush=True); time.sleep(600)"
    )
    for limit in (1, 10, 100):  # more where that was too little to get as far as printing
        ended = run(python(code, mark, limit=limit), tmp_path)
        assert ended.timed_out
        assert ended.exit_code == 137
        assert gone(mark)
        if ended.stdout:
            break
    assert ended.stdout == "started\n"


@LINUX
def test_children_do_not_outlive_an_app_that_ended(tmp_path, mark):
    daemon = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
    )
    ended = run(python(daemon, mark), tmp_path)
    assert (ended.exit_code, ended.timed_out) == (0, False)
    assert gone(mark)


@LINUX
def test_a_child_that_ignores_signals_and_keeps_the_streams_open_is_ended_too(tmp_path, mark):
    code = (
        "import os, signal, time\n"
        "for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(name, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    while True: time.sleep(600)\n"
    )
    assert run(python(code, mark), tmp_path).exit_code == 0
    assert gone(mark)


@LINUX
def test_cancelling_kills(tmp_path, mark):
    async def main():
        async with AppSupervisor() as supervisor:
            running = asyncio.create_task(
                supervisor.run(python("import time; time.sleep(600)", mark, limit=None), tmp_path)
            )
            while not alive(mark):  # noqa: ASYNC110 - other processes have no event to wait for
                await asyncio.sleep(0.02)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert alive(mark) == []

    asyncio.run(main())


@LINUX
def test_nothing_outlives_a_sandbox_that_was_killed(tmp_path, mark):
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from iexec_lab.sandbox.work.app_process import Command, AppSupervisor\n"
        "async def main():\n"
        "    async with AppSupervisor() as supervisor:\n"
        "        app = [sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1] + '-app']\n"
        "        await supervisor.run(Command(app, {}, '/'), Path(sys.argv[2]))\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, mark, str(tmp_path)])
    assert until(lambda: alive(f"{mark}-app"), seconds=60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(mark)


@LINUX
def test_a_supervisor_that_was_killed_is_started_again(tmp_path):
    async def main():
        async with AppSupervisor() as supervisor:
            first = supervisor._process
            first.kill()
            await first.wait()
            ended = await supervisor.run(python("print('still here')"), tmp_path)
            assert ended.stdout == "still here\n"
            assert supervisor._process is not first

    asyncio.run(main())


@LINUX
def test_a_killed_supervisor_is_an_error_not_a_hang(tmp_path, mark):
    async def main():
        async with AppSupervisor() as supervisor:
            running = asyncio.create_task(
                supervisor.run(
                    python("import os, time; os.kill(os.getppid(), 9); time.sleep(600)", mark), tmp_path
                )
            )
            with pytest.raises(SandboxError, match="killed"):
                await running

    asyncio.run(main())
    assert gone(mark)


def test_several_run_side_by_side(tmp_path):
    async def main():
        async with AppSupervisor() as supervisor:
            folders = [tmp_path / str(i) for i in range(8)]
            for folder in folders:
                folder.mkdir()
            code = "import sys; print(sys.argv[1])"
            return await asyncio.gather(*(supervisor.run(python(code, f.name), f) for f in folders))

    assert [ended.stdout for ended in asyncio.run(main())] == [f"{i}\n" for i in range(8)]


class TestPrivateRoot:
    @pytest.fixture(autouse=True)
    def _isolated(self):
        async def main():
            async with AppSupervisor() as supervisor:
                return await can_isolate(supervisor)

        if not asyncio.run(main()):
            pytest.skip("needs user namespaces (Linux: sysctl user.max_user_namespaces)")

    def test_folders_appear_where_they_are_wanted_and_keep_what_is_written(self, tmp_path):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "data").write_text("42")
        (tmp_path / "out").mkdir()
        code = "open('/iexec_out/copy', 'w').write(open('/iexec_in/data').read())"
        binds = {tmp_path / "in": "/iexec_in", tmp_path / "out": "/iexec_out"}
        ended = run(python(code, isolated=True, cwd="/iexec_out", binds=binds), tmp_path)
        assert ended.stderr == ""
        assert (tmp_path / "out" / "copy").read_text() == "42"

    def test_writes_to_a_layer_are_thrown_away(self, tmp_path):
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "code").write_text("mine")
        code = (
            "import os, shutil\n"
            "print(os.listdir('/app'))\n"
            "try:\n"
            "    open('/app/new', 'w').write('x'); os.unlink('/app/code'); print(os.listdir('/app'))\n"
            "except OSError: print('read-only')\n"
        )
        layers = {tmp_path / "app": "/app"}
        ended = run(python(code, isolated=True, cwd="/app", layers=layers), tmp_path)
        assert ended.stdout in {"['code']\n['new']\n", "['code']\nread-only\n"}
        assert [path.name for path in (tmp_path / "app").iterdir()] == ["code"]

    def test_the_rest_of_the_machine_is_as_it_is(self, tmp_path):
        code = "import os; print(os.getuid(), os.path.exists('/etc/passwd'), os.path.realpath('/bin'))"
        ended = run(python(code, isolated=True), tmp_path)
        assert ended.stdout == f"{os.getuid()} True {os.path.realpath('/bin')}\n"


def test_an_app_that_would_fill_the_disk_is_ended(tmp_path):
    command = python("import time; print('hi', flush=True); time.sleep(600)", least_free=1 << 62)
    ended = run(command, tmp_path)
    assert ended.disk_full
    assert ended.exit_code == 137
    assert not run(python("", least_free=1), tmp_path).disk_full
