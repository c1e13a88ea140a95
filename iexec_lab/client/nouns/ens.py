"""ENS: names for wallets, apps, datasets and workerpools (networks of SDK 8 only)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.permit import Permit, send, spend
from iexec_lab.errors import IexecError
from iexec_lab.ethereum.abi import Function
from iexec_lab.ethereum.calls import has_code
from iexec_lab.ethereum.contracts import (
    ENS_REGISTRAR,
    ENS_REGISTRY,
    ENS_RESOLVER,
    ENS_REVERSE_REGISTRAR,
    ENTRY,
)
from iexec_lab.ethereum.ens import name_hash
from iexec_lab.protocol import NULL_ADDRESS, check_domain, check_label, labelhash, to_address
from iexec_lab.protocol.ens import DEFAULT_DOMAINS, WORKERPOOL_URL_KEY


class Ens(Noun):
    """``lab.ens``: names for wallets, apps, datasets and workerpools.

    All but ``default_domain`` raise ConfigurationError on a network without ENS, once the name is checked.
    """

    _FRAMES: ClassVar = {
        "set_text": Frame("receipt"),
        "register": Frame("name"),
        "configure_resolution": Frame("name"),
    }

    def resolve(self, name: str) -> str | None:
        """The address that a name resolves to; None when there is none.

        Raises:
            ValidationError: It is not a name.
        """
        checked = check_domain(name)
        return self.session.ens.resolve(checked)

    def lookup(self, address: str) -> str | None:
        """The name of an address, if that name resolves to the address; None when there is none."""
        owner = self.session.to_address(address)
        return self.session.ens.lookup(owner)

    def get_owner(self, name: str) -> str:
        """The owner of a name; the null address when nobody owns it."""
        checked = check_domain(name)
        return self.session.ens.owner(checked)

    def read_text(self, name: str, key: str) -> str:
        """A text record of a name; empty when there is none."""
        checked = check_domain(name)
        return self.session.ens.text(checked, key)

    def set_text(self, name: str, key: str, value: str, *, force: bool = False) -> pd.DataFrame:
        """Write a text record; the wallet must own the name.

        Args:
            name: Such as ``me.users.iexec.eth``.
            key: Which record.
            value: Its text.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``tx_hash``.

        Raises:
            IexecError: The wallet does not own the name, or the name has no resolver.
            AbortedError: It was not confirmed.
        """
        return self._draw("set_text", self._fetch_set_text(name, key, value, force=force))

    def _fetch_set_text(self, name: str, key: str, value: str, *, force: bool = False) -> dict[str, Any]:
        return {"txHash": self._set_text("ens set-text", name, key, value, force=force)}

    def _set_text(self, action: str, name: str, key: str, value: str, *, force: bool) -> str:
        self._require_owner(check_domain(name))
        resolver, node = self.session.ens.resolver(name), name_hash(name)
        if resolver == NULL_ADDRESS:
            raise IexecError(
                f"The resolver is not configured for {name}", hint="Run: iexec-lab ens register."
            )
        details = {"name": name, "key": key, "value": value}
        data = ENS_RESOLVER.setText.encode(node, key, value)
        return send(self.session, action, resolver, data, details=details, force=force).tx_hash

    def register(
        self, label: str, domain: str | None = None, for_: str | None = None, *, force: bool = False
    ) -> pd.DataFrame:
        """Name the wallet, or an app, dataset or workerpool that it owns; only what is missing is done.

        Args:
            label: First part of the name.
            domain: The rest (default: the iExec domain for the kind of address, ``default_domain``).
            for_: The address to name (default: the wallet).
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``name``, ``address`` and a ``..._tx_hash`` for each step that was needed.

        Raises:
            ValidationError: The label or the domain is not valid.
            IexecError: The name is taken, or the address is not the wallet's to name.
            AbortedError: It was not confirmed.
        """
        return self._draw("register", self._fetch_register(label, domain, for_, force=force))

    def _fetch_register(
        self, label: str, domain: str | None = None, for_: str | None = None, *, force: bool = False
    ) -> dict[str, Any]:
        check_label(label)
        session = self.session
        wallet = session.signer.address
        address = self.session.to_address(for_ or wallet)
        name = f"{label}.{check_domain(domain or self.default_domain(address))}"
        plan = session.plan(
            "ens register",
            cost_wei=session.some_gas,
            name=name,
            address=address,
            known_as=session.ens.lookup(address),
        )
        permit = spend(session, plan, force=force)
        done: dict[str, Any] = {"name": name, "address": address}
        claimed = self._claim(permit, label, name)
        if claimed:
            done["registerTxHash"] = claimed
        return done | dict(self._configure(permit, name, address))

    def default_domain(self, address: str) -> str:
        """The iExec domain that fits an address: ``users.iexec.eth``, ``apps.iexec.eth`` ..."""
        kinds = self.session.hub.kinds(address)
        return DEFAULT_DOMAINS[kinds[0] if kinds else "wallet"]

    def configure_resolution(
        self, name: str, address: str | None = None, *, force: bool = False
    ) -> pd.DataFrame:
        """Make a name resolve to an address, and the address to the name; only what is missing is done.

        Args:
            name: A name that the wallet owns.
            address: The wallet's own (default), or that of an app, dataset or workerpool it owns.
            force: Do it without asking.

        Returns:
            DataFrame, one row, as from ``register``.

        Raises:
            IexecError: The wallet does not own the name and the address.
            AbortedError: It was not confirmed.
        """
        return self._draw(
            "configure_resolution", self._fetch_configure_resolution(name, address, force=force)
        )

    def _fetch_configure_resolution(
        self, name: str, address: str | None = None, *, force: bool = False
    ) -> dict[str, Any]:
        target = self.session.to_address(address or self.session.signer.address)
        plan = self.session.plan(
            "ens configure", cost_wei=self.session.some_gas, name=check_domain(name), address=target
        )
        permit = spend(self.session, plan, force=force)
        return {"name": name, "address": target, **dict(self._configure(permit, name, target))}

    def _configure(self, permit: Permit, name: str, address: str) -> Iterator[tuple[str, str]]:
        """Make a name and an address resolve to each other; yield (step, transaction) for what was missing.

        Raises:
            IexecError: The wallet owns neither the address nor the name.
        """
        session, node, wallet = self.session, name_hash(name), self.session.signer.address
        if address != wallet:
            self._require_own_contract(address, wallet)
        self._require_owner(name)
        resolver = session.network.setting("ensPublicResolver")
        if session.ens.resolver(name) != to_address(resolver):
            yield (
                "setResolverTxHash",
                _send(permit, session.ens.registry, ENS_REGISTRY.setResolver, node, resolver),
            )
        if session.ens.resolve(name) != address:
            yield "setAddrTxHash", _send(permit, resolver, ENS_RESOLVER.setAddr, node, address)
        if session.ens.lookup(address) != name:
            if address == wallet:
                registrar = session.ens.owner("addr.reverse")
                sent = _send(permit, registrar, ENS_REVERSE_REGISTRAR.setName, name)
            else:
                sent = _send(permit, address, ENTRY.setName, session.ens.registry, name)
            yield "setNameTxHash", sent

    def workerpool_url(self, workerpool: str) -> str | None:
        """The API of a workerpool (address or ENS name) from its ENS name; None when it is unknown."""
        pool = self.session.to_address(workerpool)
        return self.session.ens.workerpool_url(pool)

    def set_workerpool_url(self, workerpool: str, url: str, *, force: bool = False) -> str:
        """Write the API of a workerpool into its name; return the transaction's hash.

        Args:
            workerpool: Address or ENS name of the workerpool.
            url: URL of its API.
            force: Do it without asking.

        Raises:
            IexecError: The workerpool has no name, or the wallet does not own it.
            AbortedError: It was not confirmed.
        """
        name = self.lookup(workerpool)
        if name is None:
            raise IexecError(
                f"No ENS name reverse resolution configured for {workerpool}",
                hint=f"Give it one: iexec-lab ens register <label> --for {workerpool}.",
            )
        return self._set_text("workerpool set-api-url", name, WORKERPOOL_URL_KEY, url, force=force)

    def _claim(self, permit: Permit, label: str, name: str) -> str | None:
        """Register a name that nobody has; None when the wallet has it already."""
        wallet = self.session.signer.address
        owner = self.session.ens.owner(name)
        if owner == wallet:
            return None
        if owner != NULL_ADDRESS:
            raise IexecError(f"{name} is already owned by {owner}")
        domain = name.partition(".")[2]
        registrar = self.session.ens.owner(domain)
        if registrar == NULL_ADDRESS or not has_code(self.session.rpc, [registrar])[0]:
            raise IexecError(f"The base domain {domain} owner {registrar} is not a contract")
        node = bytes.fromhex(labelhash(label)[2:])
        return _send(permit, registrar, ENS_REGISTRAR.register, node, wallet)

    def _require_own_contract(self, address: str, wallet: str) -> None:
        if not has_code(self.session.rpc, [address])[0]:
            raise IexecError(
                "Target address is not a contract and don't match current wallet address",
                details={"target": address, "wallet": wallet},
            )
        [owner] = self.session.hub.try_owners([address])
        if owner != wallet:
            raise IexecError(f"{wallet} is not the owner of {address}", details={"owner": owner})

    def _require_owner(self, name: str) -> None:
        wallet, owner = self.session.signer.address, self.session.ens.owner(name)
        if owner != wallet:
            raise IexecError(f"{wallet} is not the owner of {name}", details={"owner": owner})


def _send(permit: Permit, to: str, function: Function, *args: Any) -> str:
    """Send one step of a plan; return its transaction."""
    return permit.send(to, function.encode(*args)).tx_hash
