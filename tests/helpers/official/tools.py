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

from helpers.alone import alone

from iexec_lab.sandbox.artifacts import npm_command
from iexec_lab.sandbox.state.paths import cache_folder

TIMEOUT = 900
"""Seconds for what a slow machine, or npm on a slow network, may need."""


def install(version: str, package: str = "iexec") -> Path:
    """The folder whose node_modules holds ``package@version``."""
    folder = cache_folder() / "official" / f"{package}-{version}"
    if folder.is_dir():
        return folder
    with alone("official"), tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        if folder.is_dir():  # another worker was first
            return folder
        place = Path(temporary) / "install"
        place.mkdir()
        (place / "package.json").write_text('{"private": true, "type": "module"}')
        npm, environment = npm_command()
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"]
        flags += ["--fetch-retries", "5"]
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
        self._scripts = install(version) / "node_modules" / "iexec" / "dist" / "esm" / "cli" / "cmd"
        _, self.environment = npm_command()

    def command(self, *words: str) -> list[str]:
        """What to start, in ``folder``.

        ``iexec app`` only starts the program of ``app``; starting that one at once saves half of the time.
        """
        program = self._scripts / f"iexec-{words[0]}.js" if words else self._scripts
        if not program.is_file():
            return ["node", str(self._scripts / "iexec.js"), *words]
        return ["node", str(program), *words[1:]]

    def run(self, *words: str) -> Answer:
        done = subprocess.run(
            self.command(*words, "--raw"),
            cwd=self.folder,
            env=self.environment,
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
const {{ readFileSync }} = await import('node:fs');
const answer = await body(JSON.parse(readFileSync(process.argv[2])));
process.stdout.write(JSON.stringify(answer ?? null), () => process.exit(0));
"""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "script.mjs"
        path.write_text(source)
        arguments = path.with_name("values.json")
        arguments.write_text(json.dumps(values))
        done = subprocess.run(
            ["node", str(path), str(arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def project(folder, sandbox, account, *, version):
    """A project of the official CLI whose only chain is the sandbox, with an unencrypted wallet."""
    folder.mkdir(parents=True, exist_ok=True)
    chains = {"default": "sandbox", "chains": {"sandbox": sandbox.chain_json(version=int(version[0]))}}
    (folder / "chain.json").write_text(json.dumps(chains))
    wallet = {"privateKey": f"0x{account.key.hex()}", "address": account.address}
    (folder / "wallet.json").write_text(json.dumps(wallet))
    return OfficialCli(version, folder)
