"""What apps, datasets and workerpools have in common: entries of a registry, owned as NFTs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from iexec_lab.client.market.filters import AssetListFilters, ChildFilters, EventFilters
from iexec_lab.client.matching import preflight, signing
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._pandas import pd
from iexec_lab.client.options import takes, with_defaults
from iexec_lab.client.permit import send, spend
from iexec_lab.client.what_is import what_lives_at
from iexec_lab.errors import ConfigurationError, IexecError, ObjectNotFoundError, OrderError, ValidationError
from iexec_lab.ethereum.abi import Function
from iexec_lab.ethereum.ahead import expect, one_look
from iexec_lab.ethereum.calls import Call, read
from iexec_lab.ethereum.contracts import ERC721_EVENTS, OWNABLE, REGISTRY
from iexec_lab.protocol import NULL_ADDRESS, decode_multiaddr, is_address, to_address, to_uint256
from iexec_lab.protocol.slips import address_hint

if TYPE_CHECKING:
    from iexec_lab.client.market.listing import Listed

Hashes = list[str]  # in a class with a verb of that name, ``list`` is the verb
DEPLOYED_ALREADY = "Exactly this {kind} is deployed already at {address}: nothing was sent."


class Asset(Noun):
    """The verbs of all three; ``kind`` is "app", "dataset" or "workerpool"."""

    _FRAMES: ClassVar = {
        "transfer": Frame("receipt"),
        "list": Frame("past_app"),
        "deals": Frame("listed_deal"),
        "transfers": Frame("asset_transfer"),
    }
    _PICKS: ClassVar = {"deploy": itemgetter("address")}

    kind: ClassVar[str]
    _create: ClassVar[Function]
    #: Its arguments, as they are named in ``iexec.json``.
    _terms: ClassVar[tuple[str, ...]]
    _predicted: ClassVar[Function]
    #: What ``preflight`` reads of it before an order is signed.
    _checked: ClassVar[tuple[Function, ...]] = ()
    #: Official field name -> view function of the asset's contract.
    _views: ClassVar[Mapping[str, Function]]

    @property
    def registry(self) -> str:
        """Address of the registry of this kind."""
        return self.session.registries[self.kind]

    def deployed(self, address: str) -> bool:
        """Whether an address (or ENS name) is an entry of the registry."""
        return self.session.hub.is_registered(self.kind, [self.session.to_address(address)])[0]

    def show(
        self, address_or_index: str | int, user: str | None = None, *, details: bool = False
    ) -> pd.DataFrame:
        """One of them, by address or ENS name, or by its index among those of ``user``.

        Args:
            address_or_index: An address, an ENS name, or a number from 0.
            user: Whose assets the index counts (default: the wallet's).
            details: Also when it was made and last used, how many tasks used it, how often it was
                transferred, and how many orders are open; of a workerpool what became of its tasks.

        Returns:
            DataFrame, one row: ``address``, ``owner``, ``registry`` and everything else its contract tells.

        Raises:
            ObjectNotFoundError: There is none on this chain.
        """
        return self._draw("show", self._fetch_show(address_or_index, user, details=details))

    def _fetch_show(
        self, address_or_index: str | int, user: str | None = None, *, details: bool = False
    ) -> dict[str, Any]:
        with one_look():
            if is_address(address_or_index):
                self._foresee(self._views.values(), to_address(address_or_index))
            shown = self._read(self._find(address_or_index, user))
        if not details:
            return shown
        from iexec_lab.client.market.details import of_asset

        return {**shown, "details": of_asset(self.session, self.kind, shown["address"])}

    @takes(AssetListFilters)
    def list(self, **filters: Unpack[AssetListFilters]) -> pd.DataFrame:
        """Those of everybody, newest first, from the history.

        Args:
            **filters: Those of ``AssetListFilters``; ``sort="pertinent"`` is the order of the public
                explorer: those used in the last 14 days, by how many tasks used them.

        Returns:
            DataFrame, one row each: ``address``, ``owner``, ``created_at``, ``usage_count`` (tasks),
                ``last_used``, ``transfers`` ... ``attrs`` has ``total`` where it is known.

        Raises:
            ValidationError: A filter has a value that it cannot have.
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("list", self._fetch_list(**filters))

    def _fetch_list(self, **filters: Any) -> Listed:
        from iexec_lab.client.market.listing import listed

        return listed(self.session, self.kind, with_defaults(AssetListFilters, filters))

    @takes(ChildFilters)
    def deals(self, address: str, **filters: Unpack[ChildFilters]) -> pd.DataFrame:
        """The deals of one of them, newest first: a DataFrame as from ``lab.deal.list``.

        Args:
            address: The asset (address or ENS name).
            **filters: Those of ``ChildFilters``.

        Raises:
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("deals", self._fetch_deals(address, **filters))

    def _fetch_deals(self, address: str, **filters: Any) -> Listed:
        from iexec_lab.client.market.listing import listed

        found = listed(self.session, "deal", {**with_defaults(ChildFilters, filters), self.kind: address})
        self._require_if_empty(found, address)
        return found

    @takes(EventFilters)
    def transfers(self, address: str, **filters: Unpack[EventFilters]) -> pd.DataFrame:
        """Who owned one of them: its transfers, in the order of the chain; the first one made it.

        Args:
            address: The asset (address or ENS name).
            **filters: Those of ``EventFilters``.

        Returns:
            DataFrame, one row per transfer: ``happened_at``, ``from_``, ``to``, ``tx_hash`` ...

        Raises:
            SubgraphError, CallError: The source was not reached.
        """
        return self._draw("transfers", self._fetch_transfers(address, **filters))

    def _fetch_transfers(self, address: str, *, source: str | None = None) -> Listed:
        from iexec_lab.client.market.happened import asset_transfers

        found = asset_transfers(self.session, self.kind, self.session.to_address(address), source)
        self._require_if_empty(found, address)
        return found

    def _require_if_empty(self, found: Listed, address: str) -> None:
        """Where nothing was found: is there such a thing at all?"""
        if not len(found):
            self._find(address, None)

    def count(self, user: str | None = None) -> int:
        """How many of this kind ``user`` (default: the wallet) owns."""
        return self._balance(self._user(user))

    def transfer(self, address: str, to: str, *, force: bool = False) -> pd.DataFrame:
        """Transfer one to a new owner.

        Args:
            address: The asset, which the wallet owns (address or ENS name).
            to: The new owner.
            force: Do it without asking.

        Returns:
            DataFrame, one row: ``address``, ``to``, ``tx_hash``.

        Raises:
            OrderError: It is not in the registry, or not the wallet's.
            AbortedError: It was not confirmed.
        """
        return self._draw("transfer", self._fetch_transfer(address, to, force=force))

    def _fetch_transfer(self, address: str, to: str, *, force: bool = False) -> dict[str, Any]:
        asset, target = self.session.to_address(address), self.session.to_address(to)
        session = self.session
        if not self.deployed(asset):
            raise OrderError(f"Invalid {self.kind} address", details={self.kind: asset})
        [owner], wallet = session.hub.owners([asset]), session.signer.address
        if owner != wallet:
            raise OrderError(
                f"Only {self.kind} owner can transfer {self.kind} ownership",
                details={"owner": owner, "wallet": wallet},
            ).so_already(f"{target} owns {self.kind} {asset} already." if owner == target else "")
        data = REGISTRY.safeTransferFrom.encode(wallet, target, int(asset, 16))
        details = {self.kind: asset, "to": target}
        receipt = send(session, f"{self.kind} transfer", self.registry, data, details=details, force=force)
        return {"address": asset, "to": target, "txHash": receipt.tx_hash}

    def unpublish(self, address: str, *, all: bool = False, force: bool = False) -> str | Hashes:  # noqa: A002
        """Take the newest order about it off the market, or all of them.

        The signatures stay valid: anyone who kept an order can still use it until it is canceled
        (``lab.order.cancel``).

        Args:
            address: What the orders are about (address or ENS name).
            all: All orders, not only the newest.
            force: Do it without asking.

        Returns:
            The order's hash; with ``all`` the list of all hashes.

        Raises:
            ApiError: The wallet has no open order about it.
            AbortedError: It was not confirmed.
        """
        session, asset = self.session, self.session.to_address(address)
        terms: dict[str, Any] = {self.kind: asset, "orders": "all" if all else "last"}
        spend(session, session.plan(f"{self.kind} unpublish", **terms), force=force)
        token = session.market.log_in(session.gate)
        target = "unpublish_all" if all else "unpublish_last"
        hashes = session.market.unpublish(f"{self.kind}order", token, target=target, resource=asset)
        return hashes if all else hashes[0]

    def _publish(self, address: str, options: Mapping[str, Any], *, force: bool) -> str:
        """Make, check, sign and publish one order of an asset; ``options`` are all of its sale."""
        session, kind = self.session, f"{self.kind}order"
        terms = dict(options)
        skip_preflight_check = terms.pop("skip_preflight_check", False)
        values = {self.kind: address, f"{self.kind}price": terms.pop("price")}
        values |= {name.replace("_restrict", "restrict"): value for name, value in terms.items()}
        order = signing.draft(session, kind, values)
        session.foresee_signing()
        self._foresee([OWNABLE.owner, *self._checked], order.resource)
        login = signing.begin_login(session, asked=session.network.real_value and not force)
        self._require(order.resource)
        if not skip_preflight_check:
            preflight.require(session, order)
        plan = session.plan(f"{self.kind} publish", signs=[order], **signing.order_terms(order))
        permit = spend(session, plan, force=force)
        login = login or signing.begin_login(session, asked=False)
        return signing.publish(session, signing.sign(permit, order), login)

    def _foresee(self, views: Iterable[Function], asset: str) -> None:
        """Let views of an asset come along with the next reads."""
        expect(self.session.rpc, [Call(asset, view).request() for view in views])

    def _deploy(self, args: tuple[Any, ...], *, exist_ok: bool, force: bool) -> dict[str, Any]:
        """Create the entry with these creation arguments, unless it is there: they decide its address."""
        session, data = self.session, self._create.encode(*args)
        if args[0] == NULL_ADDRESS:
            raise ValidationError(
                "The owner is the null address, which is nobody's",
                hint="Make it the address of a wallet: iexec-lab wallet show tells yours.",
            )
        session.foresee_signing()
        address = self._predict(args)
        session.foresee_sending(self.registry, data)
        if self.deployed(address):
            if exist_ok:
                return {"address": address, "already": True}
            raise OrderError(
                f"{self.kind.capitalize()} already deployed at address {address}",
                hint="The same values give the same address: change one, such as the name.",
            )
        terms = {name: _text(name, value) for name, value in zip(self._terms, args, strict=True)}
        details = {"registry": self.registry, "address": address, **terms}
        receipt = send(session, f"{self.kind} deploy", self.registry, data, details=details, force=force)
        for log in receipt.logs:
            if ERC721_EVENTS.Transfer.matches(log) and to_address(log["address"]) == to_address(
                self.registry
            ):
                token = ERC721_EVENTS.Transfer.decode(log)["tokenId"]
                return {"address": to_address(f"0x{token:040x}"), "txHash": receipt.tx_hash}
        raise IexecError("Transfer not confirmed", details={"transaction": receipt.tx_hash})

    def _told(self, facts: Mapping[str, Any]) -> str:
        """The address of ``_deploy``; that it was there before is told."""
        address = str(facts["address"])
        if "already" in facts:
            self.session.tell(DEPLOYED_ALREADY.format(kind=self.kind, address=address))
        return address

    def _predict(self, args: tuple[Any, ...]) -> str:
        [address] = read(self.session.rpc, [Call(self.registry, self._predicted, args)])
        return to_address(address)

    def _owner(self, owner: str | None) -> str:
        """The given owner, else the wallet."""
        address = self.session.to_address(owner or self.session.address)
        if address == NULL_ADDRESS:
            hint = "Give owner=..., or connect with a wallet."
            if owner:
                hint = "The owner (in iexec.json, or owner=...) is the zero address: write yours, 0x..."
            raise ValidationError("owner is a required field", hint=hint)
        return address

    def _require(self, address: str) -> None:
        if not self.deployed(address):
            hint = what_lives_at(self.session, address, self.kind)
            raise OrderError(f"No {self.kind} deployed at address {address}", hint=hint)

    def _user(self, user: str | None) -> str:
        address = self.session.to_address(user or self.session.address)
        if address == NULL_ADDRESS:
            raise ConfigurationError(
                "Missing option --user <address> or wallet",
                hint="Name the owner with --user, or make a wallet: iexec-lab wallet create.",
            )
        return address

    def _balance(self, user: str) -> int:
        return int(read(self.session.rpc, [Call(self.registry, REGISTRY.balanceOf, (user,))])[0])

    def _find(self, address_or_index: str | int, user: str | None) -> str:
        if is_address(address_or_index) or str(address_or_index).endswith(".eth"):
            asset = self.session.to_address(address_or_index)
            if not self.deployed(asset):
                hint = what_lives_at(self.session, asset, self.kind)
                raise ObjectNotFoundError(self.kind, asset, self.session.network.id, hint=hint)
            return asset
        try:
            index = to_uint256(address_or_index)
        except ValidationError as error:
            error.hint = f"{address_hint(address_or_index)} Or give a number: 0 is the first {self.kind}."
            raise
        owner = self._user(user)
        count = self._balance(owner)
        if index >= count:
            hint = f"{owner} has {count or 'none'}" + ("; the first is number 0." if count else ".")
            raise ObjectNotFoundError(self.kind, str(index), self.session.network.id, hint=hint)
        call = Call(self.registry, REGISTRY.tokenOfOwnerByIndex, (owner, index))
        return to_address(f"0x{int(read(self.session.rpc, [call])[0]):040x}")

    def _read(self, asset: str) -> dict[str, Any]:
        values = read(self.session.rpc, [Call(asset, view, ()) for view in self._views.values()])
        fields = {name: _text(name, value) for name, value in zip(self._views, values, strict=True)}
        return {"address": asset, self.kind: fields}


def _text(name: str, value: Any) -> str:
    """A view's value as the official CLI writes it."""
    if isinstance(value, bytes):
        if name.lower().endswith("checksum"):
            return "0x" + value.hex()
        is_multiaddr = name.lower().endswith("multiaddr")
        return decode_multiaddr(value) if is_multiaddr else value.decode(errors="replace")
    return to_address(value) if name in {"owner", "registry"} else str(value)
