"""Encrypt a dataset and decrypt a result, beside ``openssl enc`` and the official SDK.

    python benchmarks/bench_crypto.py [--size MB] [--rounds N] [--sdk-size MB] [--folder PATH] [--no-sdk]

Every run is a process of its own; its time starts once its modules are imported, its memory is the peak
resident set. Runs of the peers take turns and the fastest of each counts, so that other work on the machine
weighs on all alike. The SDK gets a smaller file (it holds it in memory several times) and is compared by
bytes a second; it is not asked to read or write files. ``--size 4000`` shows that memory stays flat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from interop.official import sdk

from iexec_lab.crypto import (
    decrypt_dataset,
    decrypt_result,
    encrypt_dataset,
    encrypt_result,
    generate_dataset_key,
    generate_keypair,
)
from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1_000_000

SDK = """
const { readFileSync } = await import('node:fs');
const nowhere = 'http://127.0.0.1:1';
const module = new iexec.IExecDatasetModule({ ethProvider: nowhere }, { hubAddress: hub, smsURL: nowhere });
const clear = readFileSync(file);
const zip = readFileSync(envelope);
const times = {};
let started = performance.now();
const encrypted = await module.encrypt(clear, await module.generateEncryptionKey());
await module.computeEncryptedFileChecksum(encrypted);
times.dataset = (performance.now() - started) / 1000;
started = performance.now();
await iexec.utils.decryptResult(zip, readFileSync(key));
times.result = (performance.now() - started) / 1000;
times.memory = process.resourceUsage().maxRSS * 1024;
return times;
"""


def openssl(source: str, target: str, *options: str) -> float:
    """Seconds of ``openssl enc``."""
    command = ["openssl", "enc", *options, "-aes-256-cbc", "-K", "11" * 32, "-iv", "22" * 16]
    started = time.perf_counter()
    subprocess.run([*command, "-in", source, "-out", target], check=True)
    return time.perf_counter() - started


def run_here(name: str, folder: Path) -> tuple[float, int]:
    """The same for one of our functions, in a new interpreter."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", name, "--folder", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def child(name: str, folder: Path) -> None:
    work: dict[str, Callable[[], object]] = {
        "encrypt dataset": lambda: encrypt_dataset(folder / "clear", folder / "dataset.enc", _key(folder)),
        "decrypt dataset": lambda: decrypt_dataset(folder / "dataset.enc", folder / "back", _key(folder)),
        "decrypt result": lambda: decrypt_result(
            folder / "result.zip", folder / "back", (folder / "private.pem").read_bytes(), max_bytes=2**63
        ),
    }
    # What is imported late is not what is measured.
    encrypt_dataset(b"", open(os.devnull, "wb"))  # noqa: PTH123, SIM115  a moment before the process ends
    started = time.perf_counter()
    work[name]()
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _rss_unit()
    print(json.dumps([seconds, memory]))


def _key(folder: Path) -> str:
    return (folder / "key").read_text()


def _rss_unit() -> int:
    return 1 if platform.system() == "Darwin" else 1024


def prepare(folder: Path, size: int) -> None:
    with (folder / "clear").open("wb") as file:
        for start in range(0, size, MEGABYTE):
            file.write(os.urandom(min(MEGABYTE, size - start)))
    (folder / "key").write_text(generate_dataset_key())
    private, public = generate_keypair()
    (folder / "private.pem").write_bytes(private)
    encrypt_dataset(folder / "clear", folder / "dataset.enc", _key(folder))
    encrypt_result(folder / "clear", folder / "result.zip", public)


def measure_sdk(size: int) -> dict[str, float] | None:
    """Bytes a second of the SDK, or None without npm."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, size)
        try:
            times = sdk(
                "9.0.1",
                SDK,
                file=str(folder / "clear"),
                envelope=str(folder / "result.zip"),
                key=str(folder / "private.pem"),
                hub="0x" + "11" * 20,
            )
        except (IexecError, OSError, AssertionError) as error:
            print(f"official SDK skipped: {error}")
            return None
    for name, done in (("encrypt dataset", "dataset"), ("decrypt result", "result")):
        show(name, "official SDK 9.0.1", size, times[done], times["memory"])
    return {"encrypt dataset": size / times["dataset"], "decrypt result": size / times["result"]}


def show(name: str, who: str, size: int, seconds: float, memory: float = 0, ratios: str = "") -> None:
    peak = f"{memory / MEGABYTE:9.1f} MB peak" if memory else ""
    print(f"{name:18}{who:22}{size / seconds / MEGABYTE:9.1f} MB/s{peak:17}  {ratios}".rstrip(), flush=True)


def compare(folder: Path, size: int, rounds: int, peer: dict[str, float]) -> None:
    files = {name: str(folder / name) for name in ("clear", "openssl.enc", "openssl.out")}
    peers: dict[str, Callable[[], float]] = {
        "encrypt dataset": lambda: openssl(files["clear"], files["openssl.enc"]),
        "decrypt dataset": lambda: openssl(files["openssl.enc"], files["openssl.out"], "-d"),
    }
    peers["decrypt result"] = peers["decrypt dataset"]
    has_openssl = shutil.which("openssl") is not None
    for name, theirs in peers.items():
        runs: list[tuple[float, int]] = []
        openssl_runs: list[float] = []
        for _ in range(rounds):
            if has_openssl:
                openssl_runs.append(theirs())
            runs.append(run_here(name, folder))
        seconds, memory = min(runs)
        ratios = []
        if has_openssl:
            show(name, "openssl enc", size, min(openssl_runs))
            ratios.append(f"{min(openssl_runs) / seconds:.0%} of openssl")
        if name in peer:
            ratios.append(f"{size / seconds / peer[name]:.0f} x the SDK")
        show(name, "iexec-lab", size, seconds, memory, ", ".join(ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1000, help="size of the file in MB (default 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, the fastest counts (default 3)")
    parser.add_argument("--sdk-size", type=int, default=50, help="size of the SDK's file in MB (default 50)")
    parser.add_argument("--folder", type=Path, help="where the files are written (default: a temporary one)")
    parser.add_argument("--no-sdk", action="store_true", help="do not run the official SDK")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        child(options.run, options.folder)
        return
    peer = {} if options.no_sdk else measure_sdk(options.sdk_size * MEGABYTE) or {}
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder, size = Path(temporary), options.size * MEGABYTE
        prepare(folder, size)
        compare(folder, size, options.rounds, peer)


if __name__ == "__main__":
    main()
