"""A market small enough to hold in one hand: PoCo on a node of the tests' own, an app, a pool, a worker."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from iexec_lab.ethereum.contracts import (
    APP_REGISTRY,
    DATASET_REGISTRY,
    ERC721_EVENTS,
    EVENTS,
    HUB,
    WORKERPOOL_REGISTRY,
)
from iexec_lab.ethereum.hub import Hub
from iexec_lab.ethereum.transactions import Sender
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    authorization_hash,
    result_hash,
    result_seal,
    task_id,
    to_address,
)
from iexec_lab.sandbox.chain.accounts import well_known_accounts

if TYPE_CHECKING:
    from iexec_lab.ethereum.rpc import Rpc

DIGEST = b"\x07" * 32
_names = count()


def word(text):
    return bytes.fromhex(text[2:])


@dataclass
class World:
    """``user`` owns app and dataset and pays, ``pool_owner`` schedules, ``worker`` and ``other`` work."""

    rpc: Rpc
    genesis: object
    app: str = field(init=False)

    def __post_init__(self):
        self.hub = Hub(self.rpc, self.genesis.hub)
        self.domain = self.hub.domain()
        people = [account.signer for account in well_known_accounts().users]
        self.user, self.pool_owner, self.worker, self.other = people[:4]
        self.app = self.create("app", self.user, APP_REGISTRY.createApp, "DOCKER", b"image", bytes(32), b"")
        self.dataset = self.create("dataset", self.user, DATASET_REGISTRY.createDataset, b"file", bytes(32))
        self.workerpool = self.create("workerpool", self.pool_owner, WORKERPOOL_REGISTRY.createWorkerpool)

    def sender(self, signer):
        return Sender(self.rpc, signer, timeout=60)

    def send(self, signer, function, *args):
        return self.sender(signer).send(self.hub.address, function.encode(*args))

    def create(self, kind, owner, function, *rest):
        registry = self.hub.registries()[kind]
        data = function.encode(owner.address, f"{kind} {next(_names)}", *rest)
        receipt = self.sender(owner).send(registry, data)
        [transfer] = receipt.events(ERC721_EVENTS.Transfer, registry)
        return to_address(transfer["tokenId"].to_bytes(20, "big"))

    def orders(self, *, volume=1, dataset=False, app=None, pool=None, request=None, sold=None):
        """Signed orders that match, but for what the arguments change: app, dataset, workerpool, request."""
        app_order = AppOrder(app=self.app, appprice=10, volume=volume)
        dataset_order = DatasetOrder(dataset=self.dataset, datasetprice=20, volume=volume)
        pool_order = WorkerpoolOrder(
            workerpool=self.workerpool, workerpoolprice=100, volume=volume, category=0
        )
        request_order = RequestOrder(
            app=self.app,
            appmaxprice=10,
            dataset=self.dataset if dataset else NULL_ADDRESS,
            datasetmaxprice=20,
            workerpool=NULL_ADDRESS,
            workerpoolmaxprice=100,
            requester=self.user.address,
            volume=volume,
            category=0,
            beneficiary=self.user.address,
            params="{}",
        )
        return (
            replace(app_order, **(app or {})).sign(self.domain, self.user),
            replace(dataset_order, **(sold or {})).sign(self.domain, self.user)
            if dataset
            else NULL_DATASET_ORDER,
            replace(pool_order, **(pool or {})).sign(self.domain, self.pool_owner),
            replace(request_order, **(request or {})).sign(self.domain, self.user),
        )

    def match(self, orders, signer=None):
        """Deal id and number of tasks."""
        data = HUB.matchOrders.encode(*(order.to_tuple() for order in orders))
        receipt = self.sender(signer or self.other).send(self.hub.address, data)
        [matched] = receipt.events(EVENTS.OrdersMatched, self.hub.address)
        return "0x" + matched["dealid"].hex(), matched["volume"]

    def task(self, *, initialize=True, **changes):
        """A new deal's only task."""
        deal, _ = self.match(self.orders(**changes))
        if initialize:
            self.send(self.other, HUB.initialize, word(deal), 0)
        return task_id(deal, 0)

    def contribution(self, task, worker, digest=DIGEST):
        """Arguments of ``contribute``."""
        authorization = self.pool_owner.sign_message(authorization_hash(worker.address, task, NULL_ADDRESS))
        return (
            word(task),
            result_hash(task, digest),
            result_seal(worker.address, task, digest),
            NULL_ADDRESS,
            b"",
            word(authorization),
        )

    def contribute(self, task, worker, digest=DIGEST):
        return self.send(worker, HUB.contribute, *self.contribution(task, worker, digest))

    def pass_time(self, seconds):
        self.rpc.request("evm_increaseTime", hex(seconds))
        self.rpc.request("evm_mine")
