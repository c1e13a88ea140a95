"""The first rows of a small Parquet file, read only when its pages do not unpack to much.

Ours because pyarrow has no limit: a page of some bytes may state gigabytes, and is believed. Its headers
(Thrift's compact protocol) are walked first; what they state is what pyarrow takes, or refuses.
"""

from __future__ import annotations

from io import BytesIO
from itertools import islice
from typing import Any, Final

_UNPACKED: Final = 4 << 20  # bytes of all pages together
_VALUES: Final = 1 << 20  # values of a page
_PAGES: Final = 500
_COLUMNS: Final = 12
_SAFE: Final = 15  # pyarrow from this version on runs no code that a file brings along
_ENCODINGS: Final = frozenset(
    {0, 2, 3, 8}
)  # plain, and by a dictionary: others can state any number of values
_HEADERS: Final = {0: 5, 2: 7, 3: 8}  # type of a page -> field of its own header
_ENCODING: Final = {0: 2, 2: 2, 3: 4}  # type of a page -> field in there
_BROKEN: Final = "no Parquet page"

Head = tuple[int, list[tuple[str, str]], "list[list[Any]] | None"]


def read_head(data: bytes, rows: int) -> Head | None:
    """How many rows there are, names and types of the columns, and the first rows of the first columns.

    The rows are None where they are not safe to read; nothing is known of what is no Parquet file, or
    without pyarrow.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet

        if int(pa.__version__.partition(".")[0]) < _SAFE:
            return None
        file = parquet.ParquetFile(BytesIO(data))
        columns = [(each.name, str(each.type)) for each in islice(file.schema_arrow, 1_000)]
    except Exception:  # noqa: BLE001 - not there, or it is no Parquet: pyarrow has errors of many kinds
        return None
    try:
        return file.metadata.num_rows, columns, _rows(file, data, rows)
    except Exception:  # noqa: BLE001 - as above, or a value that Python does not have
        return file.metadata.num_rows, columns, None


def _rows(file: Any, data: bytes, rows: int) -> list[list[Any]] | None:
    metadata = file.metadata
    names = [each.name for each in islice(file.schema_arrow, _COLUMNS)]
    if not metadata.num_rows:
        return []
    chunks = [metadata.row_group(0).column(place) for place in range(metadata.num_columns)]
    paths = [chunk.path_in_schema for chunk in chunks]
    is_flat = all(file.schema.column(place).max_repetition_level == 0 for place in range(len(paths)))
    if (
        not is_flat
        or len({*paths}) < len(paths)
        or not {*names} <= {*paths}
        or "parquet-mr" in (metadata.created_by or "")
    ):
        return None
    left = [_UNPACKED, _PAGES]
    for chunk in chunks:
        if chunk.path_in_schema in names:
            _walk(data, chunk, left)
    batches = file.iter_batches(batch_size=rows, row_groups=[0], columns=names, use_threads=False)
    found = next(batches, None)
    return [] if found is None else [list(row.values()) for row in found.to_pylist()]


def _walk(data: bytes, chunk: Any, left: list[int]) -> None:
    """Take what the pages of a column unpack to from what is left.

    Raises:
        ValueError: It is more, or they cannot be walked.
    """
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        starts.append(chunk.dictionary_page_offset)
    place = min(starts)
    end = place + chunk.total_compressed_size
    if not 0 < place <= end <= len(data):
        raise ValueError(_BROKEN)
    while place < end:
        reader = _Compact(data, place, end)
        header = reader.struct()
        kind: Any = header.get(1)
        own = header.get(_HEADERS.get(kind, 0))
        size, packed = header.get(2, -1), header.get(3, -1)
        if not isinstance(own, dict) or size < 0 or packed < 0:
            raise ValueError(_BROKEN)
        left[0] -= size
        left[1] -= 1
        if (
            min(left) < 0
            or not 0 <= own.get(1, -1) <= _VALUES
            or own.get(_ENCODING[kind], -1) not in _ENCODINGS
        ):
            raise ValueError("the pages unpack to too much")
        place = reader.place + packed


class _Compact:
    """Structs of Thrift's compact protocol: numbers of fields and values; texts and lists are skipped."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self._data, self.place, self._end = data, place, end

    def _byte(self) -> int:
        self.place += 1
        if self.place > self._end:
            raise ValueError(_BROKEN)
        return self._data[self.place - 1]

    def _skip(self, count: int) -> None:
        self.place += count
        if self.place > self._end:
            raise ValueError(_BROKEN)

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
        raise ValueError(_BROKEN)

    def _number(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by their number; ValueError for what is none, or has one twice."""
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            if field in found or depth > 8:
                raise ValueError(_BROKEN)
            found[field] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {1, 2}:
            return kind == 1
        if kind in {4, 5, 6}:
            return self._number()
        if kind == 12:
            return self.struct(depth + 1)
        if kind in {3, 7, 8}:
            self._skip(self._varint() if kind == 8 else {3: 1, 7: 8}[kind])
            return None
        raise ValueError(_BROKEN)  # lists and maps: no page header has them
