"""``lab.watch``: a function is called when something happens."""

from __future__ import annotations

import queue

import pytest
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.state.apps import Apps


@pytest.fixture
def app(lab, unique):
    return lab.app.deploy(unique, IMAGE, CHECKSUM)


@pytest.fixture
def heard():
    return queue.Queue()


def test_a_grant_for_me(lab, other, app, heard):
    with other.watch("grant", heard.put, kind="app", app=app) as watch:
        lab.app.publish(app, price=1)
        mine = lab.app.publish(app, price=2, requester_restrict=other.session.address)
        assert heard.get(timeout=10).row["orderHash"] == mine
        assert heard.empty()
        assert (watch.calls, watch.running) == (1, True)
    assert not watch.running


def test_a_price(lab, app, heard):
    cheap = lab.app.publish(app, price="0.1 RLC")
    with lab.watch("price", heard.put, kind="app", app=app, below="0.2 RLC"):
        assert heard.get(timeout=10).row["orderHash"] == cheap
        lab.app.publish(app, price="0.2 RLC")
        cheaper = lab.app.publish(app, price=1)
        assert heard.get(timeout=10).row["orderHash"] == cheaper
    assert heard.empty()


def test_once(lab, app, heard):
    watch = lab.watch("order", heard.put, kind="app", app=app, once=True)
    first = lab.app.publish(app, price=1)
    assert watch.wait(timeout=10)
    lab.app.publish(app, price=2)
    assert heard.get(timeout=1).row["orderHash"] == first
    assert heard.empty()


def test_a_deal_and_its_tasks(lab, hello, heard):
    with lab.watch("deal", heard.put, app=hello):
        job = lab.app.run(hello, watch=False)
        assert heard.get(timeout=10).row["dealid"] == job.deal_id
    with lab.watch("task", heard.put, deal=job.deal_id, status="completed", every=0.2):
        told = heard.get(timeout=20)
    assert (told.event, told.kind, told.row["dealid"], told.why) == ("completed", "task", job.deal_id, "")


def test_a_task_that_failed(newcomer, heard, iexec_sandbox, tmp_path, unique):
    """Its worker gives up long before the deadline: that is told, with the reason."""
    folder = tmp_path / "crash"
    folder.mkdir()
    (folder / "app.py").write_text("raise SystemExit(3)")
    image = f"test/{unique.lower()[-20:]}:1"
    Apps(iexec_sandbox.folder / "apps").add(image, folder)
    lab = newcomer(nrlc=10**9)
    lab.account.deposit("0.5 RLC")
    app = lab.app.deploy(unique, image, CHECKSUM)
    lab.app.publish(app)
    with lab.watch("task", heard.put, every=0.2):
        job = lab.app.run(app, watch=False)
        told = heard.get(timeout=30)
    assert (told.event, told.row["dealid"]) == ("failed", job.deal_id)
    assert "exit code 3" in told.why


def test_what_the_function_raises_ends_the_watch(lab, app, capsys):
    def fail(_):
        raise ZeroDivisionError("of yours")

    watch = lab.watch("order", fail, kind="app", app=app)
    lab.app.publish(app, price=1)
    with pytest.raises(ZeroDivisionError, match="of yours"):
        watch.wait(timeout=10)
    assert "The watch for order has ended: of yours" in capsys.readouterr().err
    assert "ended" in repr(watch)


@pytest.mark.parametrize(
    ("what", "conditions", "words"),
    [
        ("grants", {}, "Nobody can watch for grants"),
        ("price", {}, "needs a bound"),
        ("price", {"below": 1, "above": 2}, "needs a bound"),
        ("price", {"below": "cheap"}, "cheap"),
        ("order", {"kind": "pool"}, "not a list"),
        ("task", {"status": "odd"}, "odd is not an end"),
        ("task", {"colour": 1}, "no condition colour"),
    ],
)
def test_wrong_wishes(lab, what, conditions, words):
    with pytest.raises(ValidationError, match=words):
        lab.watch(what, print, **conditions)


def test_it_needs_a_function(lab):
    with pytest.raises(ValidationError, match="function"):
        lab.watch("order", None)
