"""What to do about an app that failed because something is not on this machine that its container would have.

One line, read off how it ended; it becomes the last line of the app's log, behind what the app said itself.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from iexec_lab.plain_text import plain
from iexec_lab.sandbox.state.apps import LocalApp
from iexec_lab.sandbox.state.environments import wanted

if TYPE_CHECKING:
    from iexec_lab.sandbox.work.app_process import Ended

_LOOKED_AT = 8000
"""Characters of stderr, from its end."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_PYTHON_MODULE = re.compile(
    r"^(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?", re.MULTILINE
)
_NODE_MODULE = re.compile(r"Cannot find (?:module|package) '([^']+)'")
_COMMAND = re.compile(
    r"^(?:\S*?sh: )?(?:\S+: )?(?:line \d+: |\d+: )?(\S+?): (?:command )?not found$", re.MULTILINE
)
_ENV = re.compile(r"env: \W?([\w./+-]+)(\\r|\r)?\W?: No such file")
_CARRIAGE_RETURNS = ("\r: not found", "\r': command not found", "$'\\r': command not found")
_DENIED = re.compile(r"^.*?(\S+): Permission denied$", re.MULTILINE)


def advice(app: LocalApp | str, ended: Ended) -> str | None:
    """The line for an app that ended so; None when nothing is known, or it is an image of Docker's."""
    if not isinstance(app, LocalApp) or ended.timed_out or ended.disk_full:
        return None
    if ended.error:
        return _not_started(ended.error)
    if not ended.exit_code:
        return None
    said = ended.stderr[-_LOOKED_AT:]
    return _module(app, said) or _program(ended.exit_code, said)


def _module(app: LocalApp, said: str) -> str | None:
    """A package that is not installed."""
    if module := _last(_PYTHON_MODULE, said):
        return _install(app, f"the Python module {module}", "requirements.txt")
    module = _last(_NODE_MODULE, said)
    if module and module.startswith((".", "/")):
        return f"{plain(module)} is not among the files of the app: what RUN would make is not here"
    return _install(app, f"the Node module {plain(module)}", "package.json") if module else None


def _program(exit_code: int, said: str) -> str | None:
    """A program that the app starts."""
    if any(mark in said for mark in _CARRIAGE_RETURNS):
        return _windows("a script of the app")
    if exit_code == _NOT_FOUND and (found := _ENV.search(said)):
        return _windows("a script of the app") if found[2] else _command(found[1])
    if exit_code == _NOT_FOUND and (command := _last(_COMMAND, said)):
        return _command(command)
    if exit_code == _NOT_EXECUTABLE:
        name = plain(_last(_DENIED, said) or "what the app starts")
        return f"{name} is not executable: chmod +x FILE, or RUN chmod +x in the Dockerfile"
    return None


def _install(app: LocalApp, what: str, file: str) -> str:
    words = ["iexec-lab", "sandbox", "app", "add", app.image, os.fspath(app.folder)]
    if app.entrypoint:
        words += ["--entrypoint", shlex.join(app.entrypoint)]
    if app.dockerfile:
        words += ["--dockerfile", os.path.relpath(app.dockerfile, app.folder)]
    line = shlex.join([*words, "--install"])
    if app.environment:
        return f"{what} is not in the app's environment: add its package to {file}, then: {line}"
    try:
        named = bool(wanted(app.folder, app.recipe()))
    except Exception:  # noqa: BLE001 - the folder may be gone meanwhile; the advice stays
        named = False
    first = "" if named else f"name its package in {file} of the folder, then "
    return f"{what} is not installed: {first}make an environment for the app with: {line}"


def _command(name: str) -> str:
    return (
        f"{plain(name)} is not on this machine: a RUN line or the image would bring it, which are not here; "
        "install it on this machine, or put it into the app's folder"
    )


def _windows(name: str) -> str:
    return f"the lines of {name} end as in Windows: save it with Unix line ends"


def _not_started(error: str) -> str | None:
    if "Exec format error" in error:
        return "it is no program for this machine, or a script whose first line is not like #!/bin/sh"
    if "Permission denied" in error:
        return "it is not executable: chmod +x FILE, or RUN chmod +x in the Dockerfile"
    if "No such file" in error:
        return (
            "it, or the program that its first line names, is neither in the app's folder nor on this machine"
        )
    return None


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return found[-1] if found else None
