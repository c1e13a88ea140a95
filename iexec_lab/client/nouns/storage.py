"""Where results are kept: tokens that let workers write there."""

from __future__ import annotations

import os
from operator import itemgetter
from pathlib import Path
from typing import ClassVar

from iexec_lab import doors
from iexec_lab.client.nouns._noun import Noun
from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.protocol import storage_token_name
from iexec_lab.services.result_proxy import ResultProxy


class Storage(Noun):
    """``lab.storage``: where results and datasets are kept."""

    _PICKS: ClassVar = {"init": itemgetter("isInitialized")}

    def init(
        self,
        provider: str | None = None,
        *,
        force_update: bool = False,
        token: str | None = None,
        tee_framework: str | None = None,
    ) -> bool:
        """Let workers store results at ``provider`` for the wallet; return True once they can.

        Args:
            provider: ``dropbox``; ``ipfs``, which takes a token for the result proxy; ``default`` or None,
                which logs in to the network's result proxy, or does nothing where there is none: there,
                results go to IPFS without a token.
            force_update: Replace the token that is there.
            token: The token; asked for when it is needed and not given.
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            ValidationError: There is no such provider.
            IexecError: The provider needs no token, or has one already.
            SmsError, ResultProxyError: A service was not reached.
        """
        facts = self._fetch_init(
            provider, force_update=force_update, token=token, tee_framework=tee_framework
        )
        return bool(self._value("init", facts))

    def _fetch_init(
        self,
        provider: str | None = None,
        *,
        force_update: bool = False,
        token: str | None = None,
        tee_framework: str | None = None,
    ) -> dict[str, bool]:
        if self._needs_no_token(provider):
            return {"isInitialized": True, "isUpdated": False}
        name = self._token_name(provider)
        gate, sms = self.session.gate, self.session.sms(tee_framework)
        if not force_update and sms.has_web2(gate.address, name):
            raise IexecError(
                f"{provider or 'default'} storage is already initialized, "
                "use --force-update option to update your storage token"
            ).so_already("The storage token is stored already; --force-update replaces it.")
        updated = sms.push_web2(name, token or self._token(provider), gate, update=force_update)
        return {"isInitialized": True, "isUpdated": updated}

    def check(
        self, provider: str | None = None, user: str | None = None, tee_framework: str | None = None
    ) -> bool:
        """Whether workers can store results at ``provider`` for ``user``.

        Args:
            provider: As for ``init``.
            user: Address or ENS name (default: the wallet's).
            tee_framework: Secret service of ``scone``, ``gramine`` or ``tdx`` (default: the network's
                own).

        Raises:
            WalletError: No wallet, and no user was given.
            SmsError: The service was not reached.
        """
        if self._needs_no_token(provider):
            return True
        owner = self.session.to_address(user or self.session.own_address)
        return self.session.sms(tee_framework).has_web2(owner, self._token_name(provider))

    def upload(self, path: str | os.PathLike[str]) -> str:
        """Put a file on the network's IPFS node; return its address, for a dataset's ``multiaddr``.

        Anyone can read it there: encrypt it first.

        Returns:
            ``/ipfs/<cid>``.

        Raises:
            ConfigurationError: The network has no upload node.
            CryptoError: The file cannot be read.
            IpfsError: The node refused, or does not serve the file afterwards.
        """
        file = Path(path)
        with doors.progress(f"Uploading {file.name}") as step:
            told = lambda done, total: step.update("", done, total, doors.BYTES)  # noqa: E731
            return f"/ipfs/{self.session.ipfs.add(file, progress=told)}"

    def _needs_no_token(self, provider: str | None) -> bool:
        return provider in (None, "default") and not self.session.network.result_proxy

    def _token_name(self, provider: str | None) -> str:
        if provider not in (None, "default", "ipfs", "dropbox"):
            raise ValidationError(
                f'"{provider}" is not a valid storage provider, '
                "use one of the supported providers (dropbox, ipfs)"
            )
        if provider != "dropbox" and not self.session.network.result_proxy:
            raise IexecError(
                f'Storage provider "{provider}" does not support authentication tokens',
                hint="On this network IPFS needs no token.",
            )
        name = storage_token_name(provider, sdk=8)
        assert name is not None
        return name

    def _token(self, provider: str | None) -> str:
        if provider in {None, "default"}:
            proxy = ResultProxy(self.session.network.setting("resultProxy"), timeout=self.session.timeout)
            return proxy.login(self.session.gate)
        return self.session.ask(f"Token for {provider}")
