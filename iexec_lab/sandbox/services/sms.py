"""The secret management service: stores secrets for those who may, and never shows them.

Real instances serve one TEE framework each; this one serves SCONE, Gramine and TDX together. What it keeps is
encrypted on disk, but the key lies beside it: nothing here protects a real secret.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from cryptography.fernet import InvalidToken

from iexec_lab.errors import ChainError, SandboxError
from iexec_lab.ethereum.contracts import OWNABLE
from iexec_lab.protocol import is_address, is_signed_by, key_address, personal_digest, sms_challenge
from iexec_lab.sandbox.chain.accounts import Account
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services.sms_tee import add_tee_routes
from iexec_lab.sandbox.state.disk import SecretBox, open_db

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iexec_lab.protocol.challenge import SecretKind
    from iexec_lab.sandbox.context import Context

LONGEST_SECRET = 4096
"""Bytes of UTF-8."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (
    kind TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (kind, owner, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enclaves (task TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
"""
_LARGEST_REQUEST = 16 << 20
_REQUESTER_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")


class SmsStore:
    """Secrets by kind, owner and name, encrypted at rest; the folder holds the database and its key.

    To be used from the thread that made it. Several stores may share a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._db = open_db(folder / "secrets.db", _SCHEMA)
        self._box = SecretBox(folder / "key")

    def close(self) -> None:
        self._db.close()

    def dataset_key(self, address: str) -> str | None:
        """The key of an encrypted dataset: base64 of 32 bytes."""
        return self.get("web3", address)

    def web2_secret(self, owner: str, name: str) -> str | None:
        return self.get("web2", owner, name)

    def app_secret(self, app: str) -> str | None:
        """What the app's developer gave it."""
        return self.get("app", app)

    def requester_secret(self, requester: str, name: str) -> str | None:
        return self.get("requester", requester, name)

    def enclave(self, task_id: str) -> Account:
        """The key pair of a task's simulated enclave, made when first asked for."""
        task = task_id.lower()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute("SELECT sealed FROM enclaves WHERE task = ?", (task,)).fetchone()
            if row is None:
                key = secrets.token_bytes(32)
                self._db.execute("INSERT INTO enclaves VALUES (?, ?)", (task, self._box.seal(key)))
            else:
                key = self._unseal(row["sealed"])
        return Account(key_address(key), key)

    def has(self, kind: SecretKind, owner: str, name: str | None = None) -> bool:
        return self._sealed(kind, owner, name) is not None

    def get(self, kind: SecretKind, owner: str, name: str | None = None) -> str | None:
        sealed = self._sealed(kind, owner, name)
        return None if sealed is None else self._unseal(sealed).decode()

    def add(self, kind: SecretKind, owner: str, name: str | None, value: str) -> bool:
        """Store a new secret; False when there is one, which stays."""
        row = (*_identity(kind, owner, name), self._box.seal(value.encode()))
        with self._db:
            done = self._db.execute("INSERT INTO secrets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        return done.rowcount == 1

    def replace(self, kind: SecretKind, owner: str, name: str | None, value: str) -> bool:
        """Change a secret; False when there is none."""
        row = (self._box.seal(value.encode()), *_identity(kind, owner, name))
        with self._db:
            done = self._db.execute(
                "UPDATE secrets SET sealed = ? WHERE kind = ? AND owner = ? AND name = ?", row
            )
        return done.rowcount == 1

    def _sealed(self, kind: SecretKind, owner: str, name: str | None) -> bytes | None:
        row = self._db.execute(
            "SELECT sealed FROM secrets WHERE kind = ? AND owner = ? AND name = ?",
            _identity(kind, owner, name),
        ).fetchone()
        return None if row is None else bytes(row["sealed"])

    def _unseal(self, sealed: bytes) -> bytes:
        try:
            return self._box.unseal(sealed)
        except InvalidToken:
            raise SandboxError("The secrets of this sandbox were stored with another key") from None


def _identity(kind: SecretKind, owner: str, name: str | None) -> tuple[str, str, str]:
    """As iExec's SMS stores it: addresses in lower case, names of web2 secrets too."""
    name = name or ""
    return kind, owner.lower(), name.lower() if kind == "web2" else name


async def create(context: Context) -> web.Application:
    """The service as iExec's SMS 9.3 answers: wallets' routes, and those of schedulers and workers."""
    store = SmsStore(context.folder / "sms")
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    answer_preflights(app, "HEAD,POST,PUT")
    _SecretRoutes(context, store).add_to(app)
    add_tee_routes(app, context, store)

    async def close(_: web.Application) -> None:
        store.close()

    app.on_cleanup.append(close)
    return app


class _SecretRoutes:
    """The routes that wallets use; all kinds of secrets follow the same steps."""

    def __init__(self, context: Context, store: SmsStore) -> None:
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
        found = self._store.has(kind, *_addressee(kind, request))
        return web.Response(status=204) if found else _refusal(kind, 404, "Secret not found")

    async def _push(self, kind: SecretKind, request: web.Request, *, update: bool = False) -> web.Response:
        owner, name = _addressee(kind, request)
        signature = request.headers.get("Authorization")
        value = (await request.read()).decode(errors="replace")
        if signature is None or not value:
            raise bad_request(request)
        if not await self._is_allowed(kind, owner, name, value, signature):
            return _refusal(kind, 401, "Invalid authorization")
        if kind == "requester" and not _REQUESTER_KEY.fullmatch(name or ""):
            words = "Secret key should contain at most 64 characters from [0-9A-Za-z-_]"
            return _refusal(kind, 400, words)
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
        return signer is not None and is_signed_by(signer, digest, signature)

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


def bad_request(request: web.Request) -> web.HTTPBadRequest:
    """What the real service's framework says to a request without a header, parameter or body it needs."""
    said = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "status": 400,
        "error": "Bad Request",
        "path": request.path,
    }
    return web.HTTPBadRequest(text=json.dumps(said), content_type="application/json")
