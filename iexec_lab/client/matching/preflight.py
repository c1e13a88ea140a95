"""Checks before an order is signed or published: would the deal it leads to fail for lack of a secret?

Rules and wording are those of SDK 8.24 on networks with several TEE frameworks, and of SDK 9 where TDX is the
only one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import OrderError, ValidationError
from iexec_lab.ethereum.calls import call
from iexec_lab.ethereum.contracts import APP
from iexec_lab.protocol import (
    DROPBOX_TOKEN,
    NULL_ADDRESS,
    RESULT_ENCRYPTION_KEY,
    check_params,
    has_tag,
    tee_framework,
)
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from iexec_lab.client.matching.signing import AnyOrder
    from iexec_lab.client.session import Session
    from iexec_lab.protocol import Order, RequestOrder
    from iexec_lab.services.sms import Sms

SKIP_HINT = (
    "If you consider this is not an issue, use --skip-preflight-check to skip preflight requirement check"
)
_WORDS = {"apporder": "App", "datasetorder": "Dataset", "requestorder": "Request"}


def app_framework(mrenclave: str) -> str | None:
    """The TEE framework an app is built for: ``tdx`` without MREnclave, None when that names none."""
    if not mrenclave:
        return "tdx"
    try:
        framework = loads(mrenclave).get("framework")
    except (AttributeError, ValueError):
        return None
    return framework.lower() if isinstance(framework, str) else None


def read_mrenclave(session: Session, app: str) -> str:
    return mrenclave_text(call(session.rpc, app, APP.m_appMREnclave))


def mrenclave_text(value: bytes) -> str:
    return bytes(value).decode(errors="replace")


def require(session: Session, order: AnyOrder, *, tag: str | None = None) -> None:
    """Check an order of any kind; ``tag`` is that of the whole deal where it is known.

    Raises:
        OrderError: What is missing, in the words of ``app publish`` and ``dataset publish``.
    """
    checks: dict[str, Any] = {
        "apporder": check_app,
        "datasetorder": check_dataset,
        "requestorder": check_request,
    }
    if order.kind in checks:
        checks[order.kind](session, order, tag or order.tag)


def check(session: Session, order: AnyOrder, *, tag: str | None = None) -> None:
    """Like ``require``, in the words of the commands that sign and match.

    Raises:
        OrderError: ``App requirements check failed: ...``; skip the check to go on anyway.
    """
    try:
        require(session, order, tag=tag)
    except (OrderError, ValidationError) as error:
        raise OrderError(
            f"{_WORDS[order.kind]} requirements check failed: {error.message} ({SKIP_HINT})",
            details=error.details,
            hint=error.hint,
        ) from error


def check_app(session: Session, order: Order, tag: str) -> None:
    """The app must be built for the framework that the tag names."""
    mrenclave = read_mrenclave(session, order.resource)
    if session.network.tdx_only:
        if mrenclave:
            raise OrderError(f"App {order.resource} has an MREnclave, which is no longer supported")
        return
    wanted, built_for = tee_framework(tag), app_framework(mrenclave)
    if wanted != built_for and not (wanted is None and built_for == "tdx"):
        raise OrderError(
            "Tag mismatch the TEE framework specified by app",
            details={"tag": wanted or "no framework", "app": built_for or "no framework"},
            hint="Name the framework of the app in the tag, or use --skip-preflight-check.",
        )


def check_dataset(session: Session, order: Order, tag: str) -> None:
    """A dataset used in an enclave must have its key in the secret management service."""
    if order.resource == NULL_ADDRESS or not has_tag(tag, "tee"):
        return
    if not _sms(session, tag).has_dataset_secret(order.resource):
        raise _no_dataset_key(order.resource)


def check_request(session: Session, order: RequestOrder, tag: str) -> None:
    """The parameters must be valid, and every secret they need must be there; asked in parallel."""
    network = session.network
    params = check_params(
        order.params, tag=order.tag, callback=order.callback, sdk=9 if network.tdx_only else 8
    )

    def sms() -> Sms:
        """Found when it is needed: a network without one can run what needs no secrets."""
        return _sms(session, tag)

    def encryption_key() -> None:
        if not sms().has_web2(order.beneficiary, RESULT_ENCRYPTION_KEY):
            raise OrderError(
                "Beneficiary result encryption key is not set in the SMS. Result encryption will fail.",
                details={"beneficiary": order.beneficiary},
                hint="Run: iexec-lab result generate-encryption-keypair, "
                "then iexec-lab result push-encryption-key.",
            )

    def storage_token() -> None:
        if not sms().has_web2(order.requester, DROPBOX_TOKEN):
            raise OrderError(
                'Requester storage token is not set for selected provider "dropbox". '
                "Result archive upload will fail.",
                hint="Run: iexec-lab storage init dropbox.",
            )

    def dataset_key() -> None:
        if not sms().has_dataset_secret(order.dataset):
            raise _no_dataset_key(order.dataset)

    def secret(name: str) -> None:
        if not sms().has_requester(order.requester, name):
            raise OrderError(
                f'Requester secret "{name}" is not set for requester {order.requester} in the SMS. '
                "Requester secret provisioning will fail.",
                hint=f"Run: iexec-lab requester push-secret {name}.",
            )

    needed = {
        encryption_key: params.get("iexec_result_encryption"),
        storage_token: params.get("iexec_result_storage_provider") == "dropbox",
        dataset_key: order.dataset != NULL_ADDRESS and has_tag(tag, "tee"),
    }
    names = (params.get("iexec_secrets") or {}).values()
    asked = [check for check, is_needed in needed.items() if is_needed]
    session.together(*asked, *(partial(secret, name) for name in names))


def _sms(session: Session, tag: str) -> Sms:
    """The SMS that a deal with this tag gets its secrets from."""
    return session.sms(session.network.keeper(tee_framework(tag)))


def _no_dataset_key(dataset: str) -> OrderError:
    return OrderError(
        f"Dataset encryption key is not set for dataset {dataset} in the SMS. Dataset decryption will fail.",
        hint="Its owner has to run: iexec-lab dataset push-secret.",
    )
