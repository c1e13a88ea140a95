"""The login that market, workerpool and result proxy require of a wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from iexec_lab.services.http import Http
    from iexec_lab.wallet.gate import Gate

# The names in the domains of their challenges: no service can get a login to another one signed.
MARKET: Final = "iExec Gateway"
WORKERPOOL: Final = "iExec Core"
RESULT_PROXY: Final = "iExec Result Repository"


def ask_challenge(http: Http, path: str, address: str, chain_id: int) -> Any:
    """A new challenge for a wallet; it is checked when it is signed."""
    return http.get_json(path, {"address": address, "chainId": chain_id})


def log_in(http: Http, path: str, name: str, gate: Gate, challenge: Any = None) -> str:
    """A token ``<digest>_<signature>_<address>`` for the next call.

    The challenge, unless given, is a new one at ``path``.

    Raises:
        ServiceError: The service was not reached.
        SignatureError: Its challenge is not a login to it, or the wallet refused.
    """
    if challenge is None:
        challenge = ask_challenge(http, path, gate.address, gate.place.chain_id)
    return gate.login(challenge, name=name, service=f"{http.error.service} at {http.shown}")
