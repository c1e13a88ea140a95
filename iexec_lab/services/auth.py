"""The login that market, workerpool and result proxy require of a wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iexec_lab.services.http import Http
    from iexec_lab.wallet.gate import Gate

# The names in the domains of their challenges: no service can get a login to another one signed.
MARKET: Final = "iExec Gateway"
WORKERPOOL: Final = "iExec Core"
RESULT_PROXY: Final = "iExec Result Repository"


def log_in(http: Http, path: str, name: str, gate: Gate) -> str:
    """A token ``<digest>_<signature>_<address>`` for the next call, from a new challenge at ``path``.

    Raises:
        ServiceError: The service was not reached.
        SignatureError: Its challenge is not a login to it, or the wallet refused.
    """
    challenge = http.get_json(path, {"address": gate.address, "chainId": gate.place.chain_id})
    return gate.login(challenge, name=name, service=f"{http.error.service} at {http.shown}")
