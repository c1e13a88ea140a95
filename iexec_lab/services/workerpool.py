"""The API of a workerpool's scheduler: what happened to a task off chain, and what its app printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import WorkerpoolError
from iexec_lab.plain_text import plain
from iexec_lab.protocol import is_address, to_bytes32
from iexec_lab.services.auth import WORKERPOOL, log_in
from iexec_lab.services.http import TIMEOUT, Http
from iexec_lab.services.rows import Rows

if TYPE_CHECKING:
    from iexec_lab.wallet.gate import Gate


class WorkerpoolApi:
    """One scheduler; ``url`` comes from Compass, or from ENS on older chains.

    All methods raise WorkerpoolError when it cannot be reached or fails, and ApiError when it refuses.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, WorkerpoolError, timeout=timeout)

    def alive_workers(self) -> int | None:
        """How many workers the scheduler has now; None when it does not tell."""
        return _number(self._object(self._http.get_json("/metrics")).get("aliveWorkers"))

    def task(self, task_id: str) -> dict[str, Any]:
        """``{task: {status, statusHistory}, replicates: [{worker, exitCode, status, statusHistory}]}``.

        What the scheduler omits, or gives in another form, is None; all of it is only its claim.
        """
        task = self._object(self._http.get_json(f"/tasks/{to_bytes32(task_id)}"))
        return {
            "task": {
                "status": _word(task.get("currentStatus")),
                "statusHistory": _history(task.get("dateStatusList")),
            },
            "replicates": [
                {
                    "worker": _word(replicate.get("walletAddress")),
                    "exitCode": _number(replicate.get("appExitCode")),
                    "status": _word(replicate.get("currentStatus")),
                    "statusHistory": _history(replicate.get("statusUpdateList")),
                }
                for replicate in self._objects(task.get("replicates"))
            ],
        }

    def logs(self, task_id: str, gate: Gate) -> Rows:
        """``[{worker, stdout, stderr}]``; the gate's wallet is the deal's requester.

        Entries without a worker are left out; an output that is not text is None.

        Raises:
            SignatureError: The scheduler's challenge is not a login to it.
        """
        headers = {"Authorization": log_in(self._http, "/tasks/logs/challenge", WORKERPOOL, gate)}
        answer = self._object(self._http.get_json(f"/tasks/{to_bytes32(task_id)}/logs", headers=headers))
        told = self._objects(answer.get("computeLogsList"))
        logs = [
            {
                "worker": log["walletAddress"],
                "stdout": _output(log.get("stdout")),
                "stderr": _output(log.get("stderr")),
            }
            for log in told
            if is_address(log.get("walletAddress"))
        ]
        return Rows.of(logs, len(told) - len(logs))

    def _object(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._http.api_error("The http response is not what was asked for")
        return value

    def _objects(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            return []
        return [self._object(item) for item in value]


def _word(value: Any) -> str | None:
    """Text of the scheduler, on one line."""
    return plain(value) if isinstance(value, str) else None


def _output(value: Any) -> str | None:
    """The whole output of a program, in valid Unicode."""
    if not isinstance(value, str) or value.isascii():
        return value if isinstance(value, str) else None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 2**63 else None


def _history(value: Any) -> list[dict[str, Any]] | None:
    """Steps that have a status; their other values are text or numbers."""
    if not isinstance(value, list):
        return None
    return [
        {
            plain(name, 80): _word(told) if isinstance(told, str) else _number(told)
            for name, told in step.items()
        }
        for step in value
        if isinstance(step, dict) and isinstance(step.get("status"), str)
    ]
