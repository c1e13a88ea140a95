from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import official
from helpers.labs import CHECKSUM, IMAGE

from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import AbortedError, ApiError, ObjectNotFoundError, OrderError, ValidationError
from iexec_lab.protocol import NULL_ADDRESS

SCONE = {
    "framework": "SCONE",
    "version": "v5.9",
    "entrypoint": "python /app/app.py",
    "heapSize": 1073741824,
    "fingerprint": "2d4b",
}


class TestDeploy:
    def test_the_address_is_the_one_predicted(self, lab, unique):
        predicted = lab.app.predict(unique, IMAGE, CHECKSUM)
        assert not lab.app.deployed(predicted)
        answer = fetch(lab, "app.deploy", unique, IMAGE, CHECKSUM)
        assert answer.facts["address"] == predicted
        assert lab.app.deployed(predicted)
        assert set(answer.to_official_json()) == {"address", "txHash"}

    def test_the_same_values_are_the_same_app(self, lab, unique, capsys):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        sent = lab.web3.eth.get_transaction_count(lab.session.address)
        assert capsys.readouterr().err == ""
        assert lab.app.deploy(unique, IMAGE, CHECKSUM) == address
        told = f"Exactly this app is deployed already at {address}: nothing was sent.\n"
        assert capsys.readouterr().err == told
        assert lab.web3.eth.get_transaction_count(lab.session.address) == sent
        with pytest.raises(OrderError, match=f"App already deployed at address {address}"):
            lab.app.deploy(unique, IMAGE, CHECKSUM, exist_ok=False)

    def test_somebody_else_may_own_it(self, lab, other, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM, owner=other.session.address)
        assert lab.app.show(address).loc[0, "owner"] == other.session.address

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"name": ""}, "name is a required field"),
            ({"type": "VM"}, "VM is not a valid type"),
            ({"checksum": "0x12"}, "0x12 is not a bytes32 hexstring"),
            ({"mrenclave": 12}, "mrenclave is not a valid mrenclave"),
        ],
    )
    def test_values_are_checked_first(self, lab, values, message):
        given = {"name": "a", "multiaddr": IMAGE, "checksum": CHECKSUM} | values
        with pytest.raises(ValidationError, match=message):
            lab.app.deploy(**given)


class TestShow:
    def test_raw_is_the_official_json(self, lab, hello):
        shown = official(lab, "app.show", hello)
        assert shown == {
            "address": hello,
            "app": {
                "appChecksum": CHECKSUM,
                "appMREnclave": "",
                "appMultiaddr": IMAGE,
                "appName": "hello",
                "appType": "DOCKER",
                "owner": lab.session.address,
                "registry": lab.session.registries["app"],
            },
        }

    def test_an_enclave_is_shown_as_its_json(self, lab, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM, mrenclave=SCONE)
        assert '"framework":"SCONE"' in lab.app.show(address).loc[0, "mrenclave"]

    def test_by_index(self, newcomer, unique):
        lab = newcomer()
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        assert lab.app.count() == 1
        assert lab.app.show("0").loc[0, "address"] == address
        assert lab.app.show(0, lab.session.address).attrs["single"]
        with pytest.raises(ObjectNotFoundError, match="No app found for id 1 on chain"):
            lab.app.show(1)

    def test_an_address_that_is_no_app(self, lab):
        with pytest.raises(ObjectNotFoundError, match=f"No app found for id {lab.session.address}"):
            lab.app.show(lab.session.address)


class TestTransfer:
    def test_the_new_owner_owns_it(self, lab, other, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        raw = official(lab, "app.transfer", address, other.session.address)
        assert (raw["address"], raw["to"]) == (address, other.session.address)
        assert lab.app.show(address).loc[0, "owner"] == other.session.address

    def test_only_the_owner_gives_it_away(self, other, hello):
        with pytest.raises(OrderError, match="Only app owner can transfer app ownership"):
            other.app.transfer(hello, other.session.address)
        with pytest.raises(OrderError, match="Invalid app address"):
            other.app.transfer(NULL_ADDRESS, other.session.address)


class TestPublish:
    def test_the_order_stands_in_the_book(self, lab, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        order_hash = lab.app.publish(address, price="0.5 RLC", volume=3, tag="tee,tdx")
        book = lab.orderbook.app(address)
        assert list(book["order_hash"]) == [order_hash]
        assert book.loc[0, "app_price_nrlc"] == 500_000_000
        assert book.loc[0, "remaining"] == 3
        assert book.loc[0, "tag"] == "tee,tdx"

    def test_last_and_all_are_taken_off(self, lab, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        hashes = [lab.app.publish(address, price=price) for price in (1, 2, 3)]
        assert lab.app.unpublish(address) == hashes[2]
        assert set(lab.app.unpublish(address, all=True)) == set(hashes[:2])
        assert lab.orderbook.app(address).empty
        with pytest.raises(ApiError, match="no open apporder published"):
            lab.app.unpublish(address)

    def test_only_the_owner_can(self, other, hello):
        with pytest.raises(OrderError, match="Invalid order signer, must be the resource owner"):
            other.app.publish(hello)

    def test_there_must_be_an_app(self, lab):
        with pytest.raises(OrderError, match="No app deployed at address"):
            lab.app.publish(lab.session.address)

    def test_the_tag_must_name_the_framework_of_the_app(self, lab, hello):
        with pytest.raises(OrderError, match=r"(?m)^Tag mismatch the TEE framework specified by app$"):
            lab.app.publish(hello, tag="tee,scone")
        assert lab.app.publish(hello, tag="tee,scone", price=10**15, skip_preflight_check=True)

    def test_the_gate_sees_the_terms_before_anything_is_signed(self, lab, hello):
        plans = []
        lab.session.confirm = lambda plan: bool(plans.append(plan))
        with pytest.raises(AbortedError):
            lab.app.publish(hello, price=7)
        assert plans[0].details["appprice_nrlc"] == "7"


class TestSecret:
    def test_pushed_once_and_for_ever(self, lab, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        assert lab.app.check_secret(address) is False
        lab.app.push_secret(address, "s3cret")
        assert official(lab, "app.check_secret", address) == {"isSecretSet": True}
        with pytest.raises(ApiError, match=f"Secret already exists for {address} and can't be updated"):
            lab.app.push_secret(address, "again")

    def test_the_map_of_8x_without_tdx(self, lab, unique, iexec_sandbox):
        address, session = lab.app.deploy(unique, IMAGE, CHECKSUM), lab.session
        before = session.network
        session.network = replace(
            before,
            default_tee_framework="scone",
            sms={"scone": iexec_sandbox.urls["sms"], "gramine": "http://127.0.0.1:9"},
        )
        try:
            assert lab.app.check_secret(address) is False
            lab.app.push_secret(address, "s3cret")
            assert lab.app.check_secret(address) is True
        finally:
            session.network = before

    def test_by_the_owner_only(self, other, hello):
        with pytest.raises(ApiError, match=f"Wallet {other.session.address} is not allowed to set secret"):
            other.app.push_secret(hello, "s3cret")

    def test_it_is_asked_for_when_it_is_not_given(self, lab, unique):
        address = lab.app.deploy(unique, IMAGE, CHECKSUM)
        lab.session.ask_secret = lambda prompt: {"Secret of the app": "typed"}[prompt]
        lab.app.push_secret(address)
        assert lab.app.check_secret(address)
