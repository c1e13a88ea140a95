"""Jobs are found again from any kernel, with any wallet, whatever the folder's record says."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE, fund, network_of, open_lab
from helpers.waiting import until

from iexec_lab.client.iexec import connect
from iexec_lab.client.jobs import mine
from iexec_lab.client.ledger import Entry, Gas
from iexec_lab.errors import MarketError
from iexec_lab.project.spent import SPENT
from iexec_lab.protocol.ids import deal_id
from iexec_lab.wallet.keystore import save_wallet
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="module")
def app(iexec_sandbox, tmp_path_factory):
    """An app that everybody may run."""
    owner = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[2].key), tmp_path_factory.mktemp("app"))
    address = owner.app.deploy("mine", IMAGE, CHECKSUM)
    owner.app.publish(address, volume=10_000)
    return address


@pytest.fixture
def bought(iexec_sandbox, tmp_path, app, idle_pool, monkeypatch):
    """A job of a wallet that was kept in memory and is gone."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    gone = connect(network_of(iexec_sandbox), "new", project=tmp_path)
    fund(iexec_sandbox, gone.session.address, wei=10**18)
    job = gone.app.run(app, workerpool=idle_pool, volume=2)
    return SimpleNamespace(job=job, wallet=gone.session.address, key=gone.session.wallet.held.export_key())


def row_of(lab, deal):
    frame = lab.jobs()
    found = frame[frame.deal_id == deal]
    return found.iloc[0] if len(found) else None


def test_a_fresh_kernel_with_another_wallet_finds_it(bought, other, iexec_sandbox, tmp_path):
    row = row_of(other, bought.job.deal_id)
    assert (row.wallet, row.wallet_is) == (bought.wallet, "noted here")
    assert (row.state, row.tasks, row.done, row.running) == ("running", 2, 0, 2)
    assert other.job(bought.job.deal_id).task_ids == bought.job.task_ids
    assert "lab.job(deal_id)" in other.jobs().attrs["remark"]
    raw = official(other, "jobs")
    assert bought.wallet in {job["requester"] for job in raw["jobs"]}
    text = (tmp_path / SPENT).read_text()
    assert bought.key.removeprefix("0x") not in text
    elsewhere = open_lab(iexec_sandbox, LocalSigner.generate(), tmp_path / "elsewhere")
    assert elsewhere.jobs().empty


def test_killed_after_signing_it_is_found_by_its_request(bought, other, tmp_path):
    path = tmp_path / SPENT
    kept = [line for line in path.read_text().splitlines() if '"tx"' not in line and '"deal"' not in line]
    path.write_text("\n".join(kept) + '\n{"id":"half')
    assert row_of(other, bought.job.deal_id).wallet == bought.wallet


def test_a_record_cannot_show_foreign_deals(bought, other, app, lab, idle_pool, tmp_path):
    foreign = lab.app.run(app, workerpool=idle_pool)
    path = tmp_path / SPENT
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    head = next(line for line in lines if line.get("action") == "app run" and line["wallet"] == bought.wallet)
    forged = {**head, "id": "f" * 16}
    more = [
        forged,
        *({"id": "f" * 16, "deal": each} for each in (foreign.deal_id, "0x" + "12" * 32)),
        {"id": "f" * 16, "request": "0x" + "13" * 32},
        {"id": "f" * 16, "tx": "0x" + "14" * 32},
    ]
    path.write_text(
        "".join(json.dumps(line) + "\n" for line in [*more, head, *lines[lines.index(head) + 1 :]])
    )
    frame = connect(other.session.network, other.session.wallet.held, project=tmp_path).jobs()
    found = frame[frame.deal_id == foreign.deal_id]
    assert list(found.wallet) in ([], [lab.session.address])
    mine_of = frame[frame.wallet == bought.wallet]
    assert foreign.deal_id not in set(mine_of.deal_id)


def test_wallets_of_the_keystore_are_looked_for(iexec_sandbox, app, idle_pool, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    signer = LocalSigner.generate()
    fund(iexec_sandbox, signer.address, wei=10**18)
    save_wallet(signer, "", cwd=tmp_path)
    deal = open_lab(iexec_sandbox, signer, tmp_path / "one").app.run(app, workerpool=idle_pool).deal_id
    fresh = open_lab(iexec_sandbox, LocalSigner.generate(), tmp_path / "two")
    row = until(lambda: row_of(fresh, deal), lambda found: found is not None)
    assert (row.wallet, row.wallet_is) == (signer.address, "keystore")


def test_a_market_that_is_away_hides_nothing_that_was_noted(bought, other, iexec_sandbox, tmp_path):
    urls = dict(iexec_sandbox.urls) | {"market": "http://127.0.0.1:9"}
    alone = open_lab(replace(iexec_sandbox, urls=urls), LocalSigner.generate(), tmp_path)
    assert row_of(alone, bought.job.deal_id) is not None
    assert "the market does not answer" in alone.jobs().attrs["remark"]
    nowhere = open_lab(replace(iexec_sandbox, urls=urls), LocalSigner.generate(), tmp_path / "empty")
    with pytest.raises(MarketError):
        nowhere.jobs()


def test_a_transaction_on_its_way():
    request, wallet = "0x" + "12" * 32, "0x" + "ab" * 20
    answers = {"0x1": {"hash": "0x1", "blockNumber": None}, "0x2": {"hash": "0x2", "blockNumber": "0x1"}}
    answers |= {"0x4": {"hash": "0x5"}, "0x6": "?", "0x7": None}

    def batch(requests):
        return [answers[params[0]] for _, params in requests]

    entry = Entry("0" * 16, "app run", wallet, at=7, requests=[request])
    entry.sent = {**dict.fromkeys(answers), "0x8": Gas(done=True, wei=1, logs=[])}
    other = Entry("1" * 16, "app deploy", wallet, sent={"0x1": None})
    session = SimpleNamespace(rpc=SimpleNamespace(batch=batch))
    assert mine.pending(session, [entry, other]) == [
        {"dealid": deal_id(request, 0), "requester": wallet, "startTime": "7"}
    ]
