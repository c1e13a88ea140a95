"""Running an app from its real image, where a Docker engine answers.

By five commands of ``docker`` itself, which finds engine and credentials as it does in the user's shell.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import shutil
import time
from typing import TYPE_CHECKING

from iexec_lab.plain_text import plain
from iexec_lab.sandbox.environment import DOCKER, inherited
from iexec_lab.sandbox.state.images import check_image
from iexec_lab.sandbox.work.app_process import Command
from iexec_lab.sandbox.work.results import OUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IN = "/iexec_in"
_ANSWER_SECONDS = 3
_REMEMBERED = 30.0
_PULL_SECONDS = 1800
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Docker:
    """The docker command line; whether its engine answers is asked for again every half minute."""

    def __init__(self) -> None:
        self._asked = float("-inf")
        self._answers = False

    async def answers(self) -> bool:
        if time.monotonic() - self._asked > _REMEMBERED:
            found = shutil.which("docker")
            self._answers = bool(found) and (await _docker(_ANSWER_SECONDS, "version"))[0] == 0
            self._asked = time.monotonic()
        return self._answers

    async def fetch(self, image: str) -> str:
        """Pull the image unless it is there; why that was not possible, or nothing."""
        if (await _docker(_ANSWER_SECONDS, "image", "inspect", "--", check_image(image)))[0] == 0:
            return ""
        code, said = await _docker(_PULL_SECONDS, "pull", "--", image)
        return f"docker pull {image}: {plain(said)}" if code else ""


def container(
    image: str, name: str, arguments: Sequence[str], env: Mapping[str, str], folders: tuple[Path, Path]
) -> Command:
    """The command that runs ``image`` with ``folders`` as /iexec_in and /iexec_out.

    Only names that were checked stand before the image, and what is behind it is the app's. Values of the
    environment go by the environment, so that secrets are not seen in the list of processes.

    Raises:
        ValidationError: ``image`` is no image reference.
        ValueError: ``name``, or a name in ``env``, is none.
    """
    inputs, outputs = folders
    if not all(map(_NAME.fullmatch, (name, *env))):
        raise ValueError(f"no names for Docker: {[name, *env]}")
    options = ["--rm", "--name", name, "--mount", _mount(inputs, IN), "--mount", _mount(outputs, OUT)]
    for key in env:
        options += ["--env", key]
    return Command(
        argv=["docker", "run", *options, "--", check_image(image), *arguments],
        env={**inherited(DOCKER), **env},
        cwd="/",
        on_kill=["docker", "kill", "--", name],
    )


def _mount(folder: Path, target: str) -> str:
    """A line of CSV, as ``--mount`` takes it: any path may be in it."""
    line = io.StringIO()
    fields = ["type=bind", f"source={folder}", f"target={target}"]
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    return line.getvalue()


async def _docker(limit: float, *arguments: str) -> tuple[int, str]:
    """Exit code and the last line said; 124 when ``limit`` seconds were not enough."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        env=inherited(DOCKER),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit):
            _, said = await process.communicate()
    except TimeoutError:
        return 124, f"no answer within {limit} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode(errors="replace").strip().rpartition("\n")[2]
