"""From ``app run`` to the result on disk: one task ten times over, then one deal of a hundred tasks.

    python benchmarks/bench_app_run.py [--runs 10] [--tasks 100]

It starts its own sandbox in a temporary folder and warms it up with one run. The client's verb is timed:
market, signature, match, execution of the hello app, download of the result. The official SDK does the same
on the same sandbox, step by step as in its documentation; npm installs it once into the cache.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import sdk

from iexec_lab import Sandbox, connect
from iexec_lab.networks import sandbox_network
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from iexec_lab import IExec
    from iexec_lab.sandbox.control import Handle

IMAGE = "iexechub/python-hello-world:8.0.4"
SDK_RUNS = 3
SDK = """
const tag = ['tee', 'tdx'];
const lab = new iexec.IExec({
  ethProvider: iexec.utils.getSignerFromPrivateKey(urls.rpc, key, { allowExperimentalNetworks: true }),
}, {
  hubAddress: hub, smsURL: urls.sms, iexecGatewayURL: urls.market, ipfsGatewayURL: urls.ipfs_gateway,
  compassURL: urls.compass, allowExperimentalNetworks: true,
});
const me = await lab.wallet.getAddress();
const once = async (args) => {
  const started = performance.now();
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
  const taskid = await lab.deal.computeTaskId(dealid, 0);
  const observable = await lab.task.obsTask(taskid, { dealid });
  await new Promise((complete, error) => observable.subscribe({ complete, error }));
  await (await lab.task.fetchResults(taskid)).arrayBuffer();
  return (performance.now() - started) / 1000;
};
const times = [];
for (let run = 0; run <= runs; run += 1) times.push(await once(`run ${run}`));
return times.slice(1);
"""


def open_lab(handle: Handle, project: Path) -> tuple[IExec, str]:
    network = sandbox_network(
        chain_id=handle.chain_id, hub=handle.hub, native=handle.native, urls=handle.urls
    )
    user = handle.users[0]
    lab = connect(network, LocalSigner(user.key), project=project)
    app = lab.app.deploy(name="hello", type="DOCKER", multiaddr=IMAGE, checksum="0x" + "00" * 32)
    lab.app.publish(app)
    lab.app.publish(app, tag="tee,tdx")  # all that SDK 9 buys
    return lab, app


def once(lab: IExec, app: str, number: object) -> float:
    """Seconds until the result is on disk."""
    started = time.perf_counter()
    job = lab.app.run(app, args=f"run {number}", watch=False)
    result = job.result()
    assert result.path.exists()
    assert f"run {number}" in result.text("result.txt")
    return time.perf_counter() - started


def bag(lab: IExec, app: str, tasks: int) -> float:
    """Seconds from the match to the last completed task."""
    started = time.perf_counter()
    job = lab.app.run(app, volume=tasks, watch=False)
    job.wait()
    seconds = time.perf_counter() - started
    assert job.status().done == tasks
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as handle:
        lab, app = open_lab(handle, Path(folder))
        once(lab, app, "warm up")
        seconds = [once(lab, app, number) for number in range(options.runs)]
        print(
            f"app run, warm: median {statistics.median(seconds):.3f} s, "
            f"min {min(seconds):.3f} s, max {max(seconds):.3f} s of {options.runs} (bar: 1 s)"
        )
        theirs = sdk(
            "9.0.1",
            SDK,
            key=f"0x{handle.users[0].key.hex()}",
            urls=dict(handle.urls),
            hub=handle.hub,
            app=app,
            runs=SDK_RUNS,
        )
        ratio = statistics.median(theirs) / statistics.median(seconds)
        print(f"official SDK, warm: median {statistics.median(theirs):.3f} s, {ratio:.1f} times ours")
        print(f"one deal of {options.tasks} tasks: {bag(lab, app, options.tasks):.1f} s (bar for 100: 15 s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
