"""The official SDK and the official socket.io client, unmodified, against the sandbox's market."""

from __future__ import annotations

import json
import subprocess

import pytest
from helpers.official.tools import TIMEOUT, install, sdk

from iexec_lab.sandbox.artifacts import npm_command

LIFE = """
const signer = (key) => iexec.utils.getSignerFromPrivateKey(rpc, key, { allowExperimentalNetworks: true });
const options = { hubAddress: hub, iexecGatewayURL: market, smsURL: market, allowExperimentalNetworks: true };
const [seller, buyer] = keys.map((key) => new iexec.IExec({ ethProvider: signer(key) }, options));
const refused = (work) => work().then(() => null, (error) => error.message);
const [sellerAddress, buyerAddress] = [await seller.wallet.getAddress(), await buyer.wallet.getAddress()];
const noCheck = { preflightCheck: false };
const pause = () => new Promise((done) => setTimeout(done, 300));

const { address: app } = await seller.app.deployApp({
  owner: sellerAddress, name: `market ${Date.now()}`, type: 'DOCKER', multiaddr: 'x/y:1',
  checksum: '0x' + '11'.repeat(32),
});
await pause();
const { address: dataset } = await seller.dataset.deployDataset({
  owner: sellerAddress, name: `market ${Date.now()}`, multiaddr: '/p2p/x', checksum: '0x' + '11'.repeat(32),
});
await pause();
const { address: workerpool } = await seller.workerpool.deployWorkerpool({
  owner: sellerAddress, description: `market ${Date.now()}`,
});
await pause();
const tag = ["tee", "tdx"];
const sign = {
  app: async (more) => seller.order.signApporder(
    await seller.order.createApporder({ app, appprice: 1, volume: 5, tag, ...more }), noCheck),
  dataset: async (more) => seller.order.signDatasetorder(
    await seller.order.createDatasetorder({ dataset, datasetprice: 2, volume: 5, tag, ...more }), noCheck),
  workerpool: async (more) => seller.order.signWorkerpoolorder(await seller.order.createWorkerpoolorder({
    workerpool, workerpoolprice: 3, category: 0, volume: 5, tag, ...more,
  })),
  request: async (more) => buyer.order.signRequestorder(await buyer.order.createRequestorder({
    app, appmaxprice: 1, dataset, datasetmaxprice: 2, workerpoolmaxprice: 3,
    category: 0, volume: 2, tag, ...more,
  }), noCheck),
};
const request = await sign.request();
const early = await refused(() => buyer.order.publishRequestorder(request, noCheck));
const orders = {
  app: await sign.app(), dataset: await sign.dataset(), workerpool: await sign.workerpool(), request,
};
const hashes = {
  app: await seller.order.publishApporder(orders.app, noCheck),
  dataset: await seller.order.publishDatasetorder(orders.dataset, noCheck),
  workerpool: await seller.order.publishWorkerpoolorder(orders.workerpool),
  request: await buyer.order.publishRequestorder(orders.request, noCheck),
};
const again = await refused(() => seller.order.publishApporder(orders.app, noCheck));
const stranger = await refused(() => buyer.order.publishApporder(orders.app, noCheck));
const books = {
  app: await buyer.orderbook.fetchAppOrderbook({ app, dataset, requester: buyerAddress, workerpool: 'any' }),
  dataset: await buyer.orderbook.fetchDatasetOrderbook({ dataset, app, bulkOnly: false }),
  workerpool: await buyer.orderbook.fetchWorkerpoolOrderbook({ workerpool, category: 0, minTrust: 0 }),
  request: await buyer.orderbook.fetchRequestOrderbook({ requester: buyerAddress, maxTrust: 0, category: 0 }),
};
const one = await buyer.orderbook.fetchApporder(hashes.app);
const unknown = await refused(() => buyer.orderbook.fetchApporder('0x' + 'ab'.repeat(32)));
const wide = await refused(() => buyer.orderbook.fetchAppOrderbook({ app, pageSize: 2000 }));
for (let price = 1; price <= 22; price += 1) {
  await seller.order.publishApporder(await sign.app({ appprice: price }), noCheck);
}
const first = await buyer.orderbook.fetchAppOrderbook({ app });
const second = await first.more();
const last = await seller.order.unpublishLastApporder(app);
const match = await buyer.order.matchOrders({
  apporder: orders.app, datasetorder: orders.dataset,
  workerpoolorder: orders.workerpool, requestorder: orders.request,
}, noCheck);
let filled;  // the market follows the chain on its own
do {
  await pause();
  filled = await buyer.orderbook.fetchRequestorder(hashes.request);
} while (filled.status === 'open');
const deals = await buyer.deal.fetchRequesterDeals(buyerAddress, { appAddress: app });
const byOrder = await buyer.deal.fetchDealsByWorkerpoolorder(hashes.workerpool);
const gone = {
  all: (await seller.order.unpublishAllApporders(app)).length,
  one: await seller.order.unpublishDatasetorder(hashes.dataset),
  none: await refused(() => seller.order.unpublishLastDatasetorder(dataset)),
  wrong: await refused(() => buyer.order.unpublishWorkerpoolorder(hashes.workerpool)),
};
const computed = {
  app: await seller.order.hashApporder(orders.app),
  dataset: await seller.order.hashDatasetorder(orders.dataset),
  workerpool: await seller.order.hashWorkerpoolorder(orders.workerpool),
  request: await seller.order.hashRequestorder(orders.request),
};
return {
  app, dataset, workerpool, sellerAddress, buyerAddress, early, again, stranger, hashes, computed, books, one,
  unknown, wide, last, filled, match, deals, byOrder, gone,
  first: [first.count, first.orders.length, first.orders.map((each) => each.order.appprice)],
  second: [second.count, second.orders.length, typeof second.more],
};
"""


@pytest.fixture(scope="module")
def life(iexec_sandbox):
    seller, buyer = iexec_sandbox.users[:2]
    return sdk(
        "9.0.1",
        LIFE,
        rpc=iexec_sandbox.urls["rpc"],
        hub=iexec_sandbox.hub,
        market=iexec_sandbox.urls["market"],
        keys=[f"0x{account.key.hex()}" for account in (seller, buyer)],
    )


def test_orders_are_published(life):
    assert life["hashes"] == life["computed"]
    for kind in ("app", "dataset", "workerpool"):
        book = life["books"][kind]
        assert (book["count"], len(book["orders"])) == (1, 1)
        listed = book["orders"][0]
        assert (listed["orderHash"], listed["status"], listed["remaining"]) == (
            life["hashes"][kind],
            "open",
            5,
        )
        assert (listed["order"][kind], listed["signer"]) == (life[kind], life["sellerAddress"])
    assert life["hashes"]["request"] in {each["orderHash"] for each in life["books"]["request"]["orders"]}
    assert life["one"]["order"] == life["books"]["app"]["orders"][0]["order"]


def test_refusals_reach_the_user(life):
    """The tag of SDK 9 is TDX unless told otherwise."""
    assert life["early"] == f"API error: No tee enabled apporder published for app {life['app']}"
    assert life["again"] == "API error: order already published"
    assert life["stranger"] == "API error: order already published"
    assert life["unknown"] == "API error: apporder not found"
    assert life["wide"] == "API error: pageSize must be less than or equal to 1000"


def test_pages_follow_one_another(life):
    assert life["first"] == [23, 20, [1, 1, *range(2, 20)]]
    assert life["second"] == [23, 3, "undefined"]


def test_a_match_is_seen(life):
    deal_id = life["match"]["dealid"]
    assert (life["filled"]["status"], life["filled"]["remaining"]) == ("filled", 0)
    for found in (life["deals"], life["byOrder"]):
        assert [deal["dealid"] for deal in found["deals"]] == [deal_id]
    assert life["deals"]["deals"][0]["requester"] == life["buyerAddress"]


def test_orders_are_unpublished(life):
    assert life["last"] not in life["hashes"].values()
    assert (life["gone"]["all"], life["gone"]["one"]) == (22, life["hashes"]["dataset"])
    seller, dataset = life["sellerAddress"], life["dataset"]
    expected = f"API error: no open datasetorder published by signer {seller} for dataset {dataset}"
    assert life["gone"]["none"] == expected
    assert life["gone"]["wrong"] == f"API error: only order signer {seller} can unpublish an order"


LISTEN = """
import { io } from 'socket.io-client';
const [url, transport] = process.argv.slice(2);
const options = transport === 'both' ? {} : { transports: [transport] };
const socket = io(url, { path: '/ws', ...options });
const said = [];
const done = () => { socket.disconnect(); process.stdout.write(JSON.stringify(said)); };
socket.on('connect', () => {
  socket.emit('join', { chainId: 65535, topic: 'orders' }, (answer) => {
    said.push(answer);
    const carrier = socket.io.engine;
    const ready = () => { said.push(carrier.transport.name); process.stderr.write('ready'); };
    const upgrades = transport === 'both' && carrier.transport.name === 'polling';
    if (upgrades) carrier.once('upgrade', ready); else ready();
  });
});
socket.on('workerpoolorder_published', (order) => said.push(order.orderHash));
socket.on('workerpoolorder_unpublished', (hash) => { said.push(hash); done(); });
"""

PUBLISH = """
const ethProvider = iexec.utils.getSignerFromPrivateKey(rpc, key, { allowExperimentalNetworks: true });
const options = { hubAddress: hub, iexecGatewayURL: market, allowExperimentalNetworks: true };
const lab = new iexec.IExec({ ethProvider }, options);
const order = await lab.order.signWorkerpoolorder(
  await lab.order.createWorkerpoolorder({ workerpool: pool, category: 0, tag: [] }));
const hash = await lab.order.publishWorkerpoolorder(order);
return [hash, await lab.order.unpublishWorkerpoolorder(hash)];
"""


@pytest.mark.parametrize(("transport", "used"), [("polling",) * 2, ("websocket",) * 2, ("both", "websocket")])
def test_the_official_socket_client_hears_the_feed(iexec_sandbox, tmp_path, transport, used):
    from iexec_lab.sandbox.chain.accounts import well_known_accounts

    folder = install("4.8.1", "socket.io-client")
    script = folder / "listen.mjs"
    script.write_text(LISTEN)
    _, environment = npm_command()
    market = iexec_sandbox.urls["market"]
    listener = subprocess.Popen(
        ["node", str(script), market, transport],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert listener.stderr is not None
        assert listener.stderr.read(5) == "ready"
        key = well_known_accounts().scheduler.key.hex()
        published, unpublished = sdk(
            "9.0.1",
            PUBLISH,
            rpc=iexec_sandbox.urls["rpc"],
            hub=iexec_sandbox.hub,
            market=market,
            pool=iexec_sandbox.workerpool,
            key=f"0x{key}",
        )
        output, errors = listener.communicate(timeout=TIMEOUT)
    finally:
        listener.kill()
        listener.wait()
    assert errors == ""
    assert json.loads(output) == [True, used, published, unpublished]
    assert published == unpublished
