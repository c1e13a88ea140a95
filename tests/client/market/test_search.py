from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE, fund, open_lab
from helpers.stranger import Stranger
from helpers.trips import far_away, fewest

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import to_address
from iexec_lab.services.market import Market
from iexec_lab.wallet.signer import LocalSigner

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202egnp"


@dataclass
class Known:
    lab: Any
    app: str
    order: str
    deal: str
    task: str
    request: str
    transaction: str


@pytest.fixture(scope="module")
def known(iexec_sandbox, tmp_path_factory):
    signer = LocalSigner.generate()
    fund(iexec_sandbox, signer.address, nrlc=10**10, wei=10**18)
    lab = open_lab(iexec_sandbox, signer, tmp_path_factory.mktemp("search"))
    app = lab.app.deploy(f"Zebra counter {HOSTILE}", IMAGE, CHECKSUM)
    order = lab.app.publish(app, price=10, volume=4)
    lab.account.deposit("1 RLC")
    job = lab.app.run(app, args="x")
    job.wait()
    [task] = job.task_ids
    statement = lab.account.history()
    [deal] = lab.session.market.deals(requester=signer.address).deals
    return Known(lab, app, order, job.deal_id, task, deal["requestHash"], statement.tx_hash.iloc[-1])


def what(frame):
    return frame.what.tolist()


@pytest.mark.parametrize(
    "change", [str, str.upper, lambda text: text[2:], lambda text: f' "{text[:9]}\n{text[9:]}" ']
)
def test_an_address_however_it_is_written(known, change):
    frame = known.lab.search(change(known.app))
    assert what(frame) == ["app"]
    assert frame.id[0] == known.app
    assert frame.owner[0] == known.lab.session.address
    assert frame.leads_to[0] == f"iexec-lab app show {known.app}"
    assert "remark" not in frame.attrs


def test_accounts_and_contracts(known):
    session = known.lab.session
    me = known.lab.search(session.address)
    assert what(me) == ["account"]
    assert me.details[0]["apps"] == 1
    assert me.leads_to[0].endswith(f"account history {session.address}")
    assert what(known.lab.search(session.network.hub))[0] == "hub"
    assert what(known.lab.search(session.token))[0] == "token"
    assert what(known.lab.search(session.registries["dataset"])) == ["dataset registry"]


def test_ids_and_hashes(known):
    for text, kind, line in [
        (known.deal, "deal", "deal show"),
        (known.task, "task", "task show"),
        (known.order, "apporder", "order show --app"),
        (known.request, "requestorder", "deal list --all --requestorder-hash"),
    ]:
        frame = known.lab.search(text)
        assert what(frame) == [kind]
        assert frame.leads_to[0] == f"iexec-lab {line} {text}"
        assert frame.id[0] == text
    block = known.lab.session.rpc.request("eth_getBlockByNumber", "0x5", False)["hash"]
    assert what(known.lab.search(block)) == ["block"]


def test_several_things_at_once(known):
    assert what(known.lab.search(f"{known.app}, {known.deal}")) == ["deal", "app"]


def test_a_transaction_is_told_with_its_events(known):
    frame = known.lab.search(known.transaction)
    receipt = known.lab.session.rpc.request("eth_getTransactionReceipt", known.transaction)
    assert what(frame) == ["transaction", *["event"] * len(receipt["logs"])]
    about = frame.details[0]
    assert frame.name[0].startswith("finalize, success, ")
    assert f"{int(receipt['gasUsed'], 16)} gas, fee " in frame.name[0]
    assert about["gasUsed"] == str(int(receipt["gasUsed"], 16))
    assert about["fee"] == str(int(receipt["gasUsed"], 16) * int(about["gasPrice"]))
    assert (about["from"], about["to"]) == (to_address(receipt["from"]), known.lab.session.network.hub)
    events = [each["event"] for each in frame.details[1:]]
    assert {"Seize", "Reward", "Transfer", "Unlock", "TaskFinalize"} <= set(events)
    [seize] = [row for row in frame.itertuples() if row.name.startswith("Seize")]
    assert (seize.owner, seize.id) == (known.lab.session.address, known.task)
    assert seize.leads_to == f"iexec-lab task show {known.task}"
    deployed = known.lab.session.rpc.request(
        "eth_getLogs",
        {"address": known.lab.session.registries["app"], "fromBlock": "0x0", "toBlock": "latest"},
    )[-1]
    found = known.lab.search(deployed["transactionHash"])
    assert found.details[0]["function"] == "createApp"
    assert "AppTransfer" in [each["event"] for each in found.details[1:]]


@pytest.mark.parametrize("text", ["zebra COUNTER", "Zebra", "ebra c"])
def test_a_part_of_a_name(known, text):
    frame = known.lab.search(text)
    assert frame.id.tolist() == [known.app]
    assert HOSTILE in frame.name[0]  # as it is; only drawing makes it harmless
    assert "<img" not in frame._repr_html_()


def test_where_something_is_stored_and_categories(known):
    assert known.app in known.lab.search(IMAGE[:12]).id.tolist()
    assert known.lab.search("3").iloc[0][["what", "id"]].tolist() == ["category", "3"]
    assert known.lab.search("xs").iloc[0][["what", "id"]].tolist() == ["category", "0"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0x" + "12" * 20, "looked for as an app, a dataset, a workerpool, an account, a contract"),
        ("0x" + "12" * 32, "the id of a deal or a task, the hash of an order"),
        ("Zebrra", "Near: Zebra counter"),
        ("0x" + "12" * 19 + "1", "this has 39"),
        ("987654", "a category, the name of an app"),
    ],
)
def test_nothing_found_says_what_was_looked_for(known, text, says):
    frame = known.lab.search(text)
    assert len(frame) == 0
    assert [*frame.columns][:3] == ["what", "id", "name"]
    assert "Nothing found" in frame.attrs["remark"]
    assert says in frame.attrs["remark"]
    assert frame.attrs["remark"].isprintable()


def test_nothing_is_nothing_to_search_for(known):
    with pytest.raises(ValidationError, match="Nothing to search for"):
        known.lab.search(" ")


def test_a_market_that_is_away_or_lies_does_no_harm(known, iexec_sandbox, tmp_path):
    lab = open_lab(iexec_sandbox, LocalSigner.generate(), tmp_path)
    order = known.lab.session.market.order("apporder", known.order)
    with Stranger() as stranger:
        lab.session.market = Market(stranger.url, lab.session.network.id)
        stranger.said = {"ok": True, **order, "order": {**order["order"], "appprice": 1}}
        assert len(lab.search(known.order)) == 0
        stranger.said = [None]
        assert what(lab.search(known.deal)) == ["deal"]
    lab.session.market = Market("http://127.0.0.1:9", lab.session.network.id, timeout=0.5)
    frame = lab.search(known.deal)
    assert what(frame) == ["deal"]
    assert "Of the market nothing is known" in frame.attrs["remark"]


def test_a_name_of_ens_where_there_is_none(known):
    assert "Nothing found" in known.lab.search("nobody.users.iexec.eth").attrs["remark"]


def test_the_json(known):
    raw = official(known.lab, "search", known.deal)
    assert raw["count"] == 1
    assert raw["found"][0]["what"] == "deal"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("deal", 2), ("app", 3), ("transaction", 3), ("zebra", 5)])
def test_it_takes_few_round_trips(known, iexec_sandbox, tmp_path, name, most):
    with far_away(iexec_sandbox) as (handle, trips):
        text = getattr(known, name, name)

        def once():
            open_lab(handle, LocalSigner.generate(), tmp_path).search(text)

        too_many = fewest(trips, once, most)
        assert not too_many, too_many
