"""Compass, the directory of workerpool APIs."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from iexec_lab.errors import ApiError, CompassError
from iexec_lab.protocol import to_address
from iexec_lab.services.http import TIMEOUT, Http

LONGEST_URL: Final = 500


class Compass:
    """One Compass."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, CompassError, timeout=timeout)

    def api_url(self, chain_id: int, workerpool: str) -> str | None:
        """The address of a workerpool's API; None when Compass does not know the pool, or gives no address.

        It comes from a stranger: see ``is_api_url``.

        Raises:
            CompassError: it could not be reached or failed.
        """
        try:
            answer = self._http.get_json(f"/{chain_id}/workerpools/{to_address(workerpool)}")
        except ApiError:
            return None
        url = answer.get("apiUrl") if isinstance(answer, dict) else None
        return url if is_api_url(url) else None


def is_api_url(value: Any) -> bool:
    """Whether an address from a directory can be that of an API: http(s), a host, no password, no query.

    It comes from a stranger: it is asked for tasks and logs and gets a signed login challenge, nothing else.
    """
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    has_more = "@" in parts.netloc or parts.query or parts.fragment or len(value) > LONGEST_URL
    return fits and parts.scheme in {"http", "https"} and bool(parts.hostname) and not has_more
