"""Questions to the market that are asked while a form is filled in; only the newest answer counts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable


class Aside:
    """One place of a form that waits for an answer.

    Args:
        tell: Called with the answer, or the IexecError there was instead, in a thread.
    """

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell
        self._turn = threading.RLock()
        self._newest = 0
        self._thread: threading.Thread | None = None

    def ask(self, work: Callable[[], Any]) -> None:
        """Ask anew; an answer to what was asked before is not told any more."""
        with self._turn:
            self._newest += 1
            number = self._newest
        self._thread = threading.Thread(target=self._work, args=(number, work), daemon=True)
        self._thread.start()

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        with self._turn:
            self._newest += 1

    def wait(self, seconds: float) -> bool:
        """Whether the newest answer is there, waiting for it at most so long."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _work(self, number: int, work: Callable[[], Any]) -> None:
        try:
            answer = work()
        except IexecError as error:
            answer = error
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:  # a stranger's answer
            answer = IexecError(f"The market's answer cannot be used: {type(error).__name__}")
        with self._turn:
            if number == self._newest:
                self._tell(answer)
