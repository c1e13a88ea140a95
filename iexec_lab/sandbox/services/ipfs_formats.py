"""What the gateway gives instead of a file or a page: the block itself, a CAR, a tar.

Asked for with ``?format=`` or with ``Accept``; the former counts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from iexec_lab.ipfs.cid import Cid
from iexec_lab.sandbox.services.ipfs_archives import car, pieces, tar
from iexec_lab.sandbox.services.ipfs_node import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from iexec_lab.sandbox.state.blobs import BlobStore

_TYPES: Final = {
    "raw": "application/vnd.ipld.raw",
    "car": "application/vnd.ipld.car",
    "tar": "application/x-tar",
    "json": "application/json",
    "cbor": "application/cbor",
    "dag-json": "application/vnd.ipld.dag-json",
    "dag-cbor": "application/vnd.ipld.dag-cbor",
    "ipns-record": "application/vnd.ipfs.ipns-record",
}
_SERVED: Final = {"raw", "car", "tar"}
_SCOPES: Final = ("all", "entity", "block")
_FOREVER: Final = "public, max-age=29030400, immutable"


def wanted_format(request: web.Request) -> str:
    """The name of a format, or nothing where the file itself is wanted."""
    if given := request.query.get("format"):
        return given
    accepted = ",".join(request.headers.getall("Accept", [])).lower().split(",")
    types = [each.partition(";")[0].strip() for each in accepted]
    # A type that pages and programs ask for all the time means no format of IPFS.
    return next((name for name, kind in _TYPES.items() if kind in types and kind != _TYPES["json"]), "")


async def answer_in(
    wanted: str, request: web.Request, store: BlobStore, path: tuple[str, str]
) -> web.StreamResponse:
    """An answer in a format.

    Raises:
        ValidationError: not a CID, or not UnixFS.
        AbsentError: a block or a name is not there.
    """
    if refusal := _refusal(wanted, request):
        return refusal
    chain = await asyncio.to_thread(_resolve, store, *path)
    headers = _headers(wanted, request, path, chain)
    if headers["Etag"] in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    if request.method == "HEAD":
        return web.Response(headers=headers)
    content = await asyncio.to_thread(_content, wanted, request, store, path, chain)
    return await stream(request, _off_loop(content), headers)


def _refusal(wanted: str, request: web.Request) -> web.Response | None:
    scope = request.query.get("dag-scope", "all")
    if wanted not in _TYPES:
        return web.Response(status=400, text=f'unsupported format "{wanted}"\n')
    if wanted not in _SERVED:
        return web.Response(status=406, text=f"the sandbox's gateway does not convert to {_TYPES[wanted]}\n")
    if scope not in _SCOPES:
        return web.Response(status=400, text=f'unsupported dag-scope "{scope}"\n')
    return None


def _content(
    wanted: str, request: web.Request, store: BlobStore, path: tuple[str, str], chain: list[Cid]
) -> Iterator[bytes]:
    *above, last = chain
    if wanted == "raw":
        return iter([store.get_block(last)])
    if wanted == "car":
        return car(store, chain[0], last, above, request.query.get("dag-scope", "all"))
    name = path[1].rstrip("/").rpartition("/")[2] or path[0]
    return pieces(tar(store, last, name))


def _headers(wanted: str, request: web.Request, path: tuple[str, str], chain: list[Cid]) -> dict[str, str]:
    cid, kind = chain[-1], _TYPES[wanted]
    etag = f'"{cid}.raw"' if wanted == "raw" else f'W/"{cid}.{"car" if wanted == "car" else "x-tar"}"'
    name = request.query.get("filename") or f"{cid}.{'bin' if wanted == 'raw' else wanted}"
    told = f"attachment; filename=\"{quote(name)}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {
        "Etag": etag,
        "Cache-Control": _FOREVER,
        "Content-Type": f"{kind}; version=1; order=dfs; dups=n" if wanted == "car" else kind,
        "Content-Disposition": told,
        "X-Content-Type-Options": "nosniff",
        "X-Ipfs-Path": quote("/ipfs/" + "/".join(filter(None, path))),
        "X-Ipfs-Roots": ",".join(map(str, chain)),
    }
    return headers | ({"Accept-Ranges": "none"} if wanted == "car" else {})


def _resolve(store: BlobStore, root: str, below: str) -> list[Cid]:
    """The CIDs from the root to the last name of a path; of one without names only the root, unread."""
    chain = [Cid.parse(root)]
    for name in filter(None, below.split("/")):
        chain.append(store.resolve(chain[-1], name)[0])
    store.get_block(chain[-1])
    return chain


async def _off_loop(made: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(next, made, b""):
        yield piece
