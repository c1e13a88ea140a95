"""Deals and tasks as records, for what draws them: no chain is asked."""

from __future__ import annotations

from iexec_lab.client.jobs.status import JobDeal, TaskRef
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, Deal, Task

START, FINAL = 1_700_000_000, 1_700_003_000
CONTRIBUTE, REVEAL = START + 2100, START + 2500
APP, POOL, OTHER_POOL, ME, DATASET, WORKER = (f"0x{digit * 40}" for digit in "123456")


def deal_id(number=1):
    return f"0x{number:064x}"


def held(number=1, *, tasks=5, price=10**8, pool=POOL, dataset=NULL_ADDRESS, params="{}", sponsor=ME):
    """A deal whose tasks cost ``price`` nRLC each."""
    deal = Deal.from_abi(
        (
            (APP, ME, 0),
            (dataset, ME if dataset != NULL_ADDRESS else NULL_ADDRESS, 0),
            (pool, ME, price),
            1,
            0,
            NULL_BYTES32,
            ME,
            ME,
            NULL_ADDRESS,
            params,
            START,
            0,
            tasks,
            0,
            1,
            sponsor,
        )
    )
    return JobDeal(deal_id(number), deal, FINAL)


def view(index, status, *, now=START + 10, number=1, contributors=()):
    """A task of a deal; status 0 (unset) to 4 (failed)."""
    whose = bytes.fromhex(deal_id(number)[2:]) if status else bytes(32)
    task = Task.from_abi(
        (
            *(status, whose, index, 300, CONTRIBUTE, REVEAL, FINAL, bytes(32), 0, 0, [*contributors]),
            *(bytes(32), b"", 0, b""),
        )
    )
    return TaskRef(f"0x{number:032x}{index:032x}", deal_id(number), index, FINAL).seen(task, now)
