from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.answers import facts, official
from helpers.scripted import place
from helpers.stood_in import REGISTRY, ens_code

from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import ConfigurationError, IexecError, ValidationError
from iexec_lab.ethereum.contracts import (
    ENS_REGISTRY,
)
from iexec_lab.ethereum.ens import name_hash, reverse_name
from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import NULL_ADDRESS


@pytest.fixture
def ens(newcomer):
    """A lab on a network with ENS, where domains and the wallet's reverse name are set up."""
    lab = newcomer()
    session = lab.session
    session.network = replace(
        session.network, ens_registry=REGISTRY, ens_resolver=REGISTRY, unsupported=frozenset()
    )
    place(Rpc(session.network.host), REGISTRY, ens_code(session.address))
    send = session.sender.send
    for name in ("users.iexec.eth", "addr.reverse"):
        send(REGISTRY, ENS_REGISTRY.setOwner.encode(name_hash(name), REGISTRY))
    send(REGISTRY, ENS_REGISTRY.setResolver.encode(name_hash(reverse_name(session.address)), REGISTRY))
    return lab


class TestRegister:
    def test_every_step_once(self, ens, unique):
        label = unique[-8:]
        raw = official(ens, "ens.register", label)
        steps = {"registerTxHash", "setResolverTxHash", "setAddrTxHash", "setNameTxHash"}
        assert set(raw) == {"name", "address"} | steps
        name = f"{label}.users.iexec.eth"
        assert ens.ens.resolve(name) == ens.session.address
        assert ens.ens.lookup(ens.session.address) == name
        assert ens.ens.get_owner(name) == ens.session.address
        again = fetch(ens, "ens.register", label)
        assert set(again.to_official_json()) == {"name", "address"}
        assert list(again.to_value().columns) == ["name", "address"]
        assert facts(ens, "wallet.show")["ens"] == name

    def test_a_name_that_is_taken(self, ens, other, unique):
        label = unique[-8:]
        node = name_hash(f"{label}.users.iexec.eth")
        ens.session.sender.send(REGISTRY, ENS_REGISTRY.setOwner.encode(node, other.session.address))
        with pytest.raises(IexecError, match=f"is already owned by {other.session.address}"):
            ens.ens.register(label)

    def test_a_domain_that_is_nobody_s(self, ens):
        with pytest.raises(
            IexecError, match=f"The base domain free.eth owner {NULL_ADDRESS} is not a contract"
        ):
            ens.ens.register("me", domain="free.eth")

    def test_somebody_else_s_address(self, ens, other, iexec_sandbox, unique):
        label = unique[-8:]
        with pytest.raises(IexecError, match="is not a contract and don't match current wallet"):
            ens.ens.register(label, for_=other.session.address)
        with pytest.raises(IexecError, match=f"is not the owner of {iexec_sandbox.workerpool}"):
            ens.ens.register(label, domain="users.iexec.eth", for_=iexec_sandbox.workerpool)

    def test_the_domain_follows_the_kind_of_address(self, ens, hello, iexec_sandbox):
        assert ens.ens.default_domain(hello) == "apps.iexec.eth"
        assert ens.ens.default_domain(iexec_sandbox.workerpool) == "pools.iexec.eth"
        assert ens.ens.default_domain(ens.session.address) == "users.iexec.eth"


class TestNamesAsAddresses:
    def test_a_name_stands_for_its_address(self, ens, unique):
        name = facts(ens, "ens.register", unique[-8:])["name"]
        assert facts(ens, "account.show", name)["address"] == ens.session.address
        order = ens.order.create("apporder", app=name, requesterrestrict=name)
        assert order.app == order.requesterrestrict == ens.session.address

    def test_a_name_that_means_nothing(self, ens):
        with pytest.raises(ValidationError, match=r"Unable to resolve ENS nobody\.eth"):
            ens.account.show("nobody.eth")

    def test_where_there_is_no_ens(self, lab):
        with pytest.raises(ValidationError, match="is not a valid ethereum address"):
            lab.account.show("nobody.eth")

    def test_configure_alone(self, ens, unique):
        name = f"{unique[-8:]}.users.iexec.eth"
        ens.session.sender.send(REGISTRY, ENS_REGISTRY.setOwner.encode(name_hash(name), ens.session.address))
        done = facts(ens, "ens.configure_resolution", name)
        assert {"setResolverTxHash", "setAddrTxHash", "setNameTxHash"} <= set(done)


class TestText:
    def test_write_and_read(self, ens, unique):
        name = facts(ens, "ens.register", unique[-8:])["name"]
        assert ens.ens.read_text(name, "url") == ""
        ens.ens.set_text(name, "url", "https://a.b")
        assert ens.ens.read_text(name, "url") == "https://a.b"

    def test_only_the_owner_writes(self, ens):
        with pytest.raises(IexecError, match=r"is not the owner of nobody\.users.iexec.eth"):
            ens.ens.set_text("nobody.users.iexec.eth", "url", "x")


class TestWorkerpoolUrl:
    def test_a_pool_without_a_name(self, ens, iexec_sandbox):
        with pytest.raises(IexecError, match="No ENS name reverse resolution configured for"):
            ens.workerpool.set_api_url("https://a.b", iexec_sandbox.workerpool)
        with pytest.raises(ValidationError, match='"ftp://x" is not a valid URL'):
            ens.workerpool.set_api_url("ftp://x", iexec_sandbox.workerpool)

    def test_the_url_is_in_the_name_where_there_is_no_compass(self, ens, unique):
        """The wallet itself stands for the pool: its reverse name is the one that the contract can set."""
        session = ens.session
        session.network = replace(session.network, compass=None)
        ens.ens.register(unique[-8:])
        assert ens.workerpool.api_url(session.address) is None
        ens.workerpool.set_api_url("https://pool.example", session.address)
        assert ens.workerpool.api_url(session.address) == "https://pool.example"

    def test_a_pool_may_be_written_in_lower_case_or_by_its_name(self, ens, unique):
        label, address = unique[-8:], ens.session.address.lower()
        ens.ens.register(label)
        ens.ens.set_workerpool_url(address, "https://pool.example")
        assert ens.ens.workerpool_url(address) == "https://pool.example"
        name = f"{label}.users.iexec.eth"
        ens.ens.set_workerpool_url(name, "https://other.example")
        assert ens.ens.workerpool_url(name) == "https://other.example"

    def test_what_is_not_an_address(self, ens):
        with pytest.raises(ValidationError):
            ens.ens.workerpool_url("0x12")
        with pytest.raises(ValidationError):
            ens.ens.set_workerpool_url("0x12", "https://pool.example")


def test_unknown_names(ens, other):
    assert ens.ens.resolve("nobody.eth") is None
    assert ens.ens.lookup(other.session.address) is None
    assert ens.ens.get_owner("nobody.eth") == NULL_ADDRESS


def test_networks_without(lab):
    with pytest.raises(ConfigurationError, match=r"(?m)^ENS is not available on network sandbox$"):
        lab.ens.resolve("me.eth")
    with pytest.raises(ValidationError, match=r"(?m)^0x12 is not a valid ethereum address$"):
        lab.ens.workerpool_url("0x12")  # checked first
    lab.session.network = replace(lab.session.network, unsupported=frozenset())
    with pytest.raises(ConfigurationError, match=r"(?m)^Network does not support ENS$"):
        lab.ens.lookup(lab.session.address)


class TestARegistryThatIsNotThere:
    """A fork of a chain, or a preset: the known address of the registry has no code."""

    @pytest.fixture
    def nameless(self, newcomer):
        lab = newcomer()
        nowhere = "0x00000000000000000000000000000000000e45ff"
        lab.session.network = replace(
            lab.session.network, ens_registry=nowhere, ens_resolver=nowhere, unsupported=frozenset()
        )
        return lab

    def test_nobody_has_a_name(self, nameless):
        assert facts(nameless, "wallet.show")["address"] == nameless.session.address
        assert nameless.ens.lookup(nameless.session.address) is None
        assert nameless.ens.resolve("me.eth") is None
        assert nameless.ens.read_text("me.eth", "url") == ""
        assert nameless.ens.get_owner("me.eth") == NULL_ADDRESS
        with pytest.raises(ValidationError, match=r"Unable to resolve ENS me\.eth"):
            nameless.account.show("me.eth")

    def test_nothing_is_sent_to_it(self, nameless):
        sent = nameless.session.rpc.request("eth_getTransactionCount", nameless.session.address, "latest")
        with pytest.raises(IexecError, match=r"The base domain users\.iexec\.eth owner"):
            nameless.ens.register("me")
        with pytest.raises(IexecError, match=r"is not the owner of me\.eth"):
            nameless.ens.configure_resolution("me.eth")
        with pytest.raises(IexecError, match=r"is not the owner of me\.eth"):
            nameless.ens.set_text("me.eth", "url", "x")
        after = nameless.session.rpc.request("eth_getTransactionCount", nameless.session.address, "latest")
        assert after == sent
