"""The line that says what an app lacked."""

from __future__ import annotations

import pytest

from iexec_lab.sandbox.state.apps import LocalApp
from iexec_lab.sandbox.work.advice import advice
from iexec_lab.sandbox.work.app_process import Ended

TRACEBACK = """Traceback (most recent call last):
  File "/app/app.py", line 1, in <module>
    import cowsay.big
ModuleNotFoundError: No module named '{}'
"""


@pytest.fixture
def app(tmp_path):
    return LocalApp("me/app:1", tmp_path)


def test_a_python_module(app):
    said = advice(app, Ended(1, "", TRACEBACK.format("cowsay.big")))
    line = f"iexec-lab sandbox app add me/app:1 {app.folder} --install"
    assert said == (
        "the Python module cowsay.big is not installed: name its package in requirements.txt of the folder, "
        f"then make an environment for the app with: {line}"
    )
    (app.folder / "requirements.txt").write_text("cowsay")
    assert advice(app, Ended(1, "", TRACEBACK.format("cowsay"))) == (
        f"the Python module cowsay is not installed: make an environment for the app with: {line}"
    )
    other = LocalApp("me/app:1", app.folder, ("x.py", "a b"), app.folder / "tee" / "Dockerfile")
    options = "--entrypoint 'x.py '\"'\"'a b'\"'\"'' --dockerfile tee/Dockerfile --install"
    assert advice(other, Ended(1, "", TRACEBACK.format("a"))).endswith(options)
    installed = LocalApp("me/app:1", app.folder, environment=app.folder / "env")
    assert "is not in the app's environment: add its package" in advice(
        installed, Ended(1, "", TRACEBACK.format("a"))
    )


@pytest.mark.parametrize(
    ("code", "stderr", "says"),
    [
        (1, "Error: Cannot find module 'figlet'\nRequire stack:\n- /app/app.js", "the Node module figlet"),
        (
            1,
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@x/y' imported from /app/a.js",
            "module @x/y",
        ),
        (1, "Error: Cannot find module './dist/a'\n", "./dist/a is not among the files of the app"),
        (1, "Error: Cannot find module '/app/dist/a.js'\n", "/app/dist/a.js is not among"),
        (127, "/app/run: line 2: ffmpeg: command not found\n", "ffmpeg is not on this machine"),
        (127, "/bin/sh: 1: jq: not found\n", "jq is not on this machine"),
        (127, "sh: jq: not found\n", "jq is not on this machine"),
        (127, "env: \u2018deno\u2019: No such file or directory\n", "deno is not on this machine"),
        (127, "env: \u2018bash\\r\u2019: No such file or directory\n", "end as in Windows"),
        (127, "env: bash\r: No such file or directory\n", "end as in Windows"),
        (127, "/app/run: line 2: $'\\r': command not found\n", "end as in Windows"),
        (2, "/app/run: 2: \r: not found\n", "end as in Windows"),
        (126, "/app/run: line 1: /app/b.sh: Permission denied\n", "/app/b.sh is not executable"),
    ],
)
def test_what_is_not_there(app, code, stderr, says):
    assert says in advice(app, Ended(code, "", stderr))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("[Errno 8] Exec format error: '/app/run'", "first line is not like #!/bin/sh"),
        ("[Errno 13] Permission denied: '/app/run'", "chmod +x"),
        (
            "[Errno 2] No such file or directory: '/app/run'",
            "neither in the app's folder nor on this machine",
        ),
    ],
)
def test_what_could_not_be_started(app, error, says):
    assert says in advice(app, Ended(127, "", "", error=error))


@pytest.mark.parametrize(
    "ended",
    [
        Ended(0, "", TRACEBACK.format("handled")),
        Ended(1, "", "own message"),
        Ended(137, "", TRACEBACK.format("a"), timed_out=True),
        Ended(None, "", ""),
        Ended(1, "", "something: Permission denied"),
    ],
)
def test_nothing_where_nothing_is_known(app, ended):
    assert advice(app, ended) is None
    assert advice("me/image", Ended(1, "", TRACEBACK.format("a"))) is None
