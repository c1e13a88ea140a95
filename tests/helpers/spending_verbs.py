"""Every verb that signs or spends: how to bring it about, and what it must sign and send.

``ACTIONS`` is the table; ``tests/client/test_asking.py`` compares it with the verbs there are.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from helpers.labs import CHECKSUM, IMAGE, forward, fund, network_of
from helpers.scripted import answer, contract, load, place, store
from helpers.stood_in import MAIN, SIDE, bridge_code, ens_code
from helpers.stood_in import REGISTRY as ENS
from helpers.waiting import until

from iexec_lab.client.iexec import connect
from iexec_lab.errors import IexecError
from iexec_lab.ethereum.contracts import (
    APP_REGISTRY,
    DATASET_REGISTRY,
    ENS_REGISTRAR,
    ENS_REGISTRY,
    ENS_RESOLVER,
    ENS_REVERSE_REGISTRAR,
    HUB,
    REGISTRY,
    RLC,
    VOUCHER,
    VOUCHER_HUB,
    WORKERPOOL_REGISTRY,
)
from iexec_lab.ethereum.ens import name_hash, reverse_name
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.networks import Bridge
from iexec_lab.protocol import CLOSE, ORDERS, app_arguments, dataset_arguments, labelhash
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = {
    "app": lambda: {"name": unique(), "multiaddr": IMAGE, "checksum": CHECKSUM},
    "dataset": lambda: (
        {"name": unique(), "multiaddr": "/ipfs/QmWRbJZJxKaMfbqTTvYYHfUFZHdxMcVRNwmQ3t4pMmcnuB"}
        | {"checksum": CHECKSUM}
    ),
    "workerpool": lambda: {"description": unique()},
}

GUEST = LocalSigner("0x" + "22" * 32).address


VOUCHERS, VOUCHER_OF_US = "0x" + "56" * 20, "0x" + "57" * 20


FILES = {"dataset.encrypt", "result.decrypt", "result.generate_encryption_keypair"}
"""Verbs whose ``force`` is about files that are replaced."""


BUDGETED = {
    *("account.approve", "app.run", "app.request_execution", "order.fill", "order.sign"),
    *("wallet.bridge_to_mainchain", "wallet.bridge_to_sidechain", "wallet.send_rlc", "wallet.sweep"),
}
"""Verbs that give RLC away, or the right to take it: a budget of nothing refuses them."""


class Recorder:
    """A signer that writes down what it signs; without ``sign_digest``, so that it sees every field."""

    def __init__(self):
        self._key = LocalSigner.generate()
        self.address = self._key.address
        self.orders, self.logins, self.secrets, self.sent = [], [], [], []

    def sign_typed_data(self, domain, types, message):
        (self.logins if "Challenge" in types else self.orders).append((domain, message))
        return self._key.sign_typed_data(domain, types, message)

    def sign_message(self, data):
        self.secrets.append(data)
        return self._key.sign_message(data)

    def sign_transaction(self, transaction):
        self.sent.append(transaction)
        return self._key.sign_transaction(transaction)

    def forget(self):
        self.orders, self.logins, self.secrets, self.sent = [], [], [], []

    @property
    def nothing(self):
        return not (self.orders or self.logins or self.secrets or self.sent)


@dataclass
class Stage:
    """Two sandboxes, taken for networks with value, and a wallet that owns something of everything."""

    token: Any
    native: Any
    folder: Any
    signer: Recorder = field(default_factory=Recorder)

    def __post_init__(self):
        for handle in (self.token, self.native):
            fund(handle, self.signer.address, nrlc=10**13, wei=10**19)
        rpc = Rpc(self.token.urls["rpc"])
        place(rpc, ENS, ens_code(self.signer.address))
        place(rpc, MAIN, bridge_code_of(1))
        place(Rpc(self.native.urls["rpc"]), SIDE, bridge_code_of(10**9))
        place(rpc, VOUCHERS, contract({VOUCHER_HUB.getVoucher: answer("address", VOUCHER_OF_US)}))
        allowed = 1 << 200
        place(
            rpc,
            VOUCHER_OF_US,
            contract(
                {
                    VOUCHER.isAccountAuthorized: load(allowed),
                    VOUCHER.authorizeAccount: store(allowed, b"\x60\x01"),
                    VOUCHER.unauthorizeAccount: store(allowed, b"\x60\x00"),
                }
            ),
        )
        lab = self.lab(lambda _: True)
        for name in ("users.iexec.eth", "pools.iexec.eth", "addr.reverse"):
            lab.session.sender.send(ENS, ENS_REGISTRY.setOwner.encode(name_hash(name), ENS))
        reverse = name_hash(reverse_name(self.signer.address))
        lab.session.sender.send(ENS, ENS_REGISTRY.setResolver.encode(reverse, ENS))
        lab.account.deposit("1000 RLC", force=True)
        self.app = lab.app.deploy(unique(), IMAGE, CHECKSUM)
        self.pool = lab.workerpool.deploy(unique())
        self.pool_of_sandbox = self.token.workerpool
        self.seller = connect(self.token, LocalSigner(self.token.users[0].key))
        self.sold = {}
        for kind, price in (("app", 700), ("dataset", 11)):
            self.sold[kind] = getattr(self.seller, kind).deploy(**VALUES[kind]())
            getattr(self.seller, kind).publish(self.sold[kind], price=price, volume=100)
        self.signer.forget()

    def lab(self, confirm=None, *, native=False, **changes):
        handle = self.native if native else self.token
        network = replace(network_of(handle), real_value=True, unsupported=frozenset(), **changes)
        if native:
            network = replace(network, bridge=Bridge(SIDE, 1))
        else:
            network = replace(network, bridge=Bridge(MAIN, 134), ens_registry=ENS, ens_resolver=ENS)
            network = replace(network, voucher_hub=VOUCHERS)
        return connect(network, self.signer, project=self.folder, confirm=confirm)

    def made(self, work):
        """What a free hand does beforehand; the recorder forgets it."""
        value = work(self.lab(lambda _: True))
        self.signer.forget()
        return value


def bridge_code_of(scale):
    from iexec_lab.ethereum.contracts import BRIDGE_EVENTS

    event = BRIDGE_EVENTS.RelayedMessage if scale == 1 else BRIDGE_EVENTS.AffirmationCompleted
    return bridge_code(event, least=scale, most=10**6 * scale, daily=10**9 * scale)


def unique():
    return f"asking-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Action:
    """A verb that asks.

    Attributes:
        name: What the plan calls it.
        prepare: Gives the call: a function of lab and options.
        calls: From stage and plan the transactions that may be sent: (to, data, value). Written from what the
            plan shows, so that what was shown is compared with what is signed.
        orders: How many orders it signs.
        logs_in: It logs in to the market.
        native: It is tried where RLC is the coin.
        secrets: How many secrets it gives to the SMS.
    """

    name: str
    prepare: Callable[[Stage], Callable[..., Any]]
    calls: Callable[[Stage, Any], list[tuple[str, bytes, int]]] = lambda _stage, _plan: []
    orders: int = 0
    logs_in: bool = False
    native: bool = False
    secrets: int = 0


def plain(call):
    """An action that needs nothing beforehand."""
    return lambda _stage: call


def terms(kind, plan):
    """An order as the plan shows it, without salt and signature."""
    shown = {name.removesuffix("_nrlc"): value for name, value in plan.details.items()}
    return {name: str(shown[name]) for name in ORDERS[kind].layout}


def deploying(kind):
    return lambda _stage: lambda lab, **more: getattr(lab, kind).deploy(**VALUES[kind](), **more)


def created(stage, plan):
    shown = plan.details
    kind = plan.action.split()[0]
    if kind == "app":
        data = APP_REGISTRY.createApp.encode(
            *app_arguments(dict(shown), frameworks=("scone", "gramine", "tdx"))
        )
    elif kind == "dataset":
        data = DATASET_REGISTRY.createDataset.encode(*dataset_arguments(dict(shown)))
    else:
        data = WORKERPOOL_REGISTRY.createWorkerpool.encode(shown["owner"], shown["description"])
    return [(shown["registry"], data, 0)]


def asset(kind, use):
    """Deploys one first; ``use(lab, address, **options)`` is the call."""

    def prepare(stage):
        address = stage.made(lambda lab: getattr(lab, kind).deploy(**VALUES[kind]()))
        return lambda lab, **more: use(lab, address, **more)

    return prepare


def selling_a_file(stage):
    file = stage.folder / f"{unique()}.csv"
    file.write_text(file.name)
    return lambda lab, **more: lab.dataset.publish_file(file, price=9, volume=3, **more)


def published(kind, use):
    """Publishes an order about a new asset first; ``use(lab, address, hash, **options)`` is the call."""

    def prepare(stage):
        def work(lab):
            address = getattr(lab, kind).deploy(**VALUES[kind]())
            more = {"category": 4} if kind == "workerpool" else {}
            return address, getattr(lab, kind).publish(address, **more)

        address, order_hash = stage.made(work)
        return lambda lab, **more: use(lab, address, order_hash, **more)

    return prepare


def transferred(stage, plan):
    kind = plan.action.split()[0]
    thing = plan.details[kind]
    data = REGISTRY.safeTransferFrom.encode(stage.signer.address, plan.details["to"], int(thing, 16))
    return [(stage.lab().session.registries[kind], data, 0)]


def signed_app_order(stage):
    return stage.made(lambda lab: lab.order.sign("app", app=stage.app, appprice=5))


def publishing(stage):
    order = signed_app_order(stage)
    return lambda lab, **more: lab.order.publish(order, **more)


def canceling(stage):
    order = signed_app_order(stage)

    def cancel(lab, **more):
        return lab.order.cancel(order, **more)

    stage.canceled = order
    return cancel


def closed(stage, plan):
    order = stage.canceled
    assert {name: str(getattr(order, name)) for name in order.layout} == terms("apporder", plan)
    return [(plan.place.hub, HUB.manageAppOrder.encode((order.to_tuple(), CLOSE, b"")), 0)]


def running(stage):
    return lambda lab, **more: lab.app.run(
        stage.sold["app"],
        dataset=stage.sold["dataset"],
        workerpool=stage.pool_of_sandbox,
        args="hello",
        volume=2,
        **more,
    )


def filling(stage):
    app = stage.seller.order.sign("app", app=stage.sold["app"], appprice=700, volume=5)
    data = stage.seller.order.sign("dataset", dataset=stage.sold["dataset"], datasetprice=11, volume=5)
    pool = stage.made(
        lambda lab: lab.order.sign(
            "workerpool", workerpool=stage.pool, workerpoolprice=30, category=0, volume=5
        )
    )
    return lambda lab, **more: lab.order.fill(
        app, pool, datasetorder=data, params={"iexec_args": "x"}, **more
    )


def matched(stage, plan):
    """The one deal: the limits of the request are the prices that were shown, and those that were offered."""
    shown, kinds = plan.details, ("apporder", "datasetorder", "workerpoolorder", "requestorder")
    [sent] = stage.signer.sent
    tuples = HUB.matchOrders.decode_input(bytes.fromhex(sent["data"][2:]))
    orders = {
        kind: dict(zip((*ORDERS[kind].layout, "salt", "sign"), values, strict=True))
        for kind, values in zip(kinds, tuples, strict=True)
    }
    request = orders["requestorder"]
    for kind in ("app", "dataset", "workerpool"):
        offered = orders[f"{kind}order"]
        assert offered[f"{kind}price"] == request[f"{kind}maxprice"] == shown[f"{kind}_price_nrlc"] > 0
        assert offered[kind] == request[kind] == shown[kind].lower()
    assert request["volume"] == shown["tasks"]
    cost = sum(request[f"{kind}maxprice"] for kind in ("app", "dataset", "workerpool")) * request["volume"]
    assert plan.cost_nrlc == plan.most_nrlc == cost
    return [(plan.place.hub, HUB.matchOrders.encode(*tuples), 0)]


def late(stage, price=0):
    """A deal that nobody works on, and whose time is up."""

    def work(lab):
        pool = lab.order.sign("workerpool", workerpool=stage.pool, category=0, volume=5)
        app = lab.order.sign("app", app=stage.app, appprice=price, volume=5)
        return lab.order.fill(app, pool, params={"iexec_args": "x"})

    job = stage.made(work)
    forward(stage.token, 86_400)
    return job


def claiming_deal(stage):
    stage.late = late(stage)
    return lambda lab, **more: lab.deal.claim(stage.late.deal_id, **more)


def claiming_task(stage):
    stage.late = late(stage)

    def claim(lab, **more):
        lab.job(stage.late.deal_id)  # the chain alone knows no task that nobody began
        return lab.task.claim(stage.late.task_ids[0], **more)

    return claim


def claiming_all(stage):
    stage.made(lambda lab: suppressed(lab.deal.claim_all))
    stage.late = late(stage, price=3)
    until(lambda: stage.late.deal_id in set(stage.lab().jobs(stage.signer.address, all=True)["deal_id"]))
    return lambda lab, **more: lab.deal.claim_all(**more)


def claimed_all(stage, plan):
    assert (plan.details["deals"], plan.details["tasks"]) == (stage.late.deal_id, 1)
    assert plan.details["claimed_nrlc"] == 3
    deal = bytes.fromhex(plan.details["deals"][2:])
    return [(plan.place.hub, HUB.initializeAndClaimArray.encode([deal], [0]), 0)]


def claimed(stage, plan):
    named = plan.details.get("deal") or stage.late.deal_id
    assert named == stage.late.deal_id
    assert plan.details.get("task", stage.late.task_ids[0]) == stage.late.task_ids[0]
    return [(plan.place.hub, HUB.initializeAndClaimArray.encode([bytes.fromhex(named[2:])], [0]), 0)]


def category(stage):
    """Only the hub's owner may: the recorder is made that for the moment."""
    hub = network_of(stage.token).hub
    rpc = Rpc(stage.token.urls["rpc"])
    owner = stage.lab().session.hub.rpc.request(
        "eth_call", {"to": hub, "data": "0x" + HUB.owner.encode().hex()}, "latest"
    )
    stage.owner = "0x" + owner[-40:]
    rpc.request("anvil_impersonateAccount", stage.owner)
    rpc.request("anvil_setBalance", stage.owner, hex(10**18))
    data = "0x" + bytes.fromhex("f2fde38b").hex() + stage.signer.address[2:].lower().rjust(64, "0")
    sent = rpc.request("eth_sendTransaction", {"from": stage.owner, "to": hub, "data": data})
    until(lambda: rpc.request("eth_getTransactionReceipt", sent))
    return lambda lab, **more: lab.category.create("name", "description", 60, **more)


def categorised(stage, plan):
    shown = plan.details
    data = HUB.createCategory.encode(shown["name"], shown["description"], shown["workClockTimeRef"])
    return [(plan.place.hub, data, 0)]


def naming(stage):
    label = unique()
    return lambda lab, **more: lab.ens.register(label, **more)


def named(stage, plan):
    name, address = plan.details["name"], plan.details["address"]
    node = name_hash(name)
    label = bytes.fromhex(labelhash(name.partition(".")[0])[2:])
    return [
        (ENS, ENS_REGISTRAR.register.encode(label, stage.signer.address), 0),
        (ENS, ENS_REGISTRY.setResolver.encode(node, ENS), 0),
        (ENS, ENS_RESOLVER.setAddr.encode(node, address), 0),
        (ENS, ENS_REVERSE_REGISTRAR.setName.encode(name), 0),
    ]


def text_of_a_name(use):
    def prepare(stage):
        name = f"{unique()}.users.iexec.eth"
        stage.made(lambda lab: lab.ens.register(name.partition(".")[0]))
        return lambda lab, **more: use(lab, name, **more)

    return prepare


def texted(_stage, plan):
    shown = plan.details
    return [(ENS, ENS_RESOLVER.setText.encode(name_hash(shown["name"]), shown["key"], shown["value"]), 0)]


def registered_name(stage):
    name = f"{unique()}.users.iexec.eth"
    node = name_hash(name)
    stage.made(
        lambda lab: lab.session.sender.send(ENS, ENS_REGISTRY.setOwner.encode(node, stage.signer.address))
    )
    return lambda lab, **more: lab.ens.configure_resolution(name, **more)


def authorizing(stage):
    stage.made(lambda lab: suppressed(lambda: lab.voucher.revoke(GUEST)))
    return lambda lab, **more: lab.voucher.authorize(GUEST, **more)


def revoking(stage):
    stage.made(lambda lab: suppressed(lambda: lab.voucher.authorize(GUEST)))
    return lambda lab, **more: lab.voucher.revoke(GUEST, **more)


def suppressed(work):
    with suppress(IexecError):
        work()


def voucher(function):
    return lambda _stage, plan: [(plan.details["voucher"], function.encode(plan.details["account"]), 0)]


def token_of(stage):
    return stage.lab().session.token


def deposited(stage, plan):
    data = RLC.approveAndCall.encode(plan.place.hub, plan.details["amount_nrlc"], b"")
    assert plan.cost_nrlc == plan.details["amount_nrlc"]
    return [(token_of(stage), data, 0)]


def approved(_stage, plan):
    data = HUB.approve.encode(plan.details["spender"], plan.details["amount_nrlc"])
    return [(plan.place.hub, data, 0)]


def sent_rlc(stage, plan):
    assert plan.cost_nrlc == plan.details["amount_nrlc"]
    return [(token_of(stage), RLC.transfer.encode(plan.details["to"], plan.cost_nrlc), 0)]


def swept(stage, plan):
    data = RLC.transfer.encode(plan.details["to"], plan.cost_nrlc)
    return [(token_of(stage), data, 0), (plan.details["to"], b"", ...)]


def bridged(stage, plan):
    if plan.action.endswith("mainchain"):
        return [(plan.details["bridge"], b"", plan.cost_nrlc * 10**9)]
    return [(token_of(stage), RLC.transfer.encode(plan.details["bridge"], plan.cost_nrlc), 0)]


ACTIONS: dict[str, Action] = {
    "account.deposit": Action(
        "account deposit", plain(lambda lab, **m: lab.account.deposit(7, **m)), deposited
    ),
    "account.withdraw": Action(
        "account withdraw",
        plain(lambda lab, **m: lab.account.withdraw(7, **m)),
        lambda _, plan: [(plan.place.hub, HUB.withdraw.encode(plan.details["amount_nrlc"]), 0)],
    ),
    "account.approve": Action(
        "account approve", plain(lambda lab, **m: lab.account.approve(7, GUEST, **m)), approved
    ),
    "account.revoke": Action(
        "account revoke", plain(lambda lab, **m: lab.account.revoke(GUEST, **m)), approved
    ),
    **{
        f"{kind}.deploy": Action(f"{kind} deploy", deploying(kind), created)
        for kind in ("app", "dataset", "workerpool")
    },
    **{
        f"{kind}.publish": Action(
            f"{kind} publish",
            asset(
                kind,
                lambda lab, address, kind=kind, **m: getattr(lab, kind).publish(
                    address, **({"category": 1} if kind == "workerpool" else {}), price=9, volume=3, **m
                ),
            ),
            orders=1,
            logs_in=True,
        )
        for kind in ("app", "dataset", "workerpool")
    },
    **{
        f"{kind}.unpublish": Action(
            f"{kind} unpublish",
            published(
                kind, lambda lab, address, _, kind=kind, **m: getattr(lab, kind).unpublish(address, **m)
            ),
            logs_in=True,
        )
        for kind in ("app", "dataset", "workerpool")
    },
    **{
        f"{kind}.transfer": Action(
            f"{kind} transfer",
            asset(
                kind, lambda lab, address, kind=kind, **m: getattr(lab, kind).transfer(address, GUEST, **m)
            ),
            transferred,
        )
        for kind in ("app", "dataset", "workerpool")
    },
    "dataset.publish_file": Action(
        "dataset publish-file", selling_a_file, created, orders=1, logs_in=True, secrets=1
    ),
    "app.run": Action("app run", running, matched, orders=1),
    "app.request_execution": Action(
        "app request-execution",
        lambda stage: (
            lambda lab, **m: lab.app.request_execution(
                stage.sold["app"], app_price=700, workerpool_price=4, volume=2, **m
            )
        ),
        orders=1,
        logs_in=True,
    ),
    "order.sign": Action(
        "order sign",
        lambda stage: (
            lambda lab, **m: lab.order.sign(
                "request", app=stage.app, appmaxprice=3, workerpoolmaxprice=4, volume=2, category=0, **m
            )
        ),
        orders=1,
    ),
    "order.publish": Action(
        "order publish",
        publishing,
        logs_in=True,
    ),
    "order.unpublish": Action(
        "order unpublish",
        published("app", lambda lab, _, order_hash, **m: lab.order.unpublish("app", order_hash, **m)),
        logs_in=True,
    ),
    "order.unpublish_last": Action(
        "order unpublish",
        published("app", lambda lab, address, _, **m: lab.order.unpublish_last("app", address, **m)),
        logs_in=True,
    ),
    "order.unpublish_all": Action(
        "order unpublish",
        published("app", lambda lab, address, _, **m: lab.order.unpublish_all("app", address, **m)),
        logs_in=True,
    ),
    "order.cancel": Action("order cancel", canceling, closed),
    "order.fill": Action("order fill", filling, matched, orders=1),
    "deal.claim": Action("deal claim", claiming_deal, claimed),
    "deal.claim_all": Action("deal claim", claiming_all, claimed_all),
    "task.claim": Action("task claim", claiming_task, claimed),
    "category.create": Action("category create", category, categorised),
    "wallet.send_ether": Action(
        "wallet send-ether",
        plain(lambda lab, **m: lab.wallet.send_ether(7, "wei", to=GUEST, **m)),
        lambda _, plan: [(plan.details["to"], b"", plan.details["amount_wei"])],
    ),
    "wallet.send_rlc": Action(
        "wallet send-RLC", plain(lambda lab, **m: lab.wallet.send_rlc(7, "nRLC", to=GUEST, **m)), sent_rlc
    ),
    "wallet.bridge_to_sidechain": Action(
        "wallet bridge-to-sidechain",
        plain(lambda lab, **m: lab.wallet.bridge_to_sidechain(7, wait=False, **m)),
        bridged,
    ),
    "wallet.bridge_to_mainchain": Action(
        "wallet bridge-to-mainchain",
        plain(lambda lab, **m: lab.wallet.bridge_to_mainchain(7, wait=False, **m)),
        bridged,
        native=True,
    ),
    "voucher.authorize": Action("voucher authorize", authorizing, voucher(VOUCHER.authorizeAccount)),
    "voucher.revoke": Action("voucher revoke", revoking, voucher(VOUCHER.unauthorizeAccount)),
    "ens.register": Action("ens register", naming, named),
    "ens.configure_resolution": Action(
        "ens configure", registered_name, lambda stage, plan: named(stage, plan)[1:]
    ),
    "ens.set_text": Action(
        "ens set-text", text_of_a_name(lambda lab, name, **m: lab.ens.set_text(name, "k", "v", **m)), texted
    ),
    "ens.set_workerpool_url": Action(
        "workerpool set-api-url",
        text_of_a_name(lambda lab, _, **m: lab.ens.set_workerpool_url(lab.session.address, "http://p", **m)),
        texted,
    ),
    "workerpool.set_api_url": Action(
        "workerpool set-api-url",
        text_of_a_name(lambda lab, _, **m: lab.workerpool.set_api_url("http://p", lab.session.address, **m)),
        texted,
    ),
    # The last, since it leaves nothing.
    "wallet.sweep": Action("wallet sweep", plain(lambda lab, **m: lab.wallet.sweep(to=GUEST, **m)), swept),
}
