"""While a transaction is waited for: when it is given to the node again, and why it did nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from iexec_lab.errors import CallError, TransactionError
from iexec_lab.ethereum import receipts
from iexec_lab.ethereum.reverts import ERROR
from iexec_lab.ethereum.transport import RpcFault

TO = "0x" + "12" * 20


class Reviewed:
    """A node of answers, and whether a transaction that is reviewed was given to it again."""

    def __init__(self, *, shown=None, used=4):
        self.shown, self.used, self.given = shown, used, []

    def attempt(self, method, *params):
        if method == "eth_getTransactionByHash":
            return self.shown
        assert method == "eth_sendRawTransaction"
        self.given.append(*params)
        return None

    def request(self, method, *params):
        assert (method, params[1]) == ("eth_getTransactionCount", "latest")
        if isinstance(self.used, Exception):
            raise self.used
        return hex(self.used)


class TestReview:
    """When a transaction that is waited for is given to the node again: only when the node forgot it."""

    PENDING = receipts.Pending("0x" + "ab" * 32, TO, {}, nonce=4, raw="0xraw")

    def review(self, node, **changed):
        watch = receipts._Watch(node, 1, 600)
        watch.review(replace(self.PENDING, **changed))
        return node.given, watch

    @pytest.mark.parametrize("used", [0, 3, 4])
    def test_forgotten_and_its_number_is_free(self, used):
        given, watch = self.review(Reviewed(used=used))
        assert given == ["0xraw"]
        assert watch.seen == set()

    def test_the_node_has_it(self):
        given, watch = self.review(Reviewed(shown={"hash": self.PENDING.tx_hash.upper()}))
        assert (given, watch.seen) == ([], {self.PENDING.tx_hash})

    @pytest.mark.parametrize("shown", [RpcFault(-32000, "busy"), {"hash": "0x" + "cd" * 32}, "no", []])
    def test_the_node_does_not_say(self, shown):
        given, watch = self.review(Reviewed(shown=shown))
        assert (given, watch.seen) == ([], set())

    def test_nor_does_it_count(self):
        assert self.review(Reviewed(used=CallError("gone")))[0] == []

    @pytest.mark.parametrize("unknown", ["raw", "nonce"])
    def test_a_wallet_sent_it(self, unknown):
        assert self.review(Reviewed(), **{unknown: None})[0] == []

    def test_its_number_was_used(self, monkeypatch):
        """By itself, by the same at a lower fee, by nobody that is shown: no error, and nothing is given."""
        cheaper, other = "0x" + "01" * 32, "0x" + "02" * 32
        for mined, instead_of_it in (
            (self.PENDING.tx_hash, {}),
            (None, {}),
            (cheaper, {self.PENDING.tx_hash: cheaper}),
        ):
            monkeypatch.setattr(receipts, "holder", lambda *_args, mined=mined: mined)
            given, watch = self.review(Reviewed(used=5), before=frozenset({cheaper}))
            assert (given, watch.instead) == ([], instead_of_it)
        monkeypatch.setattr(receipts, "holder", lambda *_args: other)
        with pytest.raises(TransactionError, match="has its nonce 4") as caught:
            self.review(Reviewed(used=5), before=frozenset({cheaper}))
        assert caught.value.details == {"mined in its place": other}
        assert caught.value.tx_hash == self.PENDING.tx_hash

    def test_it_is_looked_for_now_and_then(self, monkeypatch):
        """Not before five seconds have gone by, then every five, and only what was not mined."""
        clock = SimpleNamespace(now=0.0)
        clock.monotonic, clock.sleep = (lambda: clock.now), (lambda _seconds: None)
        monkeypatch.setattr(receipts, "time", clock)
        node = Reviewed()
        watch = receipts._Watch(node, 1, 600)
        for now, times in ((4.9, 0), (5.0, 0), (5.1, 1), (10.1, 1), (10.2, 2)):
            clock.now = now
            watch.pause([self.PENDING])
            assert len(node.given) == times
        clock.now = 20.0
        watch.mined[self.PENDING.tx_hash] = None
        watch.pause([self.PENDING])
        assert len(node.given) == 2
        many = [replace(self.PENDING, tx_hash=f"0x{each:064x}") for each in range(20)]
        clock.now = 30.0
        watch.pause(many)
        assert len(node.given) == 2 + receipts.REVIEWED_AT_ONCE


class TestFailed:
    """Why a mined transaction did nothing."""

    def failed(self, gas, used, *answers):
        asked, waiting = [], list(answers)

        def attempt(method, call, block):
            asked.append((method, call, block))
            return waiting.pop(0)

        call = {"from": TO, "to": TO, "data": "0x", "gas": gas, "nonce": "0x1"}
        error = receipts.failed(
            SimpleNamespace(attempt=attempt),
            receipts.Pending("0xh", TO, {name: each for name, each in call.items() if each is not None}),
            receipts.Receipt("0xh", 9, status=False, gas_used=used, logs=[]),
        )
        fields = {"from": TO, "to": TO, "data": "0x"}
        assert asked == [("eth_call", fields, block) for block in ("0x9", "0x8")][: len(asked)]
        return error

    @pytest.mark.parametrize(
        ("gas", "used", "ran_out"),
        [("0x64", 100, True), ("0x64", 101, True), ("0x64", 99, False), (None, 10**9, False)],
    )
    def test_all_gas_was_used(self, gas, used, ran_out):
        error = self.failed(gas, used, "0x", "0x")
        assert error.hint == (
            "It ran out of gas." if ran_out else "The state had changed when it was mined; try again."
        )
        assert error.details == {"transaction": "0xh", "block": 9, "gas used": used}
        assert error.tx_hash == "0xh"

    def test_the_block_before_may_tell(self):
        fault = RpcFault(3, "execution reverted: no way", data="0x" + ERROR.encode("no way").hex())
        assert self.failed("0x64", 100, "0x", fault).reason == "no way"
