from __future__ import annotations

import base64
import hashlib
import io
import json
import time
import zipfile

import jwt
import pytest
import requests
from helpers.sandbox.serving import CHAIN_ID, HUB, ChainDouble, make_context, serving

from iexec_lab.errors import ApiError
from iexec_lab.protocol import authorization_hash, enclave_hash, encode_tag, login_token, result_hash
from iexec_lab.sandbox.chain.connection import Head
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
OTHER_TASK = "0x" + "ac" * 32
WORD = bytes.fromhex(TASK[2:])
CONTENT = b"forty-two"
DIGEST = "0x" + hashlib.sha256(CONTENT).hexdigest()


def pack(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return made.getvalue()


COMPUTED = json.dumps({"deterministic-output-path": "/iexec_out/result.txt"})
ARCHIVE = pack(computed_json=COMPUTED, result_txt=CONTENT)
FUTURE = 4_000_000_000
SCHEDULER = LocalSigner("0x" + "11" * 32)
WORKER = LocalSigner("0x" + "22" * 32)
ENCLAVE = LocalSigner("0x" + "33" * 32)
ACTIVE, REVEALING = 1, 2


def chain(status, *, contribution=2, contributed=DIGEST, tags=(), requester=NULL, final=FUTURE):
    part, tag = (POOL, SCHEDULER.address, 0), bytes.fromhex(encode_tag(tags)[2:])
    deal = (part, part, part, 1, 0, tag, requester, NULL, NULL, "{}", 1, 0, 1, 0, 0, NULL)
    task = (status, DEAL, 0, 300, 1, 2, final, bytes(32), 0, 0, (), bytes(32), b"", 0, b"")
    hub = HUB.lower()
    return ChainDouble(
        {
            (POOL, "owner"): SCHEDULER.address,
            (hub, "viewTask", WORD): task,
            (hub, "viewTask", bytes.fromhex(OTHER_TASK[2:])): task,
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
        assert upload(url, token).status_code == 401
    with start(chain(REVEALING)) as url:  # another process, later
        assert requests.head(f"{url}/v1/results/{TASK}", headers=signed, timeout=10).status_code == 204


def test_an_enclaves_result_is_taken_while_the_task_is_active(start):
    seal = ENCLAVE.sign_message(enclave_hash(TASK, WORKER.address, DIGEST))
    with start(chain(REVEALING, tags=["tee", "tdx"])) as url:
        token = ask_token(url, enclave=ENCLAVE.address).text
        assert upload(url, token, enclaveSignature=seal).status_code == 401
    with start(chain(ACTIVE, tags=["tee", "tdx"])) as url:
        assert upload(url, token).status_code == 401
        other = ENCLAVE.sign_message(enclave_hash(TASK, WORKER.address, "0x" + "ee" * 32))
        assert upload(url, token, enclaveSignature=other).status_code == 401
        assert upload(url, token, enclaveSignature=seal).status_code == 200


def test_the_requester_of_an_enclaves_task_may_upload(start):
    with start(chain(ACTIVE, tags=["tee", "tdx"], requester=WORKER.address)) as url:
        assert upload(url, ask_token(url, enclave=ENCLAVE.address).text).status_code == 200


def test_an_enclave_goes_with_a_deal_for_one(start):
    with start(chain(ACTIVE)) as url:
        assert ask_token(url, enclave=ENCLAVE.address).status_code == 401
    with start(chain(ACTIVE, tags=["tee", "tdx"])) as url:
        assert ask_token(url).status_code == 401


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
        assert upload(url, ask_token(url).text).status_code == 401


def packed(**files):
    return base64.b64encode(pack(**files)).decode()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"zip": ""}, 401),
        ({"zip": "%%%"}, 400),
        ({"zip": 5}, 400),
        ({"zip": None}, 401),
        ({"zip": base64.b64encode(b"PK").decode()}, 401),
        ({"zip": packed(result_txt=CONTENT)}, 401),
        ({"zip": packed(computed_json="{", result_txt=CONTENT)}, 401),
        ({"zip": packed(computed_json=COMPUTED, result_txt=b"other")}, 401),
        ({"zip": packed(computed_json='{"deterministic-output-path": "/etc/hosts"}')}, 401),
        ({"chainTaskId": "foo"}, 401),
        ({"chainTaskId": None}, 401),
        ({"chainTaskId": "0x" + "99" * 32}, 401),
        ({"deterministHash": "0x" + "ee" * 32}, 200),  # the archive counts
        ({"deterministHash": None}, 200),
    ],
)
def test_a_result_is_judged_by_its_archive(start, changes, status):
    with start(chain(REVEALING)) as url:
        assert upload(url, ask_token(url).text, **changes).status_code == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000])
def test_a_body_that_is_no_result(start, body):
    with start(chain(REVEALING)) as url:
        headers = {"Authorization": ask_token(url).text}
        assert requests.post(f"{url}/v1/results", data=body, headers=headers, timeout=10).status_code == 400
        assert (
            requests.post(f"{url}/v1/results/token", data=body, headers=headers, timeout=10).status_code
            == 400
        )
        headers["Content-Type"] = "text/plain"
        assert requests.post(f"{url}/v1/results", data=b"{}", headers=headers, timeout=10).status_code == 415


def test_every_route_needs_its_header(start):
    with start(chain(REVEALING)) as url:
        for method, path in (
            ("POST", "/v1/results/token"),
            ("POST", "/v1/results"),
            ("HEAD", f"/v1/results/{TASK}"),
        ):
            assert requests.request(method, url + path, json={}, timeout=10).status_code == 400
        assert requests.post(f"{url}/results/login?chainId=1", data=b"\xff", timeout=10).status_code == 401
        assert requests.get(f"{url}/results/challenge", timeout=10).json()["status"] == 400


def test_a_wallet_has_one_token_until_a_final_deadline(start):
    soon = int(time.time()) + 3600
    with start(chain(ACTIVE, final=soon)) as url:
        token = ask_token(url).text
        assert jwt.decode(token, options={"verify_signature": False})["exp"] == soon
        assert ask_token(url).text == token
        assert ask_token(url, task=OTHER_TASK).text == token
    with start(chain(ACTIVE, final=soon + 60)) as url:  # another process, later
        assert ask_token(url).text == token
    with start(chain(ACTIVE, final=int(time.time()))) as url:
        assert ask_token(url).status_code == 401


def test_a_token_ends_with_the_chains_time(start):
    soon = int(time.time()) + 3600
    facts = chain(ACTIVE, final=soon)
    with start(facts) as url:
        headers = {"Authorization": ask_token(url).text}
        assert requests.head(f"{url}/v1/results/{TASK}", headers=headers, timeout=10).status_code == 404
        facts.head = Head(1, soon)
        assert requests.head(f"{url}/v1/results/{TASK}", headers=headers, timeout=10).status_code == 401
        assert ask_token(url).status_code == 401


@pytest.mark.parametrize(
    "fault", [{"worker": SCHEDULER}, {"scheduler": WORKER}, {"task": "0x" + "99" * 32}], ids=str
)
def test_no_token_for_whom_the_scheduler_did_not_choose(start, fault):
    with start(chain(ACTIVE)) as url:
        assert ask_token(url, **fault).status_code == 401


def test_no_route_without_a_token(start, tmp_path):
    with start(chain(REVEALING)) as url:
        other = TokenSigner(tmp_path / "other").make(WORKER.address, FUTURE)
        never_given = TokenSigner(tmp_path / "result_proxy" / "key").make(WORKER.address, FUTURE)
        for token in ("", "a.b.c", other, never_given):
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
        assert login("nonsense") == login("a_b_c") == 401
        assert login("") == 400
        assert login(login_token(challenge, SCHEDULER)) == 401
        assert login(f"{digest}_{SCHEDULER.sign_digest(bytes(32))}_{address}") == 401
        assert login(f"0x{'00' * 32}_{signature}_{address}") == 401
        assert login(token) == 200
        assert login(token) == 401


def test_tokens_end(tmp_path):
    signer = TokenSigner(tmp_path / "key")
    token = signer.make(WORKER.address, 1000)
    assert signer.audience(token, 999) == WORKER.address
    assert TokenSigner(tmp_path / "key").audience(token, 0) == WORKER.address
    assert signer.audience(token, 1000) is None
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def part(value):
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def test_only_our_own_tokens_are_good(tmp_path):
    signer = TokenSigner(tmp_path / "key")
    key, claims = (tmp_path / "key").read_bytes(), {"aud": WORKER.address, "exp": time.time() + 60}
    assert signer.audience(jwt.encode(claims, key, "HS256"), 0) == WORKER.address
    token = signer.make(WORKER.address, FUTURE)
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
        jwt.encode({"aud": WORKER.address, "exp": "soon"}, key, "HS256"),
    ]
    assert [each for each in others if signer.audience(each, 0) is not None] == []
