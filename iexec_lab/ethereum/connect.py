"""The way to a network's chain: one node, or several public providers that act as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.rpc import Provider, Rpc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.networks import Network


def open_rpc(
    network: Network | str, providers: Mapping[str, Any] | None = None, *, timeout: float = 30
) -> Provider:
    """The way to a network's chain: its host or, where that is ``mainnet``, public providers.

    Args:
        network: The network, or its host.
        providers: ``providers`` of chain.json: keys ``alchemy``, ``etherscan``, ``infura``, and ``quorum``;
            None takes the network's own.
        timeout: Seconds that one exchange may take.

    Raises:
        ConfigurationError: ``Invalid provider host name or url``, or a quorum above the number of providers.
    """
    host = network if isinstance(network, str) else network.host
    if host != "mainnet":
        return Rpc(host, timeout=timeout)
    from iexec_lab.ethereum.providers import open_providers  # for several nodes: seldom needed

    if providers is None and not isinstance(network, str):
        providers = network.providers
    return open_providers(providers, timeout=timeout)
