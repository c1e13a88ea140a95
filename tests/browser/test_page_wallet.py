"""The page on loopback in a real browser, which a file leads to."""

from __future__ import annotations

import queue
import threading

import pytest
from helpers.waiting import until

from iexec_lab.wallet import page as page_module
from iexec_lab.wallet.browser import WalletRefusal
from iexec_lab.wallet.page import PageWallet

# Answers all but what sends, to which its user says nothing.
PROVIDER = """
window.ethereum = { request: ({ method }) =>
  method === "eth_sendTransaction" ? new Promise(() => {}) : Promise.resolve(method) };
"""
SEND = [{"to": "0xB", "value": "0x1"}]


class Asking(threading.Thread):
    """Asks while the browser is driven by the test's own thread."""

    def __init__(self, wallet, method, params):
        super().__init__(daemon=True)
        self.wallet, self.method, self.params = wallet, method, params
        self.answer = self.refusal = None
        self.start()

    def run(self):
        try:
            self.answer = self.wallet(self.method, self.params)
        except WalletRefusal as refusal:
            self.refusal = refusal


@pytest.fixture
def doors(monkeypatch):
    """Addresses that a browser was started with."""
    found = queue.Queue()
    monkeypatch.setattr(page_module.webbrowser, "open", found.put)
    return found


@pytest.mark.parametrize("leave", ["reload", "close"])
def test_a_file_leads_to_the_page_and_a_page_that_ends_says_so(page, doors, leave):
    page.add_init_script(PROVIDER)
    with PageWallet(timeout=600) as wallet:
        asking = Asking(wallet, "eth_chainId", [])
        door = doors.get(timeout=600)
        assert wallet._token not in door
        page.goto(door)
        asking.join(600)
        assert asking.answer == "eth_chainId"
        asking = Asking(wallet, "eth_sendTransaction", SEND)
        page.get_by_text("eth_sendTransaction").wait_for()
        getattr(page, leave)()
        asking.join(600)
        assert "reloaded or closed" in asking.refusal.message
        assert asking.refusal.may_be_sent
        until(lambda: not wallet._left._left)
        wallet._left.check("eth_sendTransaction", SEND)
