"""How long a cold terminal waits for a sandbox: a fresh Python process until all services answer.

    python benchmarks/bench_sandbox_start.py [ROUNDS]

Three cases: only the npm packages in the cache (contracts are deployed, a snapshot is made), a snapshot in
the cache too, and a state folder that was used before.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from iexec_lab.sandbox.artifacts import anvil_binary, poco_folder
from iexec_lab.sandbox.state.paths import cache_folder

BAR = 1.5
START = "from iexec_lab.sandbox import control; control.start()"
STOP = "from iexec_lab.sandbox import control; control.stop()"
RESET = "from iexec_lab.sandbox import control; control.reset()"


def python(code: str, home: Path) -> float:
    """Seconds a fresh interpreter takes for ``code``, its own start included."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "IEXEC_LAB_HOME": str(home)}, check=True)
    return time.perf_counter() - started


def measure(home: Path) -> dict[str, float]:
    snapshots = home / "cache" / "snapshots"
    shutil.rmtree(snapshots, ignore_errors=True)
    times = {"no snapshot": python(START, home)}
    python(RESET, home)
    times["snapshot cached"] = python(START, home)
    python(STOP, home)
    times["state kept"] = python(START, home)
    python(RESET, home)
    return times


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    anvil_binary()
    poco_folder()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        (home / "cache").mkdir()
        (home / "cache" / "packages").symlink_to(cache_folder() / "packages")
        results = [measure(home) for _ in range(rounds)]
    print(f"sandbox ready: median (least) of {rounds}; bar {BAR} s; load {os.getloadavg()[0]:.1f}")
    for case in results[0]:
        times = [result[case] for result in results]
        print(f"  {case:<16} {statistics.median(times):5.2f} s ({min(times):.2f} s)")


if __name__ == "__main__":
    main()
