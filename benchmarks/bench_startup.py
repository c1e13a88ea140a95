"""Start-up times: our command line beside the official one, our extension above bare IPython.

    python benchmarks/bench_startup.py

Best of several runs, in milliseconds; npm installs the official CLI once into the cache. Then the heavy
packages that reading an order book imports; web3 must not be among them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import install

from iexec_lab import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 7
HEAVY = ("web3", "eth_account", "pandas", "ipywidgets", "IPython")
OURS = str(Path(sys.executable).with_name("iexec-lab"))
SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell()"
ORDERBOOK = """
from iexec_lab import connect
from iexec_lab.networks import sandbox_network
network = sandbox_network(chain_id={chain_id}, hub="{hub}", native=False, urls={urls})
connect(network).orderbook.{verb}(category=0)
"""
LOAD = f"{SHELL}; shell.extension_manager.load_extension('iexec_lab')"


def best(*commands: Sequence[str]) -> list[float]:
    """Shortest times of several runs, in milliseconds; the commands take turns, as other work affects all."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(RUNS):
        for command, taken in zip(commands, times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            taken.append(time.perf_counter() - start)
    return [min(taken) * 1000 for taken in times]


def imported(code: str) -> str:
    """The heavy packages that ``code`` imports."""
    show = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip() or "none of " + ", ".join(HEAVY)


def main() -> None:
    script = install("9.0.1") / "node_modules" / "iexec" / "dist" / "esm" / "cli" / "cmd" / "iexec.js"
    official = ("node", str(script))
    print(f"{'':<24}{'ours':>8}{'official':>10}{'share':>8}   (bar: 0.25)")
    for words in (["--version"], ["--help"], ["app", "--help"], ["app", "run", "--help"]):
        ours, theirs = best((OURS, *words), (*official, *words))
        print(f"{' '.join(words):<24}{ours:>8.0f}{theirs:>10.0f}{ours / theirs:>8.2f}")
    codes = ("pass", "import iexec_lab", SHELL, LOAD)
    python, package, shell, loaded = best(*((sys.executable, "-c", code) for code in codes))
    print(f"{'import iexec_lab':<24}{package - python:>8.0f}   above bare Python ({python:.0f}; bar: 100)")
    print(f"{'%load_ext iexec_lab':<24}{loaded - shell:>8.0f}   above bare IPython ({shell:.0f}; bar: 100)")
    print(f"import iexec_lab imports {imported('import iexec_lab')}")
    with Sandbox() as handle:
        for verb, form in (("_fetch_workerpool", "for --raw"), ("workerpool", "as a DataFrame")):
            code = ORDERBOOK.format(
                chain_id=handle.chain_id, hub=handle.hub, urls=dict(handle.urls), verb=verb
            )
            print(f"reading an order book {form} imports {imported(code)}")


if __name__ == "__main__":
    main()
