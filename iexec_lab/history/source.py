"""Which source of history is used; ``records.py`` says what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iexec_lab.errors import ValidationError
from iexec_lab.history.from_logs import LogSource
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.records import Block, Page, Source, Span
from iexec_lab.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.networks import Network

__all__ = ["SOURCES", "Block", "Page", "Source", "Span", "open_source"]

SOURCES: Final = ("subgraph", "logs")


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
        return SubgraphSource(network.setting("pocoSubgraph"), timeout=timeout)
    return LogSource(rpc() if callable(rpc) else rpc, network.hub)
