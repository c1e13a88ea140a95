"""The account on the hub: RLC staked for deals, RLC locked in them, and who else may spend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab.client.balances import WEI_PER_NRLC, wallet_nrlc
from iexec_lab.client.bridging import bridged_session
from iexec_lab.client.market.filters import ChildFilters
from iexec_lab.client.market.own_filters import StatementFilters
from iexec_lab.client.nouns._noun import Frame, Noun, detailed
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.client.permit import send
from iexec_lab.errors import BalanceError, IexecError
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import HUB, NATIVE_HUB, RLC
from iexec_lab.ethereum.hub import Hub
from iexec_lab.spelling import in_rlc
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from iexec_lab.client.market.listing import Listed
    from iexec_lab.client.market.statement import Statement


class Accounts(Noun):
    """``lab.account``: RLC on the hub, staked for deals or locked in them.

    Amounts are nRLC unless a unit is given.
    """

    _FRAMES: ClassVar = {
        "show": Frame(detailed("account")),
        "contributions": Frame("contribution"),
        "show_bridged": Frame("account"),
        "history": Frame("movement", lambda rows: rows),
        "deposit": Frame("receipt"),
        "withdraw": Frame("receipt"),
        "approve": Frame("receipt"),
        "revoke": Frame("receipt"),
    }

    def show(self, address: str | None = None, *, details: bool = False) -> pd.DataFrame:
        """Stake and locked RLC of an address (default: the wallet's).

        Args:
            address: Whose.
            details: Also how many ``apps``, ``datasets`` and ``workerpools`` it owns, its ``score`` as a
                worker, its ``contributions`` and how many were ``accurate`` and ``faulty``, and the ``deals``
                and ``tasks`` that it asked for.

        Returns:
            DataFrame, one row: ``address``, ``stake_nrlc``, ``locked_nrlc``.

        Raises:
            WalletError: No wallet, and no address was given.
        """
        return self._draw("show", self._fetch_show(address, details=details))

    def _fetch_show(self, address: str | None = None, *, details: bool = False) -> dict[str, Any]:
        who = self.session.to_address(address or self.session.own_address)
        shown = _balance(self.session.hub, who)
        if not details:
            return shown
        from iexec_lab.client.market.details import of_account

        return {**shown, "details": of_account(self.session, who)}

    @takes(ChildFilters)
    def contributions(self, address: str | None = None, **filters: Unpack[ChildFilters]) -> pd.DataFrame:
        """What an address (default: the wallet's) did as a worker: its contributions to tasks, newest first.

        Args:
            address: Whose.
            **filters: Those of ``ChildFilters``.

        Returns:
            DataFrame, one row per contribution: ``task_id``, ``status`` (CONTRIBUTED, PROVED or REJECTED),
                ``contributed_at``, ``task_status`` ...

        Raises:
            WalletError: No wallet, and no address was given.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("contributions", self._fetch_contributions(address, **filters))

    def _fetch_contributions(self, address: str | None = None, **filters: Any) -> Listed:
        from iexec_lab.client.market.happened import worker_contributions

        who = self.session.to_address(address or self.session.own_address)
        return worker_contributions(self.session, who, with_defaults(ChildFilters, filters))

    def show_bridged(self, address: str | None = None) -> pd.DataFrame:
        """The account of the same address on the chain that the bridge leads to.

        Returns:
            DataFrame, one row, as from ``show``.

        Raises:
            ConfigurationError: The network has no bridge, or the other chain is not configured.
            WalletError: No wallet, and no address was given.
        """
        return self._draw("show_bridged", self._fetch_show_bridged(address))

    def _fetch_show_bridged(self, address: str | None = None) -> dict[str, Any]:
        who = self.session.to_address(address or self.session.own_address)
        return _balance(bridged_session(self.session).hub, who)

    @takes(StatementFilters)
    def history(self, address: str | None = None, **filters: Unpack[StatementFilters]) -> pd.DataFrame:
        """The statement of an account: every nRLC in and out, why, and what was left, oldest first.

        Args:
            address: Whose account: address or ENS name (default: the wallet's).
            **filters: Those of ``StatementFilters``.

        Returns:
            DataFrame, one row per movement: ``happened_at``, ``cause`` (deposit, deal_lock, payment, refund,
                worker_reward ...), ``role``, ``amount_nrlc`` (signed: what the stake gained or lost, of a
                payment what the locked RLC lost), ``stake_nrlc`` and ``locked_nrlc`` (what was left after
                it), ``deal_id``, ``task_id``, ``counterparty``, ``stake_change_nrlc``,
                ``locked_change_nrlc`` ... What is not listed before the first row is summed up in a row
                ``balance_before``. The last row is what the hub shows; where it is not,
                ``attrs["remark"]`` says by how much.

        Raises:
            WalletError: No wallet, and no address was given.
            ValidationError: A moment or the cause cannot be read.
            ServiceError: The subgraph, or the node, was not reached.
        """
        return self._draw("history", self._fetch_history(address, **filters))

    def _fetch_history(self, address: str | None = None, **filters: Any) -> Statement:
        from iexec_lab.client.market.statement import read_statement

        session = self.session
        return read_statement(session, session.to_address(address or session.own_address), **filters)

    def deposit(self, amount: Any, unit: str = "nRLC", *, force: bool = False) -> pd.DataFrame:
        """Move RLC from the wallet to the account, in one transaction.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``amount_nrlc``, ``tx_hash``.

        Raises:
            BalanceError: ``Deposit amount exceed wallet balance``.
            AbortedError: It was not confirmed.
        """
        return self._draw("deposit", self._fetch_deposit(amount, unit, force=force))

    def _fetch_deposit(self, amount: Any, unit: str = "nRLC", *, force: bool = False) -> dict[str, Any]:
        nrlc = _positive(amount, unit, "Deposit")
        session = self.session
        if session.network.native:
            to, data, value = session.network.hub, NATIVE_HUB.deposit.encode(), nrlc * WEI_PER_NRLC
        else:
            to, data, value = session.token, RLC.approveAndCall.encode(session.network.hub, nrlc, b""), 0
        session.foresee_sending(to, data, value)
        held = wallet_nrlc(session, session.signer.address)
        details = {"amount_nrlc": nrlc, "wallet_left_nrlc": held - nrlc}
        if held < nrlc:
            raise BalanceError(
                "Deposit amount exceed wallet balance",
                details={"amount": in_rlc(nrlc), "wallet": in_rlc(held)},
                hint=session.network.funding_hint,
            )
        receipt = send(
            session, "account deposit", to, data, value, cost_nrlc=nrlc, details=details, force=force
        )
        return _receipt(nrlc, receipt.tx_hash)

    def withdraw(self, amount: Any, unit: str = "nRLC", *, force: bool = False) -> pd.DataFrame:
        """Move RLC from the account back to the wallet.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``amount_nrlc``, ``tx_hash``.

        Raises:
            BalanceError: ``Withdraw amount exceed account balance``.
            AbortedError: It was not confirmed.
        """
        return self._draw("withdraw", self._fetch_withdraw(amount, unit, force=force))

    def _fetch_withdraw(self, amount: Any, unit: str = "nRLC", *, force: bool = False) -> dict[str, Any]:
        nrlc = _positive(amount, unit, "Withdraw")
        session, data = self.session, HUB.withdraw.encode(nrlc)
        session.foresee_sending(session.network.hub, data)
        stake = session.hub.view_account(session.signer.address).stake
        if stake < nrlc:
            raise BalanceError(
                "Withdraw amount exceed account balance",
                details={"amount": in_rlc(nrlc), "stake": in_rlc(stake)},
                hint=f"All of it: iexec-lab account withdraw {in_rlc(stake)}"
                if stake
                else "No RLC is staked; what is locked comes free as deals end: iexec-lab account show",
            )
        details = {"amount_nrlc": nrlc, "stake_left_nrlc": stake - nrlc}
        receipt = send(session, "account withdraw", session.network.hub, data, details=details, force=force)
        return _receipt(nrlc, receipt.tx_hash)

    def approve(self, amount: Any, spender: str, unit: str = "nRLC", *, force: bool = False) -> pd.DataFrame:
        """Let ``spender`` use up to this amount of the account.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            spender: Address or ENS name; an earlier allowance is replaced.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``to``, ``amount_nrlc``, ``tx_hash``.

        Raises:
            AbortedError: It was not confirmed.
        """
        return self._draw("approve", self._fetch_approve(amount, spender, unit, force=force))

    def _fetch_approve(
        self, amount: Any, spender: str, unit: str = "nRLC", *, force: bool = False
    ) -> dict[str, Any]:
        return self._approve(
            "account approve", parse_rlc(amount, unit), self.session.to_address(spender), force=force
        )

    def revoke(self, spender: str, *, force: bool = False) -> pd.DataFrame:
        """Take the allowance of ``spender`` (address or ENS name) back.

        Returns:
            DataFrame, one row: ``to``, ``amount_nrlc`` (0), ``tx_hash``.

        Raises:
            AbortedError: It was not confirmed.
        """
        return self._draw("revoke", self._fetch_revoke(spender, force=force))

    def _fetch_revoke(self, spender: str, *, force: bool = False) -> dict[str, Any]:
        return self._approve("account revoke", 0, self.session.to_address(spender), force=force)

    def _approve(self, action: str, nrlc: int, spender: str, *, force: bool) -> dict[str, Any]:
        session = self.session
        receipt = send(
            session,
            action,
            session.network.hub,
            HUB.approve.encode(spender, nrlc),
            details={"spender": spender, "amount_nrlc": nrlc},
            force=force,
        )
        return {**_receipt(nrlc, receipt.tx_hash), "to": spender}

    def allowance(self, spender: str, user: str | None = None) -> int:
        """How much of the account of ``user`` (default: the wallet) ``spender`` may use, nRLC."""
        owner = self.session.to_address(user or self.session.address)
        call = Call(self.session.network.hub, HUB.allowance, (owner, self.session.to_address(spender)))
        return int(read(self.session.rpc, [call])[0])


def _balance(hub: Hub, address: str) -> dict[str, Any]:
    account = hub.view_account(address)
    return {"address": address, "balance": {"stake": str(account.stake), "locked": str(account.locked)}}


def _receipt(nrlc: int, tx_hash: str) -> dict[str, Any]:
    return {"amount": str(nrlc), "amount_nrlc": nrlc, "txHash": tx_hash}


def _positive(amount: Any, unit: str, what: str) -> int:
    nrlc = parse_rlc(amount, unit)
    if nrlc <= 0:
        raise IexecError(f"{what} amount must be greater than 0")
    return nrlc
