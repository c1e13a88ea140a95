"""``app run`` where every service is 100 ms away: until the deal and the result, beside the official SDK.

    python benchmarks/bench_round_trips.py [--delay 0.1] [--runs 5]

Each request to a service of the sandbox goes through a proxy that answers late. Ours and theirs take turns:
what else the machine does affects both. The fresh kernel is a new process, from its first import of ours on.
Then the round trips of other verbs, in a lab just opened and in one that was used before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers import delaying_proxy
from helpers.labs import CHECKSUM, IMAGE, open_lab
from helpers.official.tools import sdk

from iexec_lab import Sandbox
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iexec_lab import IExec
    from iexec_lab.sandbox.control import Handle

SDK = """
const tag = ['tee', 'tdx'];
const lab = new iexec.IExec({
  ethProvider: iexec.utils.getSignerFromPrivateKey(urls.rpc, key, { allowExperimentalNetworks: true }),
}, {
  hubAddress: hub, smsURL: urls.sms, iexecGatewayURL: urls.market, ipfsGatewayURL: urls.ipfs_gateway,
  compassURL: urls.compass, allowExperimentalNetworks: true,
});
const me = await lab.wallet.getAddress();
const trips = async () => (await fetch(control)).json();
const once = async (args) => {
  await trips();
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const [{ orders: [app0] }, { orders: [pool0] }] = await Promise.all([
    lab.orderbook.fetchAppOrderbook({ app, requester: me, minTag: tag, maxTag: tag }),
    lab.orderbook.fetchWorkerpoolOrderbook({ app, requester: me, category: 0, minTag: tag, maxTag: tag }),
  ]);
  const requestorder = await lab.order.signRequestorder(await lab.order.createRequestorder({
    app, category: 0, appmaxprice: app0.order.appprice, workerpoolmaxprice: pool0.order.workerpoolprice, tag,
    params: { iexec_args: args },
  }));
  const { dealid } = await lab.order.matchOrders(
    { apporder: app0.order, workerpoolorder: pool0.order, requestorder });
  const deal = seconds();
  const taskid = await lab.deal.computeTaskId(dealid, 0);
  const observable = await lab.task.obsTask(taskid, { dealid });
  await new Promise((complete, error) => observable.subscribe({ complete, error }));
  await (await lab.task.fetchResults(taskid)).arrayBuffer();
  return [deal, seconds(), await trips()];
};
await once('warm up');
return await once('run');
"""

FRESH = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
from iexec_lab import connect
from iexec_lab.networks import sandbox_network
from iexec_lab.wallet.signer import LocalSigner
given = json.loads(sys.argv[1])
lab = connect(sandbox_network(**given["network"]), LocalSigner(bytes.fromhex(given["key"])), project=Path())
job = lab.app.run(given["app"], args="fresh", watch=False)
deal = time.perf_counter() - started
job.result()
print(json.dumps([deal, time.perf_counter() - started]))
"""


@contextmanager
def far_away(handle: Handle, delay: float) -> Iterator[tuple[Handle, str]]:
    """The sandbox behind late proxies, and the address that tells the round trips."""
    words = [sys.executable, delaying_proxy.__file__, str(delay), *handle.urls.values()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        *urls, control = json.loads(process.stdout.readline())
        try:
            yield replace(handle, urls=dict(zip(handle.urls, urls, strict=True))), control
        finally:
            process.communicate()  # ends its input, and with it the proxies


def trips_of(control: str) -> int:
    with urllib.request.urlopen(control) as answer:
        return int(json.load(answer))


def once(lab: IExec, app: str, number: object, control: str) -> tuple[float, float, int, int]:
    """Seconds and round trips until the deal, and until the result is on disk."""
    trips_of(control)
    started = time.perf_counter()
    job = lab.app.run(app, args=f"run {number}", watch=False)
    deal, until_deal = time.perf_counter() - started, trips_of(control)
    again = time.perf_counter()
    assert f"run {number}" in job.result().text("result.txt")
    return deal, deal + time.perf_counter() - again, until_deal, trips_of(control)


def fresh(handle: Handle, app: str, key: bytes) -> list[float]:
    """The seconds of a new process until the deal and the result."""
    network = {"chain_id": handle.chain_id, "hub": handle.hub, "native": handle.native}
    given = {"network": network | {"urls": dict(handle.urls)}, "key": key.hex(), "app": app}
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", FRESH, json.dumps(given)]
        done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def other_verbs(new: Callable[[], IExec], app: str, deal: str, task: str, control: str) -> None:
    """The round trips of other verbs, cold and warm."""
    verbs: dict[str, Callable[[IExec], Any]] = {
        "deal show": lambda lab: lab.deal.show(deal),
        "task show": lambda lab: lab.task.show(task),
        "orderbook workerpool": lambda lab: lab.orderbook.workerpool(),
        "app show": lambda lab: lab.app.show(app),
        "account show": lambda lab: lab.account.show(),
        "app deploy": lambda lab: lab.app.deploy(f"bench {time.time_ns()}", IMAGE, CHECKSUM),
        "app publish": lambda lab: lab.app.publish(app),
        "account deposit": lambda lab: lab.account.deposit(1),
    }
    for name, verb in verbs.items():
        lab = new()
        counts = []
        for _ in range(2):
            trips_of(control)
            verb(lab)
            counts.append(trips_of(control))
        print(f"{name:22} {counts[0]} round trips, then {counts[1]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox() as near,
        far_away(near, options.delay) as (handle, control),
    ):
        user, seller = near.users[0], open_lab(near, LocalSigner(near.users[1].key), Path(folder))
        app = seller.app.deploy("hello", IMAGE, CHECKSUM)
        seller.app.publish(app)
        seller.app.publish(app, tag="tee,tdx")  # all that SDK 9 buys

        def new() -> IExec:
            return open_lab(handle, LocalSigner(near.users[1].key), Path(folder))

        lab = open_lab(handle, LocalSigner(user.key), Path(folder))
        once(lab, app, "warm up", control)
        key = f"0x{user.key.hex()}"
        values = {"key": key, "urls": dict(handle.urls), "hub": handle.hub, "app": app, "control": control}
        ours, theirs, kernels = [], [], []
        for number in range(options.runs):
            ours.append(once(lab, app, number, control))
            theirs.append(sdk("9.0.1", SDK, **values))
            kernels.append(fresh(handle, app, user.key))
        deal, result, until_deal, after = (statistics.median(column) for column in zip(*ours, strict=True))
        sdk_deal, sdk_result, sdk_trips = (statistics.median(column) for column in zip(*theirs, strict=True))
        new_deal, new_result = (statistics.median(column) for column in zip(*kernels, strict=True))
        print(f"warm: deal {deal:.2f} s in {until_deal:.0f} round trips (bar: 0.7 s, 5)")
        print(f"      result {result:.2f} s in {until_deal + after:.0f} (bar: 1.2 s)")
        print(f"fresh kernel: deal {new_deal:.2f} s, result {new_result:.2f} s")
        print(f"official SDK, warm: deal {sdk_deal:.2f} s, result {sdk_result:.2f} s in {sdk_trips:.0f}")
        print(f"ratio: deal {sdk_deal / deal:.1f}, result {sdk_result / result:.1f} times ours")
        job = lab.app.run(app, args="shown", watch=True)
        other_verbs(new, app, job.deal_id, job.task_ids[0], control)
    return 0


if __name__ == "__main__":
    sys.exit(main())
