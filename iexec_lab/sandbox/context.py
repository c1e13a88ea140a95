"""What every service of a sandbox is given when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.sandbox.chain.owners import Owners

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from iexec_lab.protocol.typed_data import Domain
    from iexec_lab.sandbox.chain.accounts import Accounts
    from iexec_lab.sandbox.chain.client import Chain


@dataclass(slots=True)
class Context:
    """One running sandbox.

    ``folder`` is the state folder, ``native`` is True when the coin of the chain is RLC itself (``rlc`` is
    then None), ``hub`` the PoCo proxy, ``registries`` maps "app", "dataset" and "workerpool" to addresses,
    ``workerpool`` is the default workerpool (its owner is ``accounts.scheduler``), ``urls`` maps each of
    ``state.registry.SERVICES`` to ``http://127.0.0.1:<port>``, ``stop`` is set when the sandbox goes down,
    ``publish`` puts many orders into the market's book (``services.market.bulk``), ``owners`` are those whose
    workerpools are served.
    """

    folder: Path
    chain_id: int
    native: bool
    hub: str
    rlc: str | None
    registries: Mapping[str, str]
    workerpool: str
    domain: Domain
    chain: Chain
    accounts: Accounts
    urls: Mapping[str, str]
    stop: asyncio.Event = field(repr=False)
    publish: Callable[[Sequence[tuple[str, Any]], int], Awaitable[list[str]]] | None = field(
        default=None, repr=False
    )
    owners: Owners = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.owners = Owners(self.folder / "owners.json", self.accounts)
