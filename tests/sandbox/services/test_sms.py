"""The SMS: every row of its tables, and the official SDK's own requests."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import pytest
import requests
from helpers.places import VECTORS
from helpers.sandbox.serving import HUB, ChainDouble, make_context, serving, with_chain

from iexec_lab.errors import ApiError
from iexec_lab.protocol import (
    NULL_BYTES32,
    authorization_hash,
    encode_tag,
    sms_challenge,
    task_hash,
)
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.services import sms
from iexec_lab.sandbox.state.secrets import SecretStore
from iexec_lab.sandbox.work.enclave import enclave_of
from iexec_lab.services.sms import Sms
from iexec_lab.wallet.gate import Gate, Place
from iexec_lab.wallet.signer import LocalSigner

SMS = json.loads((VECTORS / "sms.json").read_text())["vectors"]
APP = "0x1111111111111111111111111111111111111111"
DATASET = "0x2222222222222222222222222222222222222222"
POOL = "0x3333333333333333333333333333333333333333"
OWNER = LocalSigner("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
OTHER = LocalSigner("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
CHAIN = {(address, "owner"): OWNER.address.lower() for address in (APP, DATASET, POOL)}

PLACES = {
    "web3": (DATASET, None, f"/secrets/web3?secretAddress={DATASET}"),
    "web2": (OWNER.address, "name", f"/secrets/web2?ownerAddress={OWNER.address}&secretName=name"),
    "app": (APP, None, f"/apps/{APP}/secrets"),
    "requester": (OWNER.address, "name", f"/requesters/{OWNER.address}/secrets/name"),
}
WORDLESS = ("web3", "web2")


@pytest.fixture
def service(tmp_path):
    with serving(sms.create, make_context(tmp_path, ChainDouble(CHAIN))) as url:
        yield url


@pytest.fixture(params=PLACES)
def kind(request):
    return request.param


def push(url, kind, value="secret", *, signer=OWNER, method="POST", place=None, signed=None):
    address, name, path = place or PLACES[kind]
    signature = signer.sign_message(sms_challenge(kind, address, name, value if signed is None else signed))
    headers = {"Authorization": signature, "Content-Type": "text/plain"}
    return requests.request(method, url + path, data=value.encode(), headers=headers, timeout=10)


def check(url, kind, path=None):
    return requests.head(url + (path or PLACES[kind][2]), timeout=10)


def assert_refused(answer, kind, status, words):
    assert answer.status_code == status
    if kind in WORDLESS:
        assert answer.content == b""
    else:
        assert answer.json() == {"error": [words]}


# -- secrets -----------------------------------------------------------------------------------------------


def test_a_secret_is_missing_then_there_then_fixed(service, kind):
    missing = check(service, kind)
    assert (missing.status_code, missing.content) == (404, b"")
    done = push(service, kind)
    assert (done.status_code, done.content) == (204, b"")
    assert check(service, kind).status_code == 204
    assert_refused(push(service, kind, "other"), kind, 409, "Secret already exists")


@pytest.mark.parametrize("fault", ["signer", "value", "nonsense", "empty"])
def test_another_ones_signature_is_refused_first(service, kind, fault):
    push(service, kind)
    value = "x" * 5000  # too long, and there already: 401 comes before both
    if fault == "signer":
        answer = push(service, kind, value, signer=OTHER)
    elif fault == "value":
        answer = push(service, kind, value, signed="other")
    else:
        headers = {"Authorization": "0x12" if fault == "nonsense" else "", "Content-Type": "text/plain"}
        answer = requests.post(service + PLACES[kind][2], data=value, headers=headers, timeout=10)
    assert_refused(answer, kind, 401, "Invalid authorization")


def test_a_secret_may_have_4096_bytes(service, kind):
    longest = "é" * 2048
    too_long = push(service, kind, longest + "x")
    status = 400 if kind == "requester" else 413
    assert_refused(too_long, kind, status, "Secret size should not exceed 4 Kb")
    assert push(service, kind, longest).status_code == 204
    assert_refused(push(service, kind, longest + "x"), kind, status, "Secret size should not exceed 4 Kb")


def test_a_web2_secret_is_updated(service, tmp_path):
    assert push(service, "web2", "new", method="PUT").status_code == 404
    push(service, "web2", "old")
    assert push(service, "web2", "new", method="PUT", signer=OTHER).status_code == 401
    assert push(service, "web2", "x" * 4097, method="PUT").status_code == 413
    assert push(service, "web2", "new", method="PUT").status_code == 204
    store = SecretStore(tmp_path / "sms")
    assert store.web2_secret(OWNER.address, "name") == "new"
    store.close()


@pytest.mark.parametrize("kind", ["web3", "app", "requester"])
def test_other_secrets_are_not_updated(service, kind):
    push(service, kind)
    assert push(service, kind, method="PUT").status_code == 405


def test_addresses_and_web2_names_are_read_in_any_case(service):
    push(service, "web2")
    assert (
        check(service, "", f"/secrets/web2?ownerAddress={OWNER.address.lower()}&secretName=NAME").status_code
        == 204
    )
    push(service, "web3")
    assert (
        check(service, "", f"/secrets/web3?secretAddress={DATASET.upper().replace('X', 'x')}").status_code
        == 204
    )
    push(service, "requester")
    assert check(service, "", f"/requesters/{OWNER.address.lower()}/secrets/name").status_code == 204
    assert check(service, "", f"/requesters/{OWNER.address}/secrets/NAME").status_code == 404


@pytest.mark.parametrize("name", ["a b", "é", "x" * 65, "a.b", "a%2Fb"])
def test_the_name_of_a_requesters_secret(service, name):
    place = (
        OWNER.address,
        name.replace("%2F", "/"),
        f"/requesters/{OWNER.address}/secrets/{quote(name, safe='%')}",
    )
    words = "Secret key should contain at most 64 characters from [0-9A-Za-z-_]"
    assert_refused(push(service, "requester", place=place), "requester", 400, words)
    assert check(service, "", place[2]).status_code == 400
    place = (OWNER.address, "A-z_9" + "x" * 59, f"/requesters/{OWNER.address}/secrets/A-z_9{'x' * 59}")
    assert push(service, "requester", place=place).status_code == 204


@pytest.mark.parametrize("kind", ["web3", "app"])
def test_what_has_no_owner_on_chain_takes_no_secret(service, kind):
    nowhere = "0x" + "99" * 20
    path = PLACES[kind][2].replace(PLACES[kind][0], nowhere)
    answer = push(service, kind, place=(nowhere, None, path))
    assert_refused(answer, kind, 401, "Invalid authorization")


@pytest.mark.parametrize("address", ["foo", "0x12", "0x" + "zz" * 20])
def test_what_is_no_address_takes_no_secret(service, address):
    headers = {"Authorization": "0x" + "11" * 65}
    for path in (f"/secrets/web3?secretAddress={address}", f"/apps/{address}/secrets"):
        assert requests.post(service + path, data=b"x", headers=headers, timeout=10).status_code == 401
        assert check(service, "", path).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        (PLACES["web3"][2], {}, "secret"),
        (PLACES["app"][2], {"Authorization": "0x"}, ""),
        ("/secrets/web3", {"Authorization": "0x"}, "secret"),
        ("/secrets/web2?ownerAddress=0x", {"Authorization": "0x"}, "secret"),
    ],
    ids=["header", "body", "address", "name"],
)
def test_a_request_that_lacks_something_gets_the_frameworks_words(service, path, headers, body):
    answer = requests.post(service + path, data=body, headers=headers, timeout=10)
    assert answer.status_code == 400
    said = answer.json()
    assert set(said) == {"timestamp", "status", "error", "path"}
    assert (said["status"], said["error"], said["path"]) == (400, "Bad Request", path.partition("?")[0])


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/version/", 404, None),
        ("GET", "/secrets/web2", 405, "HEAD,POST,PUT"),
        ("DELETE", "/tee/framework", 405, "GET"),
        ("OPTIONS", "/tee/framework", 200, "GET,HEAD,OPTIONS"),
        ("OPTIONS", "/secrets/web3", 200, "HEAD,POST,OPTIONS"),
        ("OPTIONS", "/nowhere", 404, None),
    ],
)
def test_what_no_route_is_for(service, method, path, status, allowed):
    answer = requests.request(method, service + path, timeout=10)
    assert (answer.status_code, answer.headers.get("Allow")) == (status, allowed)
    if status != 200:
        said = answer.json()
        assert (said["status"], said["path"]) == (status, path)


def test_a_secret_is_read_by_its_charset(service):
    value = "é"
    signature = OWNER.sign_message(sms_challenge("web3", DATASET, None, value))
    path = f"{service}{PLACES['web3'][2]}"

    def post(charset, body):
        headers = {"Authorization": signature, "Content-Type": f"text/plain; charset={charset}"}
        return requests.post(path, data=body, headers=headers, timeout=10).status_code

    assert post("klingon", b"x") == 415
    assert post("utf-8", value.encode("latin-1")) == 401  # another secret than was signed
    assert post("latin-1", value.encode("latin-1")) == 204


@pytest.mark.parametrize("change", [lambda v: 55 - v, lambda v: v - 27, lambda v: v + 8, lambda v: v + 4])
def test_the_last_byte_of_a_signature_is_what_web3j_takes(service, kind, change):
    address, name, path = PLACES[kind]
    signature = OWNER.sign_message(sms_challenge(kind, address, name, "x"))
    v = int(signature[-2:], 16)
    headers = {"Authorization": f"{signature[:-2]}{change(v):02x}"}
    answer = requests.post(service + path, data="x", headers=headers, timeout=10)
    assert answer.status_code == (204 if change(v) == v + 4 else 401)


def test_a_browser_may_push(service, kind):
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = requests.options(service + PLACES[kind][2], headers=asked, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


PUSHES = [v for v in SMS if v["input"].get("privateKey") and "error" not in str(v["expected"]["result"])]


@pytest.mark.parametrize("vector", PUSHES, ids=lambda vector: vector["id"])
def test_the_official_sdks_requests_are_understood(service, vector):
    *checks, pushed = vector["expected"]["requests"]
    statuses = []
    for call in [*checks, pushed, *checks]:
        parts = urlsplit(call["url"])
        url = service + parts.path + (f"?{parts.query}" if parts.query else "")
        body = call.get("body", "").encode()
        answer = requests.request(call["method"], url, data=body, headers=call["headers"], timeout=10)
        statuses.append(answer.status_code)
    if "my%20secret/1" in pushed["url"]:  # the SDK sends a name that no SMS takes
        assert statuses == [404, 404, 404]
    else:
        assert statuses == [*[404] * len(checks), 204, *[204] * len(checks)]


def test_our_own_client_gets_along(service):
    client = Sms(service)
    owner, other = (Gate(signer, Place("sandbox", 65535, "0x" + "00" * 20)) for signer in (OWNER, OTHER))
    client.push_dataset_secret(DATASET, "key", owner)
    client.push_app_secret(APP, "clé", owner)
    client.push_requester("name", "value", other)
    assert client.push_web2("name", "value", other) is False
    assert client.push_web2("name", "other", other, update=True) is True
    assert client.has_dataset_secret(DATASET)
    assert client.has_app_secret(APP)
    assert client.has_requester(OTHER.address, "name")
    assert client.has_web2(OTHER.address, "name")
    assert not client.has_web2(OWNER.address, "name")
    with pytest.raises(ApiError, match="is not allowed to set secret for"):
        client.push_app_secret(APP, "x", other)
    with pytest.raises(ApiError, match="can't be updated"):
        client.push_app_secret(APP, "x", owner)


# -- the store ---------------------------------------------------------------------------------------------


def test_a_worker_reads_what_was_pushed_and_files_hold_no_secret(service, tmp_path, kind):
    push(service, kind, "hunter2 ✓")
    store = SecretStore(tmp_path / "sms")
    readers = {
        "web3": lambda: store.dataset_key(DATASET.upper().replace("X", "x")),
        "web2": lambda: store.web2_secret(OWNER.address, "NAME"),
        "app": lambda: store.app_secret(APP),
        "requester": lambda: store.requester_secret(OWNER.address, "name"),
    }
    assert readers[kind]() == "hunter2 ✓"
    store.close()
    for path in (tmp_path / "sms").iterdir():
        assert b"hunter2" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


# -- for schedulers and workers ----------------------------------------------------------------------------

TASK = "0x" + "ab" * 32
WORD = bytes.fromhex(TASK[2:])
DEAL = bytes(31) + b"\x01"
SCHEDULER, WORKER = OWNER, OTHER
NULL = "0x" + "00" * 20


def a_task(status=1):
    return (status, DEAL, 0, 300, 1, 2, 3, bytes(32), 0, 0, (), bytes(32), b"", 0, b"")


def a_deal(tag):
    part = (POOL, OWNER.address, 0)
    word = bytes.fromhex(encode_tag(tag)[2:])
    return (part, part, part, 1, 0, word, NULL, NULL, NULL, "{}", 1, 0, 1, 0, 0, NULL)


def chain_with(task=None, deal=None):
    facts = dict(CHAIN)
    if task:
        facts[HUB.lower(), "viewTask", WORD] = task
    if deal:
        facts[HUB.lower(), "viewDeal", DEAL] = deal
    return ChainDouble(facts)


READY = {"task": a_task(), "deal": a_deal(["tee", "tdx"])}


@pytest.fixture
def tee(request, tmp_path):
    with serving(sms.create, make_context(tmp_path, chain_with(**request.param))) as url:
        yield url


def ask_challenge(url, signer=SCHEDULER, task=TASK):
    headers = {"Authorization": signer.sign_message(task_hash(task))}
    return requests.post(f"{url}/tee/challenges/{task}", headers=headers, timeout=10)


def ask_session(url, *, worker=WORKER, scheduler=SCHEDULER, changes=()):
    enclave = "0x" + "55" * 20
    task = dict(changes).get("chainTaskId", TASK) or NULL_BYTES32
    digest = authorization_hash(WORKER.address, task, enclave)
    body = {
        "chainTaskId": TASK,
        "dealId": "0x" + DEAL.hex(),
        "taskIndex": 0,
        "workerWallet": WORKER.address,
        "enclaveChallenge": enclave,
        "signature": {"value": scheduler.sign_message(digest)},
        **dict(changes),
    }
    headers = {"Authorization": worker.sign_message(digest)}
    return requests.post(f"{url}/tee/sessions", json=body, headers=headers, timeout=10)


@pytest.mark.parametrize("tee", [READY], indirect=True)
def test_the_scheduler_gets_the_enclave_of_a_task(tee, tmp_path):
    answer = ask_challenge(tee)
    store = SecretStore(tmp_path / "sms")
    assert (answer.status_code, answer.text) == (200, enclave_of(store, TASK).address)
    store.close()
    assert ask_challenge(tee).text == answer.text
    assert ask_challenge(tee, WORKER).status_code == 401
    assert requests.post(f"{tee}/tee/challenges/{TASK}", timeout=10).status_code == 400
    signed = {"Authorization": "0x12"}
    assert requests.post(f"{tee}/tee/challenges/foo", headers=signed, timeout=10).status_code == 401


@pytest.mark.parametrize("tee", [READY], indirect=True)
def test_an_authorised_worker_gets_a_session(tee):
    answer = ask_session(tee)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert len(data["sessionId"].removesuffix(TASK)) == 14
    assert data["sessionId"].removesuffix(TASK).endswith("0000")
    assert data["secretProvisioningUrl"].startswith("http://127.0.0.1:")
    plain_signature = SCHEDULER.sign_message(authorization_hash(WORKER.address, TASK, "0x" + "55" * 20))
    assert ask_session(tee, changes={"signature": plain_signature}).status_code == 200


@pytest.mark.parametrize(
    ("tee", "request_faults", "code"),
    [
        (READY, {"worker": SCHEDULER}, "INVALID_AUTHORIZATION"),
        (READY, {"changes": {"workerWallet": "foo"}}, "INVALID_AUTHORIZATION"),
        (READY, {"changes": {"signature": None}}, "EXECUTION_NOT_AUTHORIZED_INVALID_SIGNATURE"),
        (READY, {"changes": {"chainTaskId": ""}}, "EXECUTION_NOT_AUTHORIZED_EMPTY_PARAMS_UNAUTHORIZED"),
        ({}, {}, "EXECUTION_NOT_AUTHORIZED_GET_CHAIN_TASK_FAILED"),
        ({"task": a_task(2)}, {}, "EXECUTION_NOT_AUTHORIZED_TASK_NOT_ACTIVE"),
        ({"task": a_task(3)}, {}, "EXECUTION_NOT_AUTHORIZED_TASK_NOT_ACTIVE"),
        ({"task": a_task()}, {}, "EXECUTION_NOT_AUTHORIZED_GET_CHAIN_DEAL_FAILED"),
        ({"task": a_task(), "deal": a_deal([])}, {}, "EXECUTION_NOT_AUTHORIZED_NO_MATCH_ONCHAIN_TYPE"),
        (READY, {"scheduler": WORKER}, "EXECUTION_NOT_AUTHORIZED_INVALID_SIGNATURE"),
    ],
    indirect=["tee"],
)
def test_a_session_is_refused_with_the_reason(tee, request_faults, code):
    answer = ask_session(tee, **request_faults)
    assert answer.status_code == 401
    assert answer.json() == {"error": code}


@pytest.mark.parametrize(
    "tee",
    [{}, {"task": a_task(2)}, {"task": a_task()}, {"task": a_task(), "deal": a_deal([])}],
    indirect=True,
)
def test_no_enclave_for_a_task_that_is_not_for_one(tee):
    answer = ask_challenge(tee)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000])
def test_a_session_request_that_is_none(service, body):
    url, signed = f"{service}/tee/sessions", {"Authorization": "0x12", "Content-Type": "application/json"}
    assert requests.post(url, data=body, headers=signed, timeout=10).status_code == 400
    assert requests.post(url, data=b"{}", timeout=10).status_code == 400
    text = {**signed, "Content-Type": "text/plain"}
    assert requests.post(url, data=b"{}", headers=text, timeout=10).status_code == 415
    answer = requests.post(url, data=b"{}", headers=signed, timeout=10)
    assert (answer.status_code, answer.json()) == (401, {"error": "INVALID_AUTHORIZATION"})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tee/properties/TDX", 200),
        ("/tee/properties/scone/v5", 200),
        ("/tee/properties/GRAMINE/v0", 200),
        ("/tee/properties/TDX/v999", 404),
        ("/tee/properties/SGX/v5", 400),
        ("/tee/properties/SGX", 400),
    ],
)
def test_properties_of_the_frameworks(service, path, status):
    answer = requests.get(service + path, timeout=10)
    assert answer.status_code == status
    if status == 200:
        told = answer.json()
        assert told["teeFramework"] == path.split("/")[3].upper()
        assert set(told["preComputeProperties"]) == {"image", "fingerprint", "entrypoint", "heapSizeInBytes"}
        assert set(told["postComputeProperties"]) == set(told["preComputeProperties"])


def test_its_framework_and_version(service):
    assert requests.get(f"{service}/tee/framework", timeout=10).json() == "TDX"
    assert requests.get(f"{service}/version", timeout=10).text == "9.3.1-sandbox"


# -- with a real chain -------------------------------------------------------------------------------------


def test_the_owner_is_the_one_on_chain(deployed, tmp_path):
    genesis, node = deployed
    accounts = well_known_accounts()
    pool = (genesis.workerpool, None, f"/secrets/web3?secretAddress={genesis.workerpool}")
    hub = (genesis.hub, None, f"/apps/{genesis.hub}/secrets")
    nobody = ("0x" + "99" * 20, None, f"/apps/0x{'99' * 20}/secrets")

    context = make_context(tmp_path, hub=genesis.hub, chain_id=genesis.chain_id)
    with serving(with_chain(sms.create, node, native=genesis.native), context) as url:
        assert push(url, "web3", place=pool, signer=OTHER).status_code == 401
        assert push(url, "web3", place=pool, signer=accounts.scheduler.signer).status_code == 204
        assert push(url, "app", place=hub, signer=accounts.deployer.signer).status_code == 204
        assert push(url, "app", place=nobody, signer=OWNER).status_code == 401
        assert ask_challenge(url).status_code == 401
        assert ask_session(url).json() == {"error": "EXECUTION_NOT_AUTHORIZED_GET_CHAIN_TASK_FAILED"}
