"""Vouchers: RLC that somebody else provides for running certain apps (networks of SDK 8 only)."""

from __future__ import annotations

from typing import Any, ClassVar

from iexec_lab.client.matching.sponsor import find_voucher
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.permit import send
from iexec_lab.errors import IexecError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import HUB, VOUCHER
from iexec_lab.networks import VOUCHER as FEATURE
from iexec_lab.services.subgraph import VoucherSubgraph


class Vouchers(Noun):
    """``lab.voucher``: RLC that somebody else provides for running certain apps; amounts are nRLC.

    Every verb raises ConfigurationError on a network that has no vouchers.
    """

    _FRAMES: ClassVar = {
        "show": Frame("voucher"),
        "authorize": Frame("receipt"),
        "revoke": Frame("receipt"),
    }

    def address(self, owner: str | None = None) -> str | None:
        """The voucher of an account (default: the wallet's); None when it has none."""
        return find_voucher(self.session, self.session.to_address(owner or self.session.address))

    def show(self, user: str | None = None) -> pd.DataFrame:
        """What a voucher holds, until when, for what, and who may use it.

        Args:
            user: Whose voucher: address or ENS name (default: the wallet's).

        Returns:
            DataFrame, one row: ``balance_nrlc``, ``expires_at`` (UTC), ``allowance_nrlc``, ``sponsored_apps``
                ...

        Raises:
            IexecError: The account has none.
            SubgraphError: The voucher subgraph was not reached.
        """
        return self._draw("show", self._fetch_show(user))

    def _fetch_show(self, user: str | None = None) -> dict[str, Any]:
        self.session.network.require(FEATURE)
        subgraph = VoucherSubgraph(
            self.session.network.setting("voucherSubgraph"), timeout=self.session.timeout
        )
        owner = self.session.to_address(user or self.session.address)
        voucher = self._find(owner)
        kind, balance, expiration, allowance = read(
            self.session.rpc,
            [
                Call(voucher, VOUCHER.getType),
                Call(voucher, VOUCHER.getBalance),
                Call(voucher, VOUCHER.getExpiration),
                Call(self.session.network.hub, HUB.allowance, (owner, voucher)),
            ],
        )
        return {
            "owner": owner,
            "address": voucher,
            "type": kind,
            "balance": balance,
            "expirationTimestamp": expiration,
            "allowanceAmount": allowance,
            **subgraph.voucher(voucher),
        }

    def authorize(self, requester: str, *, force: bool = False) -> pd.DataFrame:
        """Let another account (address or ENS name) use the wallet's voucher.

        Returns:
            DataFrame, one row: ``tx_hash``.

        Raises:
            IexecError: The wallet has no voucher, or the account may use it already.
            AbortedError: It was not confirmed.
        """
        return self._draw("authorize", self._fetch_authorize(requester, force=force))

    def _fetch_authorize(self, requester: str, *, force: bool = False) -> dict[str, Any]:
        return self._change(self.session.to_address(requester), allow=True, force=force)

    def revoke(self, requester: str, *, force: bool = False) -> pd.DataFrame:
        """Stop an account (address or ENS name) from using the wallet's voucher.

        Returns:
            DataFrame, one row: ``tx_hash``.

        Raises:
            IexecError: The wallet has no voucher, or the account may not use it anyway.
            AbortedError: It was not confirmed.
        """
        return self._draw("revoke", self._fetch_revoke(requester, force=force))

    def _fetch_revoke(self, requester: str, *, force: bool = False) -> dict[str, Any]:
        return self._change(self.session.to_address(requester), allow=False, force=force)

    def _change(self, requester: str, *, allow: bool, force: bool) -> dict[str, Any]:
        voucher = self._find(self.session.signer.address)
        [allowed] = read(self.session.rpc, [Call(voucher, VOUCHER.isAccountAuthorized, (requester,))])
        if allowed == allow:
            raise IexecError(f"{requester} is {'already' if allow else 'not'} authorized")
        function = VOUCHER.authorizeAccount if allow else VOUCHER.unauthorizeAccount
        receipt = send(
            self.session,
            f"voucher {'authorize' if allow else 'revoke'}",
            voucher,
            function.encode(requester),
            details={"voucher": voucher, "account": requester},
            force=force,
        )
        return {"txHash": receipt.tx_hash}

    def _find(self, owner: str) -> str:
        voucher = find_voucher(self.session, owner)
        if voucher is None:
            raise IexecError(
                f"No Voucher found for address {owner}",
                hint="A sponsor gives vouchers; without one, the account pays: iexec-lab account show",
            )
        return voucher
