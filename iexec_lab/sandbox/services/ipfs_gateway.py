"""The IPFS gateway: files and folders over plain HTTP, as kubo's gateway gives them."""

from __future__ import annotations

import asyncio
import html
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.services._cors import answer_preflights
from iexec_lab.sandbox.services._kubo import plain_error
from iexec_lab.sandbox.services.ipfs_formats import answer_in, wanted_format
from iexec_lab.sandbox.services.ipfs_node import stream
from iexec_lab.sandbox.state.blobs import AbsentError, BlobStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iexec_lab.ipfs.cid import Cid
    from iexec_lab.ipfs.unixfs import Node
    from iexec_lab.sandbox.context import Context

_EXPOSED = "Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output"
_NOT_OUR_PAGE = "sandbox allow-scripts allow-popups allow-downloads"
"""A page that an app wrote runs, but its origin is null: it is no page of this machine to other services."""
_FOREVER = "public, max-age=29030400, immutable"
_STORE = web.AppKey("store", BlobStore)
_MAGIC = (
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
)


async def create(context: Context) -> web.Application:
    """The gateway to the blocks of the sandbox's node."""
    app = web.Application()
    app[_STORE] = BlobStore(context.folder / "ipfs")
    answer_preflights(app, "GET, HEAD, OPTIONS", exposed=_EXPOSED, status=204)
    app.middlewares.append(_elsewhere)
    app.router.add_get("/ipfs/{cid}", _get)
    app.router.add_get("/ipfs/{cid}/{path:.*}", _get)
    return app


@web.middleware
async def _elsewhere(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Other methods and paths, in the words of kubo's gateway."""
    if request.method == "OPTIONS":
        return web.Response()
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        told = {"Allow": "GET, HEAD, OPTIONS"}
        return plain_error(405, f"Method {request.method} not allowed: read only access", told)
    except web.HTTPNotFound:
        return plain_error(404, "404 page not found")


@dataclass(frozen=True, slots=True)
class _Found:
    """What a request asks for; ``path`` is percent-encoded, without the name of an index page."""

    root: str
    path: str
    name: str
    cid: Cid
    node: Node


async def _get(request: web.Request) -> web.StreamResponse:
    store = request.app[_STORE]
    root, below = request.match_info["cid"], request.match_info.get("path", "")
    path = quote(f"/ipfs/{root}/{below}" if below else f"/ipfs/{root}")
    try:
        wanted = wanted_format(request)
        if wanted:
            return await answer_in(wanted, request, store, (root, below))
        cid, node = await asyncio.to_thread(store.resolve, root, below)
        name = below.rstrip("/").rpartition("/")[2]
        if node.kind == "directory":
            if not request.path.endswith("/"):
                query = f"?{request.query_string}" if request.query_string else ""
                return web.Response(status=301, headers={"Location": f"{path}/{query}"})
            index = next((link.cid for link in node.links if link.name == "index.html"), None)
            if index is None:
                return _listing(_Found(root, path, name, cid, node))
            cid, node = await asyncio.to_thread(store.resolve, index)
            name = "index.html"
        return await _file(request, _Found(root, path, name, cid, node))
    except ValidationError as error:
        return web.Response(status=400, text=f'invalid path "{path}": {error}\n')
    except AbsentError as error:
        return web.Response(status=404, text=f"failed to resolve {path}: {error}\n")


async def _file(request: web.Request, found: _Found) -> web.StreamResponse:
    store, size = request.app[_STORE], found.node.filesize
    etag = f'"{found.cid}"'
    headers = _headers(found, etag) | {"Accept-Ranges": "bytes", "Cache-Control": _FOREVER}
    if _matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    if disposition := _disposition(request):
        headers["Content-Disposition"] = disposition
    beginning = b"".join([piece async for piece in store.chunks(found.cid, "", 0, 512)])
    headers["Content-Type"] = _content_type(request.query.get("filename") or found.name, beginning)
    status, start, stop = 200, 0, size
    if span := _span(request, size, etag):
        start, stop = span
        if start >= size:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        status, headers["Content-Range"] = 206, f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return web.Response(status=status, headers=headers)
    return await stream(request, store.chunks(found.cid, "", start, stop), headers, status)


def _headers(found: _Found, etag: str) -> dict[str, str]:
    names = {"Etag": etag, "X-Ipfs-Path": found.path, "X-Ipfs-Roots": str(found.cid)}
    return names | {"Content-Security-Policy": _NOT_OUR_PAGE}


def _matches(header: str | None, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]
    return "*" in tags or etag in tags


def _span(request: web.Request, size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last; None for the whole file, also when several ranges are wanted."""
    if "Range" not in request.headers or not _matches(request.headers.get("If-Range", etag), etag):
        return None
    try:
        wanted = request.http_range
    except ValueError:
        return None
    if wanted.start is not None and wanted.start >= size:
        return size, size
    start, stop, _ = wanted.indices(size)
    return start, stop


def _disposition(request: web.Request) -> str:
    """``?filename=`` gives the file a name, ``?download=true`` asks to save it."""
    name, kind = request.query.get("filename"), "inline"
    if request.query.get("download") == "true":
        kind = "attachment"
    if not name:
        return kind if kind == "attachment" else ""
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"


def _content_type(name: str, beginning: bytes) -> str:
    """By the file's name, else by how it begins."""
    kind = mimetypes.guess_type(name)[0]
    if kind is None:
        kind = next((kind for magic, kind in _MAGIC if beginning.startswith(magic)), None)
    if kind is None:
        kind = "application/octet-stream" if _is_binary(beginning) else "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _is_binary(beginning: bytes) -> bool:
    return any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in beginning)


def _listing(found: _Found) -> web.Response:
    rows = "".join(
        f'<tr><td><a href="{quote(link.name, safe="")}">{html.escape(link.name)}</a></td>'
        f"<td>{link.cid}</td><td>{link.tsize}</td></tr>\n"
        for link in found.node.links
    )
    title = html.escape(f"Index of {found.path}")
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n<table>\n{rows}</table></body></html>\n"
    )
    headers = _headers(found, f'"DirIndex-{found.cid}"')
    return web.Response(text=page, content_type="text/html", charset="utf-8", headers=headers)
