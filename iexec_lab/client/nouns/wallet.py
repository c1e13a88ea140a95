"""The wallet: what it holds, sending, and new wallet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from iexec_lab.client.balances import WEI_PER_NRLC, wallet_nrlc, wallet_wei
from iexec_lab.client.bridging import bridge_to_mainchain, bridge_to_sidechain, bridged_session
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.permit import Permit, send, spend
from iexec_lab.errors import BalanceError, IexecError, ProjectError, ValidationError, WalletError
from iexec_lab.ethereum.calls import has_code
from iexec_lab.ethereum.contracts import RLC
from iexec_lab.spelling import in_ether, in_rlc
from iexec_lab.units import format_ether, format_rlc, parse_ether, parse_rlc
from iexec_lab.wallet import keystore
from iexec_lab.wallet.signer import LocalSigner

TRANSFER_GAS = 21_000


class Wallets(Noun):
    """``lab.wallet``: what the wallet holds, and sending it."""

    _FRAMES: ClassVar = {
        "bridge_to_sidechain": Frame("bridge"),
        "bridge_to_mainchain": Frame("bridge"),
        "show_bridged": Frame("wallet"),
        "show": Frame("wallet"),
        "send_ether": Frame("receipt"),
        "send_rlc": Frame("receipt"),
        "sweep": Frame("sweep", lambda facts: [facts]),
    }

    @property
    def address(self) -> str | None:
        """The wallet's address; None when there is no wallet. Never asks for a password."""
        return self.session.wallet.address

    def show_bridged(self, address: str | None = None) -> pd.DataFrame:
        """What the same address holds on the chain that the bridge leads to.

        Returns:
            DataFrame, one row, as from ``show``.

        Raises:
            ConfigurationError: The network has no bridge, or the other chain is not configured.
        """
        return self._draw("show_bridged", self._fetch_show_bridged(address))

    def _fetch_show_bridged(self, address: str | None = None) -> dict[str, Any]:
        other = bridged_session(self.session)
        own = self.session.to_address(address or self.session.address)
        return Wallets(other)._fetch_show(own)  # noqa: SLF001 - our own, elsewhere

    def show(self, address: str | None = None, *, show_private_key: bool = False) -> pd.DataFrame:
        """What an address (default: the wallet's) holds itself: ether and RLC.

        Args:
            address: Address or ENS name.
            show_private_key: Add the wallet's keys; only without ``address``.

        Returns:
            DataFrame, one row: ``address``, ``rlc_nrlc``, ``ether_wei`` (not where RLC is the chain's coin)
                ...

        Raises:
            WalletError: No wallet, and no address was given; or the wallet does not give its key away.
        """
        return self._draw("show", self._fetch_show(address, show_private_key=show_private_key))

    def _fetch_show(self, address: str | None = None, *, show_private_key: bool = False) -> dict[str, Any]:
        session = self.session
        shown: dict[str, Any] = {}
        if not address:
            shown["wallet"] = self._identity(show_private_key=show_private_key)
        who = self.session.to_address(address or shown["wallet"]["address"])
        shown = {"address": who, "balance": self._balance(who), **shown}
        if session.network.ens_registry:
            shown["ens"] = session.ens.lookup(who)
        return shown

    def _identity(self, *, show_private_key: bool) -> dict[str, str]:
        if not show_private_key:
            return {"address": self.session.own_address}
        signer = self.session.signer
        if not isinstance(signer, LocalSigner):
            raise WalletError("This wallet does not give its private key away")
        return {
            "privateKey": signer.export_key(),
            "publicKey": signer.public_key,
            "address": signer.address,
        }

    def _balance(self, who: str) -> dict[str, str]:
        if self.session.network.native:
            nrlc = wallet_nrlc(self.session, who)
            return {"RLC": format_rlc(nrlc), "nRLC": str(nrlc)}
        wei, nrlc = self.session.together(
            lambda: wallet_wei(self.session, who), lambda: wallet_nrlc(self.session, who)
        )
        return {"ether": format_ether(wei), "RLC": format_rlc(nrlc), "nRLC": str(nrlc), "wei": str(wei)}

    def send_ether(self, amount: Any, unit: str = "ether", *, to: str, force: bool = False) -> pd.DataFrame:
        """Send the chain's coin.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"10 gwei"``, ``["10", "gwei"]``.
            unit: ``wei``, ``gwei``, ``ether`` ..., where ``amount`` names none.
            to: Address or ENS name.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``to``, ``amount_wei``, ``tx_hash``.

        Raises:
            BalanceError: ``Amount to send exceed wallet balance``.
            ProjectError: RLC is the coin of this chain: ``send_rlc`` sends it.
            AbortedError: It was not confirmed.
        """
        return self._draw("send_ether", self._fetch_send_ether(amount, unit, to=to, force=force))

    def _fetch_send_ether(
        self, amount: Any, unit: str = "ether", *, to: str, force: bool = False
    ) -> dict[str, Any]:
        session, target = self.session, self.session.to_address(to)
        if session.network.native:
            raise ProjectError(
                "sendETH() is disabled on sidechain, use sendRLC()",
                hint="Send the coin of this chain with iexec-lab wallet send-RLC.",
            )
        wei = parse_ether(amount, unit)
        wallet = session.signer.address
        held = wallet_wei(session, wallet)
        if held < wei:
            raise _too_much(in_ether(wei), in_ether(held))
        details = {"to": target, "amount_wei": wei, "amount_ether": format_ether(wei)}
        receipt = send(session, "wallet send-ether", target, b"", wei, details=details, force=force)
        return {
            "amount": str(wei),
            "amount_wei": wei,
            "from": wallet,
            "to": target,
            "txHash": receipt.tx_hash,
        }

    def send_rlc(self, amount: Any, unit: str = "RLC", *, to: str, force: bool = False) -> pd.DataFrame:
        """Send RLC from the wallet.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            to: Address or ENS name.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``to``, ``amount_nrlc``, ``tx_hash``.

        Raises:
            BalanceError: ``Amount to send exceed wallet balance``.
            AbortedError: It was not confirmed.
        """
        return self._draw("send_rlc", self._fetch_send_rlc(amount, unit, to=to, force=force))

    def _fetch_send_rlc(
        self, amount: Any, unit: str = "RLC", *, to: str, force: bool = False
    ) -> dict[str, Any]:
        session, target = self.session, self.session.to_address(to)
        nrlc = parse_rlc(amount, unit)
        wallet = session.signer.address
        held = wallet_nrlc(session, wallet)
        if held < nrlc:
            raise _too_much(in_rlc(nrlc), in_rlc(held))
        details = {"to": target, "amount_nrlc": nrlc, "wallet_left_nrlc": held - nrlc}
        if session.network.native:
            contract, data, value = target, b"", nrlc * WEI_PER_NRLC
        else:
            contract, data, value = session.token, RLC.transfer.encode(target, nrlc), 0
        receipt = send(
            session, "wallet send-RLC", contract, data, value, cost_nrlc=nrlc, details=details, force=force
        )
        return {
            "amount": str(nrlc),
            "amount_nrlc": nrlc,
            "from": wallet,
            "to": target,
            "txHash": receipt.tx_hash,
        }

    def sweep(self, to: str, *, force: bool = False) -> pd.DataFrame:
        """Send everything to another wallet: all RLC, then all of the chain's coin except the gas.

        Returns:
            DataFrame, one row: ``from``, ``to``, ``amount_nrlc``, ``amount_wei``, ``rlc_tx_hash``,
                ``coin_tx_hash``; ``errors`` says why the coin stayed, if it did.

        Raises:
            IexecError: The target is a contract, or the RLC could not be sent.
            AbortedError: It was not confirmed.
        """
        return self._draw("sweep", self._fetch_sweep(to, force=force))

    def _fetch_sweep(self, to: str, *, force: bool = False) -> dict[str, Any]:
        session, target = self.session, self.session.to_address(to)
        if has_code(session.rpc, [target])[0]:
            raise IexecError("Cannot sweep to a contract", details={"to": target})
        wallet = session.signer.address
        nrlc = 0 if session.network.native else wallet_nrlc(session, wallet)
        wei = wallet_wei(session, wallet)
        fees = session.sender.fees()  # these are shown, and no others are paid
        price = max(fees.values())
        plan = session.plan("wallet sweep", cost_nrlc=nrlc, cost_wei=wei, to=target, gas_price_wei=price)
        permit = spend(session, plan, force=force)
        swept: dict[str, Any] = {"from": wallet, "to": target}
        if nrlc:
            try:
                receipt = permit.send(session.token, RLC.transfer.encode(target, nrlc), fees=fees)
            except IexecError as error:
                raise IexecError(
                    f"Failed to sweep ERC20, sweep aborted. errors: {error.message}", hint=error.hint
                ) from error
            swept |= {"sendERC20TxHash": receipt.tx_hash, "amount_nrlc": nrlc}
        return swept | self._sweep_coin(permit, wallet, target, dict.fromkeys(fees, price))

    def _sweep_coin(self, permit: Permit, wallet: str, target: str, fees: dict[str, int]) -> dict[str, Any]:
        """Send all coins except the fee; errors are returned, since the RLC was sent already."""
        try:
            gas = self._transfer_gas(wallet, target)
            rest = wallet_wei(self.session, wallet) - gas * max(fees.values())
            if rest <= 0:
                return {
                    "errors": ["Failed to transfer native token': Tx fees are greater than wallet balance"]
                }
            # Every field at the highest price: then the fee is known to the wei and nothing stays behind.
            receipt = permit.send(target, b"", rest, gas=gas, fees=fees)
        except IexecError as error:
            return {"errors": [f"Failed to transfer native token': {error.message}"]}
        return {"sendNativeTxHash": receipt.tx_hash, "amount_wei": rest}

    def _transfer_gas(self, wallet: str, target: str) -> int:
        """21,000; more on chains where a transfer also pays for its place on another chain."""
        call = {"from": wallet, "to": target, "value": "0x1"}
        gas = int(self.session.rpc.request("eth_estimateGas", call), 16)
        return gas if gas <= TRANSFER_GAS else gas + gas // 10

    def bridge_to_sidechain(
        self, amount: Any, unit: str = "nRLC", *, wait: bool = True, force: bool = False
    ) -> pd.DataFrame:
        """Move RLC from Ethereum to the wallet's address on the sidechain.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            wait: Wait for the arrival (at most 1800 seconds), where the other chain is configured.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``from``, ``to``, ``amount_nrlc``, ``send_tx_hash`` and, once arrived,
                ``receive_tx_hash``.

        Raises:
            ConfigurationError: The network has no bridge, or is the sidechain.
            BalanceError: More than the wallet holds, or than the bridge takes.
            BridgeError: The RLC was sent and did not arrive in time.
            AbortedError: It was not confirmed.
        """
        return self._draw(
            "bridge_to_sidechain", self._fetch_bridge_to_sidechain(amount, unit, wait=wait, force=force)
        )

    def _fetch_bridge_to_sidechain(
        self, amount: Any, unit: str = "nRLC", *, wait: bool = True, force: bool = False
    ) -> dict[str, Any]:
        return bridge_to_sidechain(self.session, amount, unit, wait=wait, force=force)

    def bridge_to_mainchain(
        self, amount: Any, unit: str = "nRLC", *, wait: bool = True, force: bool = False
    ) -> pd.DataFrame:
        """Move RLC from the sidechain to the wallet's address on Ethereum.

        Args:
            amount: A number of ``unit``, or with its own unit: ``"1.5 RLC"``, ``["1.5", "RLC"]``.
            unit: ``nRLC`` or ``RLC``, where ``amount`` names none.
            wait: Wait for the arrival (at most 1800 seconds), where the other chain is configured.
            force: Do it without asking.

        Returns:
            DataFrame, one row, as from ``bridge_to_sidechain``.

        Raises:
            ConfigurationError: The network has no bridge, or is not the sidechain.
            BalanceError: More than the wallet holds, or than the bridge takes.
            BridgeError: The RLC was sent and did not arrive in time.
            AbortedError: It was not confirmed.
        """
        return self._draw(
            "bridge_to_mainchain", self._fetch_bridge_to_mainchain(amount, unit, wait=wait, force=force)
        )

    def _fetch_bridge_to_mainchain(
        self, amount: Any, unit: str = "nRLC", *, wait: bool = True, force: bool = False
    ) -> dict[str, Any]:
        return bridge_to_mainchain(self.session, amount, unit, wait=wait, force=force)


def _too_much(amount: str, held: str) -> BalanceError:
    return BalanceError("Amount to send exceed wallet balance", details={"amount": amount, "wallet": held})


def create_wallet(
    *,
    password: str | None = None,
    unencrypted: bool = False,
    keystoredir: str | None = None,
    force: bool = False,
    cwd: Path | str = ".",
) -> dict[str, Any]:
    """Make a random key and save it; needs no network.

    Args:
        password: Encrypts the keystore file.
        unencrypted: Write ``wallet.json`` with the bare key instead (a password given wins).
        keystoredir: ``global``, ``local`` or a folder.
        force: Replace a file of that name.
        cwd: Folder for ``wallet.json`` and ``local``.

    Raises:
        WalletError: The file is there already, or cannot be written.
    """
    return _save(
        LocalSigner.generate(), password, keystoredir, Path(cwd), unencrypted=unencrypted, force=force
    )


def import_wallet(
    private_key: str,
    *,
    password: str | None = None,
    unencrypted: bool = False,
    keystoredir: str | None = None,
    force: bool = False,
    cwd: Path | str = ".",
) -> dict[str, Any]:
    """Save a private key of yours in a wallet file; needs no network.

    Args:
        private_key: 64 hexadecimal digits.
        password: Encrypts the keystore file.
        unencrypted: Write ``wallet.json`` with the bare key instead (a password given wins).
        keystoredir: ``global``, ``local`` or a folder.
        force: Replace a file of that name.
        cwd: Folder for ``wallet.json`` and ``local``.

    Raises:
        ValidationError: Neither ``password`` nor ``unencrypted``.
        WalletError: It is not a key, or the file is there already, or cannot be written.
    """
    return _save(
        LocalSigner(private_key), password, keystoredir, Path(cwd), unencrypted=unencrypted, force=force
    )


def _save(
    signer: LocalSigner,
    password: str | None,
    keystoredir: str | None,
    cwd: Path,
    *,
    unencrypted: bool,
    force: bool,
) -> dict[str, Any]:
    if not password and unencrypted:
        password = None
    elif password is None:
        raise ValidationError("A password is needed", hint="Or write the bare key with --unencrypted.")
    saved = keystore.save_wallet(signer, password, keystoredir=keystoredir, cwd=cwd, overwrite=force)
    name = saved.path
    if keystoredir not in {None, "global"} or password is None:
        name = saved.path.relative_to(cwd) if saved.path.is_relative_to(cwd) else saved.path
    return {"wallet": saved.content, "fileName": str(name), "address": saved.address}
