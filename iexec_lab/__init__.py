"""The iExec marketplace in Python and Jupyter.

Importing this package imports nothing heavy; names below are found when first used.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from iexec_lab import doors
from iexec_lab.errors import has_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from iexec_lab.client.iexec import IExec, connect
    from iexec_lab.client.jobs.job import Job
    from iexec_lab.client.jobs.status import JobStatus
    from iexec_lab.client.nouns._run import RunPlan
    from iexec_lab.client.plan import Plan
    from iexec_lab.client.results.file import ResultFile
    from iexec_lab.client.results.many import Results
    from iexec_lab.client.results.result import Result
    from iexec_lab.sandbox.control import Sandbox

__version__ = "0.1.0"

__all__ = [
    "IExec",
    "Job",
    "JobStatus",
    "Plan",
    "Result",
    "ResultFile",
    "Results",
    "RunPlan",
    "Sandbox",
    "connect",
]

_HOMES = {
    "IExec": "iexec_lab.client.iexec",
    "Job": "iexec_lab.client.jobs.job",
    "JobStatus": "iexec_lab.client.jobs.status",
    "Plan": "iexec_lab.client.plan",
    "Result": "iexec_lab.client.results.result",
    "ResultFile": "iexec_lab.client.results.file",
    "Results": "iexec_lab.client.results.many",
    "RunPlan": "iexec_lab.client.nouns._run",
    "Sandbox": "iexec_lab.sandbox.control",
    "connect": "iexec_lab.client.iexec",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _draw_form(lab: IExec, command: str, values: Mapping[str, Any]) -> Any:
    from iexec_lab.notebook.forms.opening import lab_form

    return lab_form(lab, command, **values)


def _widget_wallet() -> Any:
    from iexec_lab.notebook.browser_wallet import WidgetWallet

    return WidgetWallet()


def _explore(lab: IExec, what: str | None, address: str | None, *, is_page: bool = True) -> Any:
    from iexec_lab.notebook.explorer.opening import explore

    return explore(lab, what, address, is_page=is_page)


def _dashboard(lab: IExec, *, is_page: bool = True) -> Any:
    from iexec_lab.notebook.explorer.opening import dashboard

    return dashboard(lab, is_page=is_page)


def _live() -> Any:
    if not has_notebook():
        return None
    from iexec_lab.notebook.drawing import live

    return live if live.has_page() else None


def _in_python(text: str) -> str:
    from iexec_lab.python_calls import in_python

    return in_python(text)


def _line(doing: str) -> Any:
    page = _live()
    if page is None and not (sys.stderr and sys.stderr.isatty()):
        return nullcontext(doors.Unseen())
    if page is None:
        from iexec_lab.commands.terminal import Terminal

        return Terminal().working(doing)
    from iexec_lab.notebook.drawing.progress import CellProgress

    return CellProgress(doing)


doors.draw_form, doors.widget_wallet, doors.live = _draw_form, _widget_wallet, _live
doors.explore, doors.dashboard, doors.line = _explore, _dashboard, _line
doors.in_python = _in_python


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext iexec_lab``: adds the line and cell magic ``iexec``."""
    from iexec_lab.notebook.magic import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    from iexec_lab.notebook.magic import unload

    unload(shell)
