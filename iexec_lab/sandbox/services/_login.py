"""Logging in to a service: a text for a wallet to sign, as an EIP-712 object, and the proof that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.protocol import hash_typed_data

if TYPE_CHECKING:
    from collections.abc import Callable


def login_challenge(service: str, chain_id: int | str, text: str) -> dict[str, Any]:
    """What is to be signed: in the domain named ``service``, which shows the chain id as it is given."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "Challenge": [{"name": "challenge", "type": "string"}],
        },
        "domain": {"name": service, "version": "1", "chainId": chain_id},
        "primaryType": "Challenge",
        "message": {"challenge": text},
    }


def login_digest(challenge: dict[str, Any]) -> bytes:
    return hash_typed_data(challenge["domain"], challenge["types"], challenge["message"])


def is_proof(
    challenge: dict[str, Any],
    digest: str,
    signature: str,
    address: str,
    is_signature: Callable[[str, bytes, str], bool],
) -> bool:
    """Whether the owner of ``address`` signed the challenge, whose digest is given with the signature.

    ``is_signature`` judges it as the real service does: (address, digest, signature).
    """
    expected = login_digest(challenge)
    return digest == f"0x{expected.hex()}" and is_signature(address, expected, signature)
