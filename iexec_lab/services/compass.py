"""Compass: which workerpool answers where."""

from __future__ import annotations

from iexec_lab.errors import ApiError, CompassError
from iexec_lab.protocol import to_address
from iexec_lab.services.http import TIMEOUT, Http


class Compass:
    """One Compass, the directory of workerpool APIs."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, CompassError, timeout=timeout)

    def api_url(self, chain_id: int, workerpool: str) -> str | None:
        """The address of a workerpool's API; None when Compass does not know the pool.

        Raises:
            CompassError: it was not reached or failed.
        """
        try:
            answer = self._http.get_json(f"/{chain_id}/workerpools/{to_address(workerpool)}")
        except ApiError:
            return None
        url = answer.get("apiUrl") if isinstance(answer, dict) else None
        return url if isinstance(url, str) and url.startswith(("http://", "https://")) else None
