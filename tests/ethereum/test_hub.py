from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer
from helpers.poco_world import word

from iexec_lab.errors import CallError
from iexec_lab.ethereum.ahead import Ahead, one_look
from iexec_lab.ethereum.calls import Call, attempt, block_time, call, has_code, read
from iexec_lab.ethereum.contracts import APP, ERC721_EVENTS, EVENTS, HUB, OWNABLE, REGISTRY, RLC, WORKERPOOL
from iexec_lab.ethereum.hub import Hub
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import NULL_ADDRESS, SIGN, to_address

UNKNOWN = "0x" + "ab" * 32


def test_the_domain_is_the_one_that_the_contract_stores(world):
    stored = call(world.rpc, world.hub.address, HUB.eip712domain_separator)
    assert world.hub.domain().separator() == stored
    assert world.hub.domain().verifying_contract == world.hub.address


def test_where_things_are(world):
    assert world.hub.registries() == world.genesis.registries
    assert world.hub.token() == world.genesis.rlc
    assert not world.hub.is_native()
    assert world.hub.ratios == (7, 2, 10)
    assert world.hub.chain_id == 65535


def test_a_deal_is_what_was_matched(world):
    orders = world.orders(volume=3, dataset=True)
    before = world.hub.view_account(world.user.address)
    deal_id, volume = world.match(orders)
    deal = world.hub.view_deal(deal_id)
    assert deal.exists
    assert volume == deal.bot_size == 3
    assert (deal.app.pointer, deal.dataset.pointer, deal.workerpool.pointer) == (
        world.app,
        world.dataset,
        world.workerpool,
    )
    assert deal.task_price == 130
    assert deal.requester == deal.sponsor == world.user.address
    after = world.hub.view_account(world.user.address)
    assert (after.stake, after.locked) == (before.stake - 390, before.locked + 390)
    hashes = [order.hash(world.domain) for order in orders]
    assert world.hub.view_consumed(hashes) == [3, 3, 3, 3]


def test_unknown_ids_are_zeros(world):
    assert not world.hub.view_deal(UNKNOWN).exists
    assert not world.hub.view_task(UNKNOWN).exists
    assert world.hub.view_consumed([UNKNOWN]) == [0]
    assert world.hub.view_presigned([UNKNOWN]) == [NULL_ADDRESS]


def test_a_deal_of_100_tasks_takes_a_handful_of_round_trips(world):
    deal_id, _ = world.match(world.orders(volume=100))
    with FaultyServer(upstream=world.rpc.url) as proxy:
        hub = Hub(Rpc(proxy.url), world.hub.address)
        deal = hub.view_deal(deal_id)
        tasks = hub.view_tasks(deal.task_ids(deal_id))
        hub.view_category(deal.category)
        assert len(tasks) == 100
        assert len(proxy.requests) == 3


def test_what_never_changes_is_read_once_and_along_with_other_reads(world):
    deal_id, _ = world.match(world.orders())
    with FaultyServer(upstream=world.rpc.url) as proxy:
        hub = Hub(Ahead(Rpc(proxy.url)), world.hub.address)
        with one_look():
            hub.foresee_terms()
            hub.foresee_registries()
            assert hub.view_deal(deal_id).exists
            assert len(proxy.requests) == 1
            assert hub.categories([1, 0])[1] == world.hub.view_category(1)
            assert (hub.ratios, hub.registries()) == (world.hub.ratios, world.hub.registries())
            assert len(proxy.requests) == 1
            hub.foresee_terms()  # all that is usual is known
            hub.foresee_terms(1)
            hub.foresee_registries()
            hub.view_deal(deal_id)
            assert isinstance(proxy.requests[-1].json(), dict)  # no batch: nothing came along
        assert list(hub.categories([1, 0])) == [1, 0]
        assert hub.categories([]) == {}
        assert len(proxy.requests) == 2
        with pytest.raises(CallError, match="reverted"):
            hub.categories([0, 9])


def test_categories(world):
    assert world.hub.count_category() == 5
    categories = world.hub.view_categories()
    assert [(each.name, each.work_clock_time_ref) for each in categories][:2] == [("XS", 300), ("S", 1200)]
    with pytest.raises(CallError) as caught:
        world.hub.view_category(9)
    assert caught.value.message == "execution reverted"


def test_registered_is_what_its_registry_knows(world):
    assert world.hub.is_registered("app", [world.app, world.dataset, world.user.address]) == [
        True,
        False,
        False,
    ]
    assert world.hub.kinds(world.app) == ["app"]
    assert world.hub.kinds(world.workerpool.lower()) == ["workerpool"]
    assert world.hub.kinds(world.user.address) == []


def test_owners(world):
    assert world.hub.owners([world.app, world.workerpool]) == [world.user.address, world.pool_owner.address]
    assert world.hub.try_owners([world.app, world.user.address]) == [world.user.address, None]
    with pytest.raises(CallError, match="could not decode result data of owner") as caught:
        world.hub.owners([world.user.address])
    assert "no such contract" in caught.value.hint


def test_signatures_are_judged_by_the_hub(world):
    order = world.orders()[0]
    digest = order.hash(world.domain)
    stranger = world.other.sign_digest(word(digest))
    assert world.hub.verify_signatures(
        [
            (world.user.address, digest, order.signature),
            (world.user.address, digest, stranger),
            (world.user.address, digest, "0x"),
            (world.user.address, digest, "0x1234"),
        ]
    ) == [True, False, False, False]


def test_a_presigned_order_needs_no_signature(world):
    order = world.orders()[0].presigned()
    receipt = world.send(world.user, HUB.manageAppOrder, (order.to_tuple(), SIGN, b""))
    digest = order.hash(world.domain)
    assert receipt.events(EVENTS.SignedAppOrder) == [{"appHash": word(digest)}]
    assert world.hub.view_presigned([digest]) == [world.user.address]
    assert world.hub.verify_signatures([(world.user.address, digest, "0x")]) == [True]


def test_the_volume_of_a_deal_is_known_beforehand(world):
    orders = world.orders(volume=5, request={"volume": 2})
    assert world.hub.compute_deal_volume(*orders) == 2


def test_whether_orders_match_is_known_beforehand(world):
    orders = world.orders()
    foreseen = world.hub.try_match(*orders, sender=world.other.address)
    assert foreseen == world.match(orders)[0]


def test_why_orders_do_not_match_is_known_beforehand(world):
    orders = world.orders(request={"appmaxprice": 9})
    with pytest.raises(CallError) as caught:
        world.hub.try_match(*orders, sender=world.other.address)
    assert caught.value.reason == "iExecV5-matchOrders-0x03"
    assert caught.value.hint == "The app order's price is above the request's appmaxprice."


def test_a_dataset_that_does_not_fit_a_deal(world):
    orders = world.orders(dataset=True)
    deal_id, _ = world.match(world.orders())
    world.hub.check_dataset_compatibility(orders[1], deal_id)
    with pytest.raises(CallError) as caught:
        world.hub.check_dataset_compatibility(orders[1], UNKNOWN)
    assert caught.value.reason == "IncompatibleDatasetOrder(reason=Deal not found)"


def test_contributions_and_scores(world):
    task = world.task()
    world.contribute(task, world.worker)
    [mine, theirs] = world.hub.view_contributions([(task, world.worker.address), (task, world.other.address)])
    assert (mine.status_name, theirs.status_name) == ("CONTRIBUTED", "UNSET")
    assert world.hub.view_scores([world.worker.address]) == [0]
    assert world.hub.view_task(task).status_name(world.hub.now()) == "REVEALING"


def test_many_contracts_are_read_at_once(world):
    name, owner, ratio, balance = read(
        world.rpc,
        [
            Call(world.app, APP.m_appType),
            Call(world.app, OWNABLE.owner),
            Call(world.workerpool, WORKERPOOL.m_workerStakeRatioPolicy),
            Call(world.genesis.rlc, RLC.balanceOf, (world.user.address,)),
        ],
    )
    assert (name, to_address(owner), ratio) == ("DOCKER", world.user.address, 30)
    assert balance > 0
    assert read(world.rpc, []) == attempt(world.rpc, []) == []


def test_a_call_that_reverts_says_which(world):
    with pytest.raises(CallError) as caught:
        read(
            world.rpc,
            [Call(world.hub.address, HUB.token), Call(world.hub.address, HUB.resultFor, (bytes(32),))],
        )
    assert caught.value.reason == "task-pending"
    assert caught.value.details["function"] == "resultFor(bytes32)"
    assert caught.value.details["contract"] == world.hub.address


def test_one_failure_among_many_can_be_looked_at(world):
    good, reverted, nothing = attempt(
        world.rpc,
        [
            Call(world.hub.address, HUB.countCategory),
            Call(world.hub.address, HUB.viewCategory, (9,)),
            Call(world.user.address, OWNABLE.owner),
        ],
    )
    assert good == 5
    assert isinstance(reverted, CallError)
    assert isinstance(nothing, CallError)


def test_the_sender_of_a_call_can_be_given(world):
    registry = world.hub.registries()["app"]
    data = (registry, REGISTRY.setBaseURI, ("x",))
    with pytest.raises(CallError, match="not the owner"):
        read(world.rpc, [Call(*data, sender=world.user.address)])


def test_code_and_time(world):
    assert has_code(world.rpc, [world.hub.address, world.user.address]) == [True, False]
    assert block_time(world.rpc) == world.hub.now() > 1_700_000_000


def test_transfers_of_tokens_and_of_assets_share_a_topic(world):
    assert EVENTS.Transfer.topic == ERC721_EVENTS.Transfer.topic
    receipt = world.sender(world.user).send(world.genesis.rlc, RLC.transfer.encode(world.other.address, 5))
    assert receipt.events(ERC721_EVENTS.Transfer) == []
    assert receipt.events(EVENTS.Transfer)[0]["value"] == 5


def test_a_contract_that_is_none(world):
    with pytest.raises(CallError) as caught:
        Hub(world.rpc, "0x" + "99" * 20).domain()
    assert "check the address and the network" in caught.value.hint
