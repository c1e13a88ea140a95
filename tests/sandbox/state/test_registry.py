"""Where a sandbox cannot run, that is said; all else of the package works there."""

from __future__ import annotations

import subprocess
import sys

ELSEWHERE = """
import sys
for name in ("fcntl", "pwd", "resource", "termios"):
    sys.modules[name] = None  # as on Windows
import iexec_lab.sandbox.pytest_plugin, iexec_lab.notebook.magic
from iexec_lab import cli, connect
connect("arbitrum-sepolia-testnet")
sys.exit(cli.main(["connect", "sandbox"]))
"""


def test_a_machine_without_posix_is_told_what_needs_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("✖ A sandbox needs Linux or macOS")
    assert "WSL" in done.stderr
