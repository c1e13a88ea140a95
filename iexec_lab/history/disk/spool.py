"""What one stream has read and not yet put into Parquet: pages in a file, each whole or not there.

A frame is the length of its body, the moment where the stream goes on after it, how many rows of its source
were left out, and the body, an Arrow record batch. What a kill leaves half written is cut off.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

_HEAD: Final = struct.Struct("<QqQ4s")
_MARK: Final = b"page"


class Frame(NamedTuple):
    """A page: its rows, the cursor after it, and how many rows were left out."""

    batch: pa.RecordBatch
    cursor: int
    left_out: int


class Spool:
    """The file of one stream."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._schema = schema
        self.rows = 0
        self.pages = 0

    def append(self, frame: Frame) -> None:
        """Add a page."""
        body = frame.batch.serialize()
        with self.path.open("ab") as file:
            file.write(_HEAD.pack(body.size, frame.cursor, frame.left_out, _MARK) + memoryview(body))
        self.rows += frame.batch.num_rows
        self.pages += 1

    def frames(self) -> Iterator[Frame]:
        """All whole pages; the file is cut after the last one."""
        import pyarrow as pa

        if not self.path.exists():
            return
        self.rows = self.pages = 0
        good = 0
        with self.path.open("rb") as file:
            while True:
                head = file.read(_HEAD.size)
                if len(head) < _HEAD.size:
                    break
                size, cursor, left_out, mark = _HEAD.unpack(head)
                body = file.read(size) if mark == _MARK else b""
                if mark != _MARK or len(body) < size:
                    break
                batch = pa.ipc.read_record_batch(pa.py_buffer(body), self._schema)
                good = file.tell()
                self.rows += batch.num_rows
                self.pages += 1
                yield Frame(batch, cursor, left_out)
        if good < self.path.stat().st_size:
            with self.path.open("ab") as file:
                file.truncate(good)

    def clear(self) -> None:
        """Forget all pages."""
        self.path.unlink(missing_ok=True)
        self.rows = self.pages = 0
