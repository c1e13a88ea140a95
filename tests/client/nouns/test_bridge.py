from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from helpers.answers import facts, official
from helpers.labs import forward, fund, network_of
from helpers.scripted import place
from helpers.stood_in import MAIN, PAY, SIDE, bridge_code
from helpers.waiting import PATIENCE, until

from iexec_lab.errors import BalanceError, BridgeError, ConfigurationError, ValidationError
from iexec_lab.ethereum.calls import block_time
from iexec_lab.ethereum.contracts import BRIDGE_EVENTS
from iexec_lab.ethereum.rpc import Rpc, to_int
from iexec_lab.networks import Bridge
from iexec_lab.wallet.signer import LocalSigner

DAY = 86_400


class Bridged:
    """A wallet with RLC on a token chain and on a native one, bridged to each other."""

    def __init__(self, token, native, folder):
        self.signer = LocalSigner.generate()
        self.token, self.native = network_of(token), network_of(native)
        fund(token, self.signer.address, nrlc=1000, wei=10**18)
        fund(native, self.signer.address, nrlc=1000)
        self.folder = folder
        self.set_limits()

    def set_limits(self, *, least=1, most=100, daily=10**6, within=True):
        scale = 10**9
        home = bridge_code(BRIDGE_EVENTS.RelayedMessage, least=least, most=most, daily=daily)
        far = bridge_code(
            BRIDGE_EVENTS.AffirmationCompleted,
            least=least * scale,
            most=most * scale,
            daily=daily * scale,
            within=within,
        )
        place(Rpc(self.token.host), MAIN, home)
        place(Rpc(self.native.host), SIDE, far)

    def lab(self, *, native=False, other=True, known=True):
        here, there = (self.native, self.token) if native else (self.token, self.native)
        mine, theirs = (SIDE, MAIN) if native else (MAIN, SIDE)
        far = replace(there, bridge=Bridge(theirs, here.id))
        bridge = Bridge(mine, there.id if known else None, "other", far if other else None)
        lab = open_lab_of(replace(here, bridge=bridge, unsupported=frozenset()), self.signer, self.folder)
        lab.session.network = replace(here, bridge=bridge, unsupported=frozenset())
        return lab

    def pay(self, *, native, after):
        """Pay out on one side for what arrives at the other, as the bridge's validators do."""
        contract_, watched = (SIDE, self.token) if native else (MAIN, self.native)
        watched = Rpc(watched.host)
        start = to_int(watched.request("eth_blockNumber"))

        def arrived():
            end = to_int(watched.request("eth_blockNumber"))
            for number in range(start + 1, end + 1):
                for sent in watched.request("eth_getBlockByNumber", hex(number), True)["transactions"]:
                    if sent["from"] == self.signer.address.lower():
                        return sent["hash"]
            return None

        def work():
            if tx_hash := until(arrived):
                data = PAY.encode(self.signer.address, after, bytes.fromhex(tx_hash[2:]))
                payer = open_lab_of(self.native if native else self.token, self.signer, self.folder)
                payer.session.sender.send(contract_, data)

        thread = threading.Thread(target=work)
        thread.start()
        return thread


def open_lab_of(network, signer, folder):
    from iexec_lab.client.iexec import connect

    return connect(network, signer, project=folder)


@pytest.fixture
def bridged(iexec_sandbox, native_sandbox, tmp_path):
    return Bridged(iexec_sandbox, native_sandbox, tmp_path)


class TestToSidechain:
    def test_sent_and_seen_to_arrive(self, bridged):
        lab = bridged.lab()
        validator = bridged.pay(native=True, after=60)
        raw = official(lab, "wallet.bridge_to_sidechain", 60)
        validator.join()
        assert set(raw) == {"amount", "from", "to", "sendTxHash", "receiveTxHash"}
        assert (raw["amount"], raw["to"]) == ("60", MAIN)
        assert lab.wallet.show(MAIN).loc[0, "rlc_nrlc"] >= 60

    def test_without_the_other_chain_nobody_waits(self, bridged):
        frame = bridged.lab(other=False).wallet.bridge_to_sidechain(5, "nRLC")
        assert list(frame.columns) == ["from", "to", "amount_rlc", "amount_nrlc", "send_tx_hash"]

    def test_limits(self, bridged):
        wallet = bridged.lab(other=False).wallet
        with pytest.raises(BalanceError, match="Maximum amount allowed to bridge is 100 nRLC"):
            wallet.bridge_to_sidechain(101)
        with pytest.raises(BalanceError, match="Amount to bridge exceed wallet balance"):
            wallet.bridge_to_sidechain("1 RLC")
        with pytest.raises(ValidationError, match="Amount must be greater than 0"):
            wallet.bridge_to_sidechain(0)
        bridged.set_limits(least=10)
        with pytest.raises(BalanceError, match="Minimum amount allowed to bridge is 10 nRLC"):
            wallet.bridge_to_sidechain(9)

    def test_the_day_s_limit_counts_what_all_have_sent(self, bridged, iexec_sandbox):
        left = DAY - block_time(Rpc(iexec_sandbox.urls["rpc"])) % DAY
        if left < PATIENCE:
            forward(iexec_sandbox, left)  # the day shall not end between two transfers
        wallet = bridged.lab(other=False).wallet
        wallet.bridge_to_sidechain(30)
        bridged.set_limits(daily=40)
        with pytest.raises(
            BalanceError, match=r"would exceed bridge daily limit. \(\d+ nRLC remaining today\)"
        ):
            wallet.bridge_to_sidechain(11)

    def test_an_arrival_that_is_not_seen(self, bridged, monkeypatch):
        monkeypatch.setattr("iexec_lab.client.bridging.ARRIVAL_TIMEOUT", 0.1)
        with pytest.raises(BridgeError, match="The RLC was sent, but its arrival was not seen") as caught:
            bridged.lab().wallet.bridge_to_sidechain(5)
        assert caught.value.details["transaction"].startswith("0x")


class TestToMainchain:
    def test_sent_and_seen_to_arrive(self, bridged):
        validator = bridged.pay(native=False, after=70)
        raw = facts(bridged.lab(native=True), "wallet.bridge_to_mainchain", "70 nRLC")
        validator.join()
        assert (raw["amount"], raw["to"]) == ("70", SIDE)
        assert raw["receiveTxHash"] != raw["sendTxHash"]

    def test_the_day_s_limit(self, bridged):
        bridged.set_limits(within=False)
        with pytest.raises(BalanceError, match=r"\(1 nRLC remaining today\)"):
            bridged.lab(native=True).wallet.bridge_to_mainchain(2)


class TestConfiguration:
    def test_each_way_starts_on_its_side(self, bridged):
        with pytest.raises(ConfigurationError, match="Cannot bridge mainchain to mainchain"):
            bridged.lab().wallet.bridge_to_mainchain(1)
        with pytest.raises(ConfigurationError, match="Cannot bridge sidechain to sidechain"):
            bridged.lab(native=True).wallet.bridge_to_sidechain(1)

    def test_a_bridge_that_names_no_chain_id(self, bridged):
        lab = bridged.lab(other=False, known=False)
        with pytest.raises(
            ConfigurationError, match=r'Missing bridge bridgedChainId in "chain.json" for chain'
        ):
            lab.wallet.bridge_to_sidechain(1)

    def test_networks_without(self, lab):
        with pytest.raises(ConfigurationError, match="iExec xRLC Bridge is not available on network sandbox"):
            lab.wallet.bridge_to_sidechain(1)

    def test_the_account_on_the_other_side(self, bridged):
        far = open_lab_of(bridged.native, bridged.signer, bridged.folder)
        far.account.deposit(9)
        assert bridged.lab().account.show_bridged().loc[0, "stake_nrlc"] == 9
        assert bridged.lab().wallet.show_bridged().loc[0, "rlc_nrlc"] == 991
        with pytest.raises(ConfigurationError, match="Missing bridged chain configuration"):
            bridged.lab(other=False).account.show_bridged()
