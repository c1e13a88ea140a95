from __future__ import annotations

from types import SimpleNamespace

import pytest

from iexec_lab.ethereum import nonces
from iexec_lab.ethereum.nonces import FORGET_AFTER, Nonces, nonces_of

ME = "0x" + "12" * 20


@pytest.fixture
def clock(monkeypatch):
    time = SimpleNamespace(now=1000.0, monotonic=lambda: time.now)
    monkeypatch.setattr(nonces, "time", time)
    return time


def counting(number):
    """A node that has counted so many transactions."""
    return SimpleNamespace(chain_id=1, name="node", request=lambda *_: hex(number))


def test_the_node_counts_when_nothing_is_in_flight(clock):
    assert Nonces().next(counting(7), ME) == 7


def test_numbers_in_flight_are_not_given_twice(clock):
    held = Nonces()
    held.begin(7)
    held.begin(8)
    assert held.next(counting(7), ME) == 9
    assert held.next(counting(12), ME) == 12
    held.end(8)
    assert held.next(counting(7), ME) == 8
    held.end(7)
    assert held.next(counting(7), ME) == 7


def test_what_the_node_never_counts_is_forgotten(clock):
    held = Nonces()
    held.begin(7)
    clock.now += FORGET_AFTER - 1
    assert held.next(counting(7), ME) == 8
    clock.now += 1
    assert held.next(counting(7), ME) == 7


def test_a_count_that_lags_or_runs_ahead(clock):
    """The number after the last of ours in flight, whatever gaps there are, or the node's if that is more."""
    held = Nonces()
    for number in (9, 7):
        held.begin(number)
    for counted, wanted in ((0, 10), (7, 10), (9, 10), (10, 10), (11, 11)):
        assert held.next(counting(counted), ME) == wanted
    held.end(9)
    assert held.next(counting(0), ME) == 8
    held.end(5)  # not in flight: nothing happens
    assert held.next(counting(0), ME) == 8


def test_a_number_that_is_begun_again_is_young_again(clock):
    held = Nonces()
    held.begin(7)
    clock.now += FORGET_AFTER - 1
    held.begin(7)
    clock.now += FORGET_AFTER - 1
    assert held.next(counting(7), ME) == 8


def test_only_the_old_ones_are_forgotten(clock):
    held = Nonces()
    held.begin(7)
    clock.now += FORGET_AFTER
    held.begin(8)
    assert held.next(counting(7), ME) == 9
    held.end(8)
    assert held.next(counting(7), ME) == 7


def test_the_pending_transactions_count():
    asked = []
    rpc = SimpleNamespace(request=lambda *request: asked.append(request) or "0x5")
    assert Nonces().next(rpc, ME) == 5
    assert asked == [("eth_getTransactionCount", ME, "pending")]


def test_one_memory_for_one_account_on_one_chain():
    here, there = counting(0), SimpleNamespace(chain_id=1, name="another node")
    assert nonces_of(here, ME) is nonces_of(here, ME.upper().replace("0X", "0x"))
    assert nonces_of(here, ME) is not nonces_of(there, ME)
    assert nonces_of(here, ME) is not nonces_of(here, "0x" + "34" * 20)
    assert nonces_of(here, ME) is not nonces_of(SimpleNamespace(chain_id=2, name="node"), ME)
