"""Lists that follow the feed: what is told, what a cut hides, what a stranger's feed may not do."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import threading

import pytest
from helpers.cuttable_wire import Wire
from helpers.labs import CHECKSUM, IMAGE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iexec_lab.client.iexec import connect
from iexec_lab.client.live import follow
from iexec_lab.errors import ValidationError


@pytest.fixture
def app(lab, unique):
    return lab.app.deploy(unique, IMAGE, CHECKSUM)


def hashes(frame):
    return list(frame["order_hash"])


def test_changes_are_told_as_they_happen(lab, app):
    with lab.orderbook.stream("app", app, timeout=10) as stream:
        assert stream.source == "feed"
        published = lab.app.publish(app, price="1 RLC")
        change = next(stream)
        assert (change.event, change.row["orderHash"], change.kind) == ("added", published, "apporder")
        assert change.values["app_price_nrlc"] == 10**9
        assert stream.frame.equals(lab.orderbook.app(app))
        lab.app.unpublish(app)
        change = next(stream)
        assert (change.event, change.row["orderHash"]) == ("removed", published)
        assert stream.frame.empty
        assert list(stream.frame.columns) == list(lab.orderbook.app(app).columns)


def test_a_partly_filled_order_has_changed(lab, other, app):
    lab.app.publish(app, price=0, volume=1000)
    with lab.orderbook.stream("app", app, timeout=20) as stream:
        other.app.run(app, watch=False)
        change = next(stream)
        assert (change.event, change.row["remaining"]) == ("changed", 999)
        assert stream.frame.equals(lab.orderbook.app(app))


def test_deals_are_told(lab, hello):
    with lab.deal.stream(app=hello, timeout=20) as stream:
        job = lab.app.run(hello, watch=False)
        assert next(stream).row["dealid"] == job.deal_id
        fresh = lab.deal.list(app=hello, source="market")
        told = [name for name in fresh if fresh[name].notna().all()]  # the history knows more
        assert stream.frame[told].equals(fresh[told])


def test_async_iteration(lab, app):
    async def work():
        stream = lab.orderbook.stream("app", app, timeout=10)
        publishing = asyncio.create_task(asyncio.to_thread(lab.app.publish, app, price=3))
        async for change in stream:
            stream.close()
            return change, await publishing
        return None

    change, published = asyncio.run(work())
    assert (change.event, change.row["orderHash"]) == ("added", published)


def test_it_ends_after_its_time_and_when_closed(lab, app):
    assert list(lab.orderbook.stream("app", app, timeout=0.3)) == []
    stream = lab.orderbook.stream("app", app)
    stream.close()
    assert list(stream) == []
    assert not stream.goes_on


def test_a_cut_is_mended(lab, app, iexec_sandbox):
    """While the feed and the market are away orders come and go; the list ends as a fresh one."""
    kept, gone = (lab.app.publish(app, price=price) for price in (5, 4))
    with Wire(iexec_sandbox.urls["market"]) as wire:
        network = dataclasses.replace(lab.session.network, market=wire.url)
        far = connect(network, lab.session.wallet.signer)
        stream = far.orderbook.stream("app", app, timeout=30, every=0.2)
        wire.cut()
        lab.order.unpublish("app", gone)
        come = lab.app.publish(app, price=9)
        assert stream.next_within(0.5) is None
        wire.mend()
        told = {(change.event, change.row["orderHash"]) for change in itertools.islice(stream, 2)}
        fresh = lab.orderbook.app(app)
        assert ("added", come) in told
        assert {what for what, _ in told} == {"added", "removed"}
        assert stream.gaps == 1
        assert stream.frame.equals(fresh)
        assert hashes(fresh) == [kept, come]
        stream.close()


def test_without_the_library_the_list_is_asked_for_again(lab, app, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "socketio", None)
    with lab.orderbook.stream("app", app, timeout=10, every=0.1) as stream:
        assert stream.source == "polling"
        published = lab.app.publish(app, price=1)
        assert next(stream).row["orderHash"] == published
        assert stream.gaps == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "pool"}, "not a list of orders"),
        ({"colour": 1}, "colour is not a filter"),
        ({"page": 1}, "page is not a filter"),
        ({"timeout": -1}, "timeout cannot be -1"),
        ({"timeout": "7d"}, "timeout cannot be 7d"),
        ({"every": float("nan")}, "every cannot be nan"),
        ({"category": "x"}, "x is not a valid"),
    ],
)
def test_wrong_wishes(lab, arguments, words):
    with pytest.raises(ValidationError, match=words):
        lab.orderbook.stream(**arguments)


# -- the feed's rows are filtered here as the market filters its lists ------------------------------------


@pytest.fixture(scope="module")
def crowd(iexec_sandbox, tmp_path_factory):
    """Orders of all kinds with many restrictions, tags and volumes."""
    from helpers.labs import open_lab

    from iexec_lab.wallet.signer import LocalSigner

    made = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[2].key), tmp_path_factory.mktemp("crowd"))
    apps = [made.app.deploy(f"crowd {place}", IMAGE, CHECKSUM) for place in range(2)]
    data = made.dataset.deploy("crowd", "/ipfs/QmUFfBNYfTY1GLpsXHCmWGxrLVu3mhA7PwqAjD2cUD4iUi", CHECKSUM)
    people = [user.address for user in iexec_sandbox.users[:3]]
    pool = iexec_sandbox.workerpool
    for place, (tag, person) in enumerate(
        itertools.product(("", "tee,tdx", "tee,scone"), (None, *people[:2]))
    ):
        shared = {
            "tag": tag,
            "requester_restrict": person,
            "volume": 1 + place * 3,
            "skip_preflight_check": True,
        }
        made.app.publish(
            apps[place % 2], price=place, workerpool_restrict=pool if place % 2 else None, **shared
        )
        restrict = apps[0] if place % 3 else None
        made.dataset.publish(data, price=0, app_restrict=restrict, **{**shared, "tag": ""})
    return made, {"app": apps, "dataset": [data], "workerpool": [pool], "requester": people}


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "app": st.sampled_from([None, "any", "one", "strange"]),
        "dataset": st.sampled_from([None, "any", "one"]),
        "workerpool": st.sampled_from([None, "any", "one", "strange"]),
        "requester": st.sampled_from([None, "any", "one", "strange"]),
        "app_strict": st.booleans(),
        "workerpool_strict": st.booleans(),
        "requester_strict": st.booleans(),
        "min_volume": st.integers(0, 30),
        "tag": st.sampled_from(["", "tee", "tee,tdx", "tee,scone"]),
        "require_tag": st.sampled_from(["", "tee", "tdx"]),
        "max_tag": st.sampled_from(["", "tee,tdx", "tee,scone,gramine"]),
        "min_trust": st.integers(0, 20),
        "category": st.integers(0, 5),
        "bulk_only": st.booleans(),
    },
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(["app", "dataset", "workerpool"]), filters=FILTERS)
def test_the_market_s_filters(crowd, kind, filters):
    lab, parties = crowd
    known = follow_filters(kind)
    wanted = {name: _named(name, value, parties) for name, value in filters.items() if name in known}
    address = wanted.pop(kind, None)
    values, _ = lab.orderbook._wanted(kind, address, wanted)
    everything = {name: "any" for name in ("app", "dataset", "workerpool", "requester") if name in known}
    book, _ = lab.orderbook._wanted(kind, None, everything)
    name = f"{kind}order"
    followed = lab.session.market.followed(name, **values)
    rows = lab.session.market.orderbook_all(name, **book).orders
    ours = sorted((row for row in rows if followed.keep(row)), key=followed.rank)
    assert ours == lab.session.market.orderbook_all(name, **values).orders


def follow_filters(kind):
    from iexec_lab.client.market.book_filters import FILTERS as DECLARED
    from iexec_lab.client.options import declared

    return declared(DECLARED[kind])


def _named(name, value, parties):
    if value == "one":
        return parties[name][0]
    return "0x" + "77" * 20 if value == "strange" else value


def test_what_waits_is_bounded(lab, app, monkeypatch):
    monkeypatch.setattr(follow, "MOST_ROWS", 2)
    with lab.orderbook.stream("app", app, timeout=5) as stream:
        for price in range(4):
            lab.app.publish(app, price=price)
        seen = []
        while len(seen) < 2 or stream.left_out < 2:
            change = stream.next_within(1)
            seen += [change] if change else []
        assert len(stream.rows) == 2


def test_an_interrupt_ends_the_stream(lab, app):
    stream = lab.orderbook.stream("app", app)
    import _thread

    timer = threading.Timer(0.4, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    timer.join()
    assert not stream.goes_on
