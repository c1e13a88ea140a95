"""The network itself: which contracts it is made of."""

from __future__ import annotations

from typing import Any, ClassVar

from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.networks import NETWORKS, builtin
from iexec_lab.protocol import is_address
from iexec_lab.urls import shown_url

POCO_VERSION = "6.1.0"


class NetworkNoun(Noun):
    """``lab.network``: what the network is made of."""

    _FRAMES: ClassVar = {
        "show": Frame("network"),
        "settings": Frame("setting", lambda facts: [{"name": n, "value": v} for n, v in facts.items()]),
    }

    def show(self) -> pd.DataFrame:
        """Addresses of the hub, the token and the registries: the command ``info``.

        Returns:
            DataFrame, one row: ``host``, ``hub``, ``rlc``, ``app_registry`` ...; ``rlc`` only where RLC is a
                token.
        """
        return self._draw("show", self._fetch_show())

    def _fetch_show(self) -> dict[str, Any]:
        network, registries = self.session.network, self.session.registries
        known = NETWORKS.get(network.name)
        shown: dict[str, Any] = {
            "pocoVersion": POCO_VERSION,
            "host": "default"
            if known is not None and known.host == network.host
            else shown_url(network.host),
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

    def settings(self) -> pd.DataFrame:
        """Every address and URL that this network is configured with, by its ``chain.json`` key.

        What may be a secret in a URL is left out; ``setting`` gives it whole.

        Returns:
            DataFrame, one row per setting: ``name``, ``value``.
        """
        return self._draw("settings", self._fetch_settings())

    def _fetch_settings(self) -> dict[str, Any]:
        network = self.session.network
        known = builtin(network.id)
        usual = known.settings() if known else {}
        shown: dict[str, Any] = {"id": str(network.id), "host": shown_url(network.host), "hub": network.hub}
        shown |= {f"sms.{framework}": shown_url(url) for framework, url in network.sms.items()}
        shown |= {
            key: value if value == usual.get(key) or is_address(value) else shown_url(value)
            for key, value in network.settings().items()
            if value
        }
        if network.bridge is not None:
            shown["bridge.contract"] = network.bridge.contract
            shown["bridge.bridgedChainId"] = str(network.bridge.bridged_chain_id or "")
        return shown

    def setting(self, key: str) -> str:
        """One of them, such as ``iexecGateway``, ``ipfsGateway``, ``ipfsNode``, ``voucherHub``.

        Raises:
            ConfigurationError: The network has none.
        """
        return self.session.network.setting(key)

    def sms_url(self, tee_framework: str | None = None) -> str:
        """URL of the secret management service of a TEE framework (default: the network's own).

        Raises:
            ConfigurationError: The network has none.
        """
        return self.session.network.sms_url(tee_framework)

    @property
    def name(self) -> str:
        """Such as ``arbitrum-mainnet``."""
        return self.session.network.name

    @property
    def chain_id(self) -> int:
        """Id of the chain."""
        return self.session.network.id

    def __repr__(self) -> str:
        return f"<network {self.name}, chain {self.chain_id}>"
