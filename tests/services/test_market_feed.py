"""The feed's client against feeds that are strangers."""

from __future__ import annotations

import time

import pytest
from helpers.faulty_server import FaultyServer, Reply
from helpers.stand_in_feed import END, StandInFeed
from helpers.waiting import until

from iexec_lab.errors import LibraryError, MarketError
from iexec_lab.services import market_feed
from iexec_lab.services.market_feed import Feed, FeedCutError


@pytest.fixture
def stand_in():
    made = StandInFeed()
    with made.server:
        yield made


@pytest.fixture
def feed(stand_in):
    opened = Feed(stand_in.server.url, 1, "orders", timeout=5)
    yield opened
    stand_in.said.put(END)
    opened.close()


def until_cut(feed):
    for _ in range(20):
        feed.get(0.25)


def test_messages_come_in_order_however_many_at_once(stand_in, feed):
    stand_in.say(*(("deal_created", number) for number in range(500)))
    assert [feed.get(5).payload for _ in range(500)] == list(range(500))
    assert feed.get(0) is None


def test_the_end_of_the_session_is_a_cut_after_what_was_told(stand_in, feed):
    stand_in.say(("a", 1), ("b", None))
    stand_in.said.put(END)
    assert [feed.get(5).event, feed.get(5).event] == ["a", "b"]
    with pytest.raises(FeedCutError):
        until_cut(feed)


@pytest.mark.parametrize(
    "said",
    [
        "42",
        '42["a"',
        "42{}",
        "45-[]",
        "9",
        "",
        "4",
        "\x1e\x1e",
        b"\xff\xfe",
        "42[1]",
        "42[]",
        "44",
        "41",
        "451-x",
    ],
)
def test_what_is_no_message_is_no_message(stand_in, feed, said):
    """It may end the session, but never brings anything else than a message or a cut."""
    stand_in.said.put(said)
    stand_in.say(("after", 1))
    try:
        told = feed.get(2)
    except FeedCutError:
        return
    assert told is None or isinstance(told.event, str)


def test_an_answer_without_end_is_a_cut(stand_in, feed, monkeypatch):
    monkeypatch.setattr(market_feed, "MOST_BYTES", 1000)
    stand_in.say(("a", "x" * 100_000))
    with pytest.raises(FeedCutError):
        until_cut(feed)


def test_a_reader_who_does_not_read_is_told_of_a_cut(stand_in, monkeypatch):
    monkeypatch.setattr(market_feed, "MOST_WAITING", 10)
    feed = Feed(stand_in.server.url, 1, "orders", timeout=5)
    stand_in.say(*(("a", number) for number in range(11)))
    time.sleep(0.3)
    assert [feed.get(1).payload for _ in range(10)] == list(range(10))
    with pytest.raises(FeedCutError):
        feed.get(0)
    stand_in.said.put(END)
    feed.close()


def test_silence_is_a_cut(feed, monkeypatch):
    assert feed.get(0) is None
    monkeypatch.setattr(market_feed, "LONGEST_SILENCE", 0.0)
    with pytest.raises(FeedCutError):
        feed.get(0)


def test_closing_waits_for_no_answer(stand_in):
    """The real service answers a poll after 25 s of silence: threads of pages that are gone lived as long."""
    stand_in.silence = 600
    feed = Feed(stand_in.server.url, 1, "orders", timeout=5)
    threads = [feed._client.eio.read_loop_task, feed._client.eio.write_loop_task]
    until(lambda: stand_in.waiting, seconds=60)
    feed.close()
    until(lambda: not any(thread.is_alive() for thread in threads), seconds=60)
    stand_in.said.put(END)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(200, b"<html>"),
        Reply(200, b"0{}"),
        Reply(200, b'0{"sid":1}'),
        Reply(500),
        Reply(200, b"0["),
    ],
)
def test_what_is_no_feed(reply):
    with (
        FaultyServer(answer=lambda _: reply) as server,
        pytest.raises(MarketError, match="could not be joined"),
    ):
        Feed(server.url, 1, "orders", timeout=2)


def test_nobody_there():
    with pytest.raises(MarketError, match="could not be joined"):
        Feed("http://127.0.0.1:9", 1, "orders", timeout=2)


def test_the_library_may_be_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "socketio", None)
    with pytest.raises(LibraryError, match="python-socketio"):
        Feed("http://127.0.0.1:9", 1, "orders")
