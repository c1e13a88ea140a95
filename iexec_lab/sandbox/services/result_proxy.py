"""The result proxy: takes the results of workers who may, and puts them on IPFS.

Routes of iExec's result proxy 9.1, and the two with which 8.x clients log in. Our own worker writes to IPFS
in process; a worker from elsewhere comes through here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from iexec_lab.errors import ChainError, ValidationError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    Contribution,
    enclave_hash,
    personal_digest,
    result_hash,
    tee_framework,
    to_address,
    to_bytes32,
)
from iexec_lab.sandbox.services._authorization import (
    chain_time,
    read_authorization,
    view_deal,
    view_task,
    word,
    workerpool_owner,
)
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._jwt import TokenSigner
from iexec_lab.sandbox.services._login import is_proof, login_challenge
from iexec_lab.sandbox.services._signatures import is_by_r_and_s, is_web3j_signature
from iexec_lab.sandbox.services._spring import (
    answer_as_spring,
    bad_request,
    read_json_object,
    read_text,
    required_header,
)
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.sandbox.state.disk import open_db
from iexec_lab.sandbox.work.results import FaultError, compute
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
-- The token that counts: of a task's worker, or of a login of 8.x, which is kept for all later results.
CREATE TABLE IF NOT EXISTS tokens (
    wallet TEXT NOT NULL, login INTEGER NOT NULL, token TEXT NOT NULL, PRIMARY KEY (wallet, login)
) WITHOUT ROWID;
"""
_LARGEST_CONTENT = 1 << 30
_LOGIN_SECONDS = 366 * 24 * 3600
_ACTIVE, _REVEALING = 1, 2
_PROVED = 2


async def create(context: Context) -> web.Application:
    """The service; results land in the blocks of the sandbox's IPFS gateway."""
    proxy = _Proxy(context)
    app = web.Application(client_max_size=LARGEST_RESULT)
    answer_preflights(app, "GET,HEAD,POST")
    answer_as_spring(app)
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
            raise bad_request(request) from None
        if request.query.get("chainId") != str(self._context.chain_id):
            raise bad_request(request)
        self._challenges[address] = login_challenge(
            RESULT_PROXY, self._context.chain_id, secrets.token_urlsafe(32)
        )
        return web.json_response(self._challenges[address])

    async def login(self, request: web.Request) -> web.Response:
        """A token for whoever signed its challenge: ``<digest>_<signature>_<address>``."""
        digest, _, rest = (await read_text(request)).partition("_")
        signature, _, wallet = rest.partition("_")
        try:
            address = to_address(wallet)
        except ValidationError:
            return web.Response(status=401)
        challenge = self._challenges.get(address)
        if challenge is None or not is_proof(challenge, digest, signature, address, is_by_r_and_s):
            return web.Response(status=401)
        del self._challenges[address]
        end = int(chain_time(self._context)) + _LOGIN_SECONDS
        return web.Response(text=self._token(address, end, login=True))

    async def token(self, request: web.Request) -> web.Response:
        """A token for a worker whom the workerpool's owner authorised; the same one until it ends."""
        signature = required_header(request, "Authorization")
        given = read_authorization(await read_json_object(request))
        if given is None or not is_web3j_signature(given.worker, given.digest, signature):
            return web.Response(status=401)
        task = await view_task(self._context, given.task)
        if task is None or chain_time(self._context) >= task.final_deadline:
            return web.Response(status=401)
        deal = await view_deal(self._context, task.deal_id)
        if deal is None or (given.enclave != NULL_ADDRESS) != (tee_framework(deal.tag) is not None):
            return web.Response(status=401)
        owner = await workerpool_owner(self._context, deal)
        if owner is None or not is_web3j_signature(owner, given.digest, given.signature):
            return web.Response(status=401)
        with self.db:
            row = (given.task, given.worker, given.enclave)
            self.db.execute("INSERT OR IGNORE INTO workers VALUES (?, ?, ?)", row)
        return web.Response(text=self._token(given.worker, task.final_deadline))

    async def upload(self, request: web.Request) -> web.Response:
        """Take the result of a task, once."""
        token = required_header(request, "Authorization")
        result = await read_json_object(request)
        archive = _archive(request, result)
        wallet = self._wallet(token)
        if wallet is None:
            return web.Response(status=401)
        try:
            task = to_bytes32(result.get("chainTaskId"))
        except ValidationError:
            return web.Response(status=401)
        if self._cid(task) or not await self._may_upload(wallet, task, archive, result):
            return web.Response(status=401)
        cid = await asyncio.to_thread(self._blobs.add, archive)
        with self.db:
            done = self.db.execute("INSERT INTO results VALUES (?, ?) ON CONFLICT DO NOTHING", (task, cid))
        return web.Response(text=f"/ipfs/{cid}") if done.rowcount else web.Response(status=401)

    async def check(self, request: web.Request) -> web.Response:
        if self._wallet(required_header(request, "Authorization")) is None:
            return web.Response(status=401)
        return web.Response(status=204 if self._cid(request.match_info["task"]) else 404)

    async def ipfs_hash(self, request: web.Request) -> web.Response:
        cid = self._cid(request.match_info["task"])
        return web.Response(text=cid) if cid else web.Response(status=404)

    def _token(self, wallet: str, end: int, *, login: bool = False) -> str:
        """The wallet's token: the one it has, or a new one where that ended."""
        query = "SELECT token FROM tokens WHERE wallet = ? AND login = ?"
        row = self.db.execute(query, (wallet, login)).fetchone()
        if row and self._tokens.audience(row["token"], chain_time(self._context)) == wallet:
            return str(row["token"])
        token = self._tokens.make(wallet, end)
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", (wallet, login, token))
        return token

    def _wallet(self, token: str) -> str | None:
        """Whose token it is; None when it ended or was never given out."""
        wallet = self._tokens.audience(token, chain_time(self._context))
        query = "SELECT 1 FROM tokens WHERE wallet = ? AND token = ?"
        return wallet if self.db.execute(query, (wallet, token)).fetchone() else None

    def _cid(self, task: str) -> str | None:
        row = self.db.execute("SELECT cid FROM results WHERE task = ?", (task.lower(),)).fetchone()
        return None if row is None else str(row["cid"])

    async def _may_upload(self, wallet: str, task_id: str, archive: bytes, result: dict[str, Any]) -> bool:
        """A plain result once the worker has revealed it; an enclave's while the task is active."""
        task = await view_task(self._context, task_id)
        deal = await view_deal(self._context, task.deal_id) if task else None
        if task is None or deal is None:
            return False
        if tee_framework(deal.tag) is None:
            return task.status == _REVEALING and await self._is_revealed(wallet, task_id, archive)
        return (
            bool(archive)
            and task.status == _ACTIVE
            and (wallet == deal.requester or self._is_sealed(wallet, task_id, result))
        )

    def _is_sealed(self, worker: str, task_id: str, result: dict[str, Any]) -> bool:
        """Whether the enclave that the worker was given signed the result's digest."""
        query = "SELECT enclave FROM workers WHERE task = ? AND worker = ?"
        row = self.db.execute(query, (task_id, worker)).fetchone()
        try:
            digest = to_bytes32(result.get("deterministHash"))
        except ValidationError:
            return False
        signed = personal_digest(enclave_hash(task_id, worker, digest))
        seal = str(result.get("enclaveSignature"))
        return row is not None and is_web3j_signature(row["enclave"], signed, seal)

    async def _is_revealed(self, worker: str, task_id: str, archive: bytes) -> bool:
        """Whether the worker revealed what is in the archive; the digest in the request does not count."""
        try:
            call = self._context.chain.call(self._context.hub, HUB.viewContribution, word(task_id), worker)
            contribution = Contribution.from_abi(await call)
        except (ChainError, ValueError):
            return False
        if contribution.status != _PROVED:
            return False
        digest = await asyncio.to_thread(_digest, archive)
        return digest is not None and word(contribution.result_hash) == result_hash(task_id, digest)


def _archive(request: web.Request, result: dict[str, Any]) -> bytes:
    """The archive in a request; none where it is missing."""
    given = result.get("zip")
    if given is None:
        return b""
    try:
        return base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise bad_request(request) from None


def _digest(archive: bytes) -> bytes | None:
    """The digest of the result in an archive; None where it has none."""
    with tempfile.TemporaryDirectory(prefix="iexec-lab-") as folder:
        try:
            with tempfile.TemporaryFile() as file:
                file.write(archive)
                with zipfile.ZipFile(file) as packed:
                    if sum(each.file_size for each in packed.infolist()) > _LARGEST_CONTENT:
                        return None
                    packed.extractall(folder)
            return compute(Path(folder), callback=False).digest
        except (FaultError, OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
            return None
