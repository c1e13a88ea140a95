from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers.places import VECTORS

from iexec_lab.errors import ConfigurationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.networks import (
    BULK,
    COMPASS,
    ENS,
    NETWORKS,
    NO_TAG,
    TDX_TAG,
    VOUCHER,
    builtin,
    custom_network,
    has_value,
    resolve_network,
)

DEFAULTS = json.loads((VECTORS / "chain-defaults.json").read_text())["vectors"]
NAMES = {
    "iexecGateway": "market",
    "ipfsGateway": "ipfs_gateway",
    "ipfsNode": "ipfs_node",
    "pocoSubgraph": "poco_subgraph",
    "compass": "compass",
    "host": "host",
    "hub": "hub",
    "name": "name",
}


@pytest.mark.parametrize("vector", [v for v in DEFAULTS if v["expected"]], ids=lambda v: v["id"])
def test_built_in_facts_are_those_of_the_sdk(vector):
    network = builtin(vector["input"]["id"])
    for key, value in vector["expected"].items():
        if key in NAMES:
            assert getattr(network, NAMES[key]) == value
    sms = vector["expected"]["sms"]
    assert network.sms_url("tdx") == (sms if isinstance(sms, str) else sms["scone"])


def test_names_and_ids_find_the_same_network():
    for network in NETWORKS.values():
        assert resolve_network(network.name) is resolve_network(network.id) is network


def test_an_unknown_network_names_the_known_ones():
    with pytest.raises(ConfigurationError, match="Unknown network viviani") as caught:
        resolve_network("viviani")
    assert "arbitrum-mainnet" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("arbitrum-mainnet", ENS),
        ("arbitrum-sepolia-testnet", VOUCHER),
        ("bellecour", COMPASS),
        ("mainnet", BULK),
    ],
)
def test_a_lacking_feature_says_so(name, feature):
    with pytest.raises(ConfigurationError, match=f"(?m)^{feature} is not available on network {name}$"):
        NETWORKS[name].require(feature)


def test_arbitrum_knows_tdx_only_and_real_money_is_marked():
    assert NETWORKS["arbitrum-mainnet"].tdx_only
    assert NETWORKS["arbitrum-mainnet"].default_tag == TDX_TAG
    assert not NETWORKS["bellecour"].tdx_only
    valued = {network.name for network in NETWORKS.values() if network.real_value}
    assert valued == {"arbitrum-mainnet", "bellecour", "mainnet"}


class TestCustom:
    def test_an_empty_entry_is_the_built_in_network(self):
        assert custom_network("bellecour", {}) == NETWORKS["bellecour"]

    def test_defaults_follow_the_id_not_the_name(self):
        network = custom_network("bellecour", {"id": "42161"})
        assert (network.id, network.hub) == (42161, NETWORKS["arbitrum-mainnet"].hub)
        assert network.name == "bellecour"

    def test_values_replace_defaults_key_by_key(self):
        network = custom_network("arbitrum-mainnet", {"iexecGateway": "http://m", "sms": "http://s"})
        assert (network.market, network.sms_url("tdx")) == ("http://m", "http://s")
        assert network.compass == NETWORKS["arbitrum-mainnet"].compass
        assert network.tdx_only

    def test_a_file_of_8x_brings_back_all_frameworks(self):
        network = custom_network("arbitrum-mainnet", {"sms": {"scone": "http://s", "tdx": "http://t"}})
        assert (network.frameworks, network.default_tag) == (TEE_FRAMEWORKS, NO_TAG)
        assert network.sms_url("tdx") == "http://t"
        with pytest.raises(ConfigurationError, match="Missing sms for tee framework gramine"):
            network.sms_url("gramine")

    @pytest.mark.parametrize("name", ["arbitrum-sepolia-testnet", "bellecour", "mine"])
    def test_a_map_without_tdx_keeps_the_secrets_of_plain_apps_in_the_default_sms(self, name):
        sms = {"scone": "http://s", "gramine": "http://g"}
        values = {"id": "77", "host": "http://h", "hub": NETWORKS["bellecour"].hub} if name == "mine" else {}
        network = custom_network(name, values | {"sms": sms})
        assert network.keeper("tdx") is None
        assert network.sms_url(network.keeper("tdx")) == "http://s"
        assert network.sms_url(network.keeper("gramine")) == "http://g"
        chosen = custom_network(name, values | {"sms": sms, "defaultTeeFramework": "gramine"})
        assert chosen.sms_url(chosen.keeper("tdx")) == "http://g"
        with pytest.raises(ConfigurationError, match="Missing sms for tee framework tdx"):
            network.sms_url("tdx")  # asked for by name

    def test_a_custom_chain_needs_host_and_hub(self):
        with pytest.raises(ConfigurationError, match="Missing RPC host"):
            custom_network("dev", {"id": "65535", "hub": "0x1"})
        with pytest.raises(ConfigurationError, match="missing hubAddress key"):
            custom_network("dev", {"id": "65535", "host": "http://127.0.0.1:1"})

    def test_a_host_may_be_the_name_of_a_network(self):
        entry = {"id": "5", "host": "134", "hub": "0x1"}
        assert custom_network("copy", entry).host == NETWORKS["bellecour"].host
        with pytest.raises(ConfigurationError, match="Invalid provider host name or url"):
            custom_network("copy", {**entry, "host": "nowhere"})

    def test_bellecour_takes_no_gas_whatever_the_file_says(self):
        assert custom_network("bellecour", {"useGas": True}).use_gas is False
        assert (
            custom_network("dev", {"id": "5", "host": "http://h", "hub": "0x1", "useGas": False}).use_gas
            is False
        )

    @pytest.mark.parametrize("name", ["sandbox", "arbitrum-sepolia-testnet", "bellecour", "my-tests"])
    @pytest.mark.parametrize("hub", ["0x" + "11" * 20, NETWORKS["arbitrum-mainnet"].hub])
    @pytest.mark.parametrize(
        ("chain_id", "host", "value"),
        [
            # A known chain id is in every signature: it is good there, wherever the node is.
            ("42161", "http://127.0.0.1:8545", True),
            ("42161", "https://node.example", True),
            ("134", "http://[::1]:8545", True),
            ("1", "http://localhost:8545", True),
            ("421614", "https://node.example", False),
            # Of a chain that nobody knows, where its node is decides.
            ("1337", "http://127.0.0.1:8545", False),
            ("65535", "http://LOCALHOST:8545", False),
            ("1337", "https://arb1.arbitrum.io/rpc", True),
            ("1337", "http://localhost.example", True),
            ("1337", "http://127.0.0.1@node.example", True),
            ("1337", "http://[", True),
        ],
    )
    def test_value_follows_from_where_signatures_are_good(self, name, hub, chain_id, host, value):
        entry = {"id": chain_id, "hub": hub, "host": host, "iexecGateway": "http://localhost:3000"}
        assert custom_network(name, entry).real_value is value

    def test_value_can_be_added_but_not_taken_away(self):
        play = custom_network("dev", {"id": "5", "hub": "0x1", "host": "http://127.0.0.1:1"})
        assert replace(play, real_value=True).real_value
        assert replace(NETWORKS["arbitrum-mainnet"], real_value=False, host="http://127.0.0.1:1").real_value

    def test_a_missing_setting_names_its_key(self):
        network = custom_network("dev", {"id": "5", "host": "http://h", "hub": "0x1"})
        with pytest.raises(ConfigurationError, match=r'Missing iexecGateway in "chain.json" for chain 5'):
            network.setting("iexecGateway")
        with pytest.raises(ConfigurationError, match=r'Missing sms for tee framework scone in "chain.json"'):
            network.sms_url()

    def test_the_other_side_of_a_bridge_is_found_among_the_siblings(self):
        chains = {
            "dev": {
                "id": "5",
                "host": "http://h",
                "hub": "0x1",
                "bridge": {"contract": "0xb", "bridgedChainName": "side"},
            },
            "side": {"id": "6", "host": "http://g", "hub": "0x2", "native": True},
        }
        bridge = custom_network("dev", chains["dev"], siblings=chains).bridge
        assert bridge.network.name == "side"
        assert bridge.network.native

    def test_a_missing_other_side_is_no_error_until_it_is_used(self):
        entry = {
            "id": "5",
            "host": "http://h",
            "hub": "0x1",
            "bridge": {"contract": "0xb", "bridgedChainName": "nowhere", "bridgedChainId": "7"},
        }
        bridge = custom_network("dev", entry, siblings={"dev": entry}).bridge
        assert (bridge.network, bridge.bridged_chain_id) == (None, 7)

    def test_mainnet_and_bellecour_find_each_other_by_id(self):
        chains = {"mainnet": {"host": "http://localhost:8545"}, "bellecour": {}}
        assert (
            custom_network("mainnet", chains["mainnet"], siblings=chains).bridge.network.name == "bellecour"
        )
        assert custom_network("bellecour", {}, siblings=chains).bridge.network.host == "http://localhost:8545"


def test_a_url_that_libraries_read_in_two_ways_counts_as_valuable():
    assert has_value(137, "http://far.example\\@localhost")
    assert not has_value(137, "http://localhost:8545")


def test_the_token_is_that_of_the_known_hub_only():
    known = NETWORKS["arbitrum-mainnet"]
    assert custom_network("mine", {"id": "42161", "hub": known.hub.lower()}).rlc == known.rlc
    assert custom_network("mine", {"id": "42161", "hub": "0x" + "66" * 20}).rlc is None
    assert all(network.rlc or network.native for network in NETWORKS.values())


def test_a_network_does_not_show_its_keys():
    host = "https://user:password@node.example/v3/0123456789abcdef0123456789abcdef?key=secret"
    network = custom_network("mine", {"id": "134", "host": host}, providers={"infura": "hidden-id"})
    assert repr(network) == "<network mine, chain 134, at https://node.example/v3/…>"


@pytest.mark.parametrize("name", ["play\n  cost: nothing", "play\x1b[8m", "play\u202e", "x" * 101])
def test_the_name_of_a_network_is_one_short_line(name):
    with pytest.raises(ConfigurationError, match="one line of at most 100 characters") as caught:
        custom_network(name, {"id": "42161"})
    assert all(line.isprintable() for line in caught.value.lines())


def test_where_coins_are_free_it_is_said_how_to_get_them():
    values = {"id": "77", "host": "http://127.0.0.1:1", "hub": NETWORKS["bellecour"].hub}
    assert custom_network("sandbox", values).funding_hint == "Get more: iexec-lab sandbox fund."
    assert custom_network("mine", values).funding_hint == "On a sandbox: iexec-lab sandbox fund."
    assert custom_network("mine", values | {"host": "http://h"}).funding_hint is None
    assert (
        custom_network("mine", values | {"id": "134"}).funding_hint is None
    )  # a fork: worth money elsewhere
