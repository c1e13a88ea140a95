"""Apps, datasets, workerpools, categories, accounts and wallets through both official SDKs."""

from __future__ import annotations

import pytest
from helpers.answers import official
from helpers.official.peer import VERSIONS, Peer, both, new_key

from iexec_lab.wallet.signer import LocalSigner

LIFE = """
const [mine, me] = [lab(key), new Wallet(key).address];
const digest = '0x' + '12'.repeat(32);
const make = {
  app: { owner: me, name, type: 'DOCKER', multiaddr: 'registry/image:1', checksum: digest },
  dataset: { owner: me, name, checksum: digest,
    multiaddr: '/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ' },
  workerpool: { owner: me, description: name },
};
const life = async (kind, Noun = kind[0].toUpperCase() + kind.slice(1)) => {
  const [own, read] = [mine[kind], reader[kind]];
  const address = await own[`predict${Noun}Address`](make[kind]);
  const before = await read[`checkDeployed${Noun}`](address);
  const deployed = await own[`deploy${Noun}`](make[kind]);
  return {
    before, address, deployed: deployed.address,
    after: await read[`checkDeployed${Noun}`](address),
    again: await refused(() => own[`deploy${Noun}`](make[kind])),
    shown: plain(await read[`show${Noun}`](address)),
    nobody: await refused(() => read[`show${Noun}`](me)),
    count: plain(await read[`countUser${Noun}s`](me)),
    first: plain(await read[`showUser${Noun}`](0, me)),
    second: await refused(() => read[`showUser${Noun}`](1, me)),
    moved: (await own[`transfer${Noun}`](address, other)).to,
    left: plain(await read[`countUser${Noun}s`](me)),
    theirs: plain(await read[`showUser${Noun}`](0, other)).objAddress,
    movedAgain: await refused(() => own[`transfer${Noun}`](address, other)),
  };
};
const answer = { network: (await mine.network.getNetwork()).chainId };
for (const kind of ['app', 'dataset', 'workerpool']) answer[kind] = await life(kind);
answer.api = [
  await reader.workerpool.getWorkerpoolApiUrl(pool),
  await reader.workerpool.getWorkerpoolApiUrl(answer.workerpool.address).catch((error) => error.message),
];
answer.hub = plain([
  await reader.hub.countCategory(), await reader.hub.showCategory(1), await reader.hub.getTimeoutRatio(),
]);
answer.noAdmin = await refused(() =>
  mine.hub.createCategory({ name: 'n', description: 'd', workClockTimeRef: 3 }));

const [account, wallet] = [mine.account, mine.wallet];
answer.money = [
  (await wallet.checkBalances(me)).nRLC, await account.deposit('3 RLC').then((done) => done.amount),
  await account.withdraw('1 RLC').then((done) => done.amount), (await account.checkBalance(me)).stake,
  await account.approve(55, other).then(() => account.checkAllowance(me, other)),
  await account.revokeApproval(other).then(() => account.checkAllowance(me, other)),
].map(String);
answer.sent = [
  await wallet.sendETH('0.5 ether', other), await wallet.sendRLC('1 RLC', other), await wallet.sweep(other),
].length;
answer.left = plain([await wallet.checkBalances(me), await wallet.checkBalances(other)]);
answer.tooMuch = [
  await refused(() => account.deposit('100 RLC')), await refused(() => account.withdraw('100 RLC')),
  await refused(() => wallet.sendRLC('100 RLC', other)),
  await refused(() => wallet.sendETH('99 ether', other)),
];
return answer;
"""


@pytest.fixture(scope="module")
def lives(iexec_sandbox):
    def values(version):
        key = new_key(iexec_sandbox, "10 RLC")
        other = LocalSigner.generate().address
        return {"key": key, "other": other, "name": f"life {key[:10]}", "pool": iexec_sandbox.workerpool}

    return both(iexec_sandbox, LIFE, values)


@pytest.fixture(params=VERSIONS)
def life(lives, request):
    return lives[request.param]


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_a_resource_is_predicted_deployed_shown_counted_and_given_away(life, kind, lab):
    story, noun = life[kind], kind.title()
    address = story["address"]
    assert (story["before"], story["deployed"], story["after"]) == (False, address, True)
    assert story["again"] == f"Error: {noun} already deployed at address {address}"
    assert story["shown"]["objAddress"] == address
    assert story["first"] == story["shown"]
    assert story["nobody"].startswith(f"ObjectNotFoundError: No {kind} found for id ")
    assert (story["count"], story["left"], story["theirs"]) == ("1", "0", address)
    assert story["second"] == f"Error: {kind} not deployed"
    assert story["movedAgain"] == f"Error: Only {kind} owner can transfer {kind} ownership"
    expected = story["shown"][kind] | {"owner": story["moved"]}
    assert official(lab, f"{kind}.show", address) == {"address": address, kind: expected}


def test_the_hub_and_the_compass_are_read(life, iexec_sandbox):
    assert life["network"] == str(iexec_sandbox.chain_id)
    url, unknown = life["api"]
    assert url == iexec_sandbox.urls["workerpool"]
    address = life["workerpool"]["address"]
    chain = iexec_sandbox.chain_id
    assert unknown in {
        None,
        f"API error: Workerpool with address '{address}' not found in chain '{chain}'",
    }
    count, category, ratio = life["hub"]
    assert int(count) >= 5
    assert (category["name"], category["workClockTimeRef"], ratio) == ("S", "1200", "10")
    assert "can create new categories" in life["noAdmin"]


def test_money_is_staked_approved_sent_and_swept(life):
    assert life["money"] == [str(10 * 10**9), str(3 * 10**9), str(10**9), str(2 * 10**9), "55", "0"]
    assert life["sent"] == 3
    mine, theirs = life["left"]
    assert mine == {"wei": "0", "nRLC": "0"}
    assert theirs["nRLC"] == str(8 * 10**9)
    assert int(theirs["wei"]) > 9.9 * 10**18
    assert life["tooMuch"] == [
        "Error: Deposit amount exceed wallet balance",
        "Error: Withdraw amount exceed account balance",
        *["Error: Amount to send exceed wallet balance"] * 2,
    ]


ONE_AFTER_THE_OTHER = """
const signer = iexec.utils.getSignerFromPrivateKey(setting.rpc, key, { allowExperimentalNetworks: true });
const mine = new iexec.IExec({ ethProvider: signer }, setting.options);
const hashes = [];
for (let round = 0; round < 3; round += 1) {
  hashes.push((await mine.account.deposit(5)).txHash, (await mine.account.withdraw(5)).txHash);
}
return [new Set(hashes).size, await mine.wallet.sweep(other)];
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_transactions_follow_one_another_without_a_pause(iexec_sandbox, version):
    """The SDK as it is set up by default remembers for a moment which number comes next."""
    values = {"key": new_key(iexec_sandbox), "other": LocalSigner.generate().address}
    count, swept = Peer(version, iexec_sandbox)(ONE_AFTER_THE_OTHER, **values)
    assert count == 6
    assert set(swept) == {"sendERC20TxHash", "sendNativeTxHash"}
