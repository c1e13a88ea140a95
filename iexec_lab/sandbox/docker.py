"""Running an app from its real image, where a Docker engine answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING

from iexec_lab.sandbox.process import Command
from iexec_lab.sandbox.results import OUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IN = "/iexec_in"
_ANSWER_SECONDS = 3
_REMEMBERED = 30.0
_PULL_SECONDS = 1800


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
        if (await _docker(_ANSWER_SECONDS, "image", "inspect", image))[0] == 0:
            return ""
        code, said = await _docker(_PULL_SECONDS, "pull", image)
        return f"docker pull {image}: {said}" if code else ""


def container(
    image: str, name: str, arguments: Sequence[str], env: Mapping[str, str], folders: tuple[Path, Path]
) -> Command:
    """The command that runs ``image`` with ``folders`` as /iexec_in and /iexec_out.

    Values of the environment go by the environment, so that secrets are not seen in the list of processes.
    """
    inputs, outputs = folders
    options = ["--rm", "--name", name, "-v", f"{inputs}:{IN}", "-v", f"{outputs}:{OUT}"]
    for key in env:
        options += ["-e", key]
    own = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME"} or "DOCKER" in key}
    return Command(
        argv=["docker", "run", *options, image, *arguments],
        env={**own, **env},
        cwd="/",
        on_kill=["docker", "kill", name],
    )


async def _docker(limit: float, *arguments: str) -> tuple[int, str]:
    """Exit code and the last line said; 124 when ``limit`` seconds were not enough."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
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
