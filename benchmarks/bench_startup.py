"""Start-up times: our command line beside the official one, our extension above bare IPython.

    python benchmarks/bench_startup.py [path of the official CLI's "iexec"]

Best of several runs, in milliseconds; the official CLI is looked for on PATH.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
OURS = str(Path(sys.executable).with_name("iexec-lab"))
SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell()"
LOAD = f"{SHELL}; shell.extension_manager.load_extension('iexec_lab')"


def best(*command: str) -> float:
    """Shortest time of several runs, in milliseconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def main() -> None:
    official = sys.argv[1] if len(sys.argv) > 1 else shutil.which("iexec")
    print(f"{'':<24}{'ours':>8}{'official':>10}{'share':>8}")
    for words in (["--version"], ["--help"], ["app", "--help"], ["app", "run", "--help"]):
        ours = best(OURS, *words)
        theirs = best(official, *words) if official else float("nan")
        print(f"{' '.join(words):<24}{ours:>8.0f}{theirs:>10.0f}{ours / theirs:>8.2f}")
    python, package = best(sys.executable, "-c", "pass"), best(sys.executable, "-c", "import iexec_lab")
    print(f"{'import iexec_lab':<24}{package - python:>8.0f}   above bare Python ({python:.0f})")
    shell, loaded = best(sys.executable, "-c", SHELL), best(sys.executable, "-c", LOAD)
    print(f"{'%load_ext iexec_lab':<24}{loaded - shell:>8.0f}   above bare IPython ({shell:.0f})")


if __name__ == "__main__":
    main()
