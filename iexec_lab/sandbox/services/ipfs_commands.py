"""Commands of kubo's RPC that read: ls, get, dag/get, files/stat, id, and those about pins."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from iexec_lab.errors import ValidationError
from iexec_lab.ipfs.cid import RAW, Cid
from iexec_lab.ipfs.unixfs import build_directory, decode_node, unixfs_part
from iexec_lab.protocol.cid import base58_encode
from iexec_lab.sandbox.services._kubo import arguments, flag
from iexec_lab.sandbox.services.ipfs_archives import links_of, pieces, tar, walk
from iexec_lab.sandbox.state.pins import DIRECT, RECURSIVE, Pins

if TYPE_CHECKING:
    from iexec_lab.ipfs.links import Link
    from iexec_lab.sandbox.state.blobs import BlobStore

VERSION = "0.39.0-sandbox"
_LISTED = {"directory": 1, "symlink": 4}
_FILE = 2
_PIN_KINDS = ("direct", "indirect", "recursive", "all")
_EMPTY_FOLDER = build_directory({}, lambda _cid, _block: None)


def split_path(path: str) -> tuple[str, str]:
    """CID and what is below it, of a path that may start with /ipfs/."""
    cid, _, below = path.removeprefix("/ipfs/").partition("/")
    return cid, below


class Commands:
    """Each takes a request of its command."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.pins = Pins(store.folder / "pins")

    async def version(self, _: web.Request) -> web.Response:
        said = {"Version": VERSION, "Commit": "", "Repo": "0", "System": "", "Golang": ""}
        return web.json_response(said)

    async def id(self, _: web.Request) -> web.Response:
        """A node that nobody can reach; its key is made of its folder's name."""
        key = b"\x08\x01\x12\x20" + hashlib.sha256(str(self._store.folder).encode()).digest()
        said = {
            "ID": base58_encode(b"\x00" + bytes([len(key)]) + key),
            "PublicKey": base64.b64encode(key).decode(),
            "Addresses": [],
            "AgentVersion": f"kubo/{VERSION}/",
            "Protocols": [],
        }
        return web.json_response(said)

    async def ls(self, request: web.Request) -> web.Response:
        query = request.query
        resolve = flag(query, "size", default=True) or flag(query, "resolve-type", default=True)
        stream = flag(query, "stream")
        objects: list[dict[str, Any]] = []
        for path in arguments(request, "ipfs-path"):
            _, node = await asyncio.to_thread(self._store.resolve, *split_path(path))
            rows = [await asyncio.to_thread(self._listed, link, resolve) for link in node.links]
            objects.append({"Hash": path, "Links": rows if stream else sorted(rows, key=itemgetter("Name"))})
        if not stream:
            return web.json_response({"Objects": objects})
        lines = [{"Objects": [{**each, "Links": [row]}]} for each in objects for row in each["Links"]]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        return web.Response(text=text, content_type="application/json", headers={"X-Chunked-Output": "1"})

    def _listed(self, link: Link, resolve: bool) -> dict[str, Any]:
        kind, size = 0, 0
        if link.cid.codec == RAW:
            kind, size = _FILE, link.tsize
        elif resolve:
            node = self._store.node(link.cid)
            kind, size = _LISTED.get(node.kind, _FILE), node.filesize
        return {"Name": link.name, "Hash": str(link.cid), "Size": size, "Type": kind, "Target": ""}

    async def get(self, request: web.Request) -> web.StreamResponse:
        """A tar of a file or a folder, called as the last part of its path."""
        path = arguments(request, "ipfs-path")[0]
        if flag(request.query, "compress"):
            raise ValidationError("the sandbox's IPFS node compresses nothing")
        root, below = split_path(path)
        cid, _ = await asyncio.to_thread(self._store.resolve, root, below)
        name = below.rstrip("/").rpartition("/")[2] or root
        packed = await asyncio.to_thread(tar, self._store, cid, name)
        response = web.StreamResponse(headers={"Content-Type": "application/x-tar", "X-Stream-Output": "1"})
        await response.prepare(request)
        for piece in pieces(packed):
            await response.write(piece)
        await response.write_eof()
        return response

    async def dag_get(self, request: web.Request) -> web.Response:
        """A block as DAG-JSON, or as it is."""
        root, below = split_path(arguments(request, "ref")[0])
        codec = request.query.get("output-codec", "dag-json")
        cid, _ = (
            await asyncio.to_thread(self._store.resolve, root, below) if below else (Cid.parse(root), None)
        )
        block = await asyncio.to_thread(self._store.get_block, cid)
        if codec == ("raw" if cid.codec == RAW else "dag-pb"):
            body = block
        elif codec == "dag-json":
            body = json.dumps(_dag_json(cid, block), separators=(",", ":"), ensure_ascii=False).encode()
        else:
            raise ValidationError(f"the sandbox's IPFS node has no codec {codec}")
        return web.Response(body=body, content_type="text/plain", headers={"X-Stream-Output": "1"})

    async def files_stat(self, request: web.Request) -> web.Response:
        """Sizes of a path below /ipfs/; the node's own folder tree is empty."""
        path = arguments(request, "path")[0]
        if not path.startswith("/"):
            raise ValidationError("paths must start with a leading slash")
        if path == "/":
            said = {"Hash": str(_EMPTY_FOLDER.cid), "Size": 0, "CumulativeSize": _EMPTY_FOLDER.tsize}
            return web.json_response({**said, "Blocks": 0, "Type": "directory"})
        if not path.startswith("/ipfs/"):
            raise ValidationError("file does not exist")
        return web.json_response(await asyncio.to_thread(self._stat, *split_path(path)))

    def _stat(self, root: str, below: str) -> dict[str, Any]:
        cid, node = self._store.resolve(root, below)
        block = self._store.get_block(cid)
        links = [] if cid.codec == RAW else list(decode_node(block).links)
        is_folder = node.kind == "directory"
        return {
            "Hash": str(cid),
            "Size": 0 if is_folder else node.filesize,
            "CumulativeSize": len(block) + sum(link.tsize for link in links),
            "Blocks": len(links),
            "Type": "directory" if is_folder else "file",
        }

    # -- pins ---------------------------------------------------------------------------------------------

    async def pin_add(self, request: web.Request) -> web.Response:
        recursive = flag(request.query, "recursive", default=True)
        flag(request.query, "progress")
        done = []
        for path in arguments(request, "ipfs-path"):
            cid, _ = await asyncio.to_thread(self._store.resolve, *split_path(path))
            await asyncio.to_thread(self._keep, cid, recursive)
            done.append(str(cid))
        return web.json_response({"Pins": done})

    def _keep(self, cid: Cid, recursive: bool) -> None:
        for _ in walk(self._store, cid) if recursive else ():
            pass
        self.pins.add(cid, RECURSIVE if recursive else DIRECT)

    async def pin_rm(self, request: web.Request) -> web.Response:
        done = []
        for path in arguments(request, "ipfs-path"):
            cid, _ = await asyncio.to_thread(self._store.resolve, *split_path(path))
            if not await asyncio.to_thread(self.pins.remove, cid):
                raise ValidationError("not pinned or pinned indirectly")
            done.append(str(cid))
        return web.json_response({"Pins": done})

    async def pin_ls(self, request: web.Request) -> web.Response:
        query = request.query
        kind = query.get("type", "all")
        if kind not in _PIN_KINDS:
            raise ValidationError(
                f"invalid type '{kind}', must be one of {{direct, indirect, recursive, all}}"
            )
        stream = flag(query, "stream")
        found = await asyncio.to_thread(self._pinned, kind)
        if paths := query.getall("arg", []):
            asked = {}
            for path in paths:
                cid, _ = await asyncio.to_thread(self._store.resolve, *split_path(path))
                if str(cid) not in found:
                    raise ValidationError(f"path '{path}' is not pinned")
                asked[str(cid)] = found[str(cid)]
            found = asked
        else:
            found = {cid: kind.partition(" ")[0] for cid, kind in found.items()}
        if not stream:
            keys = {cid: {"Type": kind, "Name": ""} for cid, kind in found.items()}
            return web.json_response({"Keys": keys})
        lines = ({"Cid": cid, "Type": kind} for cid, kind in found.items())
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        return web.Response(text=text, content_type="application/json", headers={"X-Chunked-Output": "1"})

    def _pinned(self, wanted: str) -> dict[str, str]:
        pins = self.pins.all()
        found = {str(cid): kind for cid, kind in pins.items() if wanted in {"all", kind}}
        if wanted in {"all", "indirect"}:
            for root in [cid for cid, kind in pins.items() if kind == RECURSIVE]:
                for cid, _ in walk(self._store, root):
                    if cid not in pins:
                        found.setdefault(str(cid), f"indirect through {root}")
        return found


def _dag_json(cid: Cid, block: bytes) -> dict[str, Any]:
    if cid.codec == RAW:
        return _bytes_json(block)
    links_of(cid, block)  # refuses what is not dag-pb
    links = [
        {"Hash": {"/": str(link.cid)}, "Name": link.name, "Tsize": link.tsize}
        for link in decode_node(block).links
    ]
    return {"Data": _bytes_json(unixfs_part(block)), "Links": links}


def _bytes_json(data: bytes) -> dict[str, Any]:
    return {"/": {"bytes": base64.b64encode(data).decode().rstrip("=")}}
