"""The challenge that market, workerpool and result proxy want signed before they let a wallet in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.protocol.challenge import login_token

if TYPE_CHECKING:
    from iexec_lab.services.http import Http
    from iexec_lab.wallet.signer import Signer


def get_challenge(http: Http, path: str, address: str, chain_id: int) -> Any:
    """A new challenge for a wallet: EIP-712 typed data, bare or in a field ``data``."""
    return http.get_json(path, {"address": address, "chainId": chain_id})


def authorize(challenge: Any, signer: Signer) -> str:
    """The token ``<digest>_<signature>_<address>``; a service takes it once.

    Raises:
        SignatureError: the challenge is none, or the wallet refused.
    """
    return login_token(challenge, signer)
