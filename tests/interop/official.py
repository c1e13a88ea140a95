"""The official JavaScript SDK and CLI, unmodified, as a peer.

They are npm packages; npm installs them once into the cache that the sandbox uses too.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iexec_lab.sandbox.artifacts import npm_command
from iexec_lab.sandbox.paths import cache_folder

TIMEOUT = 180


def install(version: str, package: str = "iexec") -> Path:
    """The folder whose node_modules holds ``package@version``."""
    folder = cache_folder() / "official" / f"{package}-{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        place = Path(temporary) / "install"
        place.mkdir()
        (place / "package.json").write_text('{"private": true, "type": "module"}')
        npm, environment = npm_command()
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"]
        subprocess.run(
            [*npm, "install", *flags, f"{package}@{version}"],
            cwd=place,
            env=environment,
            check=True,
            capture_output=True,
            timeout=TIMEOUT,
        )
        place.rename(folder)
    return folder


@dataclass(frozen=True)
class Answer:
    """What the CLI printed with ``--raw``."""

    exit_code: int
    stdout: dict[str, Any] | None
    stderr: str


class OfficialCli:
    """The command ``iexec`` of one version, run in a project folder of its own."""

    def __init__(self, version: str, folder: Path) -> None:
        self.folder = folder
        self._script = (
            install(version) / "node_modules" / "iexec" / "dist" / "esm" / "cli" / "cmd" / "iexec.js"
        )
        _, self._environment = npm_command()

    def run(self, *words: str) -> Answer:
        done = subprocess.run(
            ["node", str(self._script), *words, "--raw"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return Answer(done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr)

    def __call__(self, *words: str) -> dict[str, Any]:
        """Run a command that must succeed; the JSON it printed."""
        answer = self.run(*words)
        assert answer.exit_code == 0, (words, answer)
        assert answer.stdout is not None, (words, answer)
        assert answer.stdout["ok"] is True, (words, answer)
        return answer.stdout


def sdk(version: str, script: str, **values: Any) -> Any:
    """Run the body of an async function against the SDK; what it returns, through JSON.

    The body sees ``iexec`` (the package's exports: IExec, utils, errors) and the keyword arguments by name.
    """
    folder = install(version)
    _, environment = npm_command()
    source = f"""
import * as iexec from 'iexec';
const body = async ({{ {", ".join(values)} }}) => {{ {script} }};
const answer = await body(JSON.parse(process.argv[2]));
process.stdout.write(JSON.stringify(answer ?? null));
process.exit(0);
"""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "script.mjs"
        path.write_text(source)
        done = subprocess.run(
            ["node", str(path), json.dumps(values)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
