"""What is hashed and signed besides orders: secrets for the SMS, logins, messages of workers.

All but the login are signed with ``personal_sign`` over the 32 raw bytes.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

from iexec_lab.errors import SignatureError, ValidationError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.typed_data import hash_typed_data
from iexec_lab.protocol.values import to_address, to_bytes32

SecretKind = Literal["web3", "web2", "requester", "app"]

_SMS_DOMAIN: Final = b"IEXEC_SMS_DOMAIN"
#: Apps have one secret each; this is its name in the signed message.
_APP_SECRET_NAME: Final = "1"  # noqa: S105  a name

_DOMAIN: Final = "EIP712Domain"
_LOGIN: Final = "Challenge"
_LOGIN_FIELDS: Final = [{"name": "challenge", "type": "string"}]
_LOGIN_DOMAIN: Final = {"name": "string", "version": "string", "chainId": "uint256"}
LONGEST_LOGIN: Final = 500
"""Characters of a challenge; the longest known has 76."""
_LONGEST_VERSION: Final = 20


class LoginSigner(Protocol):
    @property
    def address(self) -> str: ...

    def sign_typed_data(
        self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]
    ) -> str: ...


def sms_challenge(kind: SecretKind, address: str, name: str | None, value: str) -> bytes:
    """The 32 bytes to sign for storing a secret in the SMS.

    Args:
        kind: ``web3`` is a dataset's key, ``web2`` a named secret of a wallet, ``app`` an app's only secret.
        address: The dataset, app or wallet that the secret belongs to.
        name: For ``web2`` and ``requester``.
        value: The secret, as sent.
    """
    if kind == "app":
        name = _APP_SECRET_NAME
    elif (kind == "web3") is not (name is None):
        raise ValidationError(f"a {kind} secret has {'no' if kind == 'web3' else 'a'} name")
    named = b"" if name is None else keccak(_utf8(name))
    return keccak(keccak(_SMS_DOMAIN) + _address(address) + named + keccak(_utf8(value)))


def login_data(
    challenge: Any, *, name: str | None = None, chain_id: int | None = None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Domain, types and message of a service's challenge, which comes bare or in a ``data`` field.

    Only the shape that all iExec services use is a login: one type ``Challenge`` with one text, in a domain
    without contract or salt. The returned objects are built anew from checked values.

    Args:
        challenge: The service's answer.
        name: The name that the domain must have (``iExec Gateway``); None takes any.
        chain_id: The network's id, which the domain must name too; None takes any.

    Raises:
        SignatureError: ``Failed to get authorization: Error: Unexpected challenge format``; ``details`` say
            what is wrong with it.
    """
    data = challenge.get("data") or challenge if isinstance(challenge, dict) else {}
    domain, types, message = (_part(data, part) for part in ("domain", "types", "message"))
    _require(data.get("primaryType", _LOGIN) == _LOGIN, "its primary type is not Challenge")
    _require(
        {kind for kind in types if kind != _DOMAIN} == {_LOGIN} and types[_LOGIN] == _LOGIN_FIELDS,
        "its types are not those of a Challenge with one text",
    )
    _require(set(domain) <= set(_LOGIN_DOMAIN), "its domain has a contract, a salt or more")
    _require(_fits_domain(types.get(_DOMAIN) or []), "the type of its domain has a contract, a salt or more")
    _require(name is None or domain.get("name") == name, f"its domain is not that of {name}")
    _require(
        chain_id is None or _is_chain(domain.get("chainId"), chain_id), f"it is not for chain {chain_id}"
    )
    version = domain.get("version")
    _require(
        version is None or (isinstance(version, str) and len(version) <= _LONGEST_VERSION),
        "its version is not a short text",
    )
    text: Any = message.get("challenge")
    _require(set(message) == {"challenge"} and isinstance(text, str), "its message is not one text")
    _require(len(text) <= LONGEST_LOGIN, f"its text has more than {LONGEST_LOGIN} characters")
    return dict(domain), {_LOGIN: list(_LOGIN_FIELDS)}, {"challenge": text}


def login_token(
    challenge: Any, signer: LoginSigner, *, name: str | None = None, chain_id: int | None = None
) -> str:
    """The signed answer to a service's challenge: ``<digest>_<signature>_<address>``; see ``login_data``.

    Raises:
        SignatureError: It is not a login, or cannot be signed.
    """
    domain, types, message = login_data(challenge, name=name, chain_id=chain_id)
    try:
        digest = hash_typed_data(domain, types, message)
    except ValidationError as error:
        raise SignatureError(f"Failed to get authorization: Error: {error.message}") from error
    return f"0x{digest.hex()}_{signer.sign_typed_data(domain, types, message)}_{signer.address}"


def _part(data: Any, name: str) -> dict[str, Any]:
    part = data.get(name) if isinstance(data, dict) else None
    _require(isinstance(part, dict) and bool(part), f"it has no {name}")
    return part  # type: ignore[return-value]


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise SignatureError(
            "Failed to get authorization: Error: Unexpected challenge format",
            details={"not a login": otherwise},
            hint="Nothing was signed.",
        )


def _fits_domain(members: Any) -> bool:
    """Whether the declared members of the domain are among those of a login."""
    known = [{"name": name, "type": kind} for name, kind in _LOGIN_DOMAIN.items()]
    return isinstance(members, list) and all(member in known for member in members)


def _is_chain(said: Any, chain_id: int) -> bool:
    """The market writes the id as text, other services as a number."""
    return not isinstance(said, bool) and said in (chain_id, str(chain_id))


def authorization_hash(worker: str, task: str, enclave_challenge: str) -> bytes:
    """What the scheduler signs to let a worker contribute to a task, 32 bytes.

    Args:
        worker: The worker's address.
        task: The task's id, 32 bytes as 0x text.
        enclave_challenge: Address of the enclave's key; the null address without an enclave.
    """
    return keccak(_address(worker) + _word(task) + _address(enclave_challenge))


def result_hash(task: str, digest: str | bytes) -> bytes:
    """What all workers with the same result contribute, 32 bytes."""
    return keccak(_word(task) + _word(digest))


def result_seal(worker: str, task: str, digest: str | bytes) -> bytes:
    """Proof that this worker knew the result, 32 bytes."""
    return keccak(_address(worker) + _word(task) + _word(digest))


def enclave_hash(task: str, worker: str, digest: str | bytes) -> bytes:
    """What an enclave signs about its result, 32 bytes: hash and seal."""
    return keccak(result_hash(task, digest) + result_seal(worker, task, digest))


def task_hash(task: str) -> bytes:
    """What a scheduler signs to get an enclave challenge for a task from the SMS, 32 bytes."""
    return keccak(_word(task))


def _address(value: str) -> bytes:
    return bytes.fromhex(to_address(value)[2:])


def _word(value: str | bytes) -> bytes:
    return bytes.fromhex(to_bytes32(value)[2:])


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except (AttributeError, UnicodeEncodeError):
        raise ValidationError("a secret must be valid Unicode text") from None
