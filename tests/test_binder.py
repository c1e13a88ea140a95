"""The Binder image: what repo2docker makes of ``binder/``, and the scripts it will run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from helpers.places import ROOT

BINDER = ROOT / "binder"


def test_repo2docker_renders_it():
    repo2docker = Path(sys.executable).parent / "jupyter-repo2docker"
    done = subprocess.run(
        [repo2docker, "--no-build", "--user-id", "1000", "--user-name", "jovyan", str(ROOT)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"python={version}" in done.stderr
    for part in ("binder/requirements.txt", "postBuild", "start"):
        assert part in done.stdout


def test_the_scripts_are_sound():
    for name in ("postBuild", "start"):
        script = BINDER / name
        assert os.access(script, os.X_OK)
        assert b"\r" not in script.read_bytes()
        subprocess.run(["bash", "-n", str(script)], check=True)
    assert (BINDER / "start").read_text().rstrip().endswith('exec "$@"')


def test_nothing_is_fetched_after_the_build():
    assert "sandbox start" in (BINDER / "postBuild").read_text()
    assert "sandbox" in (BINDER / "requirements.txt").read_text()
