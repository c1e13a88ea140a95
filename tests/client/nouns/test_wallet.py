from __future__ import annotations

import stat

import pytest
from helpers.answers import facts, official

from iexec_lab.client.nouns.wallet import create_wallet, import_wallet
from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import BalanceError, ConfigurationError, IexecError, ValidationError, WalletError
from iexec_lab.wallet.signer import LocalSigner

KEY = "0x" + "11" * 32


@pytest.fixture
def stranger():
    return LocalSigner.generate().address


class TestShow:
    def test_ether_and_rlc(self, newcomer):
        lab = newcomer(nrlc=1_500_000_000, wei=2 * 10**18)
        answer = fetch(lab, "wallet.show")
        assert answer.to_official_json() == {
            "balance": {
                "ether": "2.0",
                "RLC": "1.5",
                "nRLC": "1500000000",
                "wei": "2000000000000000000",
            },
            "wallet": {"address": lab.session.address},
        }
        frame = answer.to_value()
        assert list(frame.columns) == ["address", "ether_wei", "rlc", "rlc_nrlc"]

    def test_another_address_has_no_wallet_part(self, lab, stranger):
        assert set(official(lab, "wallet.show", stranger)) == {"balance"}

    def test_the_private_key_only_when_asked_for(self, newcomer):
        lab = newcomer()
        shown = facts(lab, "wallet.show", show_private_key=True)["wallet"]
        assert LocalSigner(shown["privateKey"]).address == shown["address"]

    def test_a_native_chain_has_one_balance(self, native_lab):
        assert set(facts(native_lab, "wallet.show")["balance"]) == {"RLC", "nRLC"}

    def test_no_wallet(self, iexec_sandbox, tmp_path, monkeypatch):
        from helpers.labs import open_lab

        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
        with pytest.raises(WalletError, match="Wallet file not found"):
            open_lab(iexec_sandbox, None, tmp_path).wallet.show()


class TestSend:
    def test_ether(self, newcomer, stranger):
        lab = newcomer()
        raw = official(lab, "wallet.send_ether", "0.25", to=stranger)
        assert (raw["amount"], raw["to"]) == ("250000000000000000", stranger)
        assert lab.wallet.show(stranger).loc[0, "ether_wei"] == 25 * 10**16

    def test_rlc(self, newcomer, stranger):
        lab = newcomer(nrlc=10)
        frame = lab.wallet.send_rlc(7, "nRLC", to=stranger)
        assert frame.loc[0, "amount_nrlc"] == 7
        assert lab.wallet.show(stranger).loc[0, "rlc_nrlc"] == 7

    def test_the_default_unit_is_the_big_one(self, newcomer, stranger):
        lab = newcomer(nrlc=10)
        with pytest.raises(BalanceError, match="Amount to send exceed wallet balance") as caught:
            lab.wallet.send_rlc(1, to=stranger)
        assert caught.value.details["amount"] == "1.0 RLC"

    def test_too_much_ether(self, newcomer, stranger):
        with pytest.raises(BalanceError):
            newcomer().wallet.send_ether(2, to=stranger)

    def test_native(self, native_lab, stranger):
        with pytest.raises(ConfigurationError, match="disabled on sidechain"):
            native_lab.wallet.send_ether(1, to=stranger)
        native_lab.wallet.send_rlc(3, "nRLC", to=stranger)
        assert native_lab.wallet.show(stranger).loc[0, "rlc_nrlc"] == 3


class TestSweep:
    def test_everything_goes(self, newcomer, stranger):
        lab = newcomer(nrlc=12, wei=10**16)
        raw = official(lab, "wallet.sweep", to=stranger)
        assert {"from", "to", "sendNativeTxHash", "sendERC20TxHash"} <= set(raw)
        mine, theirs = lab.wallet.show(), lab.wallet.show(stranger)
        assert mine.loc[0, "rlc_nrlc"] == 0
        assert mine.loc[0, "ether_wei"] < 10**14
        assert theirs.loc[0, "rlc_nrlc"] == 12

    def test_too_little_for_the_gas_is_told_not_raised(self, newcomer, stranger):
        plain = facts(newcomer(wei=5), "wallet.sweep", to=stranger)
        assert "Tx fees are greater than wallet balance" in plain["errors"][0]

    def test_a_contract_is_no_target(self, lab):
        with pytest.raises(IexecError, match="Cannot sweep to a contract"):
            lab.wallet.sweep(to=lab.session.network.hub)

    def test_gas_free(self, native_lab, stranger, native_sandbox, tmp_path):
        from helpers.labs import fund, open_lab

        signer = LocalSigner.generate()
        fund(native_sandbox, signer.address, nrlc=5)
        poor = open_lab(native_sandbox, signer, tmp_path)
        poor.wallet.sweep(to=stranger)
        assert poor.wallet.show().loc[0, "rlc_nrlc"] == 0
        assert native_lab.wallet.show(stranger).loc[0, "rlc_nrlc"] == 5


class TestFiles:
    def test_create_writes_a_keystore_file(self, tmp_path):
        made = create_wallet(password="pw", keystoredir="local", cwd=tmp_path)
        path = tmp_path / made["fileName"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert made["wallet"]["address"] == made["address"][2:].lower()

    def test_import_unencrypted(self, tmp_path):
        made = import_wallet(KEY, unencrypted=True, cwd=tmp_path)
        assert made["fileName"] == "wallet.json"
        assert made["wallet"]["privateKey"] == KEY

    def test_a_wallet_is_not_replaced_by_accident(self, tmp_path):
        import_wallet(KEY, unencrypted=True, cwd=tmp_path)
        with pytest.raises(WalletError, match="already exists"):
            create_wallet(unencrypted=True, cwd=tmp_path)
        assert create_wallet(unencrypted=True, cwd=tmp_path, force=True)["address"]

    def test_a_password_or_the_wish_to_have_none(self, tmp_path):
        with pytest.raises(ValidationError, match="A password is needed"):
            create_wallet(cwd=tmp_path)
