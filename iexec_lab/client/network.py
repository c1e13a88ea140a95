"""The network itself: which contracts it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.client.verbs import framed, verb
from iexec_lab.networks import NETWORKS

if TYPE_CHECKING:
    from iexec_lab.client.session import Session

POCO_VERSION = "6.1.0"


class NetworkNoun:
    """``lab.network``."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @verb(value=framed("network"))
    def show(self) -> dict[str, Any]:
        """Addresses of the hub, the token and the registries: the command ``info``."""
        network, registries = self.session.network, self.session.registries
        known = NETWORKS.get(network.name)
        shown: dict[str, Any] = {
            "pocoVersion": POCO_VERSION,
            "host": "default" if known is not None and known.host == network.host else network.host,
            "hubAddress": network.hub,
        }
        if not network.native:
            shown["rlcAddress"] = self.session.token
        shown |= {
            "appRegistryAddress": registries["app"],
            "datasetRegistryAddress": registries["dataset"],
            "workerpoolRegistryAddress": registries["workerpool"],
        }
        return shown if network.tdx_only else {**shown, "useNative": network.native}

    @property
    def name(self) -> str:
        return self.session.network.name

    @property
    def chain_id(self) -> int:
        return self.session.network.id

    def __repr__(self) -> str:
        return f"<network {self.name}, chain {self.chain_id}>"
