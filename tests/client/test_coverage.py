"""Every method of the official SDKs 8.24.0 and 9.0.1, and where it lives here."""

from __future__ import annotations

import inspect
import re
from operator import attrgetter
from types import FunctionType

import pytest

import iexec_lab.crypto
import iexec_lab.protocol
import iexec_lab.units
from iexec_lab.client.iexec import IExec, connect
from iexec_lab.client.jobs.job import Job
from iexec_lab.client.matching import bulk
from iexec_lab.client.nouns._table import NOUNS
from iexec_lab.client.results.file import ResultFile
from iexec_lab.client.results.many import Results
from iexec_lab.client.results.result import Result
from iexec_lab.sandbox.control import Handle, Sandbox
from iexec_lab.wallet.signer import LocalSigner

KINDS = ("Apporder", "Datasetorder", "Workerpoolorder", "Requestorder")

HOMES = {
    "account.approve": "account.approve",
    "account.checkAllowance": "account.allowance",
    "account.checkBalance": "account.show",
    "account.checkBridgedBalance": "account.show_bridged",
    "account.deposit": "account.deposit",
    "account.revokeApproval": "account.revoke",
    "account.withdraw": "account.withdraw",
    **{
        f"{kind}.{method}": f"{kind}.{home}"
        for kind, name in (("app", "App"), ("dataset", "Dataset"), ("workerpool", "Workerpool"))
        for method, home in (
            (f"checkDeployed{name}", "deployed"),
            (f"countUser{name}s", "count"),
            (f"deploy{name}", "deploy"),
            (f"predict{name}Address", "predict"),
            (f"show{name}", "show"),
            (f"showUser{name}", "show"),
            (f"transfer{name}", "transfer"),
        )
    },
    "app.checkAppSecretExists": "app.check_secret",
    "app.pushAppSecret": "app.push_secret",
    "dataset.checkDatasetSecretExists": "dataset.check_secret",
    "dataset.pushDatasetSecret": "dataset.push_secret",
    "dataset.computeEncryptedFileChecksum": "dataset.checksum",
    "dataset.encrypt": "dataset.encrypt",
    "dataset.generateEncryptionKey": "dataset.generate_key",
    "workerpool.getWorkerpoolApiUrl": "workerpool.api_url",
    "workerpool.setWorkerpoolApiUrl": "workerpool.set_api_url",
    **{
        f"config.resolve{name}": "network.setting"
        for name in (
            *("CompassURL", "EnsPublicResolverAddress", "IexecGatewayURL", "IpfsGatewayURL", "IpfsNodeURL"),
            *("PocoSubgraphURL", "ResultProxyURL", "VoucherHubAddress", "VoucherSubgraphURL"),
        )
    },
    "config.resolveBridgeAddress": "network.settings",
    "config.resolveBridgeBackAddress": "network.settings",
    "config.resolveBridgedContractsClient": "account.show_bridged",
    "config.resolveChainId": "network.chain_id",
    "config.resolveContractsClient": "session.hub",
    "config.resolveSmsURL": "network.sms_url",
    "deal.claim": "deal.claim",
    "deal.computeTaskId": "deal.task_ids",
    **{f"deal.fetchDealsBy{kind}": "deal.list" for kind in KINDS},
    "deal.fetchRequesterDeals": "deal.list",
    "deal.obsDeal": "deal.observe",
    "deal.show": "deal.show",
    "ens.claimName": "ens.register",
    "ens.configureResolution": "ens.configure_resolution",
    "ens.getDefaultDomain": "ens.default_domain",
    "ens.getOwner": "ens.get_owner",
    "ens.lookupAddress": "ens.lookup",
    "ens.obsConfigureResolution": "ens.configure_resolution",
    "ens.readTextRecord": "ens.read_text",
    "ens.resolveName": "ens.resolve",
    "ens.setTextRecord": "ens.set_text",
    "hub.countCategory": "hub.count",
    "hub.createCategory": "hub.create",
    "hub.getTimeoutRatio": "hub.timeout_ratio",
    "hub.showCategory": "hub.show",
    "network.getNetwork": "network.chain_id",
    **{
        f"order.{method}{kind}{plural}": f"order.{home}"
        for kind in KINDS
        for method, home, plural in (
            ("cancel", "cancel", ""),
            ("create", "create", ""),
            ("hash", "hash", ""),
            ("publish", "publish", ""),
            ("sign", "sign", ""),
            ("unpublish", "unpublish", ""),
            ("unpublishAll", "unpublish_all", "s"),
            ("unpublishLast", "unpublish_last", ""),
        )
    },
    "order.estimateMatchOrders": "order.estimate",
    "order.matchOrders": "order.fill",
    "order.prepareDatasetBulk": "dataset.prepare_bulk",
    "orderbook.fetchAppOrderbook": "orderbook.app",
    "orderbook.fetchDatasetOrderbook": "orderbook.dataset",
    "orderbook.fetchRequestOrderbook": "orderbook.requester",
    "orderbook.fetchWorkerpoolOrderbook": "orderbook.workerpool",
    **{f"orderbook.fetch{kind}": "order.show" for kind in KINDS},
    "result.checkResultEncryptionKeyExists": "result.check_encryption_key",
    "result.pushResultEncryptionKey": "result.push_encryption_key",
    "secrets.checkRequesterSecretExists": "secrets.check_secret",
    "secrets.pushRequesterSecret": "secrets.push_secret",
    "storage.checkStorageTokenExists": "storage.check",
    "storage.defaultStorageLogin": "storage.init",
    "storage.pushStorageToken": "storage.init",
    "task.claim": "task.claim",
    "task.fetchLogs": "task.logs",
    "task.fetchOffchainInfo": "task.debug",
    "task.fetchResults": "task.result",
    "task.obsTask": "task.observe",
    "task.show": "task.show",
    "voucher.authorizeRequester": "voucher.authorize",
    "voucher.getVoucherAddress": "voucher.address",
    "voucher.revokeRequesterAuthorization": "voucher.revoke",
    "voucher.showUserVoucher": "voucher.show",
    "wallet.bridgeToMainchain": "wallet.bridge_to_mainchain",
    "wallet.bridgeToSidechain": "wallet.bridge_to_sidechain",
    "wallet.checkBalances": "wallet.show",
    "wallet.checkBridgedBalances": "wallet.show_bridged",
    "wallet.getAddress": "wallet.address",
    "wallet.obsBridgeToMainchain": "wallet.bridge_to_mainchain",
    "wallet.obsBridgeToSidechain": "wallet.bridge_to_sidechain",
    "wallet.sendETH": "wallet.send_ether",
    "wallet.sendRLC": "wallet.send_rlc",
    "wallet.sweep": "wallet.sweep",
}

UTILS = {
    "DATASET_INFINITE_VOLUME": (iexec_lab.protocol, "DATASET_INFINITE_VOLUME"),
    "NULL_ADDRESS": (iexec_lab.protocol, "NULL_ADDRESS"),
    "NULL_BYTES32": (iexec_lab.protocol, "NULL_BYTES32"),
    "decodeTag": (iexec_lab.protocol, "decode_tag"),
    "decryptResult": (iexec_lab.crypto, "decrypt_result"),
    "encodeTag": (iexec_lab.protocol, "encode_tag"),
    "formatEth": (iexec_lab.units, "format_ether"),
    "formatRLC": (iexec_lab.units, "format_rlc"),
    "getSignerFromPrivateKey": (LocalSigner, "sign_digest"),
    "parseEth": (iexec_lab.units, "parse_ether"),
    "parseRLC": (iexec_lab.units, "parse_rlc"),
    "prepareBulk": (bulk, "prepare_bulk"),
    "sumTags": (iexec_lab.protocol, "sum_tags"),
}


@pytest.mark.parametrize("method", HOMES)
def test_every_method_has_a_home(lab, method):
    assert attrgetter(HOMES[method])(lab) is not None


@pytest.mark.parametrize("name", UTILS)
def test_every_util_has_a_home(name):
    module, attribute = UTILS[name]
    assert hasattr(module, attribute)


def test_the_list_is_long_enough():
    assert len(HOMES) == 145


def public():
    """What people call, ``(name, function)``: ``connect``, the verbs of all nouns, what they give."""
    nouns = [type(getattr(IExec(None), name)) for name in NOUNS]
    yield "connect", connect
    for owner in (IExec, Job, Result, ResultFile, Results, Sandbox, Handle, *nouns):
        for name in dir(owner):
            member = inspect.getattr_static(owner, name)
            function = getattr(member, "fget", None) or getattr(member, "func", None) or member
            if name[0] != "_" and isinstance(function, FunctionType | staticmethod | classmethod):
                yield f"{owner.__name__}.{name}", getattr(function, "__func__", function)


@pytest.mark.parametrize(("name", "function"), [pytest.param(*pair, id=pair[0]) for pair in public()])
def test_help_says_what_is_needed_and_what_comes_back(name, function):
    text, shape = inspect.getdoc(function) or "", inspect.signature(function)
    assert text, "no docstring"
    wanted = [str(each).partition(":")[0] for each in shape.parameters.values()]
    wanted = [word for word in wanted if word not in {"self", "noun", "cls"}]
    told = re.findall(r"^    ([*\w]+): ", text.partition("Args:")[2].partition("\n\n")[0], re.MULTILINE)
    assert told == wanted or (len(wanted) <= 2 and not told)
    if shape.return_annotation == "pd.DataFrame":
        assert re.search(r"DataFrame|As for", text), "how many rows?"


def test_the_list_of_what_people_call_is_long_enough():
    assert len(list(public())) > 140
