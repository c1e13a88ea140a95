"""Whether we install beside the versions that hosted notebooks have, and run on the oldest of them.

python tests/hosted/run.py [set ...] [--short]

Each set (``colab.txt`` ...) holds the versions of one company, its first line the Python. All sets are
resolved for that Python. On the oldest one the tests of the notebook and the quickstart run, in their own
environment (``.venv-hosted``); with the Python that runs this, if the set's own is not installed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VENV = ROOT / ".venv-hosted"
OLDEST = "colab"
ALL, TESTED = "[sandbox,plot,analytics,explore]", "[sandbox,plot,explore]"
TOOLS = (
    *("pytest", "pytest-xdist", "hypothesis", "jedi", "ipykernel", "nbclient", "nbformat", "nbconvert"),
    *("matplotlib", "statsmodels"),  # the quickstart's
    *("nbclassic", "playwright"),
)
TOUR = "tests/browser/test_front_ends.py"  # in nbclassic, where that is installed
SHORT = [
    TOUR,
    *(
        f"tests/notebook/test_{name}.py"
        for name in (
            "browser_wallet",
            "completion",
            "display",
            "fifty_tasks",
            "forms",
            "kernel",
            "magic",
            "manual",
        )
    ),
]
PYTEST = (
    *("-q", "-n", "auto", "--dist", "loadfile", "--hypothesis-profile=quick"),
    # ipywidgets 7 warns about itself under a newer traitlets.
    *("-W", "ignore:Deprecated in traitlets 4.1:DeprecationWarning"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=sorted(path.stem for path in HERE.glob("*.txt")))
    parser.add_argument("--short", action="store_true", help="install and run only; tests of what may differ")
    options = parser.parse_args()
    for name in options.sets:
        python, wanted = python_of(HERE / f"{name}.txt")
        if not options.short:
            resolve(name, wanted)
        if name == OLDEST:
            install(python or sys.executable, name, wanted)
    if OLDEST in options.sets:
        run_tests(SHORT if options.short else (TOUR, "tests/notebook"))


def python_of(constraints: Path) -> tuple[str | None, str]:
    """The program and the version that the first line names; None where that is not installed."""
    first = constraints.read_text().splitlines()[0]
    match = re.match(r"# Python (3\.\d+);", first)
    if match is None:
        sys.exit(f"{constraints}: the first line names no Python")
    wanted = match[1]
    for program in (sys.executable, shutil.which(f"python{wanted}")):
        if program and version(program) == wanted:
            return program, wanted
    return None, wanted


def version(program: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def resolve(name: str, wanted: str) -> None:
    """Let pip choose versions for that Python, whether it is installed or not."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip"]
        run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)])
        [wheel] = Path(folder).glob("*.whl")
        run(
            [
                *(*pip, "install", "--quiet", "--dry-run", "--ignore-installed", "--target", folder),
                *("--only-binary", ":all:", "--python-version", wanted),
                *("--constraint", str(HERE / f"{name}.txt"), f"{wheel}{ALL}"),
            ]
        )
    print(f"{name}: resolved for Python {wanted} in {time.monotonic() - started:.0f} s", flush=True)


def install(python: str, name: str, wanted: str) -> None:
    """Make the environment anew where what it was made from has changed."""
    if version(python) != wanted:
        print(f"{name}: Python {wanted} is not installed, so this is {version(python)}", flush=True)
    constraints = HERE / f"{name}.txt"
    made_from = "\n".join([version(python), constraints.read_text(), (ROOT / "pyproject.toml").read_text()])
    stamp = VENV / ".made-from"
    if stamp.is_file() and stamp.read_text() == made_from:
        return
    started = time.monotonic()
    shutil.rmtree(VENV, ignore_errors=True)
    run([python, "-m", "venv", str(VENV)])
    # Most of what comes with it is never imported, so nothing is compiled beforehand.
    pip = [str(program("python")), "-m", "pip", "install", "--quiet", "--no-compile"]
    run([*pip, "--upgrade", "pip"])
    run([*pip, "--constraint", str(constraints), "--editable", f".{TESTED}", *TOOLS])
    stamp.write_text(made_from)
    print(f"{name}: installed for Python {version(python)} in {time.monotonic() - started:.0f} s", flush=True)


def run_tests(tests: Sequence[str]) -> None:
    python = str(program("python"))
    run([python, "-m", "pytest", *PYTEST, *tests])
    quickstart = [python, "examples/run.py", "examples/quickstart.ipynb", "--output", "build/hosted"]
    with tempfile.TemporaryDirectory() as folder:
        # Neither settings nor history of who runs this.
        run(quickstart, IPYTHONDIR=folder, PATH=f"{program('')}{os.pathsep}{os.environ['PATH']}")


def program(name: str) -> Path:
    return VENV / ("Scripts" if os.name == "nt" else "bin") / name


def run(command: list[str], **variables: str) -> None:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=False)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
