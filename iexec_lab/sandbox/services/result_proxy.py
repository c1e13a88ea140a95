"""The result proxy: takes the results of workers who may, and puts them on IPFS.

Routes of iExec's result proxy 9.1, and the two with which 8.x clients log in. Our own worker writes to IPFS
in process; a worker from elsewhere comes through here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web

from iexec_lab.errors import ChainError, ValidationError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    Contribution,
    enclave_hash,
    is_signed_by,
    personal_digest,
    result_hash,
    to_address,
    to_bytes32,
)
from iexec_lab.sandbox.services._authorization import (
    read_authorization,
    view_deal,
    view_task,
    word,
    workerpool_owner,
)
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._jwt import TokenSigner
from iexec_lab.sandbox.services._login import is_proof, login_challenge
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.sandbox.state.disk import open_db
from iexec_lab.services.auth import RESULT_PROXY

if TYPE_CHECKING:
    from iexec_lab.sandbox.context import Context

LARGEST_RESULT = 256 << 20
"""Bytes of one request, which holds the archive in base64."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workers (
    task TEXT NOT NULL, worker TEXT NOT NULL, enclave TEXT NOT NULL, PRIMARY KEY (task, worker)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (task TEXT PRIMARY KEY, cid TEXT NOT NULL) WITHOUT ROWID;
"""
_ACTIVE, _REVEALING = 1, 2
_PROVED = 2


async def create(context: Context) -> web.Application:
    """The service; results land in the blocks of the sandbox's IPFS gateway."""
    proxy = _Proxy(context)
    app = web.Application(client_max_size=LARGEST_RESULT)
    answer_preflights(app, "GET,HEAD,POST")
    app.add_routes(
        [
            web.get("/version", proxy.version),
            web.post("/v1/results/token", proxy.token),
            web.post("/v1/results", proxy.upload),
            web.head("/v1/results/{task}", proxy.check),
            web.get("/v1/results/{task}/ipfshash", proxy.ipfs_hash),
            web.get("/results/challenge", proxy.challenge),
            web.post("/results/login", proxy.login),
        ]
    )

    async def close(_: web.Application) -> None:
        proxy.db.close()

    app.on_cleanup.append(close)
    return app


class _Proxy:
    def __init__(self, context: Context) -> None:
        folder = context.folder / "result_proxy"
        self.db = open_db(folder / "results.db", _SCHEMA)
        self._context = context
        self._blobs = BlobStore(context.folder / "ipfs")
        self._tokens = TokenSigner(folder / "key")
        self._challenges: dict[str, dict[str, Any]] = {}

    async def version(self, _: web.Request) -> web.Response:
        return web.Response(text="9.1.0-sandbox")

    async def challenge(self, request: web.Request) -> web.Response:
        """A text to sign, for the clients of 8.x; good for one login."""
        try:
            address = to_address(request.query["address"])
        except (KeyError, ValidationError):
            return web.Response(status=400)
        if request.query.get("chainId") != str(self._context.chain_id):
            return web.Response(status=400)
        self._challenges[address] = login_challenge(
            RESULT_PROXY, self._context.chain_id, secrets.token_urlsafe(32)
        )
        return web.json_response(self._challenges[address])

    async def login(self, request: web.Request) -> web.Response:
        """A token for whoever signed its challenge: ``<digest>_<signature>_<address>``."""
        digest, _, rest = (await request.text()).partition("_")
        signature, _, wallet = rest.partition("_")
        try:
            address = to_address(wallet)
        except ValidationError:
            return web.Response(status=401)
        challenge = self._challenges.get(address)
        if challenge is None or not is_proof(challenge, digest, signature, address):
            return web.Response(status=401)
        del self._challenges[address]
        return web.Response(text=self._tokens.make(address))

    async def token(self, request: web.Request) -> web.Response:
        """A token for a worker whom the workerpool's owner authorised."""
        given = read_authorization(await request.read())
        header = request.headers.get("Authorization", "")
        if given is None or not is_signed_by(given.worker, given.digest, header):
            return web.Response(status=401)
        task = await view_task(self._context, given.task)
        deal = await view_deal(self._context, task.deal_id) if task else None
        owner = await workerpool_owner(self._context, deal) if deal else None
        if owner is None or not is_signed_by(owner, given.digest, given.signature):
            return web.Response(status=401)
        row = (given.task, given.worker, given.enclave)
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO workers VALUES (?, ?, ?)", row)
        return web.Response(text=self._tokens.make(given.worker))

    async def upload(self, request: web.Request) -> web.Response:
        """Take the result of a task, once."""
        wallet = self._wallet(request)
        if wallet is None:
            return web.Response(status=401)
        try:
            result = json.loads(await request.read())
            task, digest = to_bytes32(result["chainTaskId"]), to_bytes32(result["deterministHash"])
            archive = base64.b64decode(result["zip"], validate=True)
            seal = str(result.get("enclaveSignature") or "")
        except (AttributeError, KeyError, TypeError, ValueError, binascii.Error, RecursionError):
            return web.Response(status=400)
        if not archive or self._cid(task) or not await self._may_upload(wallet, task, digest, seal):
            return web.Response(status=400)
        cid = await asyncio.to_thread(self._blobs.add, archive)
        with self.db:
            done = self.db.execute("INSERT INTO results VALUES (?, ?) ON CONFLICT DO NOTHING", (task, cid))
        return web.Response(text=f"/ipfs/{cid}") if done.rowcount else web.Response(status=400)

    async def check(self, request: web.Request) -> web.Response:
        if self._wallet(request) is None:
            return web.Response(status=401)
        return web.Response(status=204 if self._cid(request.match_info["task"]) else 404)

    async def ipfs_hash(self, request: web.Request) -> web.Response:
        cid = self._cid(request.match_info["task"])
        return web.Response(text=cid) if cid else web.Response(status=404)

    def _wallet(self, request: web.Request) -> str | None:
        """Whose token a request carries."""
        return self._tokens.audience(request.headers.get("Authorization", ""))

    def _cid(self, task: str) -> str | None:
        row = self.db.execute("SELECT cid FROM results WHERE task = ?", (task.lower(),)).fetchone()
        return None if row is None else str(row["cid"])

    async def _may_upload(self, worker: str, task_id: str, digest: str, seal: str) -> bool:
        """An enclave's result while the task is active, a plain one when the worker has revealed it."""
        query = "SELECT enclave FROM workers WHERE task = ? AND worker = ?"
        row = self.db.execute(query, (task_id, worker)).fetchone()
        task = await view_task(self._context, task_id)
        if row is None or task is None:
            return False
        if row["enclave"] != NULL_ADDRESS:
            signed = personal_digest(enclave_hash(task_id, worker, digest))
            return task.status == _ACTIVE and is_signed_by(row["enclave"], signed, seal)
        if task.status != _REVEALING:
            return False
        try:
            call = self._context.chain.call(self._context.hub, HUB.viewContribution, word(task_id), worker)
            contribution = Contribution.from_abi(await call)
        except (ChainError, ValueError):
            return False
        revealed = contribution.status == _PROVED
        return revealed and word(contribution.result_hash) == result_hash(task_id, digest)
