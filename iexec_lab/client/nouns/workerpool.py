"""Workerpools: deploy, show, sell their tasks, say where their API is."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from iexec_lab.client.jobs.logs import workerpool_url
from iexec_lab.client.nouns._asset import Asset
from iexec_lab.client.nouns._noun import Frame, detailed
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.nouns._sale_options import WorkerpoolSale
from iexec_lab.client.nouns.ens import Ens
from iexec_lab.client.options import takes
from iexec_lab.errors import ServiceError, ValidationError
from iexec_lab.ethereum.contracts import WORKERPOOL, WORKERPOOL_REGISTRY
from iexec_lab.networks import API_REGISTRATION
from iexec_lab.protocol import workerpool_arguments


class Workerpools(Asset):
    """``lab.workerpool``: deploy and show workerpools, sell their tasks."""

    _FRAMES: ClassVar = {
        "show": Frame(detailed("workerpool")),
        "set_api_url": Frame("receipt"),
    }

    kind = "workerpool"
    _create = WORKERPOOL_REGISTRY.createWorkerpool
    _terms = ("owner", "description")
    _predicted = WORKERPOOL_REGISTRY.predictWorkerpool
    _views = {  # noqa: RUF012
        "schedulerRewardRatioPolicy": WORKERPOOL.m_schedulerRewardRatioPolicy,
        "workerStakeRatioPolicy": WORKERPOOL.m_workerStakeRatioPolicy,
        "workerpoolDescription": WORKERPOOL.m_workerpoolDescription,
        "owner": WORKERPOOL.owner,
        "registry": WORKERPOOL.registry,
    }

    def deploy(
        self, description: str, *, owner: str | None = None, exist_ok: bool = True, force: bool = False
    ) -> str:
        """Register a workerpool; return its address.

        Args:
            description: Free text, which decides the address.
            owner: Who will own it (default: the wallet).
            exist_ok: If exactly this is deployed already, its address is the answer: one line on standard
                error says so, and nothing is sent. False makes it an error.
            force: Do it without asking.

        Raises:
            OrderError: The same workerpool is deployed already, and ``exist_ok`` is False.
            AbortedError: It was not confirmed.
        """
        facts = self._fetch_deploy(description, owner=owner, exist_ok=exist_ok, force=force)
        return self._told(facts)

    def _fetch_deploy(
        self, description: str, *, owner: str | None = None, exist_ok: bool = True, force: bool = False
    ) -> dict[str, Any]:
        return self._deploy(self._creation(description, owner), exist_ok=exist_ok, force=force)

    def predict(self, description: str, *, owner: str | None = None) -> str:
        """The address that ``deploy`` would return for the same values."""
        return self._predict(self._creation(description, owner))

    def _creation(self, description: str, owner: str | None) -> tuple[Any, ...]:
        return workerpool_arguments({"owner": self._owner(owner), "description": description})

    def show(
        self, address_or_index: str | int, user: str | None = None, *, details: bool = False
    ) -> pd.DataFrame:
        """One workerpool, with the address of its API where that is known.

        Args:
            address_or_index: An address, an ENS name, or a number from 0.
            user: Whose workerpools the index counts (default: the wallet's).
            details: Also when it was made and last used, how many tasks it was asked for, how many of them
                were completed and claimed, how often it was transferred, and how many orders are open.

        Returns:
            DataFrame, one row: ``address``, ``owner``, ``description``, ratios in percent, ``registry``,
                ``api_url``.

        Raises:
            ObjectNotFoundError: There is none on this chain.
        """
        return self._draw("show", self._fetch_show(address_or_index, user, details=details))

    def _fetch_show(
        self, address_or_index: str | int, user: str | None = None, *, details: bool = False
    ) -> dict[str, Any]:
        shown = super()._fetch_show(address_or_index, user, details=details)
        try:
            url = workerpool_url(self.session, shown["address"]) if self._has_directory() else None
        except ServiceError:
            url = None  # a directory that is down is no reason to hide what the chain says
        return {**shown, "apiUrl": url} if url else shown

    def _has_directory(self) -> bool:
        return bool(self.session.network.compass or self.session.network.ens_registry)

    def api_url(self, address: str) -> str | None:
        """Where the pool's scheduler answers; None when that is unknown."""
        return workerpool_url(self.session, self.session.to_address(address))

    def set_api_url(self, api_url: str, address: str, *, force: bool = False) -> pd.DataFrame:
        """Write the address of the pool's API into its ENS name.

        Args:
            api_url: ``http://`` or ``https://``; empty for none.
            address: The workerpool, whose name the wallet owns.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``address``, ``tx_hash``.

        Raises:
            ConfigurationError: The network keeps such addresses elsewhere.
            ValidationError: It is not a URL.
            IexecError: The pool has no name, or the wallet does not own it.
            AbortedError: It was not confirmed.
        """
        return self._draw("set_api_url", self._fetch_set_api_url(api_url, address, force=force))

    def _fetch_set_api_url(self, api_url: str, address: str, *, force: bool = False) -> dict[str, Any]:
        self.session.network.require(API_REGISTRATION)
        if api_url and not api_url.startswith(("http://", "https://")):
            raise ValidationError(f'"{api_url}" is not a valid URL')
        workerpool = self.session.to_address(address)
        tx_hash = Ens(self.session).set_workerpool_url(workerpool, api_url, force=force)
        return {"address": workerpool, "url": api_url, "txHash": tx_hash}

    @takes(WorkerpoolSale, volume=1)
    def publish(self, address: str, *, force: bool = False, **options: Unpack[WorkerpoolSale]) -> str:
        """Sign an order that sells tasks of one size, and publish it; return its hash.

        Args:
            address: The workerpool, which the wallet owns (address or ENS name).
            force: Do it without asking.
            **options: Those of ``WorkerpoolSale``.

        Raises:
            OrderError: No such workerpool, or it is not the wallet's.
            MarketError, ApiError: The market was not reached, or refused.
            AbortedError: It was not confirmed.
        """
        return self._publish(address, options, force=force)
