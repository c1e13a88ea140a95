"""Order books with every filter, cancelling, and deals nobody works on, through both official SDKs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.answers import official
from helpers.official.peer import VERSIONS, Peer, key_of, new_key, open_lab, tee_tag

from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.control import Sandbox

LIFE = """
const [seller, buyer, admin] = [lab(sellerKey), lab(buyerKey), lab(adminKey)];
const [sold, bought] = [new Wallet(sellerKey).address, new Wallet(buyerKey).address];
await seller.account.deposit('20 RLC');
await buyer.account.deposit('20 RLC');
const digest = '0x' + '11'.repeat(32);
const { address: app } = await seller.app.deployApp({
  owner: sold, name, type: 'DOCKER', multiaddr: 'x:1', checksum: digest,
  ...(tag.includes('scone') ? { mrenclave: sgx } : {}),
});
const { address: dataset } =
  await seller.dataset.deployDataset({ owner: sold, name, multiaddr: '/p2p/x', checksum: digest });
const { address: workerpool } = await seller.workerpool.deployWorkerpool({ owner: sold, description: name });
const { catid: category } =
  await admin.hub.createCategory({ name, description: 'over at once', workClockTimeRef: 0 }).then(plain);

const sign = {
  app: async (more) => seller.order.signApporder(
    await seller.order.createApporder({ app, appprice: 1, volume: 5, tag, ...more }), noCheck),
  dataset: async (more) => seller.order.signDatasetorder(
    await seller.order.createDatasetorder({ dataset, datasetprice: 2, volume: 5, tag, ...more }), noCheck),
  workerpool: async (more) => seller.order.signWorkerpoolorder(await seller.order.createWorkerpoolorder(
    { workerpool, workerpoolprice: 3, category, volume: 5, tag, ...more })),
  request: async (more) => buyer.order.signRequestorder(await buyer.order.createRequestorder({
    app, appmaxprice: 1, dataset, datasetmaxprice: 2, workerpoolmaxprice: 3,
    category, volume: 2, tag, ...more,
  }), noCheck),
};
const publish = {
  app: (order) => seller.order.publishApporder(order, noCheck),
  dataset: (order) => seller.order.publishDatasetorder(order, noCheck),
  workerpool: (order) => seller.order.publishWorkerpoolorder(order),
  request: (order) => buyer.order.publishRequestorder(order, noCheck),
};
const offered = {
  app: ['app', {}], appForBuyer: ['app', { requesterrestrict: bought, appprice: 0 }],
  appForPool: ['app', { workerpoolrestrict: workerpool }],
  appForDataset: ['app', { datasetrestrict: dataset }],
  dataset: ['dataset', {}], datasetForApp: ['dataset', { apprestrict: app }],
  bulk: ['dataset', { datasetprice: 0, volume: iexec.utils.DATASET_INFINITE_VOLUME }],
  pool: ['workerpool', {}], poolOfTrust: ['workerpool', { trust: 5 }],
  poolBig: ['workerpool', { volume: 50, category: 0 }],
  poolForBuyer: ['workerpool', { requesterrestrict: bought }],
  request: ['request', {}],
};
const [orders, hashes] = [{}, {}];
for (const [title, [kind, more]] of Object.entries(offered)) {
  orders[title] = await sign[kind](more);
  hashes[title] = await publish[kind](orders[title]);
}
const titles = Object.fromEntries(Object.entries(hashes).map(([title, hash]) => [hash, title]));
const book = reader.orderbook;
const fetchers = {
  app: book.fetchAppOrderbook, dataset: book.fetchDatasetOrderbook,
  workerpool: book.fetchWorkerpoolOrderbook, request: book.fetchRequestOrderbook,
};
const values = { $app: app, $dataset: dataset, $pool: workerpool, $me: sold, $buyer: bought,
  $category: category,
  $tag: tag };
const filled = (filters) =>
  Object.fromEntries(Object.entries(filters).map(([key, one]) => [key, values[one] ?? one]));
const books = [];
for (const [kind, filters] of queries) {
  const { count, orders } = await fetchers[kind](filled(filters));
  books.push([count, orders.map((entry) => titles[entry.orderHash])]);
}
const refusals = {
  appless: await refused(() => book.fetchAppOrderbook({})),
  datasetless: await refused(() => book.fetchDatasetOrderbook({})),
  small: await refused(() => book.fetchAppOrderbook({ app, pageSize: 5 })),
  stranger: await refused(async () => buyer.order.publishApporder(await sign.app(), noCheck)),
  unstaked: await refused(async () =>
    publish.workerpool(await sign.workerpool({ workerpoolprice: '1000 RLC' }))),
  poor: await refused(async () => publish.request(await sign.request({ workerpoolmaxprice: '1000 RLC' }))),
};

const buy = { apporder: orders.app, datasetorder: orders.dataset, workerpoolorder: orders.pool,
  requestorder: orders.request };
const match = async (more) => buyer.order.matchOrders({ ...buy, ...more }, noCheck);
const estimate = plain(await buyer.order.estimateMatchOrders(buy));
const balance = plain(await buyer.account.checkBalance(bought));
const { dealid } = await match({});
refusals.consumed = await refused(() => match({}));
const fresh = await sign.request({ volume: 1 });
const more = { requestorder: fresh };
refusals.appDear = await refused(async () => match({ ...more, apporder: await sign.app({ appprice: 9 }) }));
refusals.dataDear = await refused(async () =>
  match({ ...more, datasetorder: await sign.dataset({ datasetprice: 9 }) }));
refusals.poolDear = await refused(async () =>
  match({ ...more, workerpoolorder: await sign.workerpool({ workerpoolprice: 9 }) }));
refusals.category = await refused(() => match({ ...more, workerpoolorder: orders.poolBig }));
refusals.trust = await refused(async () => match({ requestorder: await sign.request({ trust: 7 }) }));
refusals.forged = await refused(() =>
  match({ ...more, apporder: { ...orders.app, sign: orders.pool.sign } }));
refusals.noDataset = await refused(() => match({ ...more, datasetorder: undefined }));

const [first, second] =
  [await reader.deal.computeTaskId(dealid, 0), await reader.deal.computeTaskId(dealid, 1)];
refusals.unknownTask = await refused(() => reader.task.show(first));
const seen = await watched(await reader.task.obsTask(first, { dealid }));
const { Contract } = await import('ethers');
const hub = new Contract(setting.options.hubAddress, ['function initialize(bytes32,uint256)'],
  new Wallet(sellerKey, provider));
await (await hub.initialize(dealid, 0)).wait();
refusals.results = await refused(() => reader.task.fetchResults(first));
const late = await reader.task.show(first);
const whole = (await watched(await reader.deal.obsDeal(dealid))).messages.at(-1);
const deal = plain(await reader.deal.show(dealid));
await buyer.task.claim(first);
const claimed = await buyer.deal.claim(dealid);
const failed = [await reader.task.show(first), await reader.task.show(second)].map((task) => task.statusName);
refusals.claimed = await refused(() => buyer.deal.claim(dealid));
const after = plain(await buyer.account.checkBalance(bought));

await seller.order.cancelApporder(orders.appForPool);
await seller.order.cancelDatasetorder(orders.datasetForApp);
await seller.order.cancelWorkerpoolorder(orders.poolOfTrust);
await buyer.order.cancelRequestorder(fresh);
refusals.canceled = await refused(() => seller.order.cancelApporder(orders.appForPool));
refusals.gone = await refused(() => match({ ...more, apporder: orders.appForPool }));
const followed = (fetch, title) =>
  until((status) => status !== 'open', async () => (await fetch(hashes[title])).status);
const status = [
  await followed(book.fetchApporder, 'appForPool'),
  await followed(book.fetchDatasetorder, 'datasetForApp'),
  await followed(book.fetchWorkerpoolorder, 'poolOfTrust'),
];
const taken = {
  last: titles[await seller.order.unpublishLastApporder(app)],
  one: titles[await seller.order.unpublishApporder(hashes.app)],
  all: (await seller.order.unpublishAllApporders(app)).map((hash) => titles[hash]),
  data: (await seller.order.unpublishAllDatasetorders(dataset)).map((hash) => titles[hash]).sort(),
  poolLast: titles[await seller.order.unpublishLastWorkerpoolorder(workerpool)],
  pools: (await seller.order.unpublishAllWorkerpoolorders(workerpool)).map((hash) => titles[hash]).sort(),
};
refusals.notOpen = await refused(() => seller.order.unpublishApporder(hashes.app));
const deals = [
  await reader.deal.fetchDealsByApporder(hashes.app),
  await reader.deal.fetchDealsByDatasetorder(hashes.dataset),
  await reader.deal.fetchDealsByWorkerpoolorder(hashes.pool),
  await reader.deal.fetchDealsByRequestorder(hashes.request),
  await reader.deal.fetchRequesterDeals(bought, { appAddress: app, datasetAddress: dataset, pageSize: 10 }),
].map(({ count, deals }) => [count, deals[0].dealid]);
return {
  books, refusals, estimate, balance, dealid, late: [late.statusName, late.taskTimedOut], deal, claimed,
  failed, after, status, taken, deals, hashes, app, dataset, workerpool, category, sold, bought,
  whole: [whole.message, whole.tasksCount, whole.failedTasksCount, whole.deal.deadlineReached],
  seen: seen.messages.map((step) => [step.message, step.task.statusName]),
};
"""

# (book, filters, what it lists, best first)
QUERIES = [
    ("app", {"app": "$app"}, ["app"]),
    ("app", {"appOwner": "$me"}, ["app"]),
    ("app", {"app": "$app", "requester": "$buyer"}, ["appForBuyer", "app"]),
    ("app", {"app": "$app", "requester": "$buyer", "isRequesterStrict": True}, ["appForBuyer"]),
    ("app", {"app": "$app", "workerpool": "$pool", "isWorkerpoolStrict": True}, ["appForPool"]),
    ("app", {"app": "$app", "dataset": "$dataset", "isDatasetStrict": True}, ["appForDataset"]),
    (
        "app",
        {"app": "$app", "requester": "any", "dataset": "any", "workerpool": "any"},
        ["appForBuyer", "app", "appForPool", "appForDataset"],
    ),
    ("app", {"app": "$app", "minVolume": 6}, []),
    ("app", {"app": "$app", "minTag": "$tag", "maxTag": "$tag"}, ["app"]),
    ("app", {"app": "$app", "maxTag": []}, []),
    ("dataset", {"dataset": "$dataset"}, ["bulk", "dataset"]),
    ("dataset", {"dataset": "$dataset", "app": "$app"}, ["bulk", "dataset", "datasetForApp"]),
    ("dataset", {"dataset": "$dataset", "app": "$app", "isAppStrict": True}, ["datasetForApp"]),
    ("dataset", {"dataset": "$dataset", "bulkOnly": True}, ["bulk"]),
    ("dataset", {"datasetOwner": "$me", "app": "any"}, ["bulk", "dataset", "datasetForApp"]),
    ("workerpool", {"workerpool": "$pool"}, ["pool", "poolOfTrust", "poolBig"]),
    ("workerpool", {"workerpoolOwner": "$me", "minTrust": 2}, ["poolOfTrust"]),
    ("workerpool", {"workerpool": "$pool", "category": 0, "minVolume": 10}, ["poolBig"]),
    (
        "workerpool",
        {"workerpool": "$pool", "requester": "$buyer", "isRequesterStrict": True},
        ["poolForBuyer"],
    ),
    ("request", {"requester": "$buyer"}, ["request"]),
    ("request", {"app": "$app", "dataset": "$dataset", "category": "$category", "maxTrust": 0}, ["request"]),
    ("request", {"requester": "$buyer", "workerpool": "$pool", "isWorkerpoolStrict": True}, []),
    ("request", {"beneficiary": "$buyer", "minTag": "$tag"}, ["request"]),
]


@pytest.fixture(scope="module")
def sandboxes():
    """Of our own, as the SDK holds deadlines against its computer's clock, and others move the chain's.

    8.x works on a chain whose coin is RLC, as it did on Bellecour.
    """
    with Sandbox() as token, Sandbox(native=True) as native:
        yield {"9.0.1": token, "8.22.5": native}


def tell(version, sandbox):
    key = new_key(sandbox)
    return Peer(version, sandbox)(
        LIFE,
        sellerKey=new_key(sandbox),
        buyerKey=key,
        adminKey=key_of(well_known_accounts().deployer),
        name=f"market {key[:10]}",
        tag=tee_tag(version),
        queries=[query[:2] for query in QUERIES],
    )


@pytest.fixture(scope="module")
def lives(sandboxes):
    with ThreadPoolExecutor() as pool:
        return dict(zip(sandboxes, pool.map(tell, *zip(*sandboxes.items(), strict=True)), strict=True))


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def life(lives, version):
    return lives[version]


@pytest.fixture
def lab(sandboxes, version, tmp_path):
    return open_lab(sandboxes[version], sandboxes[version].users[0].key, tmp_path)


def test_order_books_are_filtered_and_sorted(life):
    assert life["books"] == [[len(titles), titles] for _, _, titles in QUERIES]


def test_our_client_lists_what_the_sdk_published(life, lab):
    """The restricted orders were there before the deal; of what is left nothing is open."""
    assert lab.orderbook.app(life["app"]).empty
    assert lab.orderbook.workerpool(life["workerpool"]).empty


def test_what_does_not_fit_is_refused_with_the_sdk_s_words(life):
    refusals, sold = life["refusals"], life["sold"]
    task = refusals.pop("unknownTask")
    assert task.startswith("ObjectNotFoundError: No task found for id 0x")
    assert refusals == {
        "appless": "Error: app or appOwner is required",
        "datasetless": "Error: dataset or datasetOwner is required",
        "small": "ValidationError: pageSize must be greater than or equal to 10",
        "stranger": f"Error: API error: only order signer {sold} can publish an order",
        "unstaked": "Error: API error: workerpool owner's stake is too low to cover required workerpool lock",
        "poor": "Error: API error: requester stake is too low to cover requestorder payment, "
        "minimum stake required is 2000000000006 nRLC",
        "consumed": "Error: requestorder is fully consumed",
        "appDear": "Error: appmaxprice too low (expected 9, got 1)",
        "dataDear": "Error: datasetmaxprice too low (expected 9, got 2)",
        "poolDear": "Error: workerpoolmaxprice too low (expected 9, got 3)",
        "category": f"Error: category mismatch between requestorder ({life['category']}) "
        "and workerpoolorder (0)",
        "trust": "Error: workerpoolorder trust is too low (expected 7, got 0)",
        "forged": "Error: apporder invalid sign",
        "noDataset": f"Error: dataset address mismatch between requestorder ({life['dataset']}) "
        "and datasetorder (0x0000000000000000000000000000000000000000)",
        "results": "Error: Task is not completed",
        "claimed": "Error: Nothing to claim",
        "canceled": "Error: apporder already canceled",
        "gone": "Error: apporder is fully consumed",
        "notOpen": f"Error: API error: apporder with orderHash {life['hashes']['app']} is not published",
    }


def test_a_deal_without_a_worker_is_claimed_and_paid_back(life):
    assert (life["estimate"]["volume"], life["estimate"]["total"]) == ("2", "12")
    assert life["late"] == ["TIMEOUT", True]
    assert life["seen"] == [["TASK_TIMEDOUT", "TIMEOUT"]]
    assert life["whole"] == ["DEAL_TIMEDOUT", 2, 2, True]
    assert life["deal"]["deadlineReached"] is True
    assert len(life["claimed"]["transactions"]) == 1
    assert list(life["claimed"]["claimed"]) == ["1"]
    assert life["failed"] == ["FAILED", "FAILED"]
    assert life["after"] == life["balance"]
    assert life["deals"] == [[1, life["dealid"]]] * 5


def test_orders_are_cancelled_and_unpublished(life):
    assert life["status"] == ["canceled"] * 3
    assert life["taken"] == {
        "last": "appForDataset",
        "one": "app",
        "all": ["appForBuyer"],
        "data": ["bulk", "dataset"],
        "poolLast": "poolForBuyer",
        "pools": ["pool", "poolBig"],
    }


def test_our_client_reads_the_deal_as_the_sdk_does(life, lab):
    raw = official(lab, "deal.show", life["dealid"])["deal"]
    theirs = life["deal"]
    for name in ("app", "dataset", "workerpool"):
        assert raw[name] == theirs[name]
    assert raw["requester"] == life["bought"]
    assert {name: raw[name] for name in ("tag", "params", "botSize", "startTime", "category")} == {
        name: theirs[name] for name in ("tag", "params", "botSize", "startTime", "category")
    }
