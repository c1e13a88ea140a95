"""The page is played by what its messages would be; the real one is in tests/browser."""

from __future__ import annotations

import threading

import pytest
from helpers.waiting import until

from iexec_lab.notebook.browser_wallet import WidgetWallet
from iexec_lab.wallet.browser import WalletRefusal

SEND = [{"from": "0xA", "to": "0xB", "value": "0x1", "gas": "0x5208"}]


class Page:
    """A page that claims what it sees; its user answers when told to."""

    def __init__(self, wallet, tab="tab", page="page"):
        self.wallet, self.me = wallet, {"tab": tab, "page": page}
        self.asked = []

    def say(self, kind, **content):
        self.wallet._hear(None, {"kind": kind, **content}, None)

    def claim(self):
        """In a thread: claims the next request."""

        def run():
            asked = until(lambda: self.wallet._bridge.asked)
            self.asked.append(asked["id"])
            self.say("claim", id=asked["id"], **self.me)

        threading.Thread(target=run, daemon=True).start()


@pytest.fixture
def wallet():
    made = WidgetWallet(timeout=0.2)
    yield made
    made.close()


def refusal(wallet):
    with pytest.raises(WalletRefusal) as caught:
        wallet("eth_sendTransaction", SEND)
    return caught.value


def test_a_transaction_that_may_still_be_approved_is_not_asked_for_twice(wallet):
    page = Page(wallet)
    page.claim()
    first = refusal(wallet)
    assert "did not answer within" in first.message
    assert first.may_be_sent
    assert "is still waiting in the wallet" in refusal(wallet).message
    page.say("reply", id=page.asked[0], result="0xlate")
    assert refusal(wallet).tx_hash == "0xlate"
    page.claim()
    assert "did not answer within" in refusal(wallet).message  # now it was asked anew


def test_a_page_that_is_loaded_anew_takes_its_request_with_it(wallet):
    page = Page(wallet)
    page.claim()
    assert refusal(wallet).may_be_sent
    page.say("hello", tab="another", page="new")
    assert "still waiting" in refusal(wallet).message
    page.say("hello", tab="tab", page="new")
    page.claim()
    assert "did not answer within" in refusal(wallet).message


def test_what_no_page_took_is_not_open(wallet):
    wallet.patience = 0.05
    for _ in range(2):
        found = refusal(wallet)
        assert "No page with a wallet" in found.message
        assert not found.may_be_sent


def test_an_answer_in_time_is_the_result(wallet):
    wallet.timeout = 120
    page = Page(wallet)
    page.claim()

    def answer():
        until(lambda: "page" in wallet._bridge.asked)
        page.say("reply", id=page.asked[0], result="0xhash")

    threading.Thread(target=answer, daemon=True).start()
    assert wallet("eth_sendTransaction", SEND) == "0xhash"


def test_a_reload_in_time_is_told(wallet):
    wallet.timeout = 120
    page = Page(wallet)
    page.claim()

    def reload():
        until(lambda: "page" in wallet._bridge.asked)
        page.say("hello", tab="tab", page="new")

    threading.Thread(target=reload, daemon=True).start()
    found = refusal(wallet)
    assert "reloaded" in found.message
    assert found.may_be_sent
