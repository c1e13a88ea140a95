"""Writes a history with a ``kill -9`` at a random moment, again and again, and at last without.

    python -m helpers.killed_history URL FOLDER SEED KILLS TABLE...

Each run is a fork of a process that has imported everything: a start costs nothing. What kills is the run
itself, before, within or after a random change of the disk.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pandas  # noqa: F401, ICN001 - Arrow looks for it; all that a run needs is imported once
import pyarrow.compute
import pyarrow.parquet  # noqa: F401

import iexec_lab.history.quick
import iexec_lab.services.transport  # noqa: F401
from iexec_lab.history import from_subgraph
from iexec_lab.history.disk import spool, store, streams
from iexec_lab.history.from_subgraph import SubgraphSource
from iexec_lab.history.graph_values import eip55

ABOUT = {"chain_id": 1, "hub": "0x"}


def small_pages():
    from_subgraph.PAGE = 25
    streams.PAGE = 25
    streams.PART_ROWS = 60
    streams.ROWS_A_PIECE = 100
    store.FINAL_AFTER = 64


def update(url, folder, table):
    return store.Store(SubgraphSource(url), table, Path(folder), ABOUT).update()


def die_within(changes, half):
    """Die at the change of the disk with this number; ``half``: within it, as far as it can be."""
    left = [changes]

    def dying(change):
        def changed(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0 and not half:
                os.kill(os.getpid(), signal.SIGKILL)
            found = change(*args, **kwargs)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return changed

    def append(self, frame):
        left[0] -= 1
        if left[0] == 0:
            body = bytes(memoryview(frame.batch.serialize()))
            with self.path.open("ab") as file:
                file.write(spool._HEAD.pack(len(body), frame.cursor, 0, spool._MARK) + body[: len(body) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        whole(self, frame)

    whole = spool.Spool.append
    spool.Spool.append = append
    for name in ("replace", "unlink"):
        setattr(Path, name, dying(getattr(Path, name)))


def main(url, folder, seed, kills, *tables):
    small_pages()
    eip55("0x" + "ab" * 20)
    draw = random.Random(int(seed))
    for table in tables:
        place = Path(folder) / table
        for _ in range(int(kills)):
            # drawn here: what a child draws is lost with it
            changes, half = draw.randrange(1, 30), draw.random() < 0.5
            child = os.fork()
            if not child:
                die_within(changes, half=half)
                update(url, place, table)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                assert os.WTERMSIG(status) == signal.SIGKILL, status
            else:
                assert status == 0  # it came to its end first
        sys.stdout.write(f"{update(url, place, table).rows}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
