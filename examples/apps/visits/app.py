"""Doctor visits by health and insurance plan: an iExec app that reads one confidential table.

Input: the dataset, a CSV of the RAND Health Insurance Experiment (one row a person and year).
Argument: the smallest group that may leave the enclave (default 20 rows); smaller ones are left out.
Output: ``visits.csv`` and ``visits.png`` in the result.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

HEALTH = {"hlthp": "poor", "hlthf": "fair", "hlthg": "good"}


def summary(people: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Mean yearly visits of each group of at least ``smallest`` rows."""
    health = pd.Series("excellent", index=people.index)
    for column, word in HEALTH.items():
        health = health.mask(people[column] == 1, word)
    # The table holds ln(coinsurance + 1); the plans were 0, 25, 50 and 95 per cent.
    coinsurance = (np.exp(people["lncoins"]) - 1).round().astype(int)
    groups = people.assign(health=health, coinsurance_percent=coinsurance).groupby(
        ["health", "coinsurance_percent"]
    )["mdvis"]
    table = groups.agg(people="size", mean_visits="mean", without_visit=lambda visits: (visits == 0).mean())
    return table[table["people"] >= smallest].round(3).reset_index()


def draw(table: pd.DataFrame, target: Path) -> None:
    """Bars of mean visits: one group of bars a state of health, one bar a plan."""
    order = [word for word in ["excellent", "good", "fair", "poor"] if word in set(table["health"])]
    wide = table.pivot_table(index="health", columns="coinsurance_percent", values="mean_visits").loc[order]
    axes = wide.plot.bar(figsize=(7, 4), rot=0, colormap="viridis")
    axes.set_xlabel("self-rated health")
    axes.set_ylabel("doctor visits a year")
    axes.legend(title="paid by patient, %")
    axes.spines[["top", "right"]].set_visible(False)
    plt.tight_layout()
    plt.savefig(target, dpi=110, metadata={"Software": None})


def main() -> None:
    inputs, outputs = Path(os.environ["IEXEC_IN"]), Path(os.environ["IEXEC_OUT"])
    smallest = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    people = pd.read_csv(inputs / os.environ["IEXEC_DATASET_FILENAME"])
    table = summary(people, smallest)
    table.to_csv(outputs / "visits.csv", index=False)
    draw(table, outputs / "visits.png")
    print(f"{len(people)} rows read, {len(table)} groups of at least {smallest} rows kept")
    computed = {"deterministic-output-path": str(outputs / "visits.csv")}
    (outputs / "computed.json").write_text(json.dumps(computed))


if __name__ == "__main__":
    main()
