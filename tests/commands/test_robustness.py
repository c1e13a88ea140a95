"""Odd places and bad luck: strange names, read-only folders, a full disk, two commands at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "iexec_lab"]
ODD = [
    "my project",
    "projet été 日本語",
    "C:\\Users\\me",
    'quote\'d "name"',
    "-dash",
    "{braces} $HOME",
    "emoji 🧪",
]


def run(folder, *words, code=0, program=PROGRAM):
    ran = subprocess.run(
        [*program, *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, (words, ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
    return ran.stdout + ran.stderr


def documents(folder):
    """Every JSON file that is there can be read."""
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}


def leftovers(folder):
    return sorted(path.name for path in folder.rglob(".*") if path.is_file())


@pytest.mark.parametrize("name", ODD)
def test_odd_folder_and_file_names(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    run(folder, "init", "--unencrypted")
    run(folder, "dataset", "init", "--encrypted")
    (folder / "datasets" / "original" / name).write_text("secret")
    answer = json.loads(run(folder, "dataset", "encrypt", "--raw"))
    assert answer["encryptedFiles"][0]["original"].endswith(name)
    assert (folder / "datasets" / "encrypted" / f"{name}.enc").is_file()
    assert (folder / ".secrets" / "datasets" / f"{name}.key").is_file()
    keys = folder / f"keys {name}"
    run(folder, "wallet", "create", "--password", "x", "--keystoredir", str(keys))
    assert len(list(keys.iterdir())) == 1


def test_options_with_paths_as_windows_writes_them(tmp_path):
    run(tmp_path, "init", "--skip-wallet")
    run(tmp_path, "dataset", "init", "--encrypted", "--original-dataset-dir", "data\\in put")
    made = [path.name for path in tmp_path.iterdir() if path.name.startswith("data\\")]
    assert made == ["data\\in put"] or (tmp_path / "data" / "in put").is_dir()


def test_a_folder_that_can_not_be_written(tmp_path):
    run(tmp_path, "init", "--skip-wallet")
    before = documents(tmp_path)
    tmp_path.chmod(0o555)
    try:
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        if drop and not shutil.which("setpriv"):
            pytest.skip("root writes everywhere: needs setpriv (Debian: util-linux), or another user")
        ran = subprocess.run(
            [*drop, *PROGRAM, "app", "init", "--raw"],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)
    if drop and not ran.stderr.startswith("{"):
        pytest.skip("root writes everywhere: needs a Python that all may read, or another user")
    assert ran.returncode == 1
    answer = json.loads(ran.stderr)
    assert answer["error"]["message"] == "Cannot write iexec.json: Permission denied"
    assert documents(tmp_path) == before
    assert leftovers(tmp_path) == []


FULL_DISK = """
import os, resource, signal, sys
limit, *words = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
os.execv(words[0], words)
"""


def with_full_disk(limit):
    """The program where a file that grows beyond ``limit`` bytes can not."""
    return [sys.executable, "-c", FULL_DISK, str(limit), *PROGRAM]


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        (["init", "--skip-wallet", "--force"], 10),
        (["app", "init"], 20),
        (["category", "init"], 20),
        (["wallet", "create", "--password", "x", "--keystoredir", "local"], 20),
        (["wallet", "create", "--unencrypted", "--force"], 20),
        (["dataset", "encrypt", "--force"], 5000),
        (["dataset", "encrypt", "--force"], 20),
        (["connect", "arbitrum-sepolia-testnet"], 20),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch, line, limit):
    # Python itself would keep half a .pyc file of ours, for all who come later.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    run(tmp_path, "init", "--unencrypted")
    run(tmp_path, "dataset", "init", "--encrypted")
    (tmp_path / "datasets/original/big.bin").write_bytes(os.urandom(20_000))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    message = run(tmp_path, *line, code=1, program=with_full_disk(limit))
    assert "✖ " in message
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before
    assert [str(path) for path in after if path not in before and not is_whole(path)] == []


def is_whole(path):
    """A key file that was complete before the disk was full may stay."""
    return path.suffix == ".key" and len(path.read_bytes()) == 44


def test_two_commands_at_once_lose_nothing(tmp_path):
    run(tmp_path, "init", "--unencrypted")
    lines = [["app", "init"], ["dataset", "init"], ["workerpool", "init"], ["category", "init"]] * 3
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: run(tmp_path, *line), lines))
    assert {"app", "dataset", "workerpool", "category", "author"} <= set(documents(tmp_path)["iexec.json"])
    assert leftovers(tmp_path) == []


def test_a_closed_pipe_is_no_traceback(tmp_path):
    run(tmp_path, "init", "--skip-wallet")
    script = f"{sys.executable} -m iexec_lab app run --help | head -1"
    ran = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("Usage: iexec-lab app run")
    assert ran.stderr == ""
