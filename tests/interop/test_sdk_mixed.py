"""What we sign, encrypt, push and publish is used by the official SDKs, and the other way round."""

from __future__ import annotations

import base64
import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from helpers.answers import official
from helpers.official.peer import VERSIONS, Peer, new_key, open_lab, tee_tag

from iexec_lab import crypto
from iexec_lab.wallet.signer import LocalSigner

KINDS = ("apporder", "datasetorder", "workerpoolorder", "requestorder")
COMBINATIONS = list(itertools.product(("ours", "theirs"), repeat=4))
CLEAR = bytes(range(256)) * 41 + b"the end"
ARCHIVE = b"PK" + bytes(range(256)) * 7

STORY = """
const mine = lab(key);
const me = new Wallet(key).address;
const Noun = (kind) => kind[0].toUpperCase() + kind.slice(1);
const sign = async (kind, values) => mine.order[`sign${Noun(kind)}`](
  await mine.order[`create${Noun(kind)}`]({ ...values, tag }), noCheck);
const hash = (kind, order) => mine.order[`hash${Noun(kind)}`](order);

const theirs = {};
for (const kind of kinds.slice(0, 3)) theirs[kind] = await sign(kind, terms[kind]);
theirs.requestorder = [];
for (const _ of requests) theirs.requestorder.push(await sign('requestorder', terms.requestorder));
const hashes = {};
for (const [kind, orders] of Object.entries(ours)) {
  hashes[kind] = [];
  for (const order of [orders].flat()) hashes[kind].push(await hash(kind, order));
}
const deals = [];
for (const [index, makers] of combinations.entries()) {
  const pick = (kind, at) => {
    const found = (makers[at] === 'ours' ? ours : theirs)[kind];
    return Array.isArray(found) ? found[index] : found;
  };
  const orders = Object.fromEntries(kinds.map((kind, at) => [kind, pick(kind, at)]));
  deals.push(index % 2 ? (await mine.order.matchOrders(orders, noCheck)).dealid : orders);
}

const listed = async () =>
  (await reader.orderbook.fetchAppOrderbook({ app: terms.apporder.app })).orders
    .map((entry) => entry.orderHash);
const before = await listed();
const unpublished = await mine.order.unpublishApporder(before[0]);
const published = [
  await mine.order.publishApporder(await sign('apporder', terms.apporder), noCheck),
  await mine.order.publishApporder(await sign('apporder', terms.apporder), noCheck),
];

const secret = name;
const secrets = [
  await reader.secrets.checkRequesterSecretExists(me, secret),
  await refused(() => mine.secrets.pushRequesterSecret(secret, 'again')),
  await mine.dataset.checkDatasetSecretExists(terms.datasetorder.dataset),
  await mine.result.checkResultEncryptionKeyExists(me),
  await mine.secrets.pushRequesterSecret(`${secret}-2`, 'by the sdk').then((done) => done.isPushed),
  await mine.app.pushAppSecret(terms.apporder.app, 'by the sdk'),
];

const clear = Buffer.from(data, 'base64');
const dataKey = await mine.dataset.generateEncryptionKey();
const file = await mine.dataset.encrypt(clear, dataKey);
const opened = [];
for (const sealed of results) {
  opened.push(Buffer.from(await iexec.utils.decryptResult(Buffer.from(sealed, 'base64'), privateKey))
    .toString('base64'));
}
return {
  theirs, hashes, deals, before, unpublished, published, secrets, opened, dataKey,
  file: Buffer.from(file).toString('base64'),
  checksums: [await mine.dataset.computeEncryptedFileChecksum(file),
    await mine.dataset.computeEncryptedFileChecksum(Buffer.from(encrypted, 'base64'))],
};
"""


@dataclass
class Story:
    """Our client, what it made beforehand, and what the SDK said about it."""

    lab: Any
    terms: dict[str, Any]
    ours: dict[str, Any]
    published: str
    encrypted: bytes
    results: list[bytes]
    name: str
    private_key: bytes
    sdk: dict[str, Any]


def tell(version, sandbox, folder) -> Story:
    key = new_key(sandbox)
    lab, tag = open_lab(sandbox, key, folder), tee_tag(version)
    me, name = LocalSigner(key).address, f"mixed-{key[2:10]}"
    lab.account.deposit("50 RLC")
    mrenclave = {
        "framework": "SCONE",
        "version": "v5",
        "entrypoint": "app",
        "heapSize": 1,
        "fingerprint": "ab",
    }
    enclave = {"mrenclave": mrenclave} if "scone" in tag else {}
    app = lab.app.deploy(name, "registry/image:1", "0x" + "11" * 32, **enclave)
    dataset = lab.dataset.deploy(name, "/p2p/x", "0x" + "11" * 32)
    pool = lab.workerpool.deploy(name)
    terms = {
        "apporder": {"app": app, "appprice": 1, "volume": 100},
        "datasetorder": {"dataset": dataset, "datasetprice": 2, "volume": 100},
        "workerpoolorder": {"workerpool": pool, "workerpoolprice": 3, "category": 1, "volume": 100},
        "requestorder": {
            "app": app,
            "appmaxprice": 1,
            "dataset": dataset,
            "datasetmaxprice": 2,
            "workerpoolmaxprice": 3,
            "category": 1,
            "params": {"iexec_args": 'é "quoted"'},
        },
    }

    def sign(kind):
        return lab.order.sign(kind, skip_preflight_check=True, tag=tag, **terms[kind]).to_json()

    ours: dict[str, Any] = {kind: sign(kind) for kind in KINDS[:3]}
    ours["requestorder"] = [sign("requestorder") for _ in COMBINATIONS]
    published = lab.order.publish(ours["apporder"], skip_preflight_check=True)
    private, public = crypto.generate_keypair(2048)
    encrypted = io.BytesIO()
    made = crypto.encrypt_dataset(io.BytesIO(CLEAR), encrypted)
    results = []
    for legacy in (False, True):
        sealed = io.BytesIO()
        crypto.encrypt_result(io.BytesIO(ARCHIVE), sealed, public, legacy=legacy)
        results.append(sealed.getvalue())
    lab.requester.push_secret(name, secret_value="by us")
    lab.dataset.push_secret(dataset, secret_value=made.key)
    beneficiary = folder / ".secrets" / "beneficiary"
    beneficiary.mkdir(parents=True)
    (beneficiary / f"{me}_key.pub").write_bytes(public)
    lab.result.push_encryption_key()
    answer = Peer(version, sandbox)(
        STORY,
        key=key,
        tag=tag,
        terms=terms,
        ours=ours,
        kinds=KINDS,
        combinations=COMBINATIONS,
        requests=[0] * len(COMBINATIONS),
        name=name,
        data=base64.b64encode(CLEAR).decode(),
        encrypted=base64.b64encode(encrypted.getvalue()).decode(),
        results=[base64.b64encode(sealed).decode() for sealed in results],
        privateKey=private.decode(),
    )
    return Story(lab, terms, ours, published, encrypted.getvalue(), results, name, private, answer)


@pytest.fixture(scope="module")
def stories(iexec_sandbox, tmp_path_factory):
    folders = [tmp_path_factory.mktemp("mixed") for _ in VERSIONS]
    with ThreadPoolExecutor() as pool:
        told = pool.map(tell, VERSIONS, [iexec_sandbox] * len(VERSIONS), folders)
        return dict(zip(VERSIONS, told, strict=True))


@pytest.fixture(params=VERSIONS)
def story(stories, request):
    return stories[request.param]


def test_our_orders_have_the_hash_that_the_sdk_computes(story):
    for kind, made in story.ours.items():
        orders = made if isinstance(made, list) else [made]
        assert [story.lab.order.hash(read(kind, order)) for order in orders] == story.sdk["hashes"][kind]


def test_orders_of_mixed_makers_are_matched_by_either(story):
    deals = []
    for entry in story.sdk["deals"]:
        if isinstance(entry, str):
            deals.append(entry)
            continue
        orders = {kind: read(kind, order) for kind, order in entry.items()}
        deals.append(story.lab.order.fill(**orders, skip_preflight_check=True, force=True).deal_id)
    assert len(set(deals)) == len(COMBINATIONS)
    for deal_id in deals[:2]:
        deal = official(story.lab, "deal.show", deal_id)["deal"]
        assert deal["params"] == story.ours["requestorder"][0]["params"]


def test_the_market_is_the_same_for_both(story):
    assert story.sdk["before"] == [story.published]
    assert story.sdk["unpublished"] == story.published
    book = story.lab.orderbook.app(story.terms["apporder"]["app"])
    assert list(book["order_hash"]) == story.sdk["published"]
    first, second = story.sdk["published"]
    assert story.lab.order.unpublish("apporder", first) == first
    shown = story.lab.order.show("apporder", second)
    assert not shown.empty
    assert story.lab.app.unpublish(story.terms["apporder"]["app"]) == second


def test_secrets_are_seen_by_both(story):
    there, again, dataset, result_key, pushed, app = story.sdk["secrets"]
    assert (there, dataset, result_key, pushed, app) == (True, True, True, True, True)
    assert again == f'Error: Secret "{story.name}" already exists for {story.lab.wallet.address}'
    assert story.lab.requester.check_secret(f"{story.name}-2") is True
    assert story.lab.app.check_secret(story.terms["apporder"]["app"]) is True


def test_files_are_encrypted_and_opened_by_both(story):
    theirs, key = base64.b64decode(story.sdk["file"]), story.sdk["dataKey"]
    opened, again = io.BytesIO(), io.BytesIO()
    crypto.decrypt_dataset(io.BytesIO(theirs), opened, key)
    assert opened.getvalue() == CLEAR
    made = crypto.encrypt_dataset(io.BytesIO(CLEAR), again, key, iv=theirs[:16])
    assert again.getvalue() == theirs
    ours = crypto.file_checksum(io.BytesIO(story.encrypted))
    assert [made.checksum, ours] == story.sdk["checksums"]
    assert [base64.b64decode(text) for text in story.sdk["opened"]] == [ARCHIVE] * 2


def read(kind, order):
    from iexec_lab.protocol import ORDERS

    return ORDERS[kind].from_json(order, stage="signed")
