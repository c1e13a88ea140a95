"""Tasks that nobody finished, claimed back with the official CLI 9.0.1 and with ours."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from helpers.official.parity import Pair, run_ours

from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.control import Sandbox
from iexec_lab.wallet.signer import LocalSigner

TIMES = ("contributionDeadline", "revealDeadline", "finalDeadline", "startTime", "finalTime")
DEADLINE = 3000  # seconds: ten times the clock of the category
# The official CLI holds deadlines against its computer's clock.
LATER = f"const now = Date.now; Date.now = () => now() + {DEADLINE + 60} * 1000;"


@pytest.fixture
def sandbox():
    """One whose clock may be moved."""
    with Sandbox() as handle:
        yield handle


def stranger(sandbox):
    """Somebody whose pools the sandbox's scheduler does not serve."""
    signer = LocalSigner.generate()
    sandbox.fund(signer.address, ether="1 ether")
    return SimpleNamespace(address=signer.address, key=bytes.fromhex(signer.export_key()[2:]))


def short_category(folder, sandbox):
    """The owner of the hub adds a category of five minutes; its number."""
    folder.mkdir()
    owner = well_known_accounts().deployer
    (folder / "home").mkdir()
    chain = sandbox.chain_json(version=9)
    (folder / "chain.json").write_text(json.dumps({"default": "sandbox", "chains": {"sandbox": chain}}))
    (folder / "wallet.json").write_text(
        json.dumps({"privateKey": f"0x{owner.key.hex()}", "address": owner.address})
    )
    category = {"name": "blink", "description": "five minutes", "workClockTimeRef": DEADLINE // 10}
    (folder / "iexec.json").write_text(json.dumps({"category": category}))
    ran = run_ours(["category", "create", "--raw"], folder)
    assert ran.code == 0, ran
    return ran.answer["catid"]


def wait_for_the_deadline(sandbox, pair):
    """The chain's clock moves, and with it that of the official CLI's computer."""
    script = pair.theirs.folder / "later.cjs"
    script.write_text(LATER)
    pair.official.environment["NODE_OPTIONS"] = f"--require {script}"
    sandbox.forward(DEADLINE + 60)


def test_claims(tmp_path, sandbox):
    category = short_category(tmp_path / "owner", sandbox)
    pair = Pair("9.0.1", tmp_path, sandbox.chain_json(version=9), (stranger(sandbox), stranger(sandbox)))
    pair("category", "show", category)
    for noun, key in (("app", "name"), ("workerpool", "description")):
        pair(noun, "init")
        pair.edit(noun, **{key: f"{noun} in {{folder}}"})
        pair(noun, "deploy", free=("address",))
        theirs, ours = pair.answers
        pair.name(noun, theirs["address"], ours["address"])
    wanted = ("--workerpool", "deployed", "--category", category, "--tag", "tee,tdx")
    pair("app", "run", *wanted, "--force")
    theirs, ours = pair.answers
    pair.name("deal", theirs["deals"][0]["dealid"], ours["deals"][0]["dealid"])
    shown = pair("deal", "show", "{deal}", free=TIMES)
    theirs, ours = pair.answers
    pair.name("task", theirs["deal"]["tasks"][0], ours["deal"]["tasks"][0])
    assert shown["deal"]["deadlineReached"] is False
    pair.fails("task", "show", "{task}")  # nobody initialised it
    pair.fails("deal", "claim", "{deal}", message=False)  # the date is written as JavaScript does
    wait_for_the_deadline(sandbox, pair)
    assert pair("deal", "show", "{deal}", free=TIMES)["deal"]["deadlineReached"] is True
    claimed = pair("deal", "claim", "{deal}")
    assert list(claimed["claimed"]) == ["0"]
    assert claimed["transactions"][0]["type"] == "initializeAndClaimArray"
    assert pair("task", "show", "{task}", free=TIMES)["task"]["statusName"] == "FAILED"
    pair.fails("deal", "claim", "{deal}")
    pair.fails("task", "claim", "{task}")
