from __future__ import annotations

import base64
import time

import jwt
import pytest
import requests
from helpers.sandbox.serving import CHAIN_ID, HUB, ChainDouble, make_context, serving

from iexec_lab.errors import ApiError
from iexec_lab.protocol import authorization_hash, enclave_hash, login_token, result_hash
from iexec_lab.sandbox.services import result_proxy
from iexec_lab.sandbox.services._jwt import TokenSigner
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.services.result_proxy import ResultProxy
from iexec_lab.wallet.gate import Gate, Place
from iexec_lab.wallet.signer import LocalSigner

NULL = "0x" + "00" * 20
POOL = "0x3333333333333333333333333333333333333333"
DEAL = bytes(31) + b"\x01"
TASK = "0x" + "ab" * 32
WORD = bytes.fromhex(TASK[2:])
DIGEST = "0x" + "cd" * 32
ARCHIVE = b"PK\x05\x06" + bytes(18)
SCHEDULER = LocalSigner("0x" + "11" * 32)
WORKER = LocalSigner("0x" + "22" * 32)
ENCLAVE = LocalSigner("0x" + "33" * 32)
ACTIVE, REVEALING = 1, 2


def chain(status, *, contribution=2, contributed=DIGEST):
    part = (POOL, SCHEDULER.address, 0)
    deal = (part, part, part, 1, 0, bytes(32), NULL, NULL, NULL, "{}", 1, 0, 1, 0, 0, NULL)
    task = (status, DEAL, 0, 300, 1, 2, 3, bytes(32), 0, 0, (), bytes(32), b"", 0, b"")
    hub = HUB.lower()
    return ChainDouble(
        {
            (POOL, "owner"): SCHEDULER.address,
            (hub, "viewTask", WORD): task,
            (hub, "viewDeal", DEAL): deal,
            (hub, "viewContribution", WORD): (
                contribution,
                result_hash(TASK, contributed),
                bytes(32),
                NULL,
                1,
            ),
        }
    )


@pytest.fixture
def start(tmp_path):
    """``with start(chain) as url``; the state folder stays the same."""
    return lambda facts: serving(result_proxy.create, make_context(tmp_path, facts))


def ask_token(url, *, enclave=NULL, worker=WORKER, scheduler=SCHEDULER, task=TASK):
    digest = authorization_hash(WORKER.address, task, enclave)
    body = {
        "chainTaskId": task,
        "workerWallet": WORKER.address,
        "enclaveChallenge": enclave,
        "signature": {"value": scheduler.sign_message(digest)},
    }
    headers = {"Authorization": worker.sign_message(digest)}
    return requests.post(f"{url}/v1/results/token", json=body, headers=headers, timeout=10)


def upload(url, token, **changes):
    body = {
        "chainTaskId": TASK,
        "dealId": "0x" + DEAL.hex(),
        "taskIndex": 0,
        "zip": base64.b64encode(ARCHIVE).decode(),
        "deterministHash": DIGEST,
        "enclaveSignature": "",
        **changes,
    }
    return requests.post(f"{url}/v1/results", json=body, headers={"Authorization": token}, timeout=10)


def test_a_revealed_result_is_taken_once(start, tmp_path):
    with start(chain(REVEALING)) as url:
        token = ask_token(url).text
        signed = {"Authorization": token}
        assert requests.head(f"{url}/v1/results/{TASK}", headers=signed, timeout=10).status_code == 404
        assert requests.get(f"{url}/v1/results/{TASK}/ipfshash", timeout=10).status_code == 404
        answer = upload(url, token)
        cid = BlobStore(tmp_path / "ipfs").add(ARCHIVE)
        assert (answer.status_code, answer.text) == (200, f"/ipfs/{cid}")
        assert requests.head(f"{url}/v1/results/{TASK}", headers=signed, timeout=10).status_code == 204
        assert requests.get(f"{url}/v1/results/{TASK}/ipfshash", timeout=10).text == cid
        assert upload(url, token).status_code == 400
    with start(chain(REVEALING)) as url:  # another process, later
        assert requests.head(f"{url}/v1/results/{TASK}", headers=signed, timeout=10).status_code == 204


def test_an_enclaves_result_is_taken_while_the_task_is_active(start):
    seal = ENCLAVE.sign_message(enclave_hash(TASK, WORKER.address, DIGEST))
    with start(chain(ACTIVE)) as url:
        token = ask_token(url, enclave=ENCLAVE.address).text
        assert upload(url, token).status_code == 400
        other = ENCLAVE.sign_message(enclave_hash(TASK, WORKER.address, "0x" + "ee" * 32))
        assert upload(url, token, enclaveSignature=other).status_code == 400
        assert upload(url, token, enclaveSignature=seal).status_code == 200


@pytest.mark.parametrize(
    "facts",
    [
        chain(ACTIVE),
        chain(3),
        chain(REVEALING, contribution=1),
        chain(REVEALING, contributed="0x" + "ee" * 32),
    ],
    ids=["not-revealing", "completed", "not-revealed", "other-result"],
)
def test_a_result_that_was_not_revealed_is_refused(start, facts):
    with start(facts) as url:
        assert upload(url, ask_token(url).text).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"zip": ""},
        {"zip": "%%%"},
        {"zip": None},
        {"chainTaskId": "foo"},
        {"deterministHash": None},
        {"chainTaskId": "0x" + "99" * 32},
    ],
)
def test_a_result_that_lacks_something_is_refused(start, changes):
    with start(chain(REVEALING)) as url:
        assert upload(url, ask_token(url).text, **changes).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000])
def test_a_body_that_is_no_result(start, body):
    with start(chain(REVEALING)) as url:
        headers = {"Authorization": ask_token(url).text}
        assert requests.post(f"{url}/v1/results", data=body, headers=headers, timeout=10).status_code == 400
        assert requests.post(f"{url}/v1/results/token", data=body, timeout=10).status_code == 401


@pytest.mark.parametrize(
    "fault", [{"worker": SCHEDULER}, {"scheduler": WORKER}, {"task": "0x" + "99" * 32}], ids=str
)
def test_no_token_for_whom_the_scheduler_did_not_choose(start, fault):
    with start(chain(ACTIVE)) as url:
        assert ask_token(url, **fault).status_code == 401


def test_no_route_without_a_token(start, tmp_path):
    with start(chain(REVEALING)) as url:
        other = TokenSigner(tmp_path / "other").make(WORKER.address)
        for token in ("", "a.b.c", other):
            assert upload(url, token).status_code == 401
            headers = {"Authorization": token}
            assert requests.head(f"{url}/v1/results/{TASK}", headers=headers, timeout=10).status_code == 401


def test_a_client_of_8x_logs_in(start):
    with start(chain(ACTIVE)) as url:
        token = ResultProxy(url).login(Gate(WORKER, Place("sandbox", CHAIN_ID, NULL)))
        assert token.count(".") == 2
        headers = {"Authorization": token}
        assert requests.head(f"{url}/v1/results/{TASK}", headers=headers, timeout=10).status_code == 404
        with pytest.raises(ApiError):
            ResultProxy(url).login(Gate(WORKER, Place("mainnet", 1, NULL)))
        assert requests.get(f"{url}/version", timeout=10).text == "9.1.0-sandbox"


def test_a_challenge_is_good_once_and_for_its_wallet(start):
    with start(chain(ACTIVE)) as url:
        query = {"address": WORKER.address, "chainId": CHAIN_ID}
        challenge = requests.get(f"{url}/results/challenge", params=query, timeout=10).json()
        assert challenge["domain"] == {"name": "iExec Result Repository", "version": "1", "chainId": CHAIN_ID}

        def login(text):
            return requests.post(f"{url}/results/login?chainId={CHAIN_ID}", data=text, timeout=10).status_code

        token = login_token(challenge, WORKER)
        digest, signature, address = token.split("_")
        assert login("nonsense") == login("") == login("a_b_c") == 401
        assert login(login_token(challenge, SCHEDULER)) == 401
        assert login(f"{digest}_{SCHEDULER.sign_digest(bytes(32))}_{address}") == 401
        assert login(f"0x{'00' * 32}_{signature}_{address}") == 401
        assert login(token) == 200
        assert login(token) == 401


def test_tokens_end(tmp_path, monkeypatch):
    signer = TokenSigner(tmp_path / "key")
    token = signer.make(WORKER.address)
    assert signer.audience(token) == WORKER.address
    assert TokenSigner(tmp_path / "key").audience(token) == WORKER.address
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 366 * 24 * 3600 + 60)
    assert signer.audience(signer.make(WORKER.address)) == WORKER.address
    monkeypatch.setattr(time, "time", lambda: now - 366 * 24 * 3600 - 60)
    assert signer.audience(signer.make(WORKER.address)) is None


def part(value):
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def test_only_our_own_tokens_are_good(tmp_path):
    signer = TokenSigner(tmp_path / "key")
    key, claims = (tmp_path / "key").read_bytes(), {"aud": WORKER.address, "exp": time.time() + 60}
    assert signer.audience(jwt.encode(claims, key, "HS256")) == WORKER.address
    token = signer.make(WORKER.address)
    head, body, seal = token.split(".")
    unsigned = part('{"alg":"none","typ":"JWT"}')
    others = [
        "",
        ".",
        "..",
        "a.b.c",
        token[:-2],
        "." + token,
        token + ".x",
        f"{head}.{body}.",
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{seal}",
        f"{part('[' * 6000)}.{body}.{seal}",
        f"{head}.{part('[' * 6000)}.{seal}",
        "\udc80." + token,
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, key * 2, "HS512"),
        jwt.encode(claims, bytes(32), "HS256"),
        jwt.encode({"aud": WORKER.address}, key, "HS256"),
        jwt.encode({"exp": claims["exp"]}, key, "HS256"),
    ]
    assert [each for each in others if signer.audience(each) is not None] == []
