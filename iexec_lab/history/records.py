"""What sources of history give: blocks, spans and pages, and what a source can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Block(NamedTuple):
    """A block of the chain; ``time`` in seconds since 1970, ``hash`` empty where it is not told."""

    number: int
    time: int
    hash: str = ""


class Span(NamedTuple):
    """A part of the past: moments in seconds since 1970 and blocks; starts are in it, ends are not."""

    start: int = 0
    end: int | None = None
    first_block: int = 0
    end_block: int | None = None

    def holds(self, moment: int, block: int | None = None) -> bool:
        """Whether a row of this moment (and block, where the table has one) is in it."""
        if moment < self.start or (self.end is not None and moment >= self.end):
            return False
        if block is None:
            return True
        return block >= self.first_block and (self.end_block is None or block < self.end_block)


class Page(dict[str, list[Any]]):
    """Columns of some rows of a table, all of the same length.

    Attributes:
        left_out: Rows of the source that could not be believed.
    """

    left_out: int

    def __init__(self, columns: Mapping[str, list[Any]], left_out: int = 0) -> None:
        super().__init__(columns)
        self.left_out = left_out

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(next(iter(self.values()), ()))

    def to_page(self) -> Page:
        """Itself, as ``Batches`` say it."""
        return self

    def pick(self, wanted: Sequence[int]) -> Page:
        """The page with these rows only."""
        return Page({name: [values[i] for i in wanted] for name, values in self.items()}, self.left_out)


class Source(Protocol):
    """Where history is read. Every row of a page was checked; amounts are nRLC, times seconds since 1970."""

    name: str
    """``subgraph`` or ``logs``."""

    def head(self) -> Block:
        """The newest block that this source knows."""

    def block(self, number: int) -> Block:
        """A block by its number, or the next one after it that the source knows; never beyond the head."""

    def anchor(self, number: int) -> Block:
        """The newest block up to that number that this source can tell again; another one after a reorg."""

    def pages(
        self,
        table: str,
        span: Span = Span(),  # noqa: B008 - it cannot be changed
        where: Mapping[str, Any] | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Page]:
        """The rows of a table in the order of their moments, page after page, none twice.

        Args:
            table: ``deals``, ``tasks``, ``events``, ``transfers``, ``orders``, ``apps``, ``datasets``,
                ``workerpools`` or ``categories``.
            span: Which part of the past.
            where: Filters, see ``filters.FILTERS``.
            newest_first: Back in time.
            limit: How many rows at most; None for all.

        Raises:
            ServiceError: The subgraph, or the node, cannot be read.
        """
