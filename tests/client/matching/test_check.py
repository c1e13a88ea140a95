from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.answers import facts
from helpers.scripted import answer, contract, place

from iexec_lab.client.matching import check
from iexec_lab.client.matching.check import Match, Mismatch, check_match, check_solvency, restrictions
from iexec_lab.errors import BalanceError
from iexec_lab.ethereum.contracts import ERC734
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import NULL_ADDRESS, AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder, encode_tag
from iexec_lab.units import format_rlc

GROUP = "0x0000000000000000000000000000000000073400"


@pytest.fixture
def match(lab, hello, iexec_sandbox):
    """Orders that fit: our own app, the sandbox's pool, an unsigned request."""
    app = lab.order.sign("apporder", app=hello, volume=4)
    [entry] = facts(lab, "orderbook.workerpool", iexec_sandbox.workerpool, category=0, max_tag="").orders
    pool = WorkerpoolOrder.from_json(entry["order"])
    request = lab.order.create(
        "requestorder", app=hello, workerpoolmaxprice=pool.workerpoolprice, category=0, volume=9
    )
    return Match(app, pool, request)


def test_the_volume_is_the_smallest_that_is_left(lab, match):
    assert check_match(lab.session, match) == 4
    lab.order.fill(match.app, match.workerpool, params={})
    assert check_match(lab.session, match) == 3


def test_the_pool_owner_s_stake_limits_the_volume(lab, newcomer, match, unique):
    seller = newcomer(nrlc=100)
    seller.account.deposit(100)
    pool = seller.workerpool.deploy(unique)
    order = seller.order.sign("workerpoolorder", workerpool=pool, workerpoolprice=100, category=0, volume=50)
    assert check_match(lab.session, replace(match, workerpool=order)) == 3
    dear = seller.order.sign("workerpoolorder", workerpool=pool, workerpoolprice=1000, category=0)
    request = replace(match.request, workerpoolmaxprice=1000)
    with pytest.raises(
        Mismatch, match=r"workerpool required stake \(300\) is greater than .* \(100\)"
    ) as caught:
        check_match(lab.session, replace(match, workerpool=dear, request=request))
    assert caught.value.culprit == "workerpoolorder"


@pytest.mark.parametrize("member", [True, False])
def test_a_restriction_may_name_a_group(lab, hello, match, member):
    place(
        Rpc(lab.session.network.host),
        GROUP,
        contract({ERC734.keyHasPurpose: answer("bool", member)}),
    )
    grouped = replace(match, app=lab.order.sign("apporder", app=hello, requesterrestrict=GROUP))
    if member:
        assert check_match(lab.session, grouped) == 1
        assert lab.order.fill(grouped.app, match.workerpool, params={}).volume == 1
    else:
        with pytest.raises(Mismatch, match=f"apporder is restricted to requester {GROUP}"):
            check_match(lab.session, grouped)


def test_members_of_a_group_are_those_with_purpose_4(lab, hello, match):
    asked = []
    batch = lab.session.rpc.batch

    class Watched:
        def __getattr__(self, name):
            return getattr(lab.session.rpc, name)

        def batch(self, requests):
            asked.extend(params[0] for method, params in requests if method == "eth_call")
            return batch(requests)

    place(Rpc(lab.session.network.host), GROUP, contract({ERC734.keyHasPurpose: answer("bool", True)}))
    grouped = replace(match, app=lab.order.sign("apporder", app=hello, requesterrestrict=GROUP))
    session = SimpleNamespace(
        **{
            name: getattr(lab.session, name) for name in ("network", "registries", "domain", "hub", "address")
        },
        rpc=Watched(),
    )
    assert check_match(session, grouped) == 1
    [data] = [call["data"] for call in asked if call["to"] == GROUP]
    member = bytes.fromhex(lab.session.address[2:]).rjust(32, b"\0")
    assert data == "0x" + ERC734.keyHasPurpose.encode(member, 4).hex()


@pytest.mark.parametrize("kind", ["app", "workerpool", "dataset"])
def test_what_is_not_registered(lab, match, other, kind):
    nobody = other.session.address
    changes = {
        "app": {"app": replace(match.app, app=nobody)},
        "workerpool": {"workerpool": replace(match.workerpool, workerpool=nobody)},
        "dataset": {"dataset": DatasetOrder(dataset=nobody)},
    }
    with pytest.raises(Mismatch, match=f"(?m)^No {kind} deployed at address {nobody}$") as caught:
        check_match(lab.session, replace(match, **changes[kind]))
    assert caught.value.culprit == f"{kind}order"


def test_what_is_left_of_an_order(lab, match):
    used = replace(match, app=lab.order.sign("apporder", app=match.app.app, volume=1))
    assert check_match(lab.session, used) == 1
    lab.order.fill(used.app, match.workerpool, params={})
    with pytest.raises(Mismatch, match=r"(?m)^apporder is fully consumed$") as caught:
        check_match(lab.session, used)
    assert caught.value.culprit == "apporder"


class TestSolvency:
    MATCH = Match(
        AppOrder(app=GROUP, appprice=1),
        WorkerpoolOrder(workerpool=GROUP, category=0, workerpoolprice=4),
        RequestOrder(app=GROUP, requester=GROUP, beneficiary=GROUP, category=0, params="{}"),
        DatasetOrder(dataset=GROUP, datasetprice=5),
    )

    def check(self, stake, volume, **options):
        hub = SimpleNamespace(
            view_account=lambda owner: SimpleNamespace(stake=stake) if owner == GROUP else None
        )
        session = SimpleNamespace(hub=hub, network=SimpleNamespace(funding_hint=None))
        check_solvency(session, self.MATCH, volume, **options)

    @pytest.mark.parametrize(("stake", "options"), [(30, {}), (31, {}), (20, {"sponsored": 10})])
    def test_enough(self, stake, options):
        self.check(stake, 3, **options)

    @pytest.mark.parametrize(
        ("stake", "options", "message", "missing"),
        [
            (29, {}, r"Total cost for 3 tasks \(30\) is greater than requester account stake \(29\)", 1),
            (10, {}, r"Total cost for 3 tasks \(30\) is greater", 20),
            (9, {}, r"Cost per task \(10\) is greater than requester account stake \(9\)", 21),
            (19, {"sponsored": 10}, r"Total cost for 3 tasks \(30\) is greater", 1),
            (0, {"sponsored": 9}, r"Cost per task \(10\) is greater", 21),
        ],
    )
    def test_not_enough(self, stake, options, message, missing):
        with pytest.raises(BalanceError, match=message) as caught:
            self.check(stake, 3, **options)
        assert caught.value.hint == f"Run: iexec-lab account deposit {format_rlc(missing)} RLC"
        assert caught.value.details == {"stake": f"{format_rlc(stake)} RLC", "cost": "0.00000003 RLC"}

    def test_a_wallet_without_rlc_is_funded_first_where_that_is_free(self, monkeypatch):
        network = SimpleNamespace(funding_hint="iexec-lab sandbox fund.")
        hub = SimpleNamespace(view_account=lambda _owner: SimpleNamespace(stake=0))
        for held, first in (
            (29, "On a sandbox, first: iexec-lab sandbox fund"),
            (30, "Run: iexec-lab account"),
        ):
            monkeypatch.setattr(
                "iexec_lab.client.matching.check.wallet_nrlc", lambda _session, _who, held=held: held
            )
            with pytest.raises(BalanceError) as caught:
                check_solvency(SimpleNamespace(hub=hub, network=network), self.MATCH, 3)
            assert caught.value.hint.startswith(first)
            assert caught.value.hint.endswith("iexec-lab account deposit 0.00000003 RLC")


@pytest.mark.parametrize(
    ("price", "stake", "tasks"),
    [
        (0, 0, 50),
        (3, 0, 50),
        (4, 1, 1),
        (4, 49, 49),
        (100, 30, 1),
        (100, 59, 1),
        (100, 60, 2),
        (4, 0, None),
        (100, 29, None),
    ],
)
def test_how_many_tasks_a_stake_covers(price, stake, tasks):
    order = WorkerpoolOrder(workerpool=GROUP, category=0, workerpoolprice=price, volume=50)
    if tasks is None:
        with pytest.raises(Mismatch, match="workerpool required stake") as caught:
            check._staked_volume(order, stake)
        assert caught.value.culprit == "workerpoolorder"
    else:
        assert check._staked_volume(order, stake) == tasks


def test_a_restriction_to_nobody_in_particular(lab, hello, match, other):
    private = lab.order.sign("apporder", app=hello, workerpoolrestrict=other.session.address)
    with pytest.raises(Mismatch) as caught:
        check_match(lab.session, replace(match, app=private))
    assert caught.value.culprit == "apporder"
    assert caught.value.details == {"workerpool": match.workerpool.workerpool}


def test_tags_that_make_no_sense_together(lab, match):
    tags = encode_tag("tee,tdx"), encode_tag("tee,scone")
    odd = replace(match, app=replace(match.app, tag=tags[0]), request=replace(match.request, tag=tags[1]))
    with pytest.raises(Mismatch, match="Matching order would produce an invalid deal tag"):
        check_match(lab.session, odd)


def test_presigned_orders_are_taken(lab, hello, match):
    from iexec_lab.ethereum.contracts import HUB
    from iexec_lab.protocol import SIGN

    order = lab.order.sign("apporder", app=hello).presigned()
    unsigned = replace(match, app=order)
    with pytest.raises(Mismatch, match="apporder invalid sign"):
        check_match(lab.session, unsigned)
    data = HUB.manageAppOrder.encode((order.to_tuple(), SIGN, b""))
    lab.session.sender.send(lab.session.network.hub, data)
    assert check_match(lab.session, unsigned) == 1


def test_every_restriction_is_seen():
    a, b, c, d, e = (f"0x{digit * 40}" for digit in "12345")
    match = Match(
        AppOrder(app=a, datasetrestrict=b, workerpoolrestrict=c, requesterrestrict=d),
        WorkerpoolOrder(workerpool=c, category=0, apprestrict=a, datasetrestrict=b, requesterrestrict=e),
        RequestOrder(app=a, dataset=b, workerpool=c, requester=d, beneficiary=d, category=0, params="{}"),
        DatasetOrder(dataset=b, apprestrict=a, workerpoolrestrict=e),
    )
    found = list(restrictions(match))
    assert [(kind, name) for kind, name, *_ in found] == [
        ("apporder", "dataset"),
        ("apporder", "workerpool"),
        ("apporder", "requester"),
        ("datasetorder", "app"),
        ("datasetorder", "workerpool"),
        ("workerpoolorder", "app"),
        ("workerpoolorder", "dataset"),
        ("workerpoolorder", "requester"),
        ("requestorder", "workerpool"),
    ]
    unmet = [(kind, name) for kind, name, allowed, met in found if allowed != met]
    assert unmet == [("datasetorder", "workerpool"), ("workerpoolorder", "requester")]
    assert match.used == match.orders
    assert NULL_ADDRESS not in {allowed for *_, allowed, _ in found}
