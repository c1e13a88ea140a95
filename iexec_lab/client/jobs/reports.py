"""Results that are error reports: a worker could not fetch what the app needs, and the task completed anyhow.

The app never ran. Such a result holds ``error.txt``, and a ``computed.json`` with an ``error-message``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.detached import typed
from iexec_lab.client.jobs.failures import EXPLAINED
from iexec_lab.client.jobs.logs import workerpool_api
from iexec_lab.client.jobs.polling import read_deals
from iexec_lab.client.jobs.why import LONGEST_LINE, last_words
from iexec_lab.errors import CryptoError, IexecError
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.results.result import Result
    from iexec_lab.client.session import Session

PATIENCE: Final = 3.0
"""Seconds that a workerpool has to tell; its word is not worth more once the tasks have ended."""
_FAILED: Final = "_DOWNLOAD_FAILED"
_HEADER: Final = "[IEXEC]"
_IMAGE: Final = "APP_IMAGE_"


@dataclass(frozen=True, slots=True)
class Report:
    """What the result of a task says in place of the app's output; ``said`` is cleaned and cut."""

    task_id: str
    said: str
    sandbox: bool = False

    def sentence(self) -> str:
        """What happened."""
        return f"The result is an error report, the app did not run: {self.said}"

    def advice(self) -> str:
        """What to do."""
        if self.sandbox and _IMAGE in self.said:
            line = typed("sandbox app add IMAGE FOLDER")
            return f"Register the image: {line}. Then run it again."
        line = typed(f"task debug {self.task_id} --logs")
        return f"More: {line}."

    def text(self) -> str:
        """Everything, in lines."""
        return f"Task {self.task_id}: {self.sentence()}\n  → {self.advice()}"


def in_result(session: Session, result: Result) -> Report | None:
    """The report that a downloaded result is; None for a result of the app, and for an encrypted one."""
    message = result.error_message
    if message is None:
        return None
    said = message
    if "error.txt" in result.files:
        try:
            lines = result.text("error.txt", max_bytes=1 << 20).splitlines()
        except CryptoError:
            lines = []
        said = " ".join(line for line in lines if not line.startswith(_HEADER)) or message
    return Report(result.task_id, plain(said, 2 * LONGEST_LINE), _on_sandbox(session))


def find_reports(session: Session, tasks: Sequence[tuple[str, str]]) -> list[Report]:
    """The reports among the results of completed tasks, as their workerpools tell: the first few are asked.

    Args:
        session: Where they are; no password is asked for, and a workerpool that does not answer is not
            waited for.
        tasks: Their ids, each with the id of its deal.
    """
    found: list[Report] = []

    def ask() -> None:
        told = session.each(lambda task: _ask(session, *task), tasks[:EXPLAINED])
        found.extend(report for report in told if report is not None)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return [*found]


def _ask(session: Session, task_id: str, deal_id: str) -> Report | None:
    try:
        held = session.deals_seen.get(deal_id) or read_deals(session, [deal_id])[0]
        api = workerpool_api(session, held.deal.workerpool.pointer)
        replicates = api.task(task_id)["replicates"]
    except IexecError:
        return None
    for replicate in replicates:
        cause = _cause(replicate)
        if cause:
            words = last_words(session, api, task_id, held.deal, replicate)
            told = " ".join(words).removeprefix("[iexec-lab] ") if cause in " ".join(words) else cause
            return Report(task_id, plain(told, 2 * LONGEST_LINE), _on_sandbox(session))
    return None


def _cause(replicate: Mapping[str, Any]) -> str | None:
    """What a worker could not fetch whose result was taken; None if it fetched everything."""
    if replicate.get("status") != "COMPLETED":
        return None
    for step in replicate.get("statusHistory") or ():
        if step["status"].endswith(_FAILED):
            return str(step.get("cause") or step["status"])
    return None


def _on_sandbox(session: Session) -> bool:
    return session.network.name.startswith("sandbox")
