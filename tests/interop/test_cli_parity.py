"""Every command of the official CLI 9.0.1, beside ours: the same keys, types and given values."""

from __future__ import annotations

import json

import pytest
from helpers.official.parity import Pair, kind

TDX = "0x0000000000000000000000000000000000000000000000000000000000000009"
SOMEBODY = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
IMPORTED = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
TASK = (
    "contributionDeadline",
    "revealDeadline",
    "finalDeadline",
    "contributors",
    "location",
    "resultsTimestamp",
)
DEAL = ("startTime", "finalTime")
KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"


@pytest.fixture
def pair(tmp_path, iexec_sandbox):
    """Two fresh projects on the sandbox, with funded wallets."""
    users = iexec_sandbox.users
    return Pair("9.0.1", tmp_path, iexec_sandbox.chain_json(version=9), (users[1], users[2]))


def deploy(pair, noun, key="name", **values):
    """Both sides deploy what ``<noun> init`` wrote; the address is called ``{noun}`` from now on."""
    pair(noun, "init")
    pair.edit(noun, **{key: f"{noun} in {{folder}}"}, **values)
    pair(noun, "deploy", free=("address",))
    theirs, ours = pair.answers
    pair.name(noun, theirs["address"], ours["address"])


def named(pair, word, key):
    """Give a field of the last answers a name."""
    theirs, ours = pair.answers
    pair.name(word, theirs[key], ours[key])


def test_init(pair):
    for name in ("iexec.json", "chain.json"):
        (pair.theirs.folder / name).unlink()
        (pair.ours.folder / name).unlink()
    pair("init", "--skip-wallet")
    assert len({json.dumps(content) for content in pair.read("chain.json")}) == 1
    theirs, ours = pair.read("iexec.json")
    assert kind(ours) == kind(theirs)
    pair(
        "init",
        "--force",
        "--password",
        "secret",
        "--keystoredir",
        "local",
        free=("walletAddress", "walletFile"),
    )
    pair("init", "--unencrypted", "--force", free=("walletAddress",))
    theirs, ours = pair.read("wallet.json")
    assert list(ours) == list(theirs)


def test_wallets(pair):
    pair(
        "wallet",
        "create",
        "--password",
        "secret",
        "--keystoredir",
        "./keys",
        free=("wallet", "fileName", "address"),
    )
    pair(
        "wallet", "import", KEY, "--password", "secret", "--keystoredir", "keys", free=("fileName", "wallet")
    )
    pair("wallet", "import", KEY[2:], "--unencrypted", "--force")
    pair(
        "wallet",
        "show",
        "--keystoredir",
        "keys",
        "--wallet-address",
        IMPORTED,
        "--password",
        "secret",
        "--show-private-key",
    )


def test_balances_and_transfers(pair):
    pair("wallet", "show", free=("ether", "wei", "RLC", "nRLC"))
    pair("wallet", "show", SOMEBODY)
    pair("wallet", "send-ether", "0.001", "--to", SOMEBODY, "--force")
    pair("wallet", "send-ether", "7", "gwei", "--to", SOMEBODY, "--force", "--confirms", "1")
    pair("wallet", "send-RLC", "1.5", "--to", SOMEBODY, "--force")
    pair("wallet", "send-RLC", "3", "nRLC", "--to", SOMEBODY, "--force")


def test_sweeping(pair, iexec_sandbox):
    pair("wallet", "create", "--unencrypted", "--force", free=("wallet", "address"))
    named(pair, "fresh", "address")
    for side in (pair.theirs, pair.ours):
        iexec_sandbox.fund(side.names["fresh"], rlc="2 RLC", ether="1 ether")
    pair("wallet", "sweep", "--to", SOMEBODY, "--force")


def test_accounts(pair):
    pair("account", "show", SOMEBODY)
    pair("account", "show", free=("stake", "locked"))
    pair("account", "deposit", "200")
    pair("account", "deposit", "1.5", "RLC", "--confirms", "1")
    pair("account", "withdraw", "1000")
    pair("account", "withdraw", "1", "RLC")
    pair("account", "approve", "42", SOMEBODY)
    theirs, ours = pair.run("account", "allowance", SOMEBODY)
    assert theirs.answer == {"ok": True, "amount": "2a"}  # hex without a prefix: a slip of their printer
    assert ours.answer == {"ok": True, "amount": "42"}
    pair("account", "approve", "2", SOMEBODY, "RLC")
    pair("account", "revoke", SOMEBODY)


def test_apps(pair):
    deploy(pair, "app")
    assert pair.read("deployed.json")[0] == pair.read("deployed.json")[1]
    pair("app", "show")
    pair("app", "show", "{app}")
    pair("app", "count", free=("count",))
    pair("app", "count", "--user", SOMEBODY)
    pair("app", "check-secret")
    pair("app", "push-secret", "--secret-value", "open sesame")
    pair("app", "check-secret", "{app}")
    pair("app", "publish", "--tag", "tee,tdx", "--force")
    pair("orderbook", "app", "{app}", "--tag", "tee,tdx")
    pair(
        "app",
        "publish",
        "{app}",
        "--tag",
        TDX,
        "--price",
        "0.1",
        "RLC",
        "--volume",
        "5",
        "--workerpool-restrict",
        SOMEBODY,
        "--requester-restrict",
        SOMEBODY,
        "--dataset-restrict",
        SOMEBODY,
        "--force",
    )
    named(pair, "order", "orderHash")
    pair(
        "orderbook",
        "app",
        "{app}",
        "--dataset",
        SOMEBODY,
        "--workerpool",
        SOMEBODY,
        "--requester",
        SOMEBODY,
        "--max-tag",
        TDX,
        "--min-volume",
        "2",
    )
    pair("app", "unpublish", "--force")
    pair("app", "unpublish", "{app}", "--all", "--force")
    pair("app", "transfer", "{app}", "--to", SOMEBODY, "--force")


def test_datasets(pair):
    pair("dataset", "init", "--encrypted")
    for side in (pair.theirs, pair.ours):
        for folder in (".secrets/datasets", "datasets/original", "datasets/encrypted"):
            assert (side.folder / folder).is_dir()
        (side.folder / "datasets" / "original" / "täble 1.csv").write_text("a,b\n1,2\n")
    pair("dataset", "encrypt", free=("checksum",))
    names = [
        sorted(str(path.relative_to(side.folder)) for path in side.folder.rglob("*täble*"))
        for side in (pair.theirs, pair.ours)
    ]
    assert names[0] == names[1]
    deploy(pair, "dataset")
    pair("dataset", "show", "{dataset}")
    pair("dataset", "count", free=("count",))
    pair("dataset", "check-secret")
    pair("dataset", "push-secret")
    pair("dataset", "check-secret", "{dataset}")
    pair("dataset", "publish", "--tag", "tee,tdx", "--app-restrict", SOMEBODY, "--force")
    pair("orderbook", "dataset", "{dataset}", "--app", SOMEBODY)
    pair("dataset", "unpublish", "--force")
    pair("dataset", "transfer", "{dataset}", "--to", SOMEBODY, "--force")


def test_workerpools(pair):
    deploy(pair, "workerpool", "description")
    pair("workerpool", "show", "{workerpool}")
    pair("workerpool", "count", free=("count",))
    pair(
        "workerpool",
        "publish",
        "--tag",
        "tee,tdx",
        "--category",
        "2",
        "--trust",
        "3",
        "--volume",
        "4",
        "--force",
    )
    pair("orderbook", "workerpool", "{workerpool}", "--category", "2", "--min-trust", "1")
    pair("workerpool", "unpublish", "--force")
    pair("workerpool", "transfer", "{workerpool}", "--to", SOMEBODY, "--force")


def test_what_only_reads(pair):
    pair("info", drop=("useNative",))  # 8.x tells it, and so do we
    pair("category", "count")
    pair("category", "show", "0")
    pair("orderbook", "workerpool", "--category", "1", "--tag", "tee,tdx")
    pair("orderbook", "requester", "--category", "4")
    pair("requester", "check-secret", "nothing")
    pair("requester", "check-secret", "nothing", SOMEBODY)
    pair("result", "check-encryption-key", SOMEBODY)
    pair("storage", "check", "dropbox")
    pair("storage", "check", "dropbox", "--user", SOMEBODY)


def test_categories(pair):
    pair("category", "init")
    pair.fails("category", "create")


def test_secrets_and_keys(pair):
    pair("requester", "push-secret", "parity", "--secret-value", "s3cret")
    pair("requester", "check-secret", "parity")
    pair("result", "generate-encryption-keypair", "--force")
    pair("result", "push-encryption-key", "--force-update", free=("isUpdated",))
    pair("result", "check-encryption-key")
    pair("result", "push-encryption-key", "--force-update")
    pair("storage", "init", "dropbox", "--token", "t", "--force-update", free=("isUpdated",))
    pair("storage", "check", "dropbox")


def test_orders(pair):
    deploy(pair, "app")
    for noun in ("app", "workerpool", "request"):
        pair("order", "init", f"--{noun}", free=("tag",))  # 9.x sells nothing but TDX
    first, second = pair.read("iexec.json")
    assert {name: list(order) for name, order in second["order"].items()} == {
        name: list(order) for name, order in first["order"].items()
    }
    for side in (pair.theirs, pair.ours):
        path = side.folder / "iexec.json"
        content = json.loads(path.read_text())
        content["order"]["apporder"]["tag"] = ["tee", "tdx"]
        path.write_text(json.dumps(content))
    pair("order", "sign", "--app")
    pair("order", "publish", "--app", "--force")
    named_order(pair)
    pair("order", "show", "--app", free=("publicationTimestamp",))
    pair("order", "show", "--app", "{apporder}", "--deals", free=("publicationTimestamp",))
    pair("order", "unpublish", "--app", "{apporder}", "--force")
    pair("order", "cancel", "--app", "--force")


def named_order(pair):
    theirs, ours = pair.answers
    pair.name("apporder", theirs["apporder"]["orderHash"], ours["apporder"]["orderHash"])


def test_a_run_from_order_to_result(pair):
    deploy(pair, "app")
    pair("app", "run", "--tag", "tee,tdx", "--args", "hello world", "--force")
    theirs, ours = pair.answers
    pair.name("deal", theirs["deals"][0]["dealid"], ours["deals"][0]["dealid"])
    pair("deal", "show", "{deal}", "--watch", free=(*DEAL, *TASK))
    theirs, ours = pair.answers
    pair.name("task", theirs["deal"]["tasks"][0], ours["deal"]["tasks"][0])
    pair("deal", "show", "{deal}", free=DEAL)
    pair("task", "show", "{task}", free=TASK)
    pair("task", "show", "{task}", "--watch", "--download", "result", free=TASK)
    pair("task", "debug", "{task}", "--logs", free=(*TASK, "date", "worker", "stdout"))
    pair.fails("task", "claim", "{task}")
    pair.fails("deal", "claim", "{deal}", message=False)


def test_a_watched_run_and_a_request(pair):
    deploy(pair, "app")
    pair("app", "run", "{app}", "--tag", "tee,tdx", "--watch", "--force", free=TASK)
    pair("app", "publish", "--tag", "tee,tdx", "--force")  # the market takes requests for what is sold
    pair(
        "app",
        "request-execution",
        "{app}",
        "--tag",
        "tee,tdx",
        "--workerpool-price",
        "1",
        "nRLC",
        "--volume",
        "2",
        "--args",
        "hi",
        "--force",
    )
    named(pair, "request", "orderHash")
    pair("order", "show", "--request", "{request}", free=("publicationTimestamp",))
    pair("orderbook", "requester", "{wallet}", "--category", "0")
    pair.write(orders={})  # theirs reads it for nothing
    pair("order", "unpublish", "--request", "{request}", "--force")


def test_filling_an_order(pair):
    deploy(pair, "app")
    pair("app", "publish", "--tag", "tee,tdx", "--force")
    named(pair, "apporder", "orderHash")
    book = pair("orderbook", "workerpool", "--category", "0", "--tag", "tee,tdx")
    pool = book["workerpoolOrders"][0]["orderHash"]
    pair("order", "init", "--request", free=("tag",))
    pair.write(orders={"65535": {}})  # theirs reads it for nothing
    params = json.dumps({"iexec_args": "hello"})
    pair("order", "fill", "--app", "{apporder}", "--workerpool", pool, "--params", params, "--force")
