"""The secret management service: stores secrets for those who may, and never shows them.

Real instances serve one TEE framework each; this one serves SCONE, Gramine and TDX together. What it keeps is
encrypted on disk, but the key lies beside it: nothing here protects a real secret.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from iexec_lab.errors import ChainError
from iexec_lab.ethereum.contracts import OWNABLE
from iexec_lab.protocol import is_address, personal_digest, sms_challenge
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._signatures import is_web3j_signature
from iexec_lab.sandbox.services._spring import answer_as_spring, bad_request, read_text, required_header
from iexec_lab.sandbox.services.sms_tee import add_tee_routes
from iexec_lab.sandbox.state.secrets import SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.protocol.challenge import SecretKind
    from iexec_lab.sandbox.context import Context

LONGEST_SECRET = 4096
"""Bytes of UTF-8."""

_LARGEST_REQUEST = 16 << 20
_REQUESTER_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")
_BAD_KEY = "Secret key should contain at most 64 characters from [0-9A-Za-z-_]"


async def create(context: Context) -> web.Application:
    """The service as iExec's SMS 9.3 answers: wallets' routes, and those of schedulers and workers."""
    store = SecretStore(context.folder / "sms")
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    answer_preflights(app, "HEAD,POST,PUT")
    answer_as_spring(app)
    _SecretRoutes(context, store).add_to(app)
    add_tee_routes(app, context, store)

    async def close(_: web.Application) -> None:
        store.close()

    app.on_cleanup.append(close)
    return app


class _SecretRoutes:
    """The routes that wallets use; all kinds of secrets follow the same steps."""

    def __init__(self, context: Context, store: SecretStore) -> None:
        self._context = context
        self._store = store

    def add_to(self, app: web.Application) -> None:
        paths: Mapping[SecretKind, str] = {
            "web3": "/secrets/web3",
            "web2": "/secrets/web2",
            "app": "/apps/{owner}/secrets",
            "requester": "/requesters/{owner}/secrets/{name}",
        }
        for kind, path in paths.items():
            app.router.add_head(path, partial(self._check, kind))
            app.router.add_post(path, partial(self._push, kind))
        app.router.add_put(paths["web2"], partial(self._push, "web2", update=True))

    async def _check(self, kind: SecretKind, request: web.Request) -> web.Response:
        owner, name = _addressee(kind, request)
        if kind == "requester" and not _REQUESTER_KEY.fullmatch(name or ""):
            return _refusal(kind, 400, _BAD_KEY)
        found = self._store.has(kind, owner, name)
        return web.Response(status=204) if found else _refusal(kind, 404, "Secret not found")

    async def _push(self, kind: SecretKind, request: web.Request, *, update: bool = False) -> web.Response:
        owner, name = _addressee(kind, request)
        signature, value = required_header(request, "Authorization"), await read_text(request)
        if not await self._is_allowed(kind, owner, name, value, signature):
            return _refusal(kind, 401, "Invalid authorization")
        if kind == "requester" and not _REQUESTER_KEY.fullmatch(name or ""):
            return _refusal(kind, 400, _BAD_KEY)
        if len(value.encode()) > LONGEST_SECRET:
            status = 400 if kind == "requester" else 413
            return _refusal(kind, status, "Secret size should not exceed 4 Kb")
        if update:
            done = self._store.replace(kind, owner, name, value)
            return web.Response(status=204 if done else 404)
        if not self._store.add(kind, owner, name, value):
            return _refusal(kind, 409, "Secret already exists")
        return web.Response(status=204)

    async def _is_allowed(
        self, kind: SecretKind, owner: str, name: str | None, value: str, signature: str
    ) -> bool:
        """Whether the owner signed this secret: of a dataset or an app, who owns it on chain."""
        if not is_address(owner):
            return False
        signer = await self._chain_owner(owner) if kind in {"web3", "app"} else owner
        digest = personal_digest(sms_challenge(kind, owner, name, value))
        return signer is not None and is_web3j_signature(signer, digest, signature)

    async def _chain_owner(self, resource: str) -> str | None:
        try:
            return str(await self._context.chain.call(resource, OWNABLE.owner))
        except (ChainError, ValueError):  # no contract there, or one without an owner
            return None


def _addressee(kind: SecretKind, request: web.Request) -> tuple[str, str | None]:
    """Owner and name of the secret that a request is about."""
    if kind == "web3":
        return _parameter(request, "secretAddress"), None
    if kind == "web2":
        return _parameter(request, "ownerAddress"), _parameter(request, "secretName")
    return request.match_info["owner"], request.match_info.get("name")


def _parameter(request: web.Request, name: str) -> str:
    try:
        return request.query[name]
    except KeyError:
        raise bad_request(request) from None


def _refusal(kind: SecretKind, status: int, words: str) -> web.Response:
    if kind in {"web2", "web3"}:
        return web.Response(status=status)
    return web.json_response({"error": [words]}, status=status)
