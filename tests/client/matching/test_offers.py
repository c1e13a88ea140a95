from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.stranger import ANSWERS

from iexec_lab.client.matching import find
from iexec_lab.client.matching import offers as offering
from iexec_lab.client.matching.cheapest import Choice, Wish
from iexec_lab.client.matching.check import Mismatch
from iexec_lab.client.matching.offers import Known, Offers, read_book, wanted_tag
from iexec_lab.client.matching.request import Request
from iexec_lab.errors import IexecError, MarketError, OrderError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.networks import NETWORKS, TDX_TAG
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    WorkerpoolOrder,
    encode_tag,
)
from iexec_lab.services.market import OrderPage

APP, DATASET, POOL, OWNER, ME = (f"0x{digit * 40}" for digit in "12345")
SCONE = '{"framework":"SCONE"}'
TEE, GPU = encode_tag("tee"), encode_tag("gpu")


def test_offers_about_something_else_are_not_taken():
    [asked] = ANSWERS["apporders"]["orders"]
    another = deepcopy(asked)
    another["order"]["app"] = "0x" + "11" * 20
    page = OrderPage(2, [another, asked], has_more=False)
    session = SimpleNamespace(market=SimpleNamespace(orderbook_all=lambda *_args, **_filters: page))
    [offer] = read_book(session, "apporder", app=asked["order"]["app"], requester=None)
    assert offer.app == asked["order"]["app"]
    assert len(read_book(session, "apporder")) == 2


@pytest.mark.parametrize("spoilt", [None, 5, {"app": 5}, {}, "unsigned"])
def test_offers_that_are_no_orders_are_left_out(spoilt):
    [asked] = ANSWERS["apporders"]["orders"]
    if spoilt == "unsigned":
        spoilt = {name: value for name, value in asked["order"].items() if name != "sign"}
    for entries in ([{"order": spoilt}, asked], [asked, {"order": spoilt}], [{"order": spoilt}]):
        page = OrderPage(len(entries), entries, has_more=False)
        session = SimpleNamespace(
            market=SimpleNamespace(orderbook_all=lambda *_, page=page, **_filters: page)
        )
        found = read_book(session, "apporder")
        assert [order.salt for order in found] == [asked["order"]["salt"]] * (len(entries) - 1)


class Done:
    """Work that was begun, and has ended."""

    def __init__(self, work):
        try:
            value = work()
            self.result = lambda: value
        except IexecError as error:
            self.error = error

    def result(self):
        raise self.error


def session_of(*, frameworks=TEE_FRAMEWORKS, sms=None, has_key=True, books=None, **options):
    """A session that notes which order books and which secret services it is asked for."""
    asked = SimpleNamespace(books=[], sms=[])

    def book(kind, **filters):
        asked.books.append((kind, {name: value for name, value in filters.items() if value is not None}))
        entries = [{"order": order.to_json()} for order in (books or {}).get(kind, ())]
        return OrderPage(len(entries), entries, has_more=False)

    def service(framework=None):
        asked.sms.append(framework)
        return SimpleNamespace(has_dataset_secret=lambda dataset: has_key and dataset == DATASET)

    network = replace(
        NETWORKS["bellecour"],
        frameworks=frameworks,
        default_tag=TDX_TAG if frameworks == ("tdx",) else NULL_BYTES32,
        sms={"default": "http://a", "tdx": "http://b"} if sms is None else sms,
    )
    return SimpleNamespace(
        network=network,
        address=ME,
        market=SimpleNamespace(orderbook_all=book),
        begin=lambda *works: [Done(work) for work in works],
        sms=service,
        asked=asked,
        **options,
    )


def request_of(**values):
    return Request(**{"app": APP, "volume": 1} | values)


class TestTag:
    """Which tag a request gets, and why it is more than what was typed."""

    @pytest.mark.parametrize(
        ("mrenclave", "asked", "confidential", "tag", "note"),
        [
            ("", None, False, "", None),
            ("", None, True, "tee,tdx", "tag tee,tdx: the dataset is confidential"),
            ("", "gpu", True, "tee,tdx,gpu", "tag tee,tdx: the dataset is confidential"),
            ("", "tee,scone", True, "tee,scone", None),
            ("", "tee,tdx", True, "tee,tdx", None),
            ("", "gpu", False, "gpu", None),
            (SCONE, None, False, "tee,scone", "tag tee,scone: the app is built for scone"),
            (SCONE, None, True, "tee,scone", "tag tee,scone: the dataset is confidential"),
            (SCONE, "", False, "", None),
            (SCONE, "gpu", False, "gpu", None),
            (SCONE, "gpu", True, "tee,scone,gpu", "tag tee,scone: the dataset is confidential"),
        ],
    )
    def test_where_there_are_several_frameworks(self, mrenclave, asked, confidential, tag, note):
        request = request_of(tag=None if asked is None else encode_tag(asked))
        known = Known({}, mrenclave)
        wanted = wanted_tag(session_of(), request, known, confidential=confidential)
        assert wanted == (encode_tag(tag), () if note is None else (note,))
        if not confidential:
            assert wanted_tag(session_of(), request, known) == wanted

    @pytest.mark.parametrize("asked", [None, "", "gpu"])
    def test_where_tdx_is_all_there_is(self, asked):
        request = request_of(tag=None if asked is None else encode_tag(asked))
        wanted = wanted_tag(session_of(frameworks=("tdx",)), request, Known({}, SCONE), confidential=True)
        assert wanted == (encode_tag("tee,tdx,gpu" if asked else "tee,tdx"), ())

    @pytest.mark.parametrize(
        ("params", "why"),
        [
            ({"iexec_result_encryption": True}, "the result is encrypted"),
            ({"iexec_result_encryption": "true"}, "the result is encrypted"),
            ({"iexec_result_encryption": False}, None),
            ({"iexec_secrets": {"1": "a"}}, "secrets are used"),
            ({"iexec_secrets": {}}, None),
        ],
    )
    def test_parameters_that_need_an_enclave(self, params, why):
        wanted = wanted_tag(session_of(), request_of(params=params), Known({}, ""))
        assert wanted == (encode_tag("tee,tdx" if why else ""), (f"tag tee,tdx: {why}",) if why else ())


class TestBooks:
    OWNERS = {"app": OWNER, "dataset": OWNER, "workerpool": OWNER}  # noqa: RUF012

    def read(self, session, owners, mrenclave="", **values):
        request = request_of(**values)
        books = offering.begin_books(session, request)
        return offering._read_offers(session, request, Known(owners, mrenclave), books)

    def test_what_is_named_narrows_every_book(self):
        session = session_of()
        named = {"dataset": DATASET, "workerpool": POOL, "category": 2, "trust": 3, "tag": GPU}
        _, confidential = self.read(session, self.OWNERS, **named)
        assert confidential is True
        assert session.asked.books == [
            ("apporder", {"app": APP, "requester": ME, "dataset": DATASET, "workerpool": POOL}),
            ("datasetorder", {"dataset": DATASET, "requester": ME, "app": APP, "workerpool": POOL}),
            (
                "workerpoolorder",
                {
                    "workerpool": POOL,
                    "category": 2,
                    "app": APP,
                    "dataset": DATASET,
                    "requester": ME,
                    "min_tag": GPU,
                    "min_trust": 3,
                },
            ),
        ]

    def test_what_is_not_named_does_not(self):
        session = session_of()
        found, confidential = self.read(session, {"app": OWNER})
        assert (found, confidential) == (Offers([], [], []), False)
        assert session.asked.books == [
            ("apporder", {"app": APP, "requester": ME, "workerpool": "any"}),
            ("workerpoolorder", {"app": APP, "requester": ME}),
        ]
        assert session.asked.sms == []

    def test_a_dataset_without_a_named_workerpool(self):
        session = session_of()
        self.read(session, {"app": OWNER, "dataset": OWNER}, dataset=DATASET)
        assert session.asked.books[1] == (
            "datasetorder",
            {"dataset": DATASET, "requester": ME, "app": APP, "workerpool": "any"},
        )

    @pytest.mark.parametrize("ours", ["app", "dataset", "workerpool"])
    def test_what_is_ours_needs_no_order_of_the_market(self, ours):
        def broken(kind, **filters):
            if kind == f"{ours}order":
                raise MarketError("no answer")
            return OrderPage(0, [], has_more=False)

        session = session_of()
        session.market = SimpleNamespace(orderbook_all=broken)
        named = {"dataset": DATASET, "workerpool": POOL}
        found, _ = self.read(session, self.OWNERS | {ours: ME}, **named)
        assert found == Offers([], [], [])
        with pytest.raises(MarketError):
            self.read(session, self.OWNERS, **named)

    @pytest.mark.parametrize(
        ("sms", "mrenclave", "asked"),
        [
            ({"default": "http://a"}, "", "tdx"),
            ({"default": "http://a"}, SCONE, "scone"),
            ({"tdx": "http://a"}, "", "tdx"),
            ({"scone": "http://a", "tdx": "http://b"}, SCONE, "scone"),
            # The framework of the app has no service here: the network's usual one is asked.
            ({"scone": "http://a"}, "", None),
            ({"tdx": "http://a"}, SCONE, None),
        ],
    )
    def test_which_service_knows_whether_a_dataset_is_confidential(self, sms, mrenclave, asked):
        session = session_of(sms=sms)
        _, confidential = self.read(session, self.OWNERS, mrenclave, dataset=DATASET)
        assert (confidential, session.asked.sms) == (True, [asked])
        session = session_of(sms=sms, has_key=False)
        assert self.read(session, self.OWNERS, mrenclave, dataset=DATASET)[1] is False

    @pytest.mark.parametrize(
        ("options", "values"),
        [
            ({"sms": {}}, {}),
            ({"frameworks": ("tdx",)}, {}),
            ({}, {"tag": encode_tag("tee,tdx")}),
            ({}, {"tag": TEE}),
            ({}, {"dataset": NULL_ADDRESS}),
        ],
    )
    def test_when_nobody_has_to_be_asked(self, options, values):
        session = session_of(**options)
        named = {"dataset": DATASET} | values
        owners = {name: OWNER for name in ("app", "dataset") if name == "app" or named["dataset"] == DATASET}
        assert self.read(session, owners, **named)[1] is False
        assert session.asked.sms == []


def app_order(**values):
    return AppOrder(**{"app": APP, "salt": "0x" + "01" * 32} | values)


def dataset_order(**values):
    return DatasetOrder(**{"dataset": DATASET, "salt": "0x" + "02" * 32} | values)


def pool_order(**values):
    return WorkerpoolOrder(
        **{"workerpool": POOL, "category": 0, "trust": 0, "salt": "0x" + "03" * 32} | values
    )


class TestNothing:
    """What the market lacks is said."""

    def test_no_orders(self):
        apps, datasets, pools = [app_order()], [dataset_order()], [pool_order()]
        plain, named = request_of(), request_of(dataset=DATASET)
        session = SimpleNamespace(hub=SimpleNamespace(count_category=lambda: 5))
        for request, offers, message, hint in (
            (plain, Offers([], [], pools), f"No order available for app {APP}", "app publish"),
            (named, Offers(apps, [], pools), f"No order available for dataset {DATASET}", "dataset publish"),
            (named, Offers([], [], []), f"No order available for app {APP}", "app publish"),
            (plain, Offers(apps, [], []), "No workerpoolorder matching your conditions currently", None),
            (
                request_of(category=0),
                Offers(apps, [], []),
                "No workerpoolorder matching your conditions available in category 0",
                None,
            ),
        ):
            with pytest.raises(OrderError, match=f"^{message}") as caught:
                find._require_some(session, request, offers)
            assert hint is None or hint in caught.value.hint
        find._require_some(None, plain, Offers(apps, [], pools))
        find._require_some(None, named, Offers(apps, datasets, pools))

    def fits(self, request=None, wish=None, offers=None, done=0):
        request, wish = request or request_of(volume=5), wish or Wish()
        offers = offers or Offers([app_order(appprice=3)], [], [pool_order(workerpoolprice=7)])
        return find._nothing_fits(request, wish, offers, done=done)

    @pytest.mark.parametrize(
        ("kind", "limit", "told"), [("app", 2, True), ("app", 3, False), ("workerpool", 6, True)]
    )
    def test_all_are_too_dear(self, kind, limit, told):
        error = self.fits(wish=Wish(**{f"{kind}_price": limit}))
        if told:
            assert error.message == f"No order of the {kind} within your price"
            assert error.hint == f"Raise --{kind}-price, or leave it out."
            assert error.details["limit"] == f"0.00000000{limit} RLC"
        else:
            assert error.message == "No workerpoolorder matching your conditions currently available"

    def test_the_cheapest_is_named(self):
        offers = Offers([app_order()], [dataset_order(datasetprice=n) for n in (9, 4, 5)], [pool_order()])
        error = self.fits(wish=Wish(dataset_price=3), offers=offers)
        assert error.details == {"cheapest": "0.000000004 RLC", "limit": "0.000000003 RLC"}
        assert "No workerpoolorder" in self.fits(wish=Wish(dataset_price=3)).message

    def test_no_app_order_for_an_enclave(self):
        error = self.fits(wish=Wish(tag=TDX_TAG))
        assert error.message == f"No order available for app {APP}"
        assert error.hint == "The deal needs the tag tee,tdx, but none of the app's 1 orders has it."
        offers = Offers([app_order(), app_order(tag=TEE)], [], [pool_order()])
        error = self.fits(wish=Wish(tag=TDX_TAG), offers=offers)
        assert error.message.startswith("No workerpoolorder")
        assert error.hint == "The deal needs the tag tee,tdx."
        assert self.fits().hint is None

    def test_room_for_some(self):
        error = self.fits(done=2)
        assert error.message == "The market has room for 2 of 5 tasks"
        assert error.hint == "Ask for less volume."


class TestWithout:
    """A stale order is passed over for the next; what nothing can take the place of is an error."""

    CHOICE = Choice(app_order(), dataset_order(), pool_order(), NULL_BYTES32)

    @pytest.mark.parametrize(
        ("culprit", "salt"), [("apporder", "01"), ("datasetorder", "02"), ("workerpoolorder", "03")]
    )
    def test_published_ones(self, culprit, salt):
        wish = Wish(rejected=frozenset({"before"}), trust=7)
        found = find._without(wish, self.CHOICE, Mismatch("no", culprit))
        assert found == replace(wish, rejected=frozenset({"before", "0x" + salt * 32}))

    @pytest.mark.parametrize("culprit", [None, "requestorder"])
    def test_nobody_s(self, culprit):
        error = Mismatch("no", culprit)
        with pytest.raises(Mismatch) as caught:
            find._without(Wish(), self.CHOICE, error)
        assert caught.value is error

    def test_our_own(self):
        error = Mismatch("no", "apporder")
        choice = replace(self.CHOICE, app=app_order(salt=None), dataset=NULL_DATASET_ORDER)
        with pytest.raises(Mismatch) as caught:
            find._without(Wish(), choice, error)
        assert caught.value is error
