"""The result proxy of 8.x networks, through which workers put results on IPFS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import ResultProxyError
from iexec_lab.plain_text import plain
from iexec_lab.services.auth import RESULT_PROXY, log_in
from iexec_lab.services.http import TIMEOUT, Http

if TYPE_CHECKING:
    from iexec_lab.wallet.gate import Gate


#: A JWT; it is only checked to be one printable word of sensible length: workers use it, not we.
_TOKEN: Final = re.compile("[!-~]{1,8192}")


class ResultProxy:
    """One result proxy."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._http = Http(url, ResultProxyError, timeout=timeout)

    def login(self, gate: Gate) -> str:
        """A token (JWT) with which workers may upload the wallet's results; it is pushed to the SMS.

        Raises:
            ResultProxyError: the proxy could not be reached or failed.
            ApiError: ``Result Proxy login failed: <status>``, or its answer is not a token.
            SignatureError: The proxy's challenge is not a login to it.
        """
        token = log_in(self._http, "/results/challenge", RESULT_PROXY, gate)
        answer = self._http.call("POST", "/results/login", {"chainId": gate.place.chain_id}, body=token)
        if not answer.ok:
            raise self._http.api_error(f"Result Proxy login failed: {answer.status_line}", answer)
        found = answer.body.strip().decode(errors="replace")
        if _TOKEN.fullmatch(found) is None:
            raise self._http.api_error(f"Result Proxy login gave no token: {plain(found, 80)}", answer)
        return found
