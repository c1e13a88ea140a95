"""Whatever a service answers: a verb gives what it promises, or our error."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
import requests
from helpers.answers import facts
from helpers.labs import fund, open_lab
from helpers.mutated import mutated
from helpers.stranger import ANSWERS, DOMAIN, KINDS, Stranger
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.jobs.polling import look, read_deals
from iexec_lab.client.jobs.running import _within_reach
from iexec_lab.client.jobs.status import MAX_TASKS, JobDeal, TaskRef
from iexec_lab.client.jobs.why import cause
from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import CallError, IexecError, JobError
from iexec_lab.frames import OPTIONAL, SCHEMAS
from iexec_lab.services.compass import Compass, is_api_url
from iexec_lab.services.market import Market
from iexec_lab.wallet.signer import LocalSigner

BOOKS = {
    "apporder": "app",
    "datasetorder": "dataset",
    "workerpoolorder": "workerpool",
    "requestorder": "requester",
}


class World:
    """A lab with a job that has ended, whose market, Compass and workerpool are one stranger."""

    def __init__(self, handle, folder, stranger):
        signer = LocalSigner.generate()
        fund(handle, signer.address, nrlc=10**12, wei=10**18)
        self.lab, self.stranger, self.handle = open_lab(handle, signer, folder), stranger, handle
        app = self.lab.app.deploy("strange", "image", "0x" + "00" * 32)
        self.lab.app.publish(app, volume=9)
        self.lab.account.deposit(10**11)
        self.job = self.lab.app.run(app, workerpool=handle.workerpool, args="hi")
        self.job.wait()
        self.open = self.lab.app.run(app, workerpool=self._idle_pool(), category=4)
        self.task = self.job.task_ids[0]
        session = self.lab.session
        query = {"chainId": str(session.network.id), "requester": signer.address}
        self.deals = requests.get(f"{handle.urls['market']}/deals", params=query, timeout=30).json()
        query = {"chainId": query["chainId"], "address": signer.address}
        challenge = requests.get(
            f"{handle.urls['workerpool']}/tasks/logs/challenge", params=query, timeout=30
        ).json()
        self.found = {"/tasks/logs/challenge": challenge, "/workerpools/": {"apiUrl": stranger.url}}
        session.market = Market(stranger.url, session.network.id)
        session.compass = Compass(stranger.url)

    def _idle_pool(self):
        pool = self.lab.workerpool.deploy("idle")
        self.lab.workerpool.publish(pool, category=4, volume=9)
        return pool

    def says(self, said, **paths):
        self.stranger.said = said
        self.stranger.paths = {**self.found, **paths}
        return self.lab


@pytest.fixture(scope="module")
def world(iexec_sandbox, tmp_path_factory):
    with Stranger() as stranger:
        yield World(iexec_sandbox, tmp_path_factory.mktemp("strange"), stranger)


def drawn(answer, kind):
    """The frame of an answer, once its JSON could be written."""
    json.dumps(answer.to_official_json(), ensure_ascii=False).encode()
    frame = answer.to_value()
    optional = OPTIONAL.get(kind, set()) | {"bulk", "sponsor"}
    assert {column.name for column in SCHEMAS[kind]} - optional <= set(frame.columns)
    return frame


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_the_order_book(kind, data, world):
    answer = data.draw(mutated(ANSWERS[f"{kind}s"]))
    with suppress(IexecError):
        found = fetch(world.says(answer), f"orderbook.{BOOKS[kind]}")
        frame = drawn(found, kind)
        assert len(frame) + found.facts.left_out <= len(answer["orders"])
        assert frame.attrs.get("left_out", 0) == found.facts.left_out


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_an_order(kind, data, world):
    lab = world.says(data.draw(mutated(ANSWERS[kind])))
    wanted = ANSWERS[kind]["orderHash"]
    lab.session.domain = DOMAIN  # that of the market which the answers come from
    with suppress(IexecError):
        found = fetch(lab, "order.show", kind, wanted)
        assert drawn(found, kind).loc[0, "order_hash"] == wanted
        assert lab.order.hash({"kind": kind, **found.facts["order"]}) == wanted


@given(data=st.data())
def test_deals(data, world):
    lab = world.says(data.draw(mutated(world.deals)))
    with suppress(IexecError):
        drawn(fetch(lab, "deal.list", source="market"), "listed_deal")


@given(data=st.data())
def test_jobs(data, world):
    lab = world.says(data.draw(mutated(world.deals)))
    with suppress(IexecError):
        frame = drawn(fetch(lab, "jobs", running=True), "job")
        assert set(frame["deal_id"]) <= {world.open.deal_id}


GIVEN_UP = {
    "replicates": [
        {"currentStatus": "ABORTED", "statusUpdateList": [{"status": "COMPUTE_FAILED", "cause": "x"}]},
        {"currentStatus": "FAILED", "appExitCode": 3},
    ]
}


@given(answer=mutated(ANSWERS["task"], GIVEN_UP))
def test_the_story_of_a_task(answer, world):
    plain = facts(world.says(answer), "task.debug", world.task)
    json.dumps(plain, ensure_ascii=False).encode()
    why = cause(plain.get("offchainData", {}).get("replicates", []))
    assert why is None or type(why) is str


@given(answer=mutated(ANSWERS["logs"]))
def test_the_output_of_an_app(answer, world):
    lab = world.says(answer)
    with suppress(IexecError):
        found = fetch(lab, "task.logs", world.task)
        frame = drawn(found, "log")
        assert frame.attrs.get("left_out", 0) == found.facts.left_out


@given(answer=mutated({"apiUrl": "https://core.example:8443/v1"}, {"apiUrl": "http://[::1]"}))
def test_where_a_workerpool_answers(answer, world):
    lab = world.says(answer, **{"/workerpools/": answer})
    url = lab.workerpool.api_url(world.handle.workerpool)
    assert url is None or is_api_url(url)
    frame = lab.workerpool.show(world.handle.workerpool)
    assert frame.isna().loc[0, "api_url"] == (url is None)


def test_jobs_of_others_and_of_nobody_are_left_out(world, lab):
    lab.account.deposit(10**9)
    theirs = lab.app.run(world.open.deals[0].deal.app.pointer, workerpool=world.handle.workerpool)
    told = [{"dealid": each} for each in (theirs.deal_id, "0x" + "ab" * 32, world.open.deal_id)]
    verb = world.says({"ok": True, "count": 3, "deals": [*told, None]}).jobs
    frame = verb(world.lab.session.address)
    assert list(frame["deal_id"]) == [world.open.deal_id]
    assert frame.attrs["left_out"] == 3


def huge(world):
    [held] = read_deals(world.lab.session, [world.open.deal_id])
    return replace(held, deal=replace(held.deal, bot_size=10**30))


def test_a_deal_without_end_does_not_hold_us(world):
    held = huge(world)
    for ask in (held.refs, held.task_ids):
        with pytest.raises(JobError, match=f"has {10**30} tasks, more than can be looked at"):
            ask()
    small = JobDeal(held.deal_id, replace(held.deal, bot_size=1), held.final_time)
    assert _within_reach([held, small]) == [small]
    most = replace(small, deal=replace(held.deal, bot_size=MAX_TASKS))
    assert _within_reach([small, most]) == [small]


def test_a_deal_without_end_does_not_hide_the_tasks_of_others(world):
    lab = world.lab
    lab.session.deals_seen = {"0x" + "00" * 32: huge(world), **lab.session.deals_seen}
    [task] = world.open.task_ids
    assert lab.task.show(task).loc[0, "status"] == "UNSET"


def test_another_task_than_the_one_asked_for_is_refused(world, monkeypatch):
    lab, [held] = world.lab, world.job.deals
    with pytest.raises(CallError, match=f"The node did not answer with task {world.task}"):
        look(lab.session, [TaskRef(world.task, held.deal_id, 1, held.final_time)])
    with pytest.raises(CallError, match=f"The node did not answer with task {world.task}"):
        look(lab.session, [TaskRef(world.task, world.open.deal_id, 0, held.final_time)])
    task = lab.session.hub.view_task(world.task)
    monkeypatch.setattr(lab.session.hub, "view_task", lambda _: task)
    with pytest.raises(CallError, match="The node did not answer with task 0xabab"):
        lab.task.show("0x" + "ab" * 32)
