"""What a source of history is, and which one is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.networks import Network

SOURCES: Final = ("subgraph", "logs")


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


def open_source(
    network: Network,
    rpc: Callable[[], Provider] | Provider,
    *,
    timeout: float = 30,
    source: str | None = None,
) -> Source:
    """The source of a network's history: its subgraph when it has one, else the logs of its node.

    Args:
        network: Whose history.
        rpc: The node, or a function that opens it.
        timeout: Seconds for one answer.
        source: ``subgraph`` or ``logs``, to choose.

    Raises:
        ValidationError: There is no such source.
        ConfigurationError: ``subgraph`` is wanted and the network has none.
    """
    if source not in {None, *SOURCES}:
        raise ValidationError(
            f"{plain(source)} is not a source of history", hint=f"Use one of: {', '.join(SOURCES)}."
        )
    if source != "logs" and (source or network.poco_subgraph):
        from iexec_lab.history.from_subgraph import SubgraphSource

        return SubgraphSource(network.setting("pocoSubgraph"), timeout=timeout)
    from iexec_lab.history.from_logs import LogSource

    return LogSource(rpc() if callable(rpc) else rpc, network.hub)
