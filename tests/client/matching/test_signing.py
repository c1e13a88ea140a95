from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.client.matching import signing
from iexec_lab.errors import OrderError
from iexec_lab.networks import NETWORKS, TDX_TAG
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, AppOrder, RequestOrder, encode_tag, to_address

APP, ME, OTHER = (to_address(f"0x{digit * 40}") for digit in "123")


def session_of(network="bellecour", *, owner=ME):
    return SimpleNamespace(
        network=NETWORKS[network],
        address=ME,
        signer=SimpleNamespace(address=ME),
        to_address=lambda name: APP if name == "app.eth" else to_address(name),
        hub=SimpleNamespace(owners=lambda resources: [owner] if resources == [APP] else None),
    )


def test_the_terms_of_an_order_are_all_but_what_signing_adds():
    order = AppOrder(app=APP, appprice=5, salt="0x" + "01" * 32, signature="0x")
    assert signing.order_terms(order) == {
        "kind": "apporder",
        "app": APP,
        "appprice_nrlc": "5",
        "volume": "1",
        "tag": NULL_BYTES32,
        "datasetrestrict": NULL_ADDRESS,
        "workerpoolrestrict": NULL_ADDRESS,
        "requesterrestrict": NULL_ADDRESS,
    }


def test_a_draft_has_the_network_s_tag_and_no_signature():
    values = {"app": "app.eth", "appprice": None, "tag": "gpu"}
    order = signing.draft(session_of(), "apporder", values)
    assert order == AppOrder(app=APP, tag=encode_tag("gpu"))
    order = signing.draft(session_of("arbitrum-mainnet"), "apporder", values)
    assert order.tag == encode_tag("tee,tdx,gpu")
    request = signing.draft(session_of(), "requestorder", {"app": APP, "category": 0})
    assert (request.requester, request.beneficiary) == (ME, ME)


def test_where_tdx_is_all_there_is_every_order_says_so():
    order = AppOrder(app=APP)
    assert signing.with_default_tag(session_of(), order) is order
    assert signing.with_default_tag(session_of("arbitrum-mainnet"), order).tag == TDX_TAG


def test_orders_are_signed_by_whose_they_are():
    request = RequestOrder(app=APP, requester=OTHER, beneficiary=ME, category=0, params="{}")
    for order, session, role in (
        (AppOrder(app=APP), session_of(owner=OTHER), "resource owner"),
        (request, session_of(), "requester"),
    ):
        permit = SimpleNamespace(session=session, sign=lambda _order: pytest.fail("signed"))
        with pytest.raises(OrderError, match=f"(?m)^Invalid order signer, must be the {role}$") as caught:
            signing.sign(permit, order)
        assert caught.value.details == {"wallet": ME, role: OTHER}
        assert caught.value.hint.startswith(f"Use the wallet of the {role}")
    permit = SimpleNamespace(session=session_of(), sign=lambda order: ("signed", order))
    assert signing.sign(permit, AppOrder(app=APP)) == ("signed", AppOrder(app=APP))
