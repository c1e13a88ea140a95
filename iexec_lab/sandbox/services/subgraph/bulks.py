"""Bulks: which datasets the tasks of a deal are given, from the documents on IPFS that its params name.

A document that is not in the sandbox's IPFS node may come later; it is looked for whenever the chain moves
and whenever somebody asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import IexecError
from iexec_lab.protocol.ids import task_id
from iexec_lab.protocol.javascript import loads
from iexec_lab.sandbox.services.subgraph.store import put_links, put_rows
from iexec_lab.sandbox.services.subgraph.values import to_stored
from iexec_lab.sandbox.state.blobs import BlobStore

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST: Final = 16 * 2**20
"""Bytes of a document that are read; an order has 700."""
_AT_ONCE: Final = 5_000
"""Documents that are looked for in one go."""
_INTEGER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_HEX = re.compile(r"0x[0-9a-f]*", re.ASCII)
_ADDRESS_LENGTH, _WORD_LENGTH = 42, 66


class Bulks:
    """Looks for documents in the blocks of ``folder``; ``waiting`` says whether any was not there yet."""

    def __init__(self, folder: Path) -> None:
        self.waiting = True
        self._folder = folder

    def find(self, db: sqlite3.Connection) -> None:
        """Write the bulks and slices whose documents are there now."""
        blobs = None
        roots = db.execute(
            "SELECT * FROM bulks WHERE NOT EXISTS (SELECT 1 FROM Bulk WHERE id = deal) LIMIT ?", (_AT_ONCE,)
        ).fetchall()
        missing = 0
        for deal, cid, block, first, size in roots:
            blobs = blobs or BlobStore(self._folder)
            found, document = _read(blobs, cid)
            if not found:
                missing += 1
                continue
            put_rows(db, "Bulk", [{"id": deal, "hash": cid, "_from": block}])
            for number, slice_cid in enumerate(document if isinstance(document, list) else []):
                if int(first) <= number < int(first) + int(size) and isinstance(slice_cid, str):
                    db.execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?)", (deal, number, slice_cid))
        slices = db.execute(
            "SELECT s.deal, s.number, s.cid, b.block FROM slices s JOIN bulks b ON b.deal = s.deal "
            "WHERE NOT EXISTS (SELECT 1 FROM BulkSlice WHERE id = s.deal || '-' || s.number) LIMIT ?",
            (_AT_ONCE,),
        ).fetchall()
        for deal, number, cid, block in slices:
            blobs = blobs or BlobStore(self._folder)
            found, document = _read(blobs, cid)
            if not found:
                missing += 1
                continue
            _put_slice(db, deal, number, cid, block, document)
        # One more look tells whether there is more than was looked for at once.
        self.waiting = bool(missing) or len(roots) == _AT_ONCE or len(slices) == _AT_ONCE


def _read(blobs: BlobStore, cid: str) -> tuple[bool, Any]:
    """Whether the document is there, and its JSON; None when it is none, or too large."""
    content = bytearray()
    try:
        for chunk in blobs.read(cid):
            content += chunk
            if len(content) > _LARGEST:
                return True, None
    except (IexecError, OSError):
        return False, None
    try:
        return True, loads(bytes(content))
    except (ValueError, RecursionError):
        return True, None


def _put_slice(db: sqlite3.Connection, deal: str, number: int, cid: str, block: int, document: Any) -> None:
    task, key = task_id(deal, number), f"{deal}-{number}"
    orders = list(_orders(task, block, document))
    put_rows(db, "DatasetOrder", orders)
    for field, column in (("datasets", "dataset"), ("datasetOrders", "id")):
        links = [(key, position, order[column], block) for position, order in enumerate(orders)]
        put_links(db, f"BulkSlice_{field}", links)
    row = {"id": key, "bulk": deal, "hash": cid, "task": task, "index": number, "_from": block}
    put_rows(db, "BulkSlice", [row])


def _orders(task: str, block: int, document: Any) -> Iterator[dict[str, Any]]:
    """The orders of a slice that have all their fields; others are skipped, and keep their number."""
    for number, order in enumerate(document if isinstance(document, list) else []):
        if not isinstance(order, dict):
            continue
        text = {name: value for name, value in order.items() if isinstance(value, str)}
        addresses = {
            name: text.get(name, "").lower()
            for name in ("dataset", "apprestrict", "workerpoolrestrict", "requesterrestrict")
        }
        words = {name: text.get(name, "") for name in ("tag", "salt")}
        numbers = {name: text.get(name, "") for name in ("datasetprice", "volume")}
        sign = text.get("sign", "")
        if (
            all(_HEX.fullmatch(each) and len(each) == _ADDRESS_LENGTH for each in addresses.values())
            and all(_HEX.fullmatch(each) and len(each) == _WORD_LENGTH for each in words.values())
            and all(_INTEGER.fullmatch(each) and len(each) <= _WORD_LENGTH for each in numbers.values())
            and _HEX.fullmatch(sign)
        ):
            kept = {name: to_stored(int(each)) for name, each in numbers.items()}
            yield {"id": f"{task}-{number}", **addresses, **words, **kept, "sign": sign, "_from": block}
