"""The SMS's routes for schedulers and workers: TEE framework, enclave challenges, sessions.

Source: iExec SMS 9.3. Our own worker reads secrets in process; these routes serve others and behave alike.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import ChainError, ValidationError
from iexec_lab.ethereum.contracts import HUB, OWNABLE
from iexec_lab.protocol import (
    NULL_BYTES32,
    Deal,
    Task,
    authorization_hash,
    is_signed_by,
    personal_digest,
    task_hash,
    tee_framework,
    to_address,
    to_bytes32,
)

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.sms import SmsStore

FRAMEWORK = "TDX"
"""What the route for it names: one word must do, and SDK 9 knows no other."""
VERSIONS = {"SCONE": ("v5",), "GRAMINE": ("v0",), "TDX": ("v0",)}

_ACTIVE = 1
_DENIED = "EXECUTION_NOT_AUTHORIZED_"


@dataclass(frozen=True, slots=True)
class _Authorization:
    """That ``worker`` may work on ``task``; ``digest`` is what worker and scheduler sign."""

    worker: str
    task: str
    digest: bytes
    signature: str


class _DeniedError(Exception):
    """Why a task gets no enclave or session: the code the SMS answers with."""


def add_tee_routes(app: web.Application, context: Context, store: SmsStore) -> None:
    app.router.add_get("/version", _version)
    app.router.add_get("/tee/framework", _framework)
    app.router.add_get("/tee/properties/{framework}", _properties)
    app.router.add_get("/tee/properties/{framework}/{version}", _properties)
    app.router.add_post("/tee/challenges/{task}", partial(_challenge, context, store))
    app.router.add_post("/tee/sessions", partial(_session, context, store))


async def _version(_: web.Request) -> web.Response:
    return web.Response(text="9.3.1-sandbox")


async def _framework(_: web.Request) -> web.Response:
    return web.json_response(FRAMEWORK)


async def _properties(request: web.Request) -> web.Response:
    framework, version = request.match_info["framework"].upper(), request.match_info.get("version")
    if framework not in VERSIONS:
        return web.Response(status=409)
    version = version or VERSIONS[framework][0]
    if version not in VERSIONS[framework]:
        return web.Response(status=404)
    component = {"fingerprint": NULL_BYTES32[2:], "entrypoint": "simulated", "heapSizeInBytes": 1 << 30}
    return web.json_response(
        {
            "teeFramework": framework,
            "teeFrameworkVersion": version,
            "preComputeProperties": {"image": "simulated-pre-compute", **component},
            "postComputeProperties": {"image": "simulated-post-compute", **component},
        }
    )


async def _challenge(context: Context, store: SmsStore, request: web.Request) -> web.Response:
    """The address of a task's enclave, for the workerpool's owner."""
    signature = request.headers.get("Authorization", "")
    try:
        task_id = to_bytes32(request.match_info["task"])
    except ValidationError:
        return web.Response(status=401)
    try:
        deal = await _tee_deal(context, task_id)
        owner = await _workerpool_owner(context, deal)
    except _DeniedError:
        return web.Response(status=401)
    if not is_signed_by(owner, personal_digest(task_hash(task_id)), signature):
        return web.Response(status=401)
    return web.Response(text=store.enclave(task_id).address)


async def _session(context: Context, store: SmsStore, request: web.Request) -> web.Response:
    """A session for the worker that the workerpool's owner authorised."""
    try:
        task_id = await _authorise(context, request)
    except _DeniedError as denied:
        return web.json_response({"error": str(denied)}, status=401)
    store.enclave(task_id)
    word = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(10))
    data = {"sessionId": f"{word}0000{task_id}", "secretProvisioningUrl": context.urls["sms"]}
    return web.json_response({"data": data})


async def _authorise(context: Context, request: web.Request) -> str:
    """The task of a session request; checks in the order of the real service."""
    given = _read_authorization(await request.read())
    signature = request.headers.get("Authorization", "")
    if given is None or not is_signed_by(given.worker, given.digest, signature):
        raise _DeniedError("INVALID_AUTHORIZATION")
    if given.task == NULL_BYTES32:
        raise _DeniedError(_DENIED + "EMPTY_PARAMS_UNAUTHORIZED")
    deal = await _tee_deal(context, given.task)
    if not is_signed_by(await _workerpool_owner(context, deal), given.digest, given.signature):
        raise _DeniedError(_DENIED + "INVALID_SIGNATURE")
    return given.task


def _read_authorization(body: bytes) -> _Authorization | None:
    """The workerpool's authorisation in a request; an absent task counts as the null word."""
    try:
        given = json.loads(body)
        worker, enclave = to_address(given["workerWallet"]), to_address(given["enclaveChallenge"])
        task = to_bytes32(given.get("chainTaskId") or NULL_BYTES32)
        signature = given["signature"]
        signature = signature["value"] if isinstance(signature, dict) else signature
    except (KeyError, TypeError, ValueError, RecursionError):  # ValidationError is a ValueError
        return None
    digest = personal_digest(authorization_hash(worker, task, enclave))
    return _Authorization(worker, task, digest, str(signature))


async def _tee_deal(context: Context, task_id: str) -> Deal:
    """The deal of an active TEE task."""
    try:
        task = Task.from_abi(await context.chain.call(context.hub, HUB.viewTask, _word(task_id)))
    except ChainError:
        raise _DeniedError(_DENIED + "GET_CHAIN_TASK_FAILED") from None
    if not task.exists:
        raise _DeniedError(_DENIED + "GET_CHAIN_TASK_FAILED")
    if task.status != _ACTIVE:
        raise _DeniedError(_DENIED + "TASK_NOT_ACTIVE")
    try:
        deal = Deal.from_abi(await context.chain.call(context.hub, HUB.viewDeal, _word(task.deal_id)))
    except ChainError:
        raise _DeniedError(_DENIED + "GET_CHAIN_DEAL_FAILED") from None
    if tee_framework(deal.tag) is None:
        raise _DeniedError(_DENIED + "NO_MATCH_ONCHAIN_TYPE")
    return deal


async def _workerpool_owner(context: Context, deal: Deal) -> str:
    """Who owns the workerpool now; the deal tells who did at its match."""
    try:
        return str(await context.chain.call(deal.workerpool.pointer, OWNABLE.owner))
    except ChainError:
        raise _DeniedError(_DENIED + "GET_CHAIN_DEAL_FAILED") from None


def _word(value: str) -> bytes:
    return bytes.fromhex(value[2:])
