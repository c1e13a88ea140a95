"""Is there anybody behind an order? Asked beside other work, bounded, and never the end of a run."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from iexec_lab.client.matching import served as room
from iexec_lab.client.matching.served import REMEMBERED, Served
from iexec_lab.errors import ApiError, CompassError, WorkerpoolError

POOL, OTHER = ("0x" + digit * 40 for digit in "12")


@pytest.fixture
def world(monkeypatch):
    """A Compass that answers ``world.url`` and an API that tells ``world.workers``; both may fail."""

    def say(answer):
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    world = SimpleNamespace(url="https://pool.example", workers=3, asked=[], clock=1000.0)
    world.session = SimpleNamespace(
        network=SimpleNamespace(compass="https://compass.example", id=5), pools_asked={}
    )

    def compass(url, *, timeout):
        assert (url, timeout) == ("https://compass.example", room.PATIENCE)
        return SimpleNamespace(api_url=lambda *asked: world.asked.append(asked) or say(world.url))

    def api(url, *, timeout):
        assert (url, timeout) == ("https://pool.example", room.PATIENCE)
        return SimpleNamespace(alive_workers=lambda: say(world.workers))

    monkeypatch.setattr(room, "Compass", compass)
    monkeypatch.setattr(room, "WorkerpoolApi", api)
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: world.clock))
    return world


def remarks(world, *pools):
    served = Served(world.session)
    for pool in pools or (POOL,):
        served.ask(pool)
    return served.remarks(pools or (POOL,))


@pytest.mark.parametrize("workers", [1, None, ApiError("404")])
def test_nothing_is_said_of_a_workerpool_that_answers(world, workers):
    world.workers = workers
    assert remarks(world) == ()
    assert world.asked == [(5, POOL)]


@pytest.mark.parametrize(
    ("url", "workers", "why"),
    [
        (None, 3, "Compass knows no API of it"),
        ("https://pool.example", WorkerpoolError("gone"), "its API at https://pool.example does not answer"),
        ("https://pool.example", 0, "its API says that it has no worker"),
    ],
)
def test_a_workerpool_that_nobody_serves(world, url, workers, why):
    world.url, world.workers = url, workers
    assert remarks(world) == (f"nobody seems to serve workerpool {POOL}: {why}",)
    assert remarks(world, POOL, OTHER, POOL) == tuple(
        f"nobody seems to serve workerpool {pool}: {why}" for pool in (POOL, OTHER)
    )


def test_an_api_that_hangs_is_not_waited_for(world, monkeypatch):
    never = threading.Event()
    world.workers = lambda: never.wait() and None
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    [said] = remarks(world)
    assert said.endswith("does not answer")
    never.set()


def test_a_compass_that_is_down_is_no_remark(world):
    world.url = CompassError("down")
    assert remarks(world) == ()


def test_a_compass_that_hangs_is_not_waited_for_again(world, monkeypatch):
    never = threading.Event()
    world.url = lambda: never.wait() and None
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    assert remarks(world) == remarks(world) == ()
    assert len(world.asked) == 1
    never.set()


def test_no_compass_no_question(world):
    world.session.network.compass = None
    assert remarks(world) == ()
    assert world.asked == []


def test_a_good_answer_is_remembered_for_a_while_and_a_bad_one_is_not(world):
    assert remarks(world) == remarks(world) == ()
    assert len(world.asked) == 1
    world.clock += REMEMBERED
    world.url = None
    assert len(remarks(world)) == len(remarks(world)) == 1
    assert len(world.asked) == 3


def test_only_what_was_asked_about_is_remarked(world):
    world.url = None
    assert Served(world.session).remarks([POOL]) == ()
