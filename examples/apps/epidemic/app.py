"""One epidemic per task: an iExec app for a sweep over a parameter.

Arguments: the lowest and the highest number of people whom one infected person infects (R0). The tasks of a
deal share that range evenly: each computes one value, and knows which by its place in the deal.
Output: ``epidemic.csv`` of one row in the result.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from pathlib import Path

PEOPLE, FIRST_CASES, DAYS_ILL = 2_000, 5, 7


def epidemic(r0: float, seed: int) -> dict[str, float]:
    """Day by day until nobody is ill: how many fell ill, how many at once, and for how long it went on."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrets
    healthy, ill, recovered = PEOPLE - FIRST_CASES, FIRST_CASES, 0
    day = peak = 0
    while ill:
        risk = 1 - (1 - r0 / DAYS_ILL / PEOPLE) ** ill
        fell_ill = sum(chance.random() < risk for _ in range(healthy))
        got_well = sum(chance.random() < 1 / DAYS_ILL for _ in range(ill))
        healthy, ill, recovered = healthy - fell_ill, ill + fell_ill - got_well, recovered + got_well
        day, peak = day + 1, max(peak, ill)
    return {"r0": round(r0, 3), "ever_ill_percent": 100 * recovered / PEOPLE, "peak_ill": peak, "days": day}


def main() -> None:
    outputs = Path(os.environ["IEXEC_OUT"])
    lowest, highest = (float(word) for word in sys.argv[1:3])
    first, tasks = int(os.environ["IEXEC_BOT_FIRST_INDEX"]), int(os.environ["IEXEC_BOT_SIZE"])
    index = int(os.environ["IEXEC_BOT_TASK_INDEX"]) - first
    row = epidemic(lowest + (highest - lowest) * index / max(tasks - 1, 1), seed=index)
    with (outputs / "epidemic.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    print(f"task {index} of {tasks}: R0 {row['r0']}, {row['ever_ill_percent']:.1f} % fell ill")
    computed = {"deterministic-output-path": str(outputs / "epidemic.csv")}
    (outputs / "computed.json").write_text(json.dumps(computed))


if __name__ == "__main__":
    main()
