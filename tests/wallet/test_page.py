"""The page is played by a thread that does what its script does."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from helpers.waiting import until

from iexec_lab.wallet import page
from iexec_lab.wallet.browser import BrowserSigner, WalletRefusal
from iexec_lab.wallet.page import PageWallet
from iexec_lab.wallet.signer import LocalSigner

pytestmark = pytest.mark.slow

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url, body=None, **headers):
    """Status and body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with straight.open(request, timeout=120) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def act_as_page(act, *args):
    """In a thread, until the server hangs up."""

    def run():
        with contextlib.suppress(OSError):
            act(*args)

    threading.Thread(target=run, daemon=True).start()


class Browser:
    """Opens the page when asked to and answers its requests until the page ends."""

    def __init__(self, answer):
        self.answer, self.opened, self.asked = answer, [], []

    def __call__(self, url):
        self.opened.append(url)
        act_as_page(self.run, url)

    def run(self, url):
        assert b"eip6963" in fetch(url)[1]
        while True:
            code, body = fetch(url + "next")
            if code == 204:
                continue
            if code != 200:
                return
            asked = json.loads(body)
            self.asked.append(asked)
            fetch(url + "reply", {"id": asked["id"], **self.answer(asked)})


@pytest.fixture
def serve():
    wallets = []

    def make(browser, **options):
        wallets.append(PageWallet(browser, **options))
        return wallets[-1]

    yield make
    for wallet in wallets:
        wallet.close()


def test_one_page_answers_one_request_after_the_other(serve):
    browser = Browser(lambda asked: {"result": [asked["method"], asked["params"]]})
    ask = serve(browser)
    assert [ask("eth_chainId", [number]) for number in range(5)] == [["eth_chainId", [n]] for n in range(5)]
    assert len(browser.opened) == 1


def test_requests_of_several_threads_take_turns(serve):
    browser = Browser(lambda asked: {"result": asked["params"][0]})
    ask = serve(browser)
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append((n, ask("m", [n])))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, n) for n in range(6)]
    assert len(browser.asked) == 6


def test_a_signer_works_through_the_page(serve):
    key = LocalSigner(KEY)
    answers = {
        "eth_requestAccounts": lambda _: [key.address],
        "personal_sign": lambda params: key.sign_message(bytes.fromhex(params[0][2:])),
    }
    signer = BrowserSigner(
        serve(Browser(lambda asked: {"result": answers[asked["method"]](asked["params"])}))
    )
    assert signer.sign_message(b"hello") == key.sign_message(b"hello")


def test_a_refusal_comes_back(serve):
    ask = serve(Browser(lambda _: {"error": {"code": 4001, "message": "User rejected the request."}}))
    with pytest.raises(WalletRefusal, match="User rejected") as caught:
        ask("personal_sign", [])
    assert caught.value.code == 4001


def test_nobody_opens_the_page(serve):
    with pytest.raises(WalletRefusal, match="did not answer"):
        serve(lambda _: None, timeout=0.05)("eth_chainId", [])


SEND = [{"from": KEY[:42], "to": KEY[:42], "value": "0x1", "gas": "0x5208"}]


class Slow(Browser):
    """Its user answers when told to."""

    def __init__(self):
        super().__init__(self.late)
        self.answers = {}

    def late(self, asked):
        if asked["method"] != "eth_sendTransaction":
            return {"result": "0x1"}
        return self.answers.setdefault(asked["id"], Answer()).wait()


class Answer:
    def __init__(self):
        self._set = threading.Event()
        self.reply = None

    def give(self, **reply):
        self.reply = reply
        self._set.set()

    def wait(self):
        self._set.wait(120)
        return self.reply


def test_a_transaction_that_may_still_be_approved_is_not_asked_for_twice(serve, monkeypatch):
    monkeypatch.setattr(page, "REOPEN_AFTER", 0.05)
    browser = Slow()
    wallet = serve(browser, timeout=0.05)
    found = until(lambda: refusal(wallet), lambda found: found.may_be_sent)
    assert "did not answer within" in found.message
    with pytest.raises(WalletRefusal, match="is still waiting in the wallet"):
        wallet("eth_sendTransaction", [{**SEND[0], "gas": "0x9999"}])
    [answer] = until(lambda: [*browser.answers.values()])  # it was handed out, but not read yet perhaps
    assert [asked["method"] for asked in browser.asked] == ["eth_sendTransaction"]
    answer.give(result="0xlate")
    found = until(lambda: refusal(wallet), lambda found: "approved late" in found.message)
    assert found.tx_hash == "0xlate"
    assert len(browser.asked) == 1


def refusal(wallet):
    with pytest.raises(WalletRefusal) as caught:
        wallet("eth_sendTransaction", SEND)
    return caught.value


def test_a_page_that_is_closed_takes_its_request_with_it(serve):
    def close(url):
        def act():
            fetch(url)
            asked = json.loads(fetch(url + "next")[1])
            fetch(url + "gone", {"id": asked["id"]})

        act_as_page(act)

    wallet = serve(close)
    for _ in range(2):  # and the same may be asked for again
        assert "reloaded or closed" in refusal(wallet).message


def test_an_interrupted_request_stays_open(serve):
    def interrupt(url):
        fetch(url)
        fetch(url + "next")
        raise KeyboardInterrupt

    wallet = serve(interrupt)
    with pytest.raises(KeyboardInterrupt):
        wallet("eth_sendTransaction", SEND)
    assert "still waiting" in refusal(wallet).message


def test_what_no_page_took_is_not_open(serve):
    wallet = serve(lambda _: None, timeout=0.05)
    for _ in range(2):
        found = refusal(wallet)
        assert "did not answer" in found.message
        assert not found.may_be_sent


def test_the_secret_is_on_no_command_line(monkeypatch, tmp_path):
    monkeypatch.setattr(page.tempfile, "tempdir", str(tmp_path))
    opened = []

    def open_browser(url):
        """A browser whose command line everybody sees, and which reads the file it is given."""
        opened.append(url)
        door = Path(url2pathname(urlsplit(url).path))
        assert door.stat().st_mode & 0o777 == 0o600
        assert door.parent.stat().st_mode & 0o777 == 0o700
        target = json.loads(re.search(r"location\.replace\((.*)\);", door.read_text())[1])
        Browser(lambda asked: {"result": asked["method"]})(target)

    monkeypatch.setattr(page.webbrowser, "open", open_browser)
    with PageWallet() as wallet:
        assert wallet("eth_chainId", []) == "eth_chainId"
    [line] = opened
    assert line.startswith("file://")
    assert wallet._token not in line
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_was_closed_is_opened_again(serve, monkeypatch):
    monkeypatch.setattr(page, "REOPEN_AFTER", 0.05)
    opened = []

    def once(url):
        opened.append(url)

        def answer():
            fetch(url)
            asked = json.loads(fetch(url + "next")[1])
            fetch(url + "reply", {"id": asked["id"], "result": len(opened)})

        act_as_page(answer)

    ask = serve(once)
    assert ask("m", []) == 1
    assert ask("m", []) == 2


def test_a_reload_loses_the_request_and_says_so(serve):
    def reload(url):
        def act():
            fetch(url)
            fetch(url + "next")
            fetch(url)

        act_as_page(act)

    with pytest.raises(WalletRefusal, match="reloaded"):
        serve(reload)("eth_sendTransaction", [])


def test_exactly_one_page_gets_a_request(serve, monkeypatch):
    monkeypatch.setattr(page, "LONG_POLL", 0.1)
    taken = []

    def two(url):
        def act():
            code, body = fetch(url + "next")
            if code == 200:
                taken.append(json.loads(body)["id"])
                fetch(url + "reply", {"id": taken[-1], "result": 1})

        for _ in range(2):
            act_as_page(act)

    assert serve(two)("m", []) == 1
    assert len(taken) == 1


def test_nobody_else_can_ask_or_answer(serve):
    wallet = serve(lambda _: None)
    root = f"http://127.0.0.1:{wallet.port}/"
    token = urlsplit(wallet.url).path
    assert fetch(root)[0] == fetch(root + "next")[0] == fetch(root + "x" * 32 + "/next")[0] == 404
    assert fetch(wallet.url, Host="evil.example")[0] == 404
    assert fetch(wallet.url + "reply", {}, Host="evil.example")[0] == 404
    assert fetch(wallet.url + "reply", {}, **{"Content-Type": "text/plain"})[0] == 404
    assert fetch(wallet.url + "reply", {"id": "guess", "result": 1})[0] == 204
    assert fetch(wallet.url + "reply", [1])[0] == 204
    assert len(token) > 32


def test_an_endless_answer_is_not_read(serve):
    wallet = serve(lambda _: None)
    connection = http.client.HTTPConnection("127.0.0.1", wallet.port)
    with contextlib.closing(connection):
        connection.putrequest("POST", urlsplit(wallet.url).path + "reply")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(page.MAX_REPLY + 1))
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 404
        response.read()


def test_an_answer_for_an_earlier_request_does_not_count(serve):
    def stale(url):
        def act():
            asked = json.loads(fetch(url + "next")[1])
            fetch(url + "reply", {"id": "stale", "result": "wrong"})
            fetch(url + "reply", {"id": asked["id"], "result": "right"})
            fetch(url + "reply", {"id": asked["id"], "result": "late"})

        act_as_page(act)

    assert serve(stale)("m", []) == "right"


def test_the_page_ends_with_the_wallet():
    ended = threading.Event()
    wallet = PageWallet(lambda _: None)

    def poll():
        assert fetch(wallet.url + "next")[0] == 410
        ended.set()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    while wallet._pages == 0:
        threading.Event().wait(0.01)
    with wallet:
        pass
    thread.join(120)
    assert ended.is_set()


def test_the_address_may_be_that_of_a_proxy():
    with PageWallet(lambda _: None, base="https://hub.example/user/x/proxy/{port}/") as wallet:
        assert wallet.url.startswith(f"https://hub.example/user/x/proxy/{wallet.port}/")
        assert wallet.serves(f"/{wallet._token}/next", "hub.example", "next")
