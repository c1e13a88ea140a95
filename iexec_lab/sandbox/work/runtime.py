"""The runtime contract of an app: its folders, environment, arguments and time limit.

Where the machine allows it, the app sees /iexec_in, /iexec_out and its own files at /app, as in a container;
otherwise the environment tells it where these folders really are. This is not a security boundary: an app
can read what the user who started the sandbox can read.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import site
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.sandbox.state.recipe import PATH
from iexec_lab.sandbox.state.untidy_folders import remove_tree
from iexec_lab.sandbox.work.app_process import Command, can_isolate
from iexec_lab.sandbox.work.docker import IN, Docker, container
from iexec_lab.sandbox.work.layout import lay_out, layers, translated
from iexec_lab.sandbox.work.results import OUT, FaultError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iexec_lab.sandbox.state.apps import Apps, Launch, LocalApp
    from iexec_lab.sandbox.work.app_process import AppSupervisor, Ended
    from iexec_lab.sandbox.work.deal import DealTerms

APP = "/iexec_app" if os.path.isdir("/app") else "/app"  # noqa: PTH112
"""Where an app sees its own folder; a machine's own /app, which may hold our Python, is not hidden."""
_RESERVE = 128 << 20
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORD = re.compile(rf"(?:[^ '\"]|{_QUOTED.pattern})+")
_BALANCED = re.compile(rf"(?:[^'\"]|{_QUOTED.pattern})*")
_PATHS = ("PATH", "LD_LIBRARY_PATH")
"""What a Dockerfile sets of them comes before what is there, for the programs are those of this machine."""
_INHERITED = ("LD_LIBRARY_PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one execution; all of them are below ``folder``."""

    folder: Path

    @property
    def inputs(self) -> Path:
        return self.folder / "iexec_in"

    @property
    def outputs(self) -> Path:
        return self.folder / "iexec_out"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def tree(self) -> Path:
        """The app's files as its Dockerfile places them."""
        return self.folder / "image"

    @property
    def archive(self) -> Path:
        return self.folder / "result.zip"

    def create(self) -> None:
        """Empty folders, whatever was there."""
        self.remove()
        for path in (self.inputs, self.outputs, self.scratch):
            path.mkdir(parents=True)

    def clear(self) -> None:
        """Delete what the app left, once it is in the archive."""
        for path in (self.outputs, self.scratch, self.tree):
            remove_tree(path)

    def remove(self) -> None:
        remove_tree(self.folder)


class Runtime:
    """Runs apps; ``cache`` is a folder that all of them share as their XDG cache.

    ``isolated`` None means where the machine allows it, which is tried before the first run.
    """

    def __init__(
        self, supervisor: AppSupervisor, apps: Apps, cache: Path, *, isolated: bool | None = None
    ) -> None:
        self._supervisor = supervisor
        self._apps = apps
        self._cache = cache
        self._docker = Docker()
        self._isolated = isolated
        self._trying = asyncio.Lock()

    async def prepare(self, image: str) -> LocalApp | str:
        """The folder registered for an image, or the image itself once Docker has it.

        Raises:
            FaultError: APP_IMAGE_DOWNLOAD_FAILED.
        """
        try:
            app = self._apps.find(image)
            if app:
                await asyncio.to_thread(app.launch, APP, [])
                await self._try_isolation()
                return app
        except ValidationError as error:
            raise FaultError("APP_IMAGE_DOWNLOAD_FAILED", f"{error} ({error.hint})") from None
        if not await self._docker.answers():
            raise _no_app(image, "no Docker engine answers")
        if refusal := await self._docker.fetch(image):
            raise _no_app(image, f"Docker can not have it ({refusal})")
        return image

    async def _try_isolation(self) -> None:
        async with self._trying:
            if self._isolated is None:
                self._isolated = await can_isolate(self._supervisor)

    def shown(self, app: LocalApp | str, workspace: Workspace) -> tuple[str, str]:
        """The input and output folders as the app sees them."""
        if self._isolated or isinstance(app, str):
            return IN, OUT
        return os.fspath(workspace.inputs), os.fspath(workspace.outputs)

    async def run(
        self, app: LocalApp | str, terms: DealTerms, env: Mapping[str, str], workspace: Workspace
    ) -> Ended:
        """Run an app with the deal's arguments; the folders of ``env`` are added here."""
        inputs, outputs = self.shown(app, workspace)
        env = {**env, "IEXEC_IN": inputs, "IEXEC_OUT": outputs}
        if env.get("IEXEC_INPUT_FILES_NUMBER", "0") != "0":
            env["IEXEC_INPUT_FILES_FOLDER"] = inputs
        arguments = split_arguments(terms.arguments)
        if isinstance(app, str):
            name = f"iexec-{env['IEXEC_TASK_ID'][2:18]}-{os.urandom(4).hex()}"
            command = container(app, name, arguments, env, (workspace.inputs, workspace.outputs))
        else:
            command = await asyncio.to_thread(self._local, app, arguments, env, workspace)
        least = least_free(shutil.disk_usage(workspace.folder).free)
        command = replace(command, limit=terms.time_limit, least_free=least)
        return await self._supervisor.run(command, workspace.folder)

    def _local(
        self, app: LocalApp, arguments: list[str], env: Mapping[str, str], workspace: Workspace
    ) -> Command:
        self._cache.mkdir(parents=True, exist_ok=True)
        own = self._environment(workspace)
        if app.environment:
            own |= {"VIRTUAL_ENV": os.fspath(app.environment)}
            programs = (app.environment / "bin", app.environment / "node_modules" / ".bin")
            own["PATH"] = os.pathsep.join((*map(os.fspath, programs), own["PATH"]))
        try:
            launch = app.launch(APP if self._isolated else os.fspath(app.folder), arguments)
        except ValidationError as error:  # arguments in the place of CMD, or an edit since it was prepared
            raise SandboxError(f"{error} ({error.hint})") from None
        if launch.recipe is None:
            return Command(
                argv=launch.argv,
                env={**own, **env},
                cwd=APP if self._isolated else os.fspath(app.folder),
                isolated=bool(self._isolated),
                binds={workspace.inputs: IN, workspace.outputs: OUT},
                layers={app.folder: APP},
            )
        return self._by_recipe(launch, app.modules, own, env, workspace)

    def _by_recipe(
        self,
        launch: Launch,
        modules: Path | None,
        own: Mapping[str, str],
        env: Mapping[str, str],
        workspace: Workspace,
    ) -> Command:
        """With the files where the Dockerfile puts them; without isolation, at these paths below a folder."""
        tree, recipe = workspace.tree, launch.recipe
        assert recipe is not None
        lay_out(recipe, tree, modules, link=bool(self._isolated))
        argv, given = launch.argv, dict(recipe.environment)
        if not self._isolated:
            argv = [translated(word, tree) for word in argv]
            given = {name: translated(value, tree) for name, value in given.items()}
        for name in _PATHS:
            entries = [
                entry for entry in given.get(name, "").split(":") if entry not in {"", *PATH.split(":")}
            ]
            given[name] = ":".join([*entries, *filter(None, [own.get(name)])])
        env = {**own, **{name: value for name, value in given.items() if value or name not in _PATHS}, **env}
        if not self._isolated:
            return Command(argv, env, os.fspath(tree) + recipe.folder)
        binds = {workspace.inputs: IN, workspace.outputs: OUT}
        return Command(argv, env, recipe.folder, isolated=True, binds=binds, layers=layers(tree))

    def _environment(self, workspace: Workspace) -> dict[str, str]:
        """What a container would have of its own; nothing of the sandbox's environment, which holds keys."""
        scratch = os.fspath(workspace.scratch)
        path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))  # noqa: PTH120
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "PATH": path,
            "HOME": scratch,
            "TMPDIR": scratch,
            "XDG_CACHE_HOME": os.fspath(self._cache),
            "LANG": "C.UTF-8",
            "PYTHONUSERBASE": site.getuserbase(),
            "PYTHONUNBUFFERED": "1",  # an app that is killed leaves what it printed
        }


def _no_app(image: str, why: str) -> FaultError:
    message = (
        f"no folder is registered for the image {image!r} and {why}; "
        "register one with: iexec-lab sandbox app add IMAGE FOLDER"
    )
    return FaultError("APP_IMAGE_DOWNLOAD_FAILED", message)


def task_environment(terms: DealTerms, index: int, task: str) -> dict[str, str]:
    """The variables that every app of a deal gets."""
    return {
        "IEXEC_TASK_ID": task,
        "IEXEC_DEAL_ID": terms.id,
        "IEXEC_TASK_INDEX": str(index),
        "IEXEC_BOT_SIZE": str(terms.deal.bot_size),
        "IEXEC_BOT_FIRST_INDEX": str(terms.deal.bot_first),
        "IEXEC_BOT_TASK_INDEX": str(index),
    }


def least_free(free: int) -> int:
    """Bytes of the disk that no app may take, of those that are free: the chain needs them."""
    return min(_RESERVE, free // 2)


def split_arguments(text: str) -> list[str]:
    """Split at blanks, keeping what is in '...' or "..." together; an unbalanced quote gives no arguments.

    As the worker does (plexus ``translateCommandline``): no escapes, no variables, no patterns.
    """
    if not _BALANCED.fullmatch(text):
        return []
    return [_QUOTED.sub(lambda quoted: quoted[0][1:-1], word) for word in _WORD.findall(text)]
