"""The official SDK and the IPFS client it uses, unmodified, against the sandbox's SMS and IPFS."""

from __future__ import annotations

from helpers.official.tools import sdk
from helpers.sandbox.serving import make_context, serving

from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.services import ipfs_node
from iexec_lab.sandbox.state.blobs import BlobStore

IPFS = """
const { create } = await import('kubo-rpc-client');
const client = create({ url: node });
const said = [];
const bytes = new Uint8Array(700000).map((_, i) => (i * i) % 251);
for (const options of [{}, { cidVersion: 1 }, { rawLeaves: true }, { chunker: 'size-1000' }]) {
  const { cid, size } = await client.add(bytes, options);
  const parts = [];
  for await (const part of client.cat(cid)) parts.push(part);
  said.push([cid.toString(), size, Buffer.concat(parts).equals(Buffer.from(bytes))]);
}
const [one, two] = [{ path: 'top/a b.txt', content: 'a' }, { path: 'top/sub/é.txt', content: 'e' }];
const files = [one, two, { path: 'top/none' }];
for await (const { path, cid } of client.addAll(files)) said.push([path, cid.toString()]);
let refused = null;
try { await client.add(bytes, { trickle: true }); } catch (error) { refused = String(error); }
return { said, refused };
"""


def test_the_official_ipfs_client_and_our_node_agree(tmp_path):
    context = make_context(tmp_path / "state")
    with serving(ipfs_node.create, context) as node:
        answer = sdk("9.0.1", IPFS, node=node)
    store = BlobStore(context.folder / "ipfs")
    data = bytes(i * i % 251 for i in range(700000))
    files, tree = answer["said"][:4], dict(answer["said"][4:])
    assert [ok for _, _, ok in files] == [True] * 4
    assert files[0][:2] == [store.add(data), store.add_link(data).tsize]
    assert files[1][:2] == [store.add(data, 1), store.add_link(data, 1).tsize]
    (tmp_path / "top" / "sub").mkdir(parents=True)
    (tmp_path / "top" / "none").mkdir()
    (tmp_path / "top" / "a b.txt").write_text("a")
    (tmp_path / "top" / "sub" / "é.txt").write_text("e")
    assert list(tree)[-1] == "top"
    for path, cid in tree.items():
        assert cid == store.add(tmp_path / path)
    assert "no option trickle" in answer["refused"]


SECRETS = """
const signer = (key) => iexec.utils.getSignerFromPrivateKey(rpc, key, { allowExperimentalNetworks: true });
const options = { hubAddress: hub, smsURL: sms, allowExperimentalNetworks: true };
const lab = (key) => new iexec.IExec({ ethProvider: signer(key) }, options);
const [mine, others] = [lab(key), lab(otherKey)];
const refused = (work) => work().then(() => null, (error) => error.message);
const me = await mine.wallet.getAddress();
return {
  before: await mine.secrets.checkRequesterSecretExists(me, 'name'),
  pushed: await mine.secrets.pushRequesterSecret('name', 'hunter2'),
  after: await mine.secrets.checkRequesterSecretExists(me, 'name'),
  again: await refused(() => mine.secrets.pushRequesterSecret('name', 'other')),
  badName: await refused(() => mine.secrets.pushRequesterSecret('my secret', 'x')),
  key: await mine.result.pushResultEncryptionKey('public key'),
  keyUpdate: await mine.result.pushResultEncryptionKey('another', { forceUpdate: true }),
  keyThere: await mine.result.checkResultEncryptionKeyExists(me),
  dataset: await mine.dataset.pushDatasetSecret(pool, 'key'),
  datasetThere: await mine.dataset.checkDatasetSecretExists(pool),
  datasetAgain: await refused(() => mine.dataset.pushDatasetSecret(pool, 'key')),
  datasetByOther: await refused(() => others.dataset.pushDatasetSecret(pool, 'key')),
  tooLong: await refused(() => mine.app.pushAppSecret(pool, 'x'.repeat(4097))),
};
"""


def test_the_official_sdk_and_our_sms_agree(iexec_sandbox):
    owner, other = well_known_accounts().scheduler, iexec_sandbox.users[0].address
    answer = sdk(
        "9.0.1",
        SECRETS,
        rpc=iexec_sandbox.urls["rpc"],
        hub=iexec_sandbox.hub,
        sms=iexec_sandbox.urls["sms"],
        pool=iexec_sandbox.workerpool,
        key=f"0x{owner.key.hex()}",
        otherKey=f"0x{iexec_sandbox.users[0].key.hex()}",
    )
    me, pool = owner.address, iexec_sandbox.workerpool
    assert answer == {
        "before": False,
        "pushed": {"isPushed": True},
        "after": True,
        "again": f'Secret "name" already exists for {me}',
        "badName": "SMS answered with unexpected status: 400 Bad Request",
        "key": {"isPushed": True, "isUpdated": False},
        "keyUpdate": {"isPushed": True, "isUpdated": True},
        "keyThere": True,
        "dataset": True,
        "datasetThere": True,
        "datasetAgain": f"Secret already exists for {pool} and can't be updated",
        "datasetByOther": f"Wallet {other} is not allowed to set secret for {pool}",
        "tooLong": "SMS answered with unexpected status: 413 Request Entity Too Large",
    }
