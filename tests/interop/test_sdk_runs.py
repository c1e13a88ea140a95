"""Runs, results, logs, datasets and bulks through both official SDKs, and the same deals through ours."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from helpers.answers import official
from helpers.official.peer import VERSIONS, both, new_key, open_lab, tee_tag

from iexec_lab.crypto import decrypt_dataset, decrypt_result, generate_keypair

IMAGE = "iexechub/python-hello-world:8.0.4"
DATA = "the secret table"

LIFE = """
const [mine, me] = [lab(key), new Wallet(key).address];
await mine.account.deposit('20 RLC');
const { address: app } = await mine.app.deployApp({
  owner: me, name, type: 'DOCKER', multiaddr: image, checksum: '0x' + '12'.repeat(32),
  ...(tag.includes('scone') ? { mrenclave: sgx } : {}),
});
await mine.app.pushAppSecret(app, 'of the developer');
await mine.secrets.pushRequesterSecret(name, 'of the requester');
await mine.result.pushResultEncryptionKey(publicKey);
const tokens = mine.storage.defaultStorageLogin
  ? [await mine.storage.pushStorageToken(await mine.storage.defaultStorageLogin()),
     await mine.storage.checkStorageTokenExists(me)]
  : [await mine.storage.pushStorageToken('token', 'dropbox'),
     await mine.storage.checkStorageTokenExists(me, 'dropbox')];

const apporder = await mine.order.signApporder(
  await mine.order.createApporder({ app, appprice: 1, volume: 100, tag }));
const { orders: [{ order: workerpoolorder }] } =
  await mine.orderbook.fetchWorkerpoolOrderbook({ workerpool: pool, category: 0, minTag: tag, maxTag: tag });
const request = async (more) => mine.order.signRequestorder(await mine.order.createRequestorder({
  app, appmaxprice: 1, workerpoolmaxprice: workerpoolorder.workerpoolprice, category: 0, tag, ...more,
}));

const secret = await mine.dataset.generateEncryptionKey();
const file = await mine.dataset.encrypt(Buffer.from(data), secret);
const { create } = await import('kubo-rpc-client');
const { cid } = await create({ url: setting.options.ipfsNodeURL }).add(file);
const { address: dataset } = await mine.dataset.deployDataset({
  owner: me, name, multiaddr: `/ipfs/${cid}`, checksum: await mine.dataset.computeEncryptedFileChecksum(file),
});
const open = () => mine.order.createDatasetorder(
  { dataset, volume: iexec.utils.DATASET_INFINITE_VOLUME, tag: ['tee'] });
const keyless = await refused(async () => mine.order.signDatasetorder(await open()));
await mine.dataset.pushDatasetSecret(dataset, secret);
const datasetorder = await mine.order.signDatasetorder(await open());
const bulk = await mine.order.prepareDatasetBulk(Array(3).fill(datasetorder), { maxDatasetPerTask: 2 });

const buys = {
  plain: { requestorder: await request({
    volume: 2, params: { iexec_args: 'two words', iexec_secrets: { 1: name } },
  }) },
  sealed: { requestorder: await request({
    params: { iexec_args: 'sealed words', iexec_result_encryption: true },
  }) },
  data: { requestorder: await request({ dataset }), datasetorder },
  bulk: { requestorder: await request({ volume: bulk.volume, params: { bulk_cid: bulk.cid } }) },
};
const deals = {};
for (const [name, buy] of Object.entries(buys)) {
  deals[name] = plain(await mine.order.matchOrders({ apporder, workerpoolorder, ...buy }));
}
const ids = Object.fromEntries(await Promise.all(Object.entries(deals).map(
  async ([name, { dealid }]) => [name, await reader.deal.computeTaskId(dealid, 0)])));
const settled = (taskid) => until(
  (task) => task.statusName === 'COMPLETED', () => reader.task.show(taskid).catch(() => ({})));
const last = async (name) => reader.deal.computeTaskId(deals[name].dealid, Number(deals[name].volume) - 1);
for (const name of Object.keys(deals)) await Promise.all([settled(ids[name]), settled(await last(name))]);
const whole = (await watched(await reader.deal.obsDeal(deals.plain.dealid))).messages;
const one = (await watched(await reader.task.obsTask(ids.plain))).messages;
const logs = Object.fromEntries(await Promise.all(Object.entries(ids).map(
  async ([name, taskid]) => [name, (await mine.task.fetchLogs(taskid))[0].stdout])));
const zips = Object.fromEntries(await Promise.all(Object.entries(ids).map(async ([name, taskid]) => {
  const response = await reader.task.fetchResults(taskid);
  return [name, Buffer.from(await response.arrayBuffer()).toString('base64')];
})));
const opened = await iexec.utils.decryptResult(Buffer.from(zips.sealed, 'base64'), privateKey);
const info = await mine.task.fetchOffchainInfo(ids.plain);
return {
  app, dataset, tokens, keyless, bulk, deals, ids, logs, zips, me,
  secret, file: Buffer.from(file).toString('base64'),
  opened: Buffer.from(opened).toString('base64'),
  lastLogs: (await mine.task.fetchLogs(await last('bulk')))[0].stdout,
  whole: whole.map((step) => [step.message, step.tasksCount, step.completedTasksCount]),
  one: one.map((step) => [step.message, step.task.statusName]),
  task: plain(await reader.task.show(ids.plain)),
  deal: plain(await reader.deal.show(deals.plain.dealid)),
  info: [info.task.status, info.replicates.map(({ status, exitCode }) => [status, exitCode])],
  refusals: [
    await refused(() => lab(otherKey).task.fetchLogs(ids.plain)),
    await refused(() => mine.task.claim(ids.plain)),
    await refused(() => reader.deal.show('0x' + '12'.repeat(32))),
  ],
};
"""


@pytest.fixture(scope="module")
def keypair():
    return generate_keypair()


@pytest.fixture(scope="module")
def keys():
    return {}


@pytest.fixture(scope="module")
def lives(iexec_sandbox, keypair, keys):
    private, public = keypair[0].decode(), keypair[1]

    def values(version):
        key = keys[version] = new_key(iexec_sandbox)
        return {
            "key": key,
            "otherKey": new_key(iexec_sandbox),
            "name": f"run-{key[2:12]}",
            "tag": tee_tag(version),
            "image": IMAGE,
            "pool": iexec_sandbox.workerpool,
            "data": DATA,
            "privateKey": private,
            "publicKey": base64.b64encode(public).decode(),
        }

    return both(iexec_sandbox, LIFE, values)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def life(lives, version):
    return lives[version]


@pytest.fixture
def mine(life, keys, version, iexec_sandbox, tmp_path):
    """Our client, for the wallet of the SDK's story."""
    return open_lab(iexec_sandbox, keys[version], tmp_path)


def text(archive: str, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))) as opened:
        return opened.read(name).decode()


def test_deals_are_watched_to_their_end(life):
    assert life["whole"] == [["DEAL_COMPLETED", 2, 2]]
    assert life["one"] == [["TASK_COMPLETED", "COMPLETED"]]
    assert life["info"] == ["COMPLETED", [["COMPLETED", 0]]]
    assert life["tokens"][1] is True
    logs, claim, unknown = life["refusals"]
    assert logs == f"Error: Only task requester {life['me']} can access replicates logs"
    assert claim == "Error: Cannot claim a task having status COMPLETED"
    assert unknown.startswith("ObjectNotFoundError: No deal found for id 0x1212")
    assert life["keyless"] == (
        f"Error: Dataset encryption key is not set for dataset {life['dataset']} in the SMS. "
        "Dataset decryption will fail."
    )


def test_the_apps_saw_what_they_were_sold(life):
    assert "two words" in life["logs"]["plain"]
    assert f"dataset {life['dataset']}: {len(DATA)} bytes" in life["logs"]["data"]
    assert life["bulk"]["volume"] == 2
    assert life["logs"]["bulk"].count(f"{life['dataset']}: {len(DATA)} bytes") == 2
    assert life["lastLogs"].count(f"{life['dataset']}: {len(DATA)} bytes") == 1


def test_results_are_opened_by_both(life, keypair, tmp_path):
    assert "two words" in text(life["zips"]["plain"], "result.txt")
    assert "sealed words" in text(life["opened"], "result.txt")
    (tmp_path / "sealed.zip").write_bytes(base64.b64decode(life["zips"]["sealed"]))
    decrypt_result(tmp_path / "sealed.zip", tmp_path / "open.zip", keypair[0])
    assert (tmp_path / "open.zip").read_bytes() == base64.b64decode(life["opened"])


def test_what_the_sdk_encrypted_we_decrypt(life, tmp_path):
    (tmp_path / "data.enc").write_bytes(base64.b64decode(life["file"]))
    decrypt_dataset(tmp_path / "data.enc", tmp_path / "data", life["secret"])
    assert (tmp_path / "data").read_text() == DATA


def test_our_client_shows_the_same_deal_task_and_logs(life, mine):
    deal_id, task_id = life["deals"]["plain"]["dealid"], life["ids"]["plain"]
    ours = official(mine, "deal.show", deal_id)["deal"]
    for name in ("app", "dataset", "workerpool", "requester", "tag", "params", "botSize", "startTime"):
        assert ours[name] == life["deal"][name]
    assert ours["tasks"] == life["deal"]["tasks"]
    ours = official(mine, "task.show", task_id)["task"]
    for name in ("status", "dealid", "idx", "consensusValue", "contributors", "results", "finalDeadline"):
        assert ours[name] == life["task"][name]
    job = mine.job(deal_id)
    assert job.wait().done
    assert "two words" in job.result(0).text("result.txt")
    assert job.logs(0)["stdout"].iloc[0] == life["logs"]["plain"]
    assert deal_id in set(mine.deal.list(requester=life["me"])["deal_id"])
