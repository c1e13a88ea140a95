"""Hash, sign and recover orders, beside the official SDK.

    python benchmarks/bench_orders.py [--orders N] [--no-sdk]

Both sides take the JSON of an unsigned request order, validate it, give it a salt, sign it and compute its
hash; then the signer is recovered from hash and signature. The SDK's chain calls are answered from memory, so
that only its own time counts. Our signing is measured with coincurve, which a plain install brings where it
has a wheel, and without. npm installs the SDK once into the cache.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import sdk

from iexec_lab.errors import IexecError
from iexec_lab.protocol import Domain, RequestOrder, recover_address, signatures
from iexec_lab.wallet.signer import LocalSigner

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ROUNDS = 5
DOMAIN = Domain(chain_id=134, verifying_contract="0x3eca1B216A7DF1C7689aEb259fFB83ADFB894E7f")

SDK = """
const at = (path) => new URL(path, import.meta.resolve('iexec')).href;
const { signRequestorder, hashRequestorder } = await import(at('../common/market/order.js'));
const { Wallet, recoverAddress } = await import(at('../../../../ethers/lib.esm/index.js'));
const answers = {
  name: domain.name, version: domain.version, chainId: BigInt(domain.chainId),
  verifyingContract: domain.verifyingContract,
};
const contracts = {
  chainId: String(domain.chainId), provider: {}, signer: new Wallet(key),
  getIExecContract: () => ({ domain: async () => answers }),
};
const times = [];
for (let round = 0; round < rounds; round += 1) {
  const started = performance.now();
  const signed = [];
  for (let i = 0; i < count; i += 1) {
    const one = await signRequestorder(contracts, order);
    signed.push([await hashRequestorder(contracts, one), one.sign]);
  }
  const done = performance.now();
  for (const [hash, sign] of signed) {
    if (recoverAddress(hash, sign) !== order.requester) throw new Error('another signer');
  }
  times.push([(done - started) / 1000 / count, (performance.now() - done) / 1000 / count]);
}
return times;
"""


def make_order(requester: str) -> dict[str, str]:
    order = RequestOrder(
        app="0x" + "11" * 20,
        appmaxprice=5,
        workerpoolmaxprice=100_000_000,
        requester=requester,
        beneficiary=requester,
        category=0,
        tag=f"0x{9:064x}",
        params='{"iexec_result_storage_provider":"ipfs","iexec_args":"hello"}',
    )
    return order.to_json()


def ours(count: int) -> list[tuple[float, float]]:
    """Seconds an order for reading, signing and hashing; and for recovering."""
    signer = LocalSigner(KEY)
    obj = make_order(signer.address)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        signed = []
        for _ in range(count):
            order = RequestOrder.from_json(obj).sign(DOMAIN, signer)
            signed.append((order.digest(DOMAIN), order.signature))
        done = time.perf_counter()
        for digest, signature in signed:
            assert recover_address(digest, signature or "") == signer.address
        times.append(((done - started) / count, (time.perf_counter() - done) / count))
    return times


def theirs(count: int) -> list[tuple[float, float]]:
    requester = LocalSigner(KEY).address
    answer = sdk(
        "9.0.1",
        SDK,
        key=KEY,
        domain=DOMAIN.to_json(),
        order=make_order(requester),
        count=count,
        rounds=ROUNDS,
    )
    return [(sign, recover) for sign, recover in answer]


def show(name: str, times: list[tuple[float, float]], peer: list[tuple[float, float]] | None) -> None:
    signing, recovering = (statistics.median(column) for column in zip(*times, strict=True))
    line = f"{name:28}{1 / signing:10.0f} signed/s{1 / recovering:10.0f} recovered/s"
    if peer is not None:
        theirs_signing, theirs_recovering = (statistics.median(column) for column in zip(*peer, strict=True))
        line += f"   {theirs_signing / signing:6.1f} x   {theirs_recovering / recovering:6.1f} x"
    print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=500, help="orders a round (default 500)")
    parser.add_argument("--no-sdk", action="store_true", help="do not run the official SDK")
    options = parser.parse_args()

    peer = None
    if not options.no_sdk:
        try:
            peer = theirs(options.orders)
            show("official SDK 9.0.1", peer, None)
        except (IexecError, OSError, AssertionError) as error:
            print(f"official SDK skipped: {error}")
    try:
        import coincurve  # noqa: F401, PLC0415  only to know whether it is there
    except ImportError:
        print("with coincurve: not installed")
    else:
        show("iexec-lab, coincurve", ours(options.orders), peer)
    signatures.curve = cache(signatures.slow_curve)
    show("iexec-lab, pure Python", ours(max(options.orders // 10, 1)), peer)


if __name__ == "__main__":
    main()
