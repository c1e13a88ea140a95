"""The IPFS node: the part of kubo's RPC that its clients use to add and read files.

What would change a CID without being understood here (other hashes, chunkers, layouts) is refused. Everything
added stays, pinned or not. ``ipfs_commands.py`` has what only reads.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiohttp import web

from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.ipfs.cid import Cid
from iexec_lab.ipfs.links import Link
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, MAX_BLOCK, FileBuilder, build_directory
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._kubo import PREFIX, BadRequestError, answer_as_kubo, arguments, flag, integer
from iexec_lab.sandbox.services.ipfs_commands import Commands, split_path
from iexec_lab.sandbox.state.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import BodyPartReader

    from iexec_lab.sandbox.context import Context

_FOREIGN = ("trickle", "nocopy", "fscache", "inline", "preserve-mode", "preserve-mtime", "to-files")
_EXPOSED = "X-Chunked-Output, X-Content-Length, X-Stream-Output"
_STORE = web.AppKey("store", BlobStore)
_COMMANDS = web.AppKey("commands", Commands)

Tree = dict[str, "Link | Tree"]


async def create(context: Context) -> web.Application:
    """The node; its blocks are those of the gateway."""
    app = web.Application(client_max_size=0)
    app[_STORE] = BlobStore(context.folder / "ipfs")
    commands = app[_COMMANDS] = Commands(app[_STORE])
    answer_preflights(app, "POST", exposed=_EXPOSED, status=204)
    for name, handler in (
        ("add", _add),
        ("cat", _cat),
        ("block/get", _block_get),
        ("block/stat", _block_stat),
        ("ls", commands.ls),
        ("get", commands.get),
        ("id", commands.id),
        ("dag/get", commands.dag_get),
        ("files/stat", commands.files_stat),
        ("pin/add", commands.pin_add),
        ("pin/ls", commands.pin_ls),
        ("pin/rm", commands.pin_rm),
        ("version", commands.version),
    ):
        app.router.add_post(f"{PREFIX}{name}", handler)
    app.middlewares.append(answer_as_kubo)
    return app


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What ``/api/v0/add`` was asked for."""

    version: int = 0
    raw_leaves: bool | None = None
    chunk_size: int = CHUNK_SIZE
    wrap: bool = False
    only_hash: bool = False
    progress: bool = False
    pin: bool = True

    @classmethod
    def read(cls, query: Mapping[str, str]) -> AddOptions:
        """From the query.

        Raises:
            ValidationError: an option that would give another CID than asked for.
        """
        for name in _FOREIGN:
            if flag(query, name):
                raise ValidationError(f"the sandbox's IPFS node has no option {name}")
        if query.get("hash", "sha2-256") != "sha2-256":
            raise ValidationError("the sandbox's IPFS node only knows the hash sha2-256")
        version = query.get("cid-version", "0")
        if version not in {"0", "1"}:
            raise ValidationError(f"unknown CID version: {version}")
        return cls(
            version=int(version),
            raw_leaves=flag(query, "raw-leaves") if "raw-leaves" in query else None,
            chunk_size=_chunk_size(query.get("chunker", "")),
            wrap=flag(query, "wrap-with-directory"),
            only_hash=flag(query, "only-hash"),
            progress=flag(query, "progress"),
            pin=flag(query, "pin", default=True),
        )


def _chunk_size(chunker: str) -> int:
    if chunker in {"", "default"}:
        return CHUNK_SIZE
    kind, _, size = chunker.partition("-")
    if kind != "size" or not size.isdecimal() or not 0 < int(size) <= MAX_BLOCK // 2:
        raise ValidationError(
            f"unrecognized chunker option: {chunker}", hint="Use size-<bytes up to 1048576>."
        )
    return int(size)


@dataclass(slots=True)
class _Adding:
    """One call of add: the answer's lines go out as files are done."""

    request: web.Request
    options: AddOptions
    tree: Tree = field(default_factory=dict)
    response: web.StreamResponse | None = None
    tops: list[Link] = field(default_factory=list)

    def put(self, cid: Cid, block: bytes) -> None:
        if not self.options.only_hash:
            self.request.app[_STORE].put_block(cid, block)

    async def run(self) -> web.StreamResponse:
        reader = await self.request.multipart()
        while (part := await reader.next()) is not None:
            await self.part(part)  # type: ignore[arg-type]
        root = await self.folders(self.tree, "")
        if self.response is None:
            raise ValidationError("file argument 'path' is required")
        if self.options.pin and not self.options.only_hash:
            links = [each for each in self.tree.values() if isinstance(each, Link)] + self.tops
            for link in [root] if self.options.wrap else links:
                await asyncio.to_thread(self.request.app[_COMMANDS].pins.add, link.cid)
        await self.response.write_eof()
        return self.response

    async def part(self, part: BodyPartReader) -> None:
        path = [name for name in unquote_plus(part.filename or "").split("/") if name]
        if {".", ".."} & set(path):
            raise ValidationError("file names must not be . or ..")
        kind = part.headers.get("Content-Type", "")
        if kind == "application/symlink":
            raise ValidationError("the sandbox's IPFS node takes no symbolic links")
        if kind == "application/x-directory":
            _folder(self.tree, path)
            return
        link = await self.file(part, "/".join(path))
        *above, name = path or [str(link.cid)]
        _folder(self.tree, above)[name] = link
        await self.say(Name="/".join([*above, name]), Hash=str(link.cid), Size=str(link.tsize))

    async def file(self, part: BodyPartReader, name: str) -> Link:
        options, done = self.options, 0
        builder = FileBuilder(self.put, options.version, options.raw_leaves, options.chunk_size)
        while piece := await part.read_chunk(CHUNK_SIZE):
            await asyncio.to_thread(builder.write, piece)
            done += len(piece)
            if options.progress:
                await self.say(Name=name, Bytes=done)
        return await asyncio.to_thread(builder.finish)

    async def folders(self, tree: Tree, path: str) -> Link:
        """Folders after what is in them; the root only when it was asked for."""
        links: dict[str, Link] = {}
        for name, child in tree.items():
            below = f"{path}/{name}" if path else name
            links[name] = child if isinstance(child, Link) else await self.folders(child, below)
        root = build_directory(links, self.put if path or self.options.wrap else _drop, self.options.version)
        if path and "/" not in path:
            self.tops.append(root)
        if path or (self.options.wrap and tree):
            await self.say(Name=path, Hash=str(root.cid), Size=str(root.tsize))
        return root

    async def say(self, **line: str | int) -> None:
        if self.response is None:
            headers = {"Content-Type": "application/json", "X-Chunked-Output": "1"}
            self.response = web.StreamResponse(headers=headers)
            await self.response.prepare(self.request)
        await self.response.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _drop(_cid: Cid, _block: bytes) -> None:
    """A folder nobody asked for is not stored."""


def _folder(tree: Tree, path: list[str]) -> Tree:
    """The folder at a path, made where it is missing."""
    for name in path:
        below = tree.setdefault(name, {})
        if isinstance(below, Link):
            raise ValidationError(f"{name} is a file and a folder")
        tree = below
    return tree


async def _add(request: web.Request) -> web.StreamResponse:
    if request.content_type != "multipart/form-data":
        raise BadRequestError("file argument 'path' is required")
    if "boundary=" not in request.headers["Content-Type"]:
        raise BadRequestError("no multipart boundary param in Content-Type")
    adding = _Adding(request, AddOptions.read(request.query))
    try:
        return await adding.run()
    except (IexecError, ValueError, OSError):
        if adding.response is None:
            raise
        # Lines are out with status 200: only a broken connection still says that it failed.
        if request.transport:
            request.transport.abort()
        return adding.response


async def _cat(request: web.Request) -> web.StreamResponse:
    [path, *_] = arguments(request, "ipfs-path")
    start, length = integer(request.query, "offset") or 0, integer(request.query, "length")
    if start < 0:
        raise ValidationError("cannot specify negative offset")
    if length is not None and length < 0:
        raise ValidationError("cannot specify negative length")
    stop = None if length is None else start + length
    pieces = request.app[_STORE].chunks(*split_path(path), start, stop)
    return await stream(request, pieces, {"Content-Type": "text/plain", "X-Stream-Output": "1"})


async def _block_get(request: web.Request) -> web.Response:
    _, block = await _block(request)
    return web.Response(body=block, content_type="text/plain", headers={"X-Stream-Output": "1"})


async def _block_stat(request: web.Request) -> web.Response:
    cid, block = await _block(request)
    return web.json_response({"Key": str(cid), "Size": len(block)})


async def _block(request: web.Request) -> tuple[Cid, bytes]:
    root, below = split_path(arguments(request, "cid")[0])
    store = request.app[_STORE]
    cid = (await asyncio.to_thread(store.resolve, root, below))[0] if below else Cid.parse(root)
    return cid, await asyncio.to_thread(store.get_block, cid)


async def stream(
    request: web.Request, pieces: AsyncIterator[bytes], headers: Mapping[str, str], status: int = 200
) -> web.StreamResponse:
    """An answer of pieces; errors before the first one are the caller's, later ones break the connection."""
    first = await anext(pieces, b"")
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
