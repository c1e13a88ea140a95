"""Reading the PoCo hub: protocol objects for ids, one round trip a question."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from iexec_lab.errors import CallError
from iexec_lab.ethereum.ahead import expect
from iexec_lab.ethereum.answers import HINT_NOT_A_NODE, to_int
from iexec_lab.ethereum.calls import Call, attempt, block_time, checked, read
from iexec_lab.ethereum.contracts import HUB, OWNABLE, REGISTRY
from iexec_lab.protocol.constants import NULL_ADDRESS
from iexec_lab.protocol.states import Account, Category, Contribution, Deal, Task
from iexec_lab.protocol.typed_data import Domain
from iexec_lab.protocol.values import to_address, to_bytes32, to_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iexec_lab.ethereum.abi import Function
    from iexec_lab.ethereum.rpc import Provider, Request
    from iexec_lab.protocol.order import Order


MOST_CATEGORIES = 1_000
"""More than any hub has; the node states how many there are to read."""


USUAL_CATEGORIES = range(5)
"""Those that every network has; asked for before a deal tells which one it is of."""

_REGISTRIES = (HUB.appregistry, HUB.datasetregistry, HUB.workerpoolregistry)
_RATIOS = (HUB.contribution_deadline_ratio, HUB.reveal_deadline_ratio, HUB.final_deadline_ratio)


class Ratios(NamedTuple):
    """Deadlines in units of a category's duration: after the match, and for reveal after the consensus."""

    contribution: int
    reveal: int
    final: int


class Hub:
    """One deployment of PoCo; ids are 0x text, amounts nRLC, times seconds since 1970.

    Every method raises CallError when the node cannot be asked. Unknown deals and tasks are all zeros, as
    in the contract: check ``.exists``.
    """

    def __init__(self, rpc: Provider, address: str) -> None:
        self.rpc = rpc
        self.address = to_address(address)
        self._categories: dict[int, Category] = {}

    def __repr__(self) -> str:
        return f"Hub({self.address!r})"

    def domain(self) -> Domain:
        """The EIP-712 domain of orders, as the node reports it."""
        return _domain(self._one(HUB.domain))

    def whereabouts(self) -> tuple[int, Domain]:
        """What the node says of itself in one round trip: chain id, and the domain of the hub."""
        chain_id, said = self.rpc.batch(self.whereabouts_requests())
        return to_int(checked(chain_id, "eth_chainId")), _domain(Call(self.address, HUB.domain).decode(said))

    def whereabouts_requests(self) -> list[Request]:
        """What ``whereabouts`` asks."""
        return [("eth_chainId", []), Call(self.address, HUB.domain).request()]

    def token(self) -> str:
        """The RLC token; the null address on a native chain."""
        return to_address(self._one(HUB.token))

    def registries(self) -> Mapping[str, str]:
        """Resource kind -> address of its registry; read once."""
        return self._registries

    @cached_property
    def _registries(self) -> Mapping[str, str]:
        found = read(self.rpc, [Call(self.address, function) for function in _REGISTRIES])
        return dict(zip(("app", "dataset", "workerpool"), map(to_address, found), strict=True))

    @cached_property
    def ratios(self) -> Ratios:
        return Ratios(*read(self.rpc, [Call(self.address, function) for function in _RATIOS]))

    def categories(self, indices: Iterable[int]) -> dict[int, Category]:
        """Categories by index, each read once: a hub never changes one."""
        wanted = list(indices)
        missing = [index for index in wanted if index not in self._categories]
        self._categories |= zip(missing, self.view_categories(missing), strict=True)
        return {index: self._categories[index] for index in wanted}

    def foresee_terms(self, *indices: int) -> None:
        """Let what never changes, the ratios and these categories, come along with the next reads.

        Without indices those that every network has, as long as none is known.
        """
        calls = [] if "ratios" in vars(self) else [Call(self.address, function) for function in _RATIOS]
        wanted = indices or (() if self._categories else USUAL_CATEGORIES)
        missing = [index for index in wanted if index not in self._categories]
        calls += [Call(self.address, HUB.viewCategory, (index,)) for index in missing]
        expect(self.rpc, [call.request() for call in calls])

    def foresee_registries(self) -> None:
        """The same for the addresses of the registries."""
        if "_registries" not in vars(self):
            expect(self.rpc, [Call(self.address, function).request() for function in _REGISTRIES])

    def foresee_account(self, address: str) -> None:
        """Let ``view_account`` come along with the next reads."""
        expect(self.rpc, [Call(self.address, HUB.viewAccount, (to_address(address),)).request()])

    def view_deal(self, deal_id: str) -> Deal:
        return self.view_deals([deal_id])[0]

    def view_deals(self, deal_ids: Iterable[str]) -> list[Deal]:
        return [Deal.from_abi(values) for values in self._many(HUB.viewDeal, map(_word, deal_ids))]

    def view_task(self, task_id: str) -> Task:
        return self.view_tasks([task_id])[0]

    def view_tasks(self, task_ids: Iterable[str]) -> list[Task]:
        return [Task.from_abi(values) for values in self._many(HUB.viewTask, map(_word, task_ids))]

    def view_contributions(self, tasks_and_workers: Iterable[tuple[str, str]]) -> list[Contribution]:
        calls = [
            Call(self.address, HUB.viewContribution, (_word(task), to_address(worker)))
            for task, worker in tasks_and_workers
        ]
        return [Contribution.from_abi(values) for values in read(self.rpc, calls)]

    def view_account(self, address: str) -> Account:
        return self.view_accounts([address])[0]

    def view_accounts(self, addresses: Iterable[str]) -> list[Account]:
        return [
            Account.from_abi(values) for values in self._many(HUB.viewAccount, map(to_address, addresses))
        ]

    def view_scores(self, workers: Iterable[str]) -> list[int]:
        return self._many(HUB.viewScore, map(to_address, workers))

    def view_category(self, index: int) -> Category:
        """CallError ("execution reverted") when there is no such category."""
        return self.view_categories([index])[0]

    def view_categories(self, indices: Iterable[int] | None = None) -> list[Category]:
        """The categories with these indices; all of them for None."""
        wanted = range(self._few_categories()) if indices is None else indices
        return [Category.from_abi(values) for values in self._many(HUB.viewCategory, wanted)]

    def count_category(self) -> int:
        return int(self._one(HUB.countCategory))

    def _few_categories(self) -> int:
        count = self.count_category()
        if count > MOST_CATEGORIES:
            raise CallError(
                f"The hub names {count} categories, more than {MOST_CATEGORIES}",
                details={"hub": self.address},
                hint=HINT_NOT_A_NODE,
            )
        return count

    def view_consumed(self, order_hashes: Iterable[str]) -> list[int]:
        """How much of each order's volume is used; all of it once the order is cancelled."""
        return self._many(HUB.viewConsumed, map(_word, order_hashes))

    def view_presigned(self, order_hashes: Iterable[str]) -> list[str]:
        """Who signed each order on chain; the null address for nobody."""
        return [to_address(owner) for owner in self._many(HUB.viewPresigned, map(_word, order_hashes))]

    def is_registered(self, kind: str, addresses: Iterable[str]) -> list[bool]:
        """Is each address an entry of the registry of its kind (app, dataset, workerpool)?"""
        registry = self.registries()[kind]
        calls = [Call(registry, REGISTRY.isRegistered, (to_address(address),)) for address in addresses]
        return read(self.rpc, calls)

    def kinds(self, address: str) -> list[str]:
        """The registries that know the address: one kind, or none."""
        wanted = to_address(address)
        calls = [Call(registry, REGISTRY.isRegistered, (wanted,)) for registry in self.registries().values()]
        return [kind for kind, known in zip(self.registries(), read(self.rpc, calls), strict=True) if known]

    def owners(self, addresses: Iterable[str]) -> list[str]:
        """Owner of each contract; CallError when one has no owner."""
        calls = [Call(to_address(address), OWNABLE.owner) for address in addresses]
        return [to_address(owner) for owner in read(self.rpc, calls)]

    def try_owners(self, addresses: Iterable[str]) -> list[str | None]:
        """Owner of each contract; None for an address that has no owner."""
        calls = [Call(to_address(address), OWNABLE.owner) for address in addresses]
        found = attempt(self.rpc, calls)
        return [None if isinstance(owner, CallError) else to_address(owner) for owner in found]

    def verify_signatures(self, claims: Iterable[tuple[str, str, str]]) -> list[bool]:
        """Does the hub take each (signer, hash, signature)? A presigned hash needs no signature (``0x``)."""
        calls = [
            Call(
                self.address,
                HUB.verifyPresignatureOrSignature,
                (to_address(signer), _word(digest), bytes.fromhex(to_signature(signature)[2:])),
            )
            for signer, digest, signature in claims
        ]
        return [verdict is True for verdict in attempt(self.rpc, calls)]

    def compute_deal_volume(self, app: Order, dataset: Order, workerpool: Order, request: Order) -> int:
        """How many tasks these orders have volume left for; whether they match is not checked."""
        return int(self._orders(HUB.computeDealVolume, (app, dataset, workerpool, request)))

    def try_match(self, app: Order, dataset: Order, workerpool: Order, request: Order, *, sender: str) -> str:
        """The id that the deal would have if ``sender`` matched these orders now; nothing is sent.

        Raises:
            CallError: The orders do not match; ``reason`` is the contract's, the hint says what it means.
        """
        return to_bytes32(self._orders(HUB.matchOrders, (app, dataset, workerpool, request), sender))

    def check_dataset_compatibility(self, dataset: Order, deal_id: str) -> None:
        """Raise CallError, with the reason, when a running deal without dataset cannot use this order."""
        read(
            self.rpc,
            [Call(self.address, HUB.assertDatasetDealCompatibility, (dataset.to_tuple(), _word(deal_id)))],
        )

    def now(self) -> int:
        """The chain's clock, seconds since 1970; deadlines are compared with it."""
        return block_time(self.rpc)

    @property
    def chain_id(self) -> int:
        return self.rpc.chain_id

    def is_native(self) -> bool:
        """Is RLC the coin of this chain?"""
        return self.token() == NULL_ADDRESS

    def _one(self, function: Function) -> Any:
        return read(self.rpc, [Call(self.address, function)])[0]

    def _orders(self, function: Function, orders: tuple[Order, ...], sender: str | None = None) -> Any:
        tuples = tuple(order.to_tuple() for order in orders)
        return read(self.rpc, [Call(self.address, function, tuples, sender)])[0]

    def _many(self, function: Function, arguments: Iterable[Any]) -> list[Any]:
        return read(self.rpc, [Call(self.address, function, (argument,)) for argument in arguments])


def _domain(said: tuple[str, str, int, str]) -> Domain:
    name, version, chain_id, contract = said
    return Domain(chain_id, contract, name, version)


def _word(text: str) -> bytes:
    return bytes.fromhex(to_bytes32(text)[2:])
