"""What all verbs share: one network, one wallet, one connection to each service, one gate before spending."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from iexec_lab.client import side_by_side
from iexec_lab.client.ledger import Ledger
from iexec_lab.client.plan import Plan, is_rehearsal
from iexec_lab.client.wallet_source import ask_in_terminal, typed
from iexec_lab.errors import ConfigurationError, IexecError, ValidationError, WalletError
from iexec_lab.networks import ENS
from iexec_lab.protocol import NULL_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iexec_lab.client.jobs.again import Wish
    from iexec_lab.client.jobs.status import Clock, JobDeal
    from iexec_lab.client.side_by_side import Begun
    from iexec_lab.client.wallet_source import Wallet
    from iexec_lab.ethereum.ens import NameService
    from iexec_lab.ethereum.hub import Hub
    from iexec_lab.ethereum.rpc import Provider
    from iexec_lab.ethereum.transactions import Sender
    from iexec_lab.networks import Network
    from iexec_lab.protocol import Domain, Order
    from iexec_lab.services.compass import Compass
    from iexec_lab.services.ipfs import Ipfs
    from iexec_lab.services.market import Market
    from iexec_lab.services.sms import Sms
    from iexec_lab.wallet.gate import Gate, Place
    from iexec_lab.wallet.signer import Signer

T = TypeVar("T")
R = TypeVar("R")


class Session:
    """The shared half of an ``IExec``.

    Args:
        network: Where to work.
        wallet: Finds address and signer when they are first needed.
        folder: Project folder; ``.secrets`` and ``datasets`` are looked for in it.
        gas_price: wei per gas; None asks the node.
        confirms: Blocks to wait for after a transaction, at least 1.
        confirm: Asked with a Plan before anything is signed or spent; None says yes where RLC has no value.
        ask_secret: Asked for a password or a secret that was not given.
        note: Told what a person should know beside an answer; by default it goes to standard error.
        timeout: Seconds to wait for one answer of a node or a service.
        network_from: Why it is this network, for people.
    """

    def __init__(
        self,
        network: Network,
        wallet: Wallet,
        *,
        folder: Path | None = None,
        gas_price: int | None = None,
        confirms: int = 1,
        confirm: Callable[[Plan], bool] | None = None,
        ask_secret: Callable[[str], str] | None = None,
        note: Callable[[str], None] | None = None,
        timeout: float = 30,
        network_from: str = "as named",
    ) -> None:
        self.network = network
        self.wallet = wallet
        self.folder = folder or Path()
        self.gas_price = gas_price
        self.confirms = confirms
        self.confirm = confirm
        self.ask_secret = ask_secret
        self.note = note
        self.timeout = timeout
        self.network_from = network_from
        self.ledger = Ledger()
        self.deals_seen: dict[str, JobDeal] = {}
        self.wishes: dict[str, Wish] = {}  # of runs, by deal
        self.bulks_seen: dict[str, dict[int, list[str]]] = {}
        self.clocks: dict[object, Clock] = {}  # of jobs that somebody looked at, by what they are
        self.names_seen: dict[str, str] = {}  # of apps, datasets and workerpools, by address
        self.pools_asked: dict[str, float] = {}  # when it was asked who serves them, monotonic seconds
        self._on_chain = self._at_place = False

    @cached_property
    def rpc(self) -> Provider:
        from iexec_lab.ethereum.ahead import Ahead
        from iexec_lab.ethereum.connect import open_rpc

        return Ahead(open_rpc(self.network, timeout=self.timeout))

    @cached_property
    def hub(self) -> Hub:
        from iexec_lab.ethereum.hub import Hub

        return Hub(self.rpc, self.network.hub)

    @cached_property
    def place(self) -> Place:
        """Where the signatures of this session are valid."""
        from iexec_lab.wallet.gate import Place

        network = self.network
        return Place(
            network.name, network.id, to_address(network.hub), network.real_value, network.departures()
        )

    @cached_property
    def domain(self) -> Domain:
        """The EIP-712 domain of orders, by the network's own facts: no node is asked."""
        return self.place.domain

    @cached_property
    def registries(self) -> Mapping[str, str]:
        return self.hub.registries()

    @property
    def knows_registries(self) -> bool:
        """Whether ``registries`` were read already."""
        return "registries" in vars(self)

    @cached_property
    def token(self) -> str:
        """Address of the RLC token; the null address on a native chain.

        Raises:
            ConfigurationError: The node names a different one than the network has: amounts would be in
                another token.
        """
        said, known = self.hub.token(), self.network.rlc
        if known is not None and said != known:
            raise ConfigurationError(
                f"The RLC token of network {self.network.name} is {known}, but its node names another one",
                details={"the node says": said},
                hint="Nothing was signed. Check the host of the chain in chain.json.",
            )
        return said

    @property
    def address(self) -> str:
        """The wallet's address; the null address when there is no wallet. Never asks for a password."""
        return self.wallet.address or NULL_ADDRESS

    @property
    def own_address(self) -> str:
        """The wallet's address, where the null address would be a wrong answer.

        Raises:
            WalletError: There is no wallet.
        """
        if not self.wallet.address:
            raise WalletError(
                "Failed to load wallet address from keystore: Wallet file not found",
                hint=self.wallet.missing() or "Make a wallet: iexec-lab wallet create.",
            )
        return self.wallet.address

    def to_address(self, value: Any) -> str:
        """The EIP-55 form of an address, or the address that an ENS name means.

        Raises:
            ValidationError: It is not an address, or the name means nothing here.
        """
        if not isinstance(value, str) or not value.endswith(".eth") or not self.network.ens_registry:
            return to_address(value)
        found = self.ens.resolve(value)
        if found is None:
            raise ValidationError(f"Unable to resolve ENS {value}")
        return found

    @property
    def signer(self) -> Signer:
        """The unlocked wallet; everything to be signed goes through ``gate``.

        Raises:
            WalletError: There is none, or the password is wrong.
        """
        return self.wallet.signer(self.ask_secret or ask_in_terminal)

    @property
    def gate(self) -> Gate:
        """Signs for the wallet, at this network only; orders and transactions go through a ``Permit``.

        Raises:
            WalletError: As for ``signer``.
        """
        from iexec_lab.wallet.gate import Gate

        return Gate(
            self.signer,
            self.place,
            before_order=self.require_place,
            before_transaction=self.require_chain,
        )

    def require_chain(self) -> None:
        """Make sure that the node is on the network's chain; asked once.

        Raises:
            ConfigurationError: It is on another one.
            CallError: It does not answer.
        """
        if not self._on_chain:
            self.place.check_chain(self.rpc.chain_id)
            self._on_chain = True

    def require_place(self) -> None:
        """The same, and that the hub has the network's own EIP-712 domain; asked once, in one round trip.

        Raises:
            ConfigurationError: It is on another chain, or the hub has another domain.
            CallError: It does not answer.
        """
        if not self._at_place:
            chain_id, domain = self.hub.whereabouts()
            self.place.check_chain(chain_id)
            self.place.check_domain(domain)
            self._at_place = True

    def foresee_signing(self) -> None:
        """Let what ``require_place`` and ``require_chain`` ask come along with the next reads."""
        from iexec_lab.ethereum.ahead import expect

        if not self._at_place:
            expect(self.rpc, self.hub.whereabouts_requests())

    def foresee_sending(self, to: str, data: bytes = b"", value: int = 0) -> None:
        """Let what is asked before this transaction is sent come along with the next reads.

        Where RLC has value somebody is asked first, and everything is read anew then.
        """
        from iexec_lab.ethereum.transactions import Transaction, foresee

        if not (self.network.real_value or is_rehearsal()):
            self.foresee_signing()
            foresee(self.rpc, self.address, Transaction(to, data, value), free_gas=not self.network.use_gas)

    @cached_property
    def sender(self) -> Sender:
        """Sends for the wallet. Only a ``Permit`` uses it, and a permit needs a plan that was agreed to."""
        from iexec_lab.ethereum.transactions import Sender

        self.require_chain()
        return Sender(
            self.rpc,
            self.gate.for_transactions(),
            gas_price=self.gas_price,
            confirms=self.confirms,
            free_gas=not self.network.use_gas,
            no_funds=self.network.funding_hint,
        )

    @cached_property
    def market(self) -> Market:
        from iexec_lab.services.market import Market

        return Market(self.network.setting("iexecGateway"), self.network.id, timeout=self.timeout)

    @cached_property
    def ipfs(self) -> Ipfs:
        from iexec_lab.services.ipfs import Ipfs

        return Ipfs(self.network.setting("ipfsGateway"), self.network.ipfs_node, timeout=self.timeout)

    @cached_property
    def compass(self) -> Compass | None:
        from iexec_lab.services.compass import Compass

        return Compass(self.network.compass, timeout=self.timeout) if self.network.compass else None

    @cached_property
    def ens(self) -> NameService:
        """The names of the network.

        Raises:
            ConfigurationError: It has none.
        """
        from iexec_lab.ethereum.ens import NameService

        self.network.require(ENS)
        if not self.network.ens_registry:
            raise ConfigurationError("Network does not support ENS", hint="Give the address itself.")
        return NameService(self.rpc, self.network.ens_registry)

    def sms(self, framework: str | None = None) -> Sms:
        from iexec_lab.services.sms import Sms

        return Sms(self.network.sms_url(framework), timeout=self.timeout)

    def about(self) -> dict[str, Any]:
        """Where a frame's rows come from: its ``attrs``."""
        return {"chain": self.network.name, "chain_id": self.network.id, "contract": self.network.hub}

    def ask(self, prompt: str) -> str:
        """A secret typed by the user; never empty.

        Raises:
            AbortedError: Nobody is there to type it.
        """
        return typed(self.ask_secret or ask_in_terminal, prompt)

    def tell(self, text: str) -> None:
        """Say something beside the answer, such as what was so already."""
        if self.note is None:
            sys.stderr.write(f"{text}\n")
        else:
            self.note(text)

    def plan(
        self,
        action: str,
        *,
        cost_nrlc: int = 0,
        cost_wei: int | None = 0,
        signs: Iterable[Order] = (),
        **details: Any,
    ) -> Plan:
        """A plan of this session; ``signs`` are the orders that will be signed.

        Without ``cost_wei`` it sends no transaction; None means that the price is not known.
        """
        return Plan(action, self.place, cost_nrlc, cost_wei, details, tuple(signs))

    def gas_cost(self, to: str, data: bytes, value: int) -> int | None:
        """Wei that the gas of a transaction costs at today's price; None when the node cannot tell."""
        if not self.network.use_gas:
            return 0
        call = {"from": self.address, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
        try:
            gas, price = self.rpc.batch([("eth_estimateGas", [call]), ("eth_gasPrice", [])])
            return int(gas, 16) * (self.gas_price or int(price, 16))
        except (IexecError, TypeError, ValueError):
            return None

    @property
    def some_gas(self) -> int | None:
        """Wei for gas that nobody counted: None (not known), 0 on chains that take none."""
        return None if self.network.use_gas else 0

    def foresee_gas_price(self) -> None:
        """Let what ``price_of`` asks come along with the next reads."""
        from iexec_lab.ethereum.ahead import expect

        if self.network.use_gas and not self.gas_price:
            expect(self.rpc, [("eth_gasPrice", [])])

    def price_of(self, gas: int) -> int | None:
        """Wei that this much gas costs at today's price; None when the node cannot tell."""
        if not self.network.use_gas:
            return 0
        try:
            return gas * (self.gas_price or int(self.rpc.request("eth_gasPrice"), 16))
        except (IexecError, TypeError, ValueError):
            return None

    def begin(self, *works: Callable[[], T]) -> list[Begun[T]]:
        """Begin independent pieces of work in threads; each result is asked for where it is needed."""
        return side_by_side.begin(*works)

    def each(
        self, work: Callable[[T], R], items: Iterable[T], progress: Callable[[int, int], object] | None = None
    ) -> list[R]:
        """``work`` on every item in threads; results in order, the first error raised.

        ``progress`` is called in this thread, with how many are done and how many there are.
        """
        return side_by_side.each(work, items, progress)

    def together(self, *works: Callable[[], Any]) -> list[Any]:
        """Independent pieces of work in threads; results in order, the first error raised."""
        return self.each(lambda work: work(), works)
