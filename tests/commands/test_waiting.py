"""Lines that wait for an app that fails: what standard error says, what ``--raw`` prints, how they end."""

from __future__ import annotations

import json
import secrets

import pytest
from helpers.labs import CHECKSUM, open_lab

from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.wallet.signer import LocalSigner


@pytest.fixture(scope="module")
def failing(iexec_sandbox, tmp_path_factory):
    """An app that anybody may run, and that ends with a message and exit code 1."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "app.py").write_text('raise SystemExit("own message")')
    image = f"test/failing-{secrets.token_hex(4)}:1"
    Apps(iexec_sandbox.folder / "apps").add(image, folder)
    owner = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[4].key), tmp_path_factory.mktemp("owner"))
    app = owner.app.deploy(image, image, CHECKSUM)
    owner.app.publish(app, volume=100)
    return app


@pytest.fixture
def buyer(iexec):
    iexec("account deposit 1 RLC")
    return iexec


def test_a_timeout_says_how_to_come_back_and_names_the_deal(buyer, failing):
    answer = buyer(f"app run {failing} --watch --timeout 0", code=1)
    [deal] = answer["deals"]
    assert [task["dealid"] for task in answer["tasks"]] == [deal["dealid"]]
    assert answer["fail"] == [
        f"The tasks of deal {deal['dealid']} did not end within 0 seconds; the job goes on"
    ]
    _, err = buyer.text(f"deal show {deal['dealid']} --watch --timeout 0", code=1)
    assert f"Come back: iexec-lab deal show {deal['dealid']} --watch" in err


def test_the_reason_comes_at_once_or_is_told_once(buyer, failing):
    out, err = buyer.text(f"app run {failing} --watch --fail-fast", code=1)
    deal = out.split()[2]
    assert err.startswith(
        f"✖ Task 0 of deal {deal} cannot be expected to complete: no worker goes on: the app"
    )
    for said in (
        "  app: the app ended with exit code 1",
        "  stderr: own message",
        f"deal show {deal} --watch",
    ):
        assert said in err
    raw = buyer(f"deal show {deal} --watch --fail-fast", code=1)
    assert raw["error"]["message"].endswith("exit code 1, its last words: own message")
    task = buyer(f"deal show {deal}")["deal"]["tasks"][0]
    assert "its last words: own message" in buyer.fails(f"task show {task} --watch --fail-fast")
    for line in (f"deal show {deal}", f"task show {task}"):
        out, err = buyer.text(f"{line} --watch --timeout 8 --raw", code=1)
        *told, last = err.splitlines()
        assert (out, json.loads(last)["ok"]) == ("", False)
        text = "\n".join(told)
        assert text.count("no worker goes on") == 1
        assert "exit code 1\n  stderr: own message\n" in text
        assert f"iexec-lab deal claim {deal}" in text
        assert "iexec-lab sandbox forward " in text


@pytest.mark.parametrize(
    "line",
    [
        "app run {} --timeout 5",
        "app run {} --fail-fast",
        "deal show {} --timeout 5",
        "task show {} --fail-fast",
    ],
)
def test_nothing_is_paid_for_a_line_that_waits_for_nothing(iexec, line):
    assert "is for a command that waits" in iexec.fails(line.format("0x" + "11" * 20))
    assert "Add --watch." in iexec.text(line.format("0x" + "11" * 20), code=1)[1]


def test_claims_name_a_deal_or_all(iexec):
    assert iexec.fails("deal claim") == "missing required argument 'dealid'"
    assert "not both" in iexec.text(f"deal claim 0x{'11' * 32} --all", code=1)[1]


def test_jobs_are_listed_with_their_state(buyer, failing):
    deal = buyer(f"app run {failing}")["deals"][0]["dealid"]
    out, _ = buyer.text("jobs --all")
    assert buyer("jobs --all")["claimable"] == "0"
    if deal in out:  # the market hears of it a moment later
        [row] = [line for line in out.splitlines() if line.startswith(deal)]
        assert "running" in row.split()
