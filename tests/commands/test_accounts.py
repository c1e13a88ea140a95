"""Wallet files, balances and transfers from the terminal."""

from __future__ import annotations

import json
import stat

import pytest

NOBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"


def test_deposit_and_withdraw(iexec):
    before = int(iexec("account show")["balance"]["stake"])
    assert iexec("account deposit 1.5 RLC")["amount"] == "1500000000"
    assert iexec("account withdraw 500000000")["amount"] == "500000000"
    assert int(iexec("account show")["balance"]["stake"]) == before + 1_000_000_000
    assert iexec(f"account show {NOBODY}")["balance"]["locked"] == "0"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("account deposit 0", "Deposit amount must be greater than 0"),
        ("account deposit 1.5", "1.5 is not a valid amount"),
        ("account deposit 1 foo", "1 foo is not a valid amount"),
        ("account deposit -5", "unknown option '-5'"),
        ("account deposit 5 --confirms 0", "confirms must be greater than or equal to 1"),
        ("account withdraw 99999999 RLC", "Withdraw amount exceed account balance"),
        ("account deposit 5 --gas-price 1 pound", "1 pound is not a valid amount"),
        ("wallet send-RLC 1", "Missing --to option"),
        ("wallet send-ether 1", "Missing --to option"),
        (f"wallet send-RLC 99999999 --to {NOBODY}", "Amount to send exceed wallet balance"),
        ("info --chain nope", 'Missing "nope" chain in "chain.json"'),
    ],
)
def test_what_is_refused(iexec, line, message):
    assert iexec.fails(line) == message


def test_allowances(iexec):
    assert "txHash" in iexec(f"account approve 5 {NOBODY} RLC")
    assert iexec(f"account allowance {NOBODY}")["amount"] == "5000000000"
    iexec(f"account revoke {NOBODY}")
    assert iexec(f"account allowance {NOBODY}")["amount"] == "0"


def test_transfers(iexec):
    before = int(iexec(f"wallet show {NOBODY}")["balance"]["nRLC"])
    sent = iexec(f"wallet send-RLC 1 --to {NOBODY}")
    assert (sent["amount"], sent["from"], sent["to"]) == ("1000000000", iexec.user, NOBODY)
    assert iexec(f"wallet sendRLC 5 --to {NOBODY}")["amount"] == "5"
    assert iexec(f"wallet sendETH 3 wei --to {NOBODY}")["amount"] == "3"
    assert int(iexec(f"wallet show {NOBODY}")["balance"]["nRLC"]) == before + 1_000_000_005
    out, _ = iexec.text(f"wallet send-ether 3 wei --to {NOBODY} --confirms 1 --gas-price 2 gwei")
    assert f"Sent 0.000000000000000003 ether to {NOBODY}." in out


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("account deposit 1.5 RLC", {"cost_nrlc": "1500000000", "amount_nrlc": "1500000000"}),
        ("account withdraw 5 nRLC", {"cost_nrlc": "0", "amount_nrlc": "5"}),
        (f"account approve 5 {NOBODY}", {"amount_nrlc": "5", "spender": NOBODY}),
        (f"wallet send-RLC 1 --to {NOBODY}", {"cost_nrlc": "1000000000", "to": NOBODY}),
        (f"wallet send-ether 1 wei --to {NOBODY}", {"amount_wei": "1", "to": NOBODY}),
        (f"wallet sweep --to {NOBODY}", {"to": NOBODY}),
    ],
)
def test_a_dry_run_tells_the_cost_and_sends_nothing(iexec, line, shown):
    iexec("account deposit 5 nRLC")
    before = iexec("wallet show")["balance"], iexec("account show")["balance"]
    plan = iexec(f"{line} --dry-run")
    assert {name: plan.get(name) for name in shown} == shown
    assert line.startswith(plan["action"])
    assert int(plan["cost_wei"]) > 0
    left = {
        "account deposit": ("wallet_left_nrlc", 0, "nRLC"),
        "account withdraw": ("stake_left_nrlc", 1, "stake"),
    }
    if plan["action"] in left:
        name, place, key = left[plan["action"]]
        assert int(plan[name]) == int(before[place][key]) - int(plan["amount_nrlc"])
    assert (iexec("wallet show")["balance"], iexec("account show")["balance"]) == before
    assert "Nothing was signed." in iexec.text(f"{line} --dry-run")[0]


def test_a_dry_run_fails_as_the_real_run_would(iexec):
    assert iexec.fails("account withdraw 99999999 RLC --dry-run") == "Withdraw amount exceed account balance"


def test_sweep(iexec, iexec_sandbox):
    made = iexec("wallet create --unencrypted --force")["address"]
    name = iexec_sandbox.folder.name
    iexec(f"sandbox fund --rlc 3 RLC --ether 1 ether --name {name}")
    swept = iexec(f"wallet sweep --to {NOBODY}")
    assert (swept["from"], swept["to"]) == (made, NOBODY)
    assert {"sendNativeTxHash", "sendERC20TxHash"} <= set(swept)
    left = iexec("wallet show")["balance"]
    assert left["nRLC"] == "0"


def test_create_and_import_keystore_files(iexec):
    made = iexec("wallet create --password 'pä ss' --keystoredir keys")
    assert made["wallet"]["version"] == 3
    path = iexec.folder / made["fileName"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    imported = iexec(f"wallet import {KEY} --password pw --keystoredir keys")
    assert imported["address"] == NOBODY
    shown = iexec(
        f"wallet show --wallet-address {NOBODY} --keystoredir keys --show-private-key --password pw"
    )
    assert shown["wallet"]["privateKey"] == KEY
    wrong = f"wallet show --wallet-address {NOBODY} --keystoredir keys --show-private-key --password no"
    assert iexec.fails(wrong) == "incorrect password"
    assert iexec.fails("wallet import 0x1234 --password pw").startswith("invalid private key")


def test_passwords_and_keys_stay_out_of_what_is_printed(iexec):
    out, err = iexec.text(f"wallet import {KEY} --password hidden-word --keystoredir keys")
    for secret in (KEY[2:], "hidden-word"):
        assert secret not in out + err
    assert "Your wallet address is 0x7099" in out
    iexec.text(f"wallet import {KEY}12 --password pw", 1)
    assert KEY[2:] not in "".join(iexec.text(f"wallet import {KEY}12 --password pw", 1))


def test_wallet_json_is_not_replaced_without_an_answer(iexec):
    before = (iexec.folder / "wallet.json").read_text()
    assert iexec.fails("wallet create --unencrypted").startswith("Nobody is there to answer")
    assert (iexec.folder / "wallet.json").read_text() == before


def test_init(iexec):
    for name in ("wallet.json", "iexec.json", "chain.json"):
        (iexec.folder / name).unlink()
    answer = iexec("init --unencrypted")
    assert list(answer) == ["ok", "walletAddress", "walletFile", "configFile", "chainConfigFile"]
    assert json.loads((iexec.folder / "wallet.json").read_text())["address"] == answer["walletAddress"]
    assert iexec.fails("init --unencrypted").startswith("Nobody is there to answer")
    files = {path.name: path.read_text() for path in iexec.folder.glob("*.json")}
    _, told = iexec.text("init --unencrypted")
    assert [f'"{name}" is here already and is kept' in told for name in files] == [True, True, True]
    assert {path.name: path.read_text() for path in iexec.folder.glob("*.json")} == files


def test_a_failed_init_leaves_nothing(iexec):
    for name in ("wallet.json", "iexec.json", "chain.json"):
        (iexec.folder / name).unlink()
    iexec.fails("init")
    assert list(iexec.folder.iterdir()) == []


def test_no_wallet_at_all(iexec, iexec_sandbox):
    status = iexec(f"sandbox status --name {iexec_sandbox.folder.name}")
    (iexec.folder / "chain.json").write_text(
        json.dumps({"default": "lab", "chains": {"lab": status["chain"]}})
    )
    (iexec.folder / "wallet.json").unlink()
    assert "allet" in iexec.fails("account deposit 1")
    assert iexec("category count")["ok"] is True
    iexec("app init")
    assert json.loads((iexec.folder / "iexec.json").read_text())["app"]["owner"] == "0x" + 40 * "0"


def test_the_key_of_the_environment_is_used(iexec, monkeypatch):
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", KEY)
    assert iexec("wallet show")["wallet"]["address"] == NOBODY
