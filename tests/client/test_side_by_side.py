from __future__ import annotations

import os
import signal
import threading
import time
from contextvars import ContextVar

import pytest
from helpers.waiting import until

from iexec_lab.client.side_by_side import THREADS, begin, each

word = ContextVar("word", default="nothing")


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "side by side"]


def test_results_come_in_order_however_long_each_takes():
    met = threading.Barrier(3, timeout=60)

    def work(number):
        met.wait()  # all of them at once, or never
        time.sleep(0.03 * (3 - number))
        return number

    assert each(work, [0, 1, 2]) == [0, 1, 2]
    assert [begun.result() for begun in begin(lambda: "a", lambda: "b")] == ["a", "b"]
    assert until(workers, lambda found: not found) == []


def test_no_work_and_a_single_piece_need_no_thread():
    here = threading.current_thread()
    assert each(lambda _item: threading.current_thread() is here, ["one"]) == [True]
    assert (each(print, []), begin()) == ([], [])


def test_the_error_told_is_the_first_in_order_not_in_time():
    late, soon = ValueError("late"), KeyError("soon")
    failed = threading.Event()

    def first():
        assert failed.wait(60)
        raise late

    def second():
        failed.set()
        raise soon

    with pytest.raises(ValueError, match="late"):
        each(lambda work: work(), [first, second])
    failed.clear()
    begun = begin(first, second)
    with pytest.raises(KeyError):
        begun[1].result()
    with pytest.raises(ValueError, match="late"):
        begun[0].result()


def test_nobody_waits_for_what_is_not_wanted_and_no_more_is_begun_after_an_error():
    go_on, ran = threading.Event(), []

    def work(number):
        ran.append(number)
        if number == 0:
            raise ValueError("no")
        assert go_on.wait(60)

    with pytest.raises(ValueError, match="no"):
        each(work, range(5 * THREADS))
    assert len(ran) < 5 * THREADS
    assert all(thread.daemon for thread in workers())
    go_on.set()
    assert until(workers, lambda found: not found) == []
    assert len(ran) < 5 * THREADS


def test_at_most_so_many_at_a_time():
    going, most, lock = set(), [0], threading.Lock()

    def work(number):
        with lock:
            going.add(number)
            most[0] = max(most[0], len(going))
        time.sleep(0.01)
        with lock:
            going.discard(number)

    each(work, range(4 * THREADS))
    assert 1 < most[0] <= THREADS


def test_work_sees_the_context_in_which_it_was_begun():
    token = word.set("hello")
    try:
        assert each(lambda _item: word.get(), [1, 2]) == ["hello", "hello"]
        [begun] = begin(word.get)
    finally:
        word.reset(token)
    assert begun.result() == "hello"


def test_an_interrupt_ends_the_wait_at_once():
    """Not after the work, which may be an answer that takes its whole time-out."""
    go_on, began = threading.Event(), threading.Event()

    def work(_item):
        began.set()
        go_on.wait(60)

    def interrupt():
        began.wait(60)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        each(work, [1, 2])
    assert time.monotonic() - started < 30
    go_on.set()
    assert until(workers, lambda found: not found) == []
