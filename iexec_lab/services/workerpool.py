"""The API of a workerpool's scheduler: what happened to a task off chain, and what its app printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import WorkerpoolError
from iexec_lab.protocol import to_bytes32
from iexec_lab.services.auth import WORKERPOOL, log_in
from iexec_lab.services.http import TIMEOUT, Http

if TYPE_CHECKING:
    from iexec_lab.wallet.gate import Gate


class WorkerpoolApi:
    """One scheduler; ``url`` comes from Compass, or from ENS on older chains.

    All methods raise WorkerpoolError when it is not reached or fails, and ApiError when it says no.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, WorkerpoolError, timeout=timeout)

    def task(self, task_id: str) -> dict[str, Any]:
        """``{task: {status, statusHistory}, replicates: [{worker, exitCode, status, statusHistory}]}``.

        What the scheduler does not tell is None.
        """
        task = self._object(self._http.get_json(f"/tasks/{to_bytes32(task_id)}"))
        return {
            "task": {"status": task.get("currentStatus"), "statusHistory": task.get("dateStatusList")},
            "replicates": [
                {
                    "worker": replicate.get("walletAddress"),
                    "exitCode": replicate.get("appExitCode"),
                    "status": replicate.get("currentStatus"),
                    "statusHistory": replicate.get("statusUpdateList"),
                }
                for replicate in self._objects(task.get("replicates"))
            ],
        }

    def logs(self, task_id: str, gate: Gate) -> list[dict[str, Any]]:
        """``[{worker, stdout, stderr}]``; the gate's wallet is the deal's requester.

        Raises:
            SignatureError: What the scheduler wants signed is no login to it.
        """
        headers = {"Authorization": log_in(self._http, "/tasks/logs/challenge", WORKERPOOL, gate)}
        answer = self._object(self._http.get_json(f"/tasks/{to_bytes32(task_id)}/logs", headers=headers))
        return [
            {"worker": log.get("walletAddress"), "stdout": log.get("stdout"), "stderr": log.get("stderr")}
            for log in self._objects(answer.get("computeLogsList"))
        ]

    def _object(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._http.api_error("The http response is not what was asked for")
        return value

    def _objects(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            return []
        return [self._object(item) for item in value]
