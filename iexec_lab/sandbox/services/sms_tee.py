"""The SMS's routes for schedulers and workers: TEE framework, enclave challenges, sessions.

Source: iExec SMS 9.3. Our own worker reads secrets in process; these routes serve others and behave alike.
"""

from __future__ import annotations

import secrets
import string
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    NULL_BYTES32,
    personal_digest,
    task_hash,
    tee_framework,
    to_bytes32,
)
from iexec_lab.sandbox.services._authorization import (
    read_authorization,
    view_deal,
    view_task,
    workerpool_owner,
)
from iexec_lab.sandbox.services._signatures import is_web3j_signature
from iexec_lab.sandbox.services._spring import bad_request, read_json_object, required_header
from iexec_lab.sandbox.work.enclave import enclave_of

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context
    from iexec_lab.sandbox.state.secrets import SecretStore

FRAMEWORK = "TDX"
"""What the route for it names: one word must do, and SDK 9 knows no other."""
VERSIONS = {"SCONE": ("v5",), "GRAMINE": ("v0",), "TDX": ("v0",)}

_ACTIVE = 1
_DENIED = "EXECUTION_NOT_AUTHORIZED_"


class _DeniedError(Exception):
    """Why a task gets no enclave or session: the code the SMS answers with."""


def add_tee_routes(app: web.Application, context: Context, store: SecretStore) -> None:
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
    if framework not in VERSIONS:  # and no 409: each framework is served here
        raise bad_request(request)
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


async def _challenge(context: Context, store: SecretStore, request: web.Request) -> web.Response:
    """The address of a task's enclave, for the workerpool's owner."""
    signature = required_header(request, "Authorization")
    try:
        task_id = to_bytes32(request.match_info["task"])
    except ValidationError:
        return web.Response(status=401)
    try:
        owner = await _scheduler(context, task_id)
    except _DeniedError:
        return web.Response(status=401)
    if not is_web3j_signature(owner, personal_digest(task_hash(task_id)), signature):
        return web.Response(status=401)
    return web.Response(text=enclave_of(store, task_id).address)


async def _session(context: Context, store: SecretStore, request: web.Request) -> web.Response:
    """A session for the worker that the workerpool's owner authorised."""
    try:
        task_id = await _authorise(context, request)
    except _DeniedError as denied:
        return web.json_response({"error": str(denied)}, status=401)
    enclave_of(store, task_id)
    word = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(10))
    data = {"sessionId": f"{word}0000{task_id}", "secretProvisioningUrl": context.urls["sms"]}
    return web.json_response({"data": data})


async def _authorise(context: Context, request: web.Request) -> str:
    """The task of a session request; checks in the order of the real service."""
    signature = required_header(request, "Authorization")
    given = read_authorization(await read_json_object(request))
    if given is None or not is_web3j_signature(given.worker, given.digest, signature):
        raise _DeniedError("INVALID_AUTHORIZATION")
    if given.task == NULL_BYTES32:
        raise _DeniedError(_DENIED + "EMPTY_PARAMS_UNAUTHORIZED")
    owner = await _scheduler(context, given.task)
    if not is_web3j_signature(owner, given.digest, given.signature):
        raise _DeniedError(_DENIED + "INVALID_SIGNATURE")
    return given.task


async def _scheduler(context: Context, task_id: str) -> str:
    """The owner of the workerpool that works on an active TEE task."""
    task = await view_task(context, task_id)
    if task is None:
        raise _DeniedError(_DENIED + "GET_CHAIN_TASK_FAILED")
    if task.status != _ACTIVE:
        raise _DeniedError(_DENIED + "TASK_NOT_ACTIVE")
    deal = await view_deal(context, task.deal_id)
    if deal is None:
        raise _DeniedError(_DENIED + "GET_CHAIN_DEAL_FAILED")
    if tee_framework(deal.tag) is None:
        raise _DeniedError(_DENIED + "NO_MATCH_ONCHAIN_TYPE")
    owner = await workerpool_owner(context, deal)
    if owner is None:
        raise _DeniedError(_DENIED + "GET_CHAIN_DEAL_FAILED")
    return owner
