"""Whether somebody serves a workerpool: asked beside the checks of a match, and not waited for long.

An order on the market says nothing about its workerpool: its scheduler may be gone for a year.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import ApiError, IexecError, WorkerpoolError
from iexec_lab.services.compass import Compass
from iexec_lab.services.workerpool import WorkerpoolApi
from iexec_lab.urls import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iexec_lab.client.session import Session

PATIENCE: Final = 1.5
"""Seconds from the question to the end of waiting for its answer."""
REMEMBERED: Final = 300.0
"""Seconds for which a workerpool that gave no cause for a remark is not asked about again."""


@dataclass(slots=True)
class _Answer:
    """What was found out about one workerpool so far."""

    until: float
    thread: threading.Thread | None = None
    why: str | None = None


class Served:
    """Questions about the workerpools of one run; silent where there is no Compass, or it is down."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answers: dict[str, _Answer] = {}

    def ask(self, workerpool: str) -> None:
        """Begin to find out."""
        now = time.monotonic()
        known = self._session.pools_asked.get(workerpool)
        fresh = known is not None and now < known + REMEMBERED
        if self._session.network.compass is None or workerpool in self._answers or fresh:
            return
        answer = self._answers[workerpool] = _Answer(now + PATIENCE)
        answer.thread = threading.Thread(target=self._find_out, args=(workerpool, answer), daemon=True)
        answer.thread.start()

    def remarks(self, workerpools: Iterable[str]) -> tuple[str, ...]:
        """What to know about these before paying; waits for answers until their time is up."""
        found = []
        for workerpool in dict.fromkeys(workerpools):
            answer = self._answers.get(workerpool)
            if answer is None or answer.thread is None:
                continue
            answer.thread.join(max(answer.until - time.monotonic(), 0))
            if answer.why is None:
                self._session.pools_asked[workerpool] = time.monotonic()
            else:
                found.append(f"nobody seems to serve workerpool {workerpool}: {answer.why}")
        return tuple(found)

    def _find_out(self, workerpool: str, answer: _Answer) -> None:
        network = self._session.network
        assert network.compass is not None
        try:
            url = Compass(network.compass, timeout=PATIENCE).api_url(network.id, workerpool)
        except IexecError:
            return
        if url is None:
            answer.why = "Compass knows no API of it"
            return
        answer.why = f"its API at {shown_url(url)} does not answer"  # until it does
        try:
            workers = WorkerpoolApi(url, timeout=PATIENCE).alive_workers()
        except WorkerpoolError:
            return
        except ApiError:
            workers = None
        answer.why = "its API says that it has no worker" if workers == 0 else None
