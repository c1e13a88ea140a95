"""The simulated enclave of a TEE deal: real keys, real secrets, no protection whatever.

What iExec's SMS puts into a session is put together here; the worker of a sandbox is on its side of the wall.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iexec_lab.protocol import DROPBOX_TOKEN, RESULT_ENCRYPTION_KEY, key_address
from iexec_lab.sandbox.chain.accounts import Account
from iexec_lab.sandbox.work.results import FaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.sandbox.state.secrets import SecretStore
    from iexec_lab.sandbox.work.deal import DealTerms

NOTICE = "simulated enclave: this task and its secrets were not protected"
_SESSION = "TEE_SESSION_GENERATION_"


@dataclass(frozen=True, slots=True)
class Session:
    """Secrets for the app, as environment variables, and the PEM key its result is encrypted for, if any."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    result_key: bytes | None = None


def enclave_of(secrets: SecretStore, task_id: str) -> Account:
    """The key pair of a task's enclave, made when first asked for."""
    key = secrets.enclave_key(task_id)
    return Account(key_address(key), key)


def open_session(secrets: SecretStore, terms: DealTerms) -> Session:
    """The secrets of a TEE deal.

    Raises:
        FaultError: a secret that the deal can not do without was never pushed.
    """
    if terms.dataset and secrets.dataset_key(terms.dataset) is None:
        cause = _SESSION + "PRE_COMPUTE_GET_DATASET_SECRET_FAILED"
        raise FaultError(cause, f"no key of dataset {terms.dataset} was pushed to the SMS")
    result_key = None
    if terms.encrypts_result and not terms.callback:
        text = secrets.web2_secret(terms.deal.beneficiary, RESULT_ENCRYPTION_KEY)
        if text is None:
            cause = _SESSION + "POST_COMPUTE_GET_ENCRYPTION_TOKENS_FAILED_EMPTY_BENEFICIARY_KEY"
            raise FaultError(cause, f"beneficiary {terms.deal.beneficiary} pushed no result encryption key")
        result_key = _decode_key(text)
    if terms.wants_dropbox and secrets.web2_secret(terms.deal.requester, DROPBOX_TOKEN) is None:
        cause = _SESSION + "POST_COMPUTE_GET_STORAGE_TOKENS_FAILED"
        raise FaultError(cause, f"requester {terms.deal.requester} pushed no Dropbox token")
    return Session(_secret_variables(secrets, terms), result_key)


def _secret_variables(secrets: SecretStore, terms: DealTerms) -> dict[str, str]:
    env = {}
    developer = secrets.app_secret(terms.deal.app.pointer)
    if developer is not None:
        env["IEXEC_APP_DEVELOPER_SECRET"] = env["IEXEC_APP_DEVELOPER_SECRET_1"] = developer
    for number, name in terms.secret_names():
        secret = secrets.requester_secret(terms.deal.requester, name)
        if secret is not None:
            env[f"IEXEC_REQUESTER_SECRET_{number}"] = secret
    return env


def _decode_key(text: str) -> bytes:
    """The PEM text that was pushed in base64."""
    try:
        return base64.b64decode(text)
    except binascii.Error:
        message = "the beneficiary's result encryption key is not base64"
        raise FaultError("POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY", message) from None
