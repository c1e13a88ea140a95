"""Requests to a sandbox's node, with nothing imported that a cold terminal would wait for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence


def request(url: str, method: str, *params: Any, timeout: float = 60) -> Any:
    """One JSON-RPC request to a sandbox's node, answered within ``timeout`` s; SandboxError when it fails."""
    return request_all(url, [(method, params)], timeout)[0]


def request_all(url: str, requests: Sequence[tuple[str, Sequence[Any]]], timeout: float = 60) -> list[Any]:
    """Several JSON-RPC requests in one round trip; SandboxError when one fails."""
    import http.client
    import urllib.request

    if not requests:
        return []
    entries = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(requests)
    ]
    body = json.dumps(entries[0] if len(entries) == 1 else entries).encode()
    call = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 -- loopback
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(call, timeout=timeout) as response:
            answer = json.load(response)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SandboxError(f"The sandbox's node does not answer: {error}") from error
    answers = [answer] if len(entries) == 1 else sorted(answer, key=lambda one: one["id"])
    for (method, _), one in zip(requests, answers, strict=True):
        if "error" in one:
            raise SandboxError(f"The sandbox's node refused {method}: {one['error'].get('message')}")
    return [one["result"] for one in answers]
