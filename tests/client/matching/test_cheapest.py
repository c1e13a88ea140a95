from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.client.matching import cheapest
from iexec_lab.client.matching.cheapest import Wish, choose, combinations, misfits
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    WorkerpoolOrder,
    encode_tag,
    has_tag,
    missing_bits,
    strip_framework,
    sum_tags,
)

APP, DATASET, POOL, OTHER = (f"0x{digit * 40}" for digit in "1234")
TEE, TDX, SCONE, NONE, GPU = (encode_tag(names) for names in ("tee", "tee,tdx", "tee,scone", "", "gpu"))
COUNTER = iter(range(1, 10**9))


def salted(make, **values):
    return make(**values, salt=f"0x{next(COUNTER):064x}", signature="0x")


def app(price=0, **values):
    return salted(AppOrder, app=APP, appprice=price, **values)


def dataset(price=0, **values):
    return salted(DatasetOrder, dataset=DATASET, datasetprice=price, **values)


def pool(price=0, **values):
    return salted(
        WorkerpoolOrder, **{"workerpool": POOL, "category": 0, "trust": 0, "workerpoolprice": price} | values
    )


def test_the_cheapest_of_each_kind():
    apps, pools = [app(5), app(3), app(4)], [pool(9), pool(7), pool(8)]
    choice = choose(Wish(), apps, [], pools)
    assert (choice.app, choice.workerpool, choice.price) == (apps[1], pools[1], 10)
    assert choice.dataset is NULL_DATASET_ORDER


def test_a_cheap_app_order_for_another_pool_does_not_count():
    apps = [app(1, workerpoolrestrict=OTHER), app(5)]
    assert choose(Wish(), apps, [], [pool(1)]).app is apps[1]


def test_a_dearer_pool_that_allows_the_cheap_app_order_wins():
    apps = [app(10), app(1, workerpoolrestrict=OTHER)]
    pools = [pool(1), pool(2, workerpool=OTHER)]
    assert choose(Wish(), apps, [], pools).price == 3


def test_restrictions_bind_datasets_and_apps_too():
    assert choose(Wish(), [app(datasetrestrict=OTHER)], [dataset()], [pool()]) is None
    assert choose(Wish(), [app()], [dataset(apprestrict=OTHER)], [pool()]) is None
    assert choose(Wish(), [app()], [dataset(workerpoolrestrict=OTHER)], [pool()]) is None
    assert choose(Wish(), [app()], [dataset()], [pool(datasetrestrict=OTHER)]) is None
    assert choose(Wish(), [app()], [], [pool(datasetrestrict=OTHER)]) is None


def test_the_pool_must_offer_what_the_deal_needs():
    pools = [pool(1), pool(2, tag=GPU), pool(3, tag=TDX)]
    assert choose(Wish(tag=GPU), [app()], [], pools).workerpool is pools[1]
    assert choose(Wish(tag=TDX), [app(tag=TDX)], [], pools).workerpool is pools[2]


def test_an_enclave_needs_an_app_order_that_says_so():
    assert choose(Wish(tag=TDX), [app()], [], [pool(tag=TDX)]) is None


def test_a_tee_dataset_adds_the_framework_to_the_request():
    choice = choose(Wish(framework=TDX), [app(tag=TDX), app(tag=TEE)], [dataset(tag=TEE)], [pool(tag=TDX)])
    assert choice.app.tag == TEE
    assert choice.tag == TDX
    bare = choose(Wish(framework=TDX), [app(tag=TDX)], [dataset(tag=TEE)], [pool(tag=TDX)])
    assert bare.tag == NONE


def test_two_frameworks_do_not_meet():
    assert choose(Wish(tag=TDX), [app(tag=SCONE)], [], [pool(tag=sum_tags(TDX, SCONE))]) is None


def test_equal_prices_take_what_asks_for_least():
    apps = [app(tag=TDX), app()]
    assert choose(Wish(), apps, [], [pool(tag=TDX), pool()]).app is apps[1]
    pools = [pool(tag=TDX), pool()]
    assert choose(Wish(), [app()], [], pools).workerpool is pools[1]


def test_an_exact_tag_lets_nobody_add_to_it():
    apps = [app(1, tag=GPU), app(5)]
    pools = [pool(tag=GPU)]
    assert choose(Wish(), apps, [], pools).app is apps[0]
    assert choose(Wish(exact=True), apps, [], pools).app is apps[1]


def test_an_exact_tag_and_a_dataset():
    """Nor may the dataset add to it, but for its enclave, which the request then gets."""
    gpu, tee = dataset(1, tag=GPU), dataset(5, tag=TEE)
    pools = [pool(tag=sum_tags(TDX, GPU))]
    exact = Wish(exact=True, framework=TDX)
    assert choose(exact, [app()], [gpu], pools) is None
    assert choose(Wish(framework=TDX), [app()], [gpu], pools).dataset is gpu
    assert choose(exact, [app()], [gpu, dataset(9)], pools).price == 9
    named = Wish(exact=True, tag=GPU, framework=TDX)
    assert choose(named, [app()], [gpu], pools).tag == GPU
    for wish in (exact, named):
        found = choose(wish, [app(tag=TEE)], [tee], pools)
        assert (found.dataset, found.tag) == (tee, sum_tags(wish.tag, TDX))
        assert choose(wish, [app()], [tee], pools) is None
    # A framework that a dataset order names does not count.
    assert choose(replace(exact, tag=TDX), [app(tag=TDX)], [dataset(tag=SCONE)], pools).tag == TDX
    assert choose(exact, [app(tag=TDX)], [dataset()], pools) is None


def test_equal_prices_take_what_asks_for_least_among_all_pools():
    """Also when another pool makes up for what the orders cost more."""
    apps = [app(1, tag=TDX, workerpoolrestrict=POOL), app(0, tag=GPU, workerpoolrestrict=OTHER)]
    pools = [pool(0, tag=TDX), pool(1, tag=GPU, workerpool=OTHER)]
    found = choose(Wish(), apps, [], pools)
    assert (found.price, found.app, found.workerpool) == (1, apps[1], pools[1])


def test_the_smallest_category_wins_over_the_price():
    pools = [pool(1, category=3), pool(50, category=1)]
    assert choose(Wish(), [app()], [], pools).workerpool is pools[1]
    assert choose(Wish(category=3), [app()], [], pools).workerpool is pools[0]
    assert choose(Wish(category=2), [app()], [], pools) is None


def test_trust_limits_and_rejected_orders():
    pools = [pool(1, trust=1), pool(2, trust=5)]
    assert choose(Wish(trust=2), [app()], [], pools).workerpool is pools[1]
    assert choose(Wish(trust=6), [app()], [], pools) is None
    assert choose(Wish(workerpool_price=0), [app()], [], pools) is None
    assert choose(Wish(rejected=frozenset({pools[0].salt})), [app()], [], pools).workerpool is pools[1]


TAGS = st.sampled_from([NONE, TEE, TDX, SCONE, GPU])
PLACES = st.sampled_from([NULL_ADDRESS, APP, DATASET, POOL, OTHER])
PRICES = st.integers(min_value=0, max_value=4)
APPS = st.lists(
    st.builds(app, PRICES, tag=TAGS, workerpoolrestrict=PLACES, datasetrestrict=PLACES), max_size=4
)
DATASETS = st.lists(
    st.builds(dataset, PRICES, tag=TAGS, apprestrict=PLACES, workerpoolrestrict=PLACES), max_size=3
)
POOLS = st.lists(
    st.builds(
        pool,
        PRICES,
        tag=st.sampled_from([NONE, TDX, SCONE, sum_tags(TDX, GPU)]),
        apprestrict=PLACES,
        workerpool=st.sampled_from([POOL, OTHER]),
        category=st.integers(0, 1),
    ),
    max_size=4,
)


def fits(wish, a, d, p):
    """The same question, asked the slow way."""
    uses = d is not NULL_DATASET_ORDER
    pairs = [(a.datasetrestrict, d.dataset), (a.workerpoolrestrict, p.workerpool), (p.apprestrict, a.app)]
    pairs += [(d.apprestrict, a.app), (d.workerpoolrestrict, p.workerpool)] if uses else []
    pairs += [(p.datasetrestrict, d.dataset)]
    if any(wanted not in {NULL_ADDRESS, met} for wanted, met in pairs):
        return False
    tag = wish.tag
    if has_tag(sum_tags(tag, d.tag), "tee"):
        if not has_tag(a.tag, "tee"):
            return False
        if not any(has_tag(sum_tags(tag, a.tag), name) for name in ("scone", "gramine", "tdx")):
            tag = sum_tags(tag, wish.framework)
    named = [name for name in ("scone", "gramine", "tdx") if has_tag(sum_tags(tag, a.tag), name)]
    return len(named) < 2 and not missing_bits(p.tag, sum_tags(tag, a.tag, strip_framework(d.tag)))


@settings(max_examples=200)
@given(APPS, DATASETS, POOLS, st.sampled_from([NONE, TDX]))
def test_no_other_choice_is_cheaper(apps, datasets, pools, tag):
    wish = Wish(tag=tag, framework=TDX)
    options = [
        (p.category, a.price + d.price + p.price)
        for a, d, p in product(apps, datasets or [NULL_DATASET_ORDER], pools)
        if fits(wish, a, d, p)
    ]
    choice = choose(wish, apps, datasets, pools)
    found = None if choice is None else (choice.workerpool.category, choice.price)
    assert found == min(options, default=None)


def bits(*tags):
    return int(sum_tags(*tags), 16).bit_count()


@given(APPS, DATASETS, POOLS, st.sampled_from([NONE, TDX]), st.sampled_from([None, 1]), st.booleans())
def test_all_that_fit_in_the_order_in_which_they_are_taken(apps, datasets, pools, tag, category, cheap):
    """Asked the slow way: all combinations, sorted; what is left has a reason, and nothing is in both."""
    wish = Wish(tag=tag, framework=TDX, category=category, workerpool_price=2 if cheap else None)

    def rank(order):
        return order.price, bits(order.tag)

    sides = (
        sorted(apps, key=rank),
        sorted(datasets, key=rank) or [NULL_DATASET_ORDER],
        sorted(pools, key=rank),
    )
    places = {id(order): place for side in sides for place, order in enumerate(side)}
    expected = []
    for a, d, p in product(*sides):
        if fits(wish, a, d, p) and category in {None, p.category} and not (cheap and p.price > 2):
            asked = tag
            if has_tag(sum_tags(tag, d.tag), "tee") and not any(
                has_tag(sum_tags(tag, a.tag), name) for name in ("scone", "gramine", "tdx")
            ):
                asked = sum_tags(tag, TDX)
            price = a.price + d.price + p.price
            where = tuple(places[id(order)] for order in (p, a, d))
            ask = bits(a.tag, d.tag, asked)
            expected.append(((p.category, price, ask, bits(p.tag), *where), (a, d, p)))
    expected.sort(key=lambda item: item[0])
    found = [(each.app, each.dataset, each.workerpool) for each in combinations(wish, apps, datasets, pools)]
    assert found == [orders for _, orders in expected]
    first = choose(wish, apps, datasets, pools)
    assert ([] if first is None else [(first.app, first.dataset, first.workerpool)]) == found[:1]
    others = list(misfits(wish, apps, datasets, pools))
    assert all(reason for _, reason in others)
    prices = [each.price for each, _ in others]
    assert prices == sorted(prices)
    left = {(id(each.app), id(each.dataset), id(each.workerpool)) for each, _ in others}
    assert left.isdisjoint(tuple(map(id, orders)) for orders in found)
    assert (
        len(left) + len(found) == len(others) + len(found) == len(apps) * max(len(datasets), 1) * len(pools)
    )


def test_the_reasons_are_said():
    wish = Wish(tag=TDX, category=0, trust=2, app_price=5)
    pools = [pool(1, tag=TDX, category=1, trust=1), pool(2, trust=2, apprestrict=OTHER)]
    found = misfits(wish, [app(7, tag=TDX)], [], pools, lambda order: "known" if order is pools[1] else "")
    assert [reason for _, reason in found] == [
        "apporder costs more than --app-price (0.000000005 RLC); workerpoolorder is for category 1",
        "; ".join(
            [
                *("apporder costs more than --app-price (0.000000005 RLC)", "known"),
                *("workerpoolorder lacks the tag tee,tdx", f"workerpoolorder is restricted to app {OTHER}"),
            ]
        ),
    ]
    [(_, reason)] = misfits(Wish(trust=2), [app()], [], [pool(trust=1)])
    assert reason == "workerpoolorder trust is too low (expected 2, got 1)"
    [(_, reason)] = misfits(Wish(exact=True), [app(tag=GPU)], [], [pool(tag=GPU)])
    assert reason == "the orders add gpu to the tag that was asked for"
    [(_, reason)] = misfits(Wish(tag=TDX), [app(tag=SCONE)], [], [pool(tag=TDX)])
    assert reason == "two TEE frameworks: tee,scone,tdx"
    [(_, reason)] = misfits(Wish(), [app(datasetrestrict=OTHER)], [dataset(apprestrict=OTHER)], [pool()])
    assert reason == (f"apporder is restricted to dataset {OTHER}; datasetorder is restricted to app {OTHER}")


def test_not_more_misfits_are_looked_at_than_allowed(monkeypatch):
    monkeypatch.setattr(cheapest, "MOST_MISFITS", 7)
    pools = [pool(price, category=1) for price in range(20)]
    assert len(list(misfits(Wish(category=0), [app()], [], pools))) == 7


def test_a_cheap_pool_of_another_category_takes_no_place(monkeypatch):
    """What cannot be taken does not use up the room for what can."""
    monkeypatch.setattr(cheapest, "MOST_POOLS", 3)
    pools = [pool(price, category=1, trust=price) for price in range(5)] + [pool(9)]
    assert choose(Wish(category=0), [app()], [], pools).workerpool is pools[-1]


def test_a_book_without_end_is_not_tried_without_end(monkeypatch):
    tried = []
    pair = cheapest._request_tag
    monkeypatch.setattr(cheapest, "_request_tag", lambda *args: tried.append(args) or pair(*args))
    apps = [app(price, requesterrestrict=f"0x{price:040x}") for price in range(1, 500)]
    datasets = [dataset(price, requesterrestrict=f"0x{price:040x}") for price in range(1, 500)]
    found = choose(Wish(), apps, datasets, [pool()])
    assert (found.app, found.dataset) == (apps[0], datasets[0])
    assert len(tried) <= cheapest.MOST**2
