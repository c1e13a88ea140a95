from __future__ import annotations

import pytest

from iexec_lab.wallet.browser import SENDS, WalletRefusal
from iexec_lab.wallet.open_requests import OpenRequests

SEND = [{"from": "0xA", "to": "0xB", "value": "0x1", "gas": "0x5208", "chainId": "0x1"}]


@pytest.fixture
def left():
    """One transaction was asked for and is open."""
    requests = OpenRequests()
    requests.leave("one", SENDS, SEND, {"tab": "t", "page": "p"})
    return requests


def again(**changed):
    return [{**SEND[0], **changed}]


@pytest.mark.parametrize(
    "changed", [{}, {"gas": "0x1"}, {"maxFeePerGas": "0x9", "nonce": "0x7"}, {"to": "0xb"}]
)
def test_the_same_transaction_is_not_asked_for_again(left, changed):
    for _ in range(2):
        with pytest.raises(WalletRefusal, match="is still waiting in the wallet") as caught:
            left.check(SENDS, again(**changed))
        assert caught.value.may_be_sent


@pytest.mark.parametrize("changed", [{"to": "0xC"}, {"value": "0x2"}, {"data": "0x01"}, {"chainId": "0x2"}])
def test_another_transaction_may_be_asked_for(left, changed):
    left.check(SENDS, again(**changed))


def test_signatures_may_be_asked_for_again(left):
    left.leave("two", "personal_sign", ["0x01"])
    left.check("personal_sign", ["0x01"])


def test_a_late_approval_is_told_once(left):
    left.answered("one", {"result": "0xhash"})
    with pytest.raises(WalletRefusal, match="approved late: 0xhash") as caught:
        left.check(SENDS, SEND)
    assert caught.value.tx_hash == "0xhash"
    left.check(SENDS, SEND)


def test_a_late_refusal_ends_it(left):
    left.answered("one", {"error": {"code": 4001}})
    left.check(SENDS, SEND)


def test_it_ends_with_its_page(left):
    left.gone("another")
    left.reloaded("t", "p")
    left.reloaded("another tab", "q")
    left.reloaded(None, None)
    with pytest.raises(WalletRefusal):
        left.check(SENDS, SEND)
    left.reloaded("t", "q")
    left.check(SENDS, SEND)


@pytest.mark.parametrize("number", [None, [], {}, 7, "another"])
def test_answers_to_nothing_change_nothing(left, number):
    left.answered(number, {"result": "0xhash"})
    left.gone(number)
    with pytest.raises(WalletRefusal, match="still waiting"):
        left.check(SENDS, SEND)


@pytest.mark.parametrize("params", [[], [None], ["x"], [[]]])
def test_odd_requests_are_requests_too(params):
    requests = OpenRequests()
    requests.check(SENDS, params)
    requests.leave("one", SENDS, params)
    with pytest.raises(WalletRefusal):
        requests.check(SENDS, params)
