"""Wrong values are answered with what they look like, and what to write instead."""

from __future__ import annotations

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.networks import NETWORKS, custom_network, resolve_network
from iexec_lab.project.old_keys import key_hint
from iexec_lab.protocol import to_address, to_bytes32, to_uint256
from iexec_lab.protocol.resources import app_arguments
from iexec_lab.retired import retired_hint
from iexec_lab.units import parse_ether, parse_rlc

ADDRESS, WORD = "0x" + "ab" * 20, "0x" + "cd" * 32


def hint(read, value):
    with pytest.raises(ValidationError) as caught:
        read(value)
    assert caught.value.hint
    return caught.value.hint


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (WORD, "This has 64 digits, as the id of a deal or task"),
        (WORD[2:], "This has 64 digits"),
        ("0x1234", "this has 4"),
        (ADDRESS[:-1], "this has 39"),
        ("app", "0x and 40 hexadecimal digits"),
        ("$app", "In a notebook {app} puts in the variable app."),
        ("{app}", "Braces stand for a variable in a notebook only"),
        ("0xO" + "1" * 39, "'O' is no hexadecimal digit"),
        ("me.eth", "This network has no ENS"),
        ("docker.io/me/app:1.0", "where something is stored"),
        ("python:3", "where something is stored"),
        ("https://a.b/c", "where something is stored"),
        ("Qm" + "a" * 44, "where something is stored"),
        (7, "0x and 40 hexadecimal digits"),
        ("0x...", "0x... stands for an address: iexec-lab app deploy"),
        ("0x…", "stands for an address"),
        (None, None),
    ],
)
def test_addresses(value, said):
    if said is not None:
        assert said in hint(to_address, value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (ADDRESS, "This is an address"),
        (WORD[2:], "Write 0x before it."),
        (WORD[:-2], "this has 62"),
        ("5", "iexec-lab jobs lists your deals"),
        ("0x...", "0x... stands for an id or a hash: iexec-lab jobs"),
        ("$deal", "{deal} puts in the variable deal"),
        (WORD[:-1] + "g", "'g' is no hexadecimal digit"),
    ],
)
def test_ids(value, said):
    assert said in hint(to_bytes32, value)


def test_advice_never_repeats_what_may_be_a_key():
    for read, value in (
        (to_address, WORD),
        (to_address, WORD[2:]),
        (to_bytes32, WORD[2:]),
        (to_uint256, WORD),
    ):
        assert WORD[2:8] not in hint(read, value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-1", "not negative"),
        ("1.5", "without comma or point"),
        ("1,000", "comma"),
        ("x", "whole number"),
    ],
)
def test_numbers(value, said):
    assert said in hint(to_uint256, value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("sha256:" + "ab" * 32, "Write 0x in place of sha256:"),
        ("ab" * 32, "Write 0x before the digest"),
        ("latest", "64 digits"),
    ],
)
def test_checksums(value, said):
    app = {"owner": ADDRESS, "name": "a", "type": "DOCKER", "multiaddr": "me/app:1", "checksum": value}
    assert said in hint(app_arguments, app)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1 rlc", "Write 1 RLC."),
        ("1RLC", "Write 1 RLC."),
        ("1,5 RLC", "Write 1.5 RLC."),
        ("1,000 RLC", "Write it without commas: 1000 RLC."),
        ("1.5", "nRLC has no fractions; in RLC: 1.5 RLC."),
        (["1.5", "nrlc"], "nRLC has no fractions; in RLC: 1.5 RLC."),
        ("0.0000000001 RLC", "RLC has 9 decimal places."),
        ("-1", "An amount is not negative."),
        ("1 pound", "Units are nRLC, RLC."),
        ("many", "such as 1.5 RLC"),
    ],
)
def test_amounts(value, said):
    assert said in hint(parse_rlc, value)


def test_amounts_of_the_chain_s_coin():
    assert hint(parse_ether, "1.5 ETH") == "Write 1.5 eth."
    assert hint(parse_ether, "-1") == "An amount is not negative."


@pytest.mark.parametrize("name", ["viviani", "goerli", "133", 5, "Kovan", "kovan-enterprise"])
def test_networks_of_earlier_versions(name):
    assert "is no longer in use" in retired_hint(name)
    with pytest.raises(Exception, match="Unknown network") as caught:
        resolve_network(name)
    assert "is no longer in use" in caught.value.hint
    for values in ({"host": "http://h"}, {"host": str(name)}, {}):
        with pytest.raises(Exception, match=r"Missing RPC host|Invalid provider|missing hub") as caught:
            custom_network(str(name), values)
        assert "is no longer in use" in caught.value.hint


def test_networks_of_today_are_not_retired():
    assert not any(retired_hint(name) or retired_hint(each.id) for name, each in NETWORKS.items())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("scheduler", "Delete it"),
        ("provider", '"host"'),
        ("gateway", '"iexecGateway"'),
        ("workerPool", '"workerpool"'),
        ("IPFSGATEWAY", 'Did you mean "ipfsGateway"?'),
        ("hubb", 'Did you mean "hub"?'),
        ("zzz", "Known keys: hub, ipfsGateway."),
    ],
)
def test_keys_of_old_project_files(key, said):
    assert said in key_hint(key, ["hub", "ipfsGateway"])
