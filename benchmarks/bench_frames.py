"""Orders and deals to a frame: time and memory for 10,000 and 100,000 rows, beside plain pandas.

    python benchmarks/bench_frames.py [--rows N] [--rounds N]

Each row stands for a row of a service that was read from JSON. ``rows`` is what a market answers,
``columns`` what a history is read as. The peak is what the process holds at most beyond those rows, Arrow's
memory too, in a run of its own. The peer is ``pandas.DataFrame`` of the same flat rows, all values as the
service wrote them: no checks, no exact numbers, no times.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from iexec_lab.frames import SCHEMAS, build, from_columns

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1_000_000


def address(pick: random.Random) -> str:
    return f"0x{pick.getrandbits(160):040x}"


def word(pick: random.Random) -> str:
    return f"0x{pick.getrandbits(256):064x}"


def order_rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Offers of workerpools, as the market shapes them."""
    pick = random.Random(seed)
    pools = [address(pick) for _ in range(50)]
    nobody = "0x" + "0" * 40
    return [
        {
            "orderHash": word(pick),
            "order": {
                "workerpool": pick.choice(pools),
                "workerpoolprice": pick.randrange(10**9),
                "volume": pick.choice([1, 10, 2**53 - 1]),
                "category": pick.randrange(5),
                "trust": pick.choice([0, 1, 5]),
                "tag": f"0x{pick.choice([0, 3, 9]):064x}",
                "apprestrict": nobody,
                "datasetrestrict": nobody,
                "requesterrestrict": pick.choice([nobody, pools[0]]),
                "salt": word(pick),
                "sign": word(pick) + word(pick)[2:],
            },
            "remaining": pick.randrange(9),
            "status": "open",
            "signer": pick.choice(pools),
            "publicationTimestamp": f"2026-{pick.randrange(1, 13):02}-11T11:33:22.{pick.randrange(1000):03}Z",
        }
        for _ in range(count)
    ]


def deal_rows(count: int, seed: int = 2) -> list[dict[str, Any]]:
    """Deals, as the official SDK shapes them; every third has its own parameters."""
    pick = random.Random(seed)
    known = [address(pick) for _ in range(200)]

    def side() -> dict[str, str]:
        return {
            "pointer": pick.choice(known),
            "owner": pick.choice(known),
            "price": str(pick.randrange(10**9)),
        }

    def params(at: int) -> str:
        told = {"iexec_args": f"--seed {at // 3}", "iexec_result_storage_provider": "ipfs"}
        return json.dumps(told if at % 3 else {**told, "iexec_args": word(pick)})

    return [
        {
            "dealid": word(pick),
            "app": side(),
            "dataset": side(),
            "workerpool": side(),
            "category": "0",
            "trust": "1",
            "tag": f"0x{pick.choice([0, 3]):064x}",
            "requester": pick.choice(known),
            "beneficiary": pick.choice(known),
            "callback": "0x" + "0" * 40,
            "params": params(at),
            "botFirst": "0",
            "botSize": str(pick.choice([1, 10])),
            "workerStake": str(pick.randrange(10**9)),
            "schedulerRewardRatio": "5",
            "startTime": str(1_750_000_000 + at * 60),
            "finalTime": str(1_750_003_000 + at * 60),
        }
        for at in range(count)
    ]


def as_columns(kind: str, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    found = {}
    for column in SCHEMAS[kind]:
        first, _, inner = column.path.partition(".")
        values = [row.get(first) for row in rows]
        values = [value.get(inner) if inner and value else value for value in values]
        if column.name != "tag" and any(value is not None for value in values):
            found[column.name] = values
    return found


def flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            f"{key}.{inner}" if isinstance(value, dict) else key: held
            for key, value in row.items()
            for inner, held in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for row in rows
    ]


def measure(make: Callable[[], pd.DataFrame], rounds: int) -> tuple[float, int]:
    """Seconds, and bytes at the peak."""
    seconds = []
    for _ in range(rounds):
        gc.collect()
        started = time.perf_counter()
        make()
        seconds.append(time.perf_counter() - started)
    gc.collect()
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    frame = make()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrow = pa.total_allocated_bytes() - before
    del frame
    return min(seconds), peak + arrow


def makers(kind: str, rows: list[dict[str, Any]]) -> dict[str, Callable[[], pd.DataFrame]]:
    columns, plain = as_columns(kind, rows), flat(rows)
    return {
        f"{kind} from rows": lambda: build(kind, rows),
        f"{kind} from columns": lambda: from_columns(kind, columns),
        f"{kind}, pandas.DataFrame": lambda: pd.DataFrame(plain),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the larger frame (default 100000)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds, of which the fastest counts (default 3)"
    )
    args = parser.parse_args()
    print(f"{'':34}{'rows':>8}{'seconds':>9}{'us/row':>8}{'peak MB':>9}{'B/row':>7}")
    for kind, make_rows in (("workerpoolorder", order_rows), ("deal", deal_rows)):
        found: dict[str, list[tuple[float, int]]] = {}
        for count in (args.rows // 10, args.rows):
            for name, make in makers(kind, make_rows(count)).items():
                seconds, peak = measure(make, args.rounds)
                found.setdefault(name, []).append((seconds, peak))
                print(
                    f"{name:34}{count:8}{seconds:9.3f}{seconds / count * 1e6:8.1f}"
                    f"{peak / MEGABYTE:9.1f}{peak / count:7.0f}"
                )
        for name, (small, large) in found.items():
            time_, peak_ = large[0] / small[0], large[1] / small[1]
            print(f"{name}: 10 x the rows, {time_:.1f} x the time, {peak_:.1f} x the peak")


if __name__ == "__main__":
    main()
