"""Encrypt a dataset and decrypt a result, beside ``openssl enc`` and the official SDK.

    python benchmarks/bench_crypto.py [--size MB] [--rounds N] [--sdk-size MB] [--folder PATH] [--no-sdk]

Each run is a separate process; its time starts after its imports, its memory is the peak resident set. The
peers take turns and the fastest run of each counts, so that other work on the machine affects all alike; the
speed by processor time is shown too. The SDK gets a smaller file (it holds it in memory several times) and
is compared by bytes a second; it does not read or write files.
``--size 4000`` shows that memory stays flat.
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
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.official.tools import sdk

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
const { decryptResult } = iexec.utils;
const nowhere = 'http://127.0.0.1:1';
const module = new iexec.IExecDatasetModule({ ethProvider: nowhere }, { hubAddress: hub, smsURL: nowhere });
const [clear, zip, pem] = [file, envelope, key].map((path) => readFileSync(path));
const measure = async (task) => {
  const started = performance.now();
  const used = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(used);
  return [(performance.now() - started) / 1000, (user + system) / 1e6];
};
const encrypt = async () => {
  const encrypted = await module.encrypt(clear, await module.generateEncryptionKey());
  await module.computeEncryptedFileChecksum(encrypted);
};
const [seconds, used] = await measure(work === 'encrypt dataset' ? encrypt : () => decryptResult(zip, pem));
return [seconds, used, process.resourceUsage().maxRSS * 1024];
"""


class Run(NamedTuple):
    """The cost of one run; ``memory`` is its peak in bytes, 0 when unknown."""

    seconds: float
    cpu_seconds: float
    memory: int = 0


def openssl(source: str, target: str, *options: str) -> Run:
    command = ["openssl", "enc", *options, "-aes-256-cbc", "-K", "11" * 32, "-iv", "22" * 16]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "-in", source, "-out", target])
    _, process.returncode, usage = os.wait4(process.pid, 0)
    if process.returncode:
        raise SystemExit("openssl failed")
    return Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)


def run_here(name: str, folder: Path) -> Run:
    """One of our functions in a new interpreter."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", name, "--folder", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return Run(*json.loads(done.stdout))


def child(name: str, folder: Path) -> None:
    work: dict[str, Callable[[], object]] = {
        "encrypt dataset": lambda: encrypt_dataset(folder / "clear", folder / "dataset.enc", _key(folder)),
        "decrypt dataset": lambda: decrypt_dataset(folder / "dataset.enc", folder / "back", _key(folder)),
        "decrypt result": lambda: decrypt_result(
            folder / "result.zip", folder / "back", (folder / "private.pem").read_bytes(), max_bytes=2**63
        ),
    }
    # What is imported late is not what is measured.
    encrypt_dataset(b"", folder / "warm")
    started, used = time.perf_counter(), time.process_time()
    work[name]()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, cpu_seconds, memory if platform.system() == "Darwin" else memory * 1024]))


def _key(folder: Path) -> str:
    return (folder / "key").read_text()


def prepare(folder: Path, size: int) -> None:
    with (folder / "clear").open("wb") as file:
        for start in range(0, size, MEGABYTE):
            file.write(os.urandom(min(MEGABYTE, size - start)))
    (folder / "key").write_text(generate_dataset_key())
    private, public = generate_keypair()
    (folder / "private.pem").write_bytes(private)
    encrypt_dataset(folder / "clear", folder / "dataset.enc", _key(folder))
    encrypt_result(folder / "clear", folder / "result.zip", public)


def measure_sdk(size: int, rounds: int) -> dict[str, float] | None:
    """Seconds a byte of the SDK, or None without npm."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, size)
        files = {"file": "clear", "envelope": "result.zip", "key": "private.pem"}
        values = {name: str(folder / file) for name, file in files.items()} | {"hub": "0x" + "11" * 20}
        best = {}
        try:
            for work in ("encrypt dataset", "decrypt result"):
                best[work] = min(Run(*sdk("9.0.1", SDK, work=work, **values)) for _ in range(rounds))
                show(work, "official SDK 9.0.1", size, best[work])
        except (IexecError, OSError, AssertionError, subprocess.SubprocessError) as error:
            print(f"official SDK skipped: {error}")
            return None
    return {work: run.seconds / size for work, run in best.items()}


def show(name: str, who: str, size: int, run: Run, ratios: str = "") -> None:
    speed, cpu_speed = size / run.seconds / MEGABYTE, size / run.cpu_seconds / MEGABYTE
    peak = f"{run.memory / MEGABYTE:9.0f} MB peak" if run.memory else ""
    line = f"{name:17}{who:20}{speed:8.1f} MB/s{cpu_speed:8.1f} MB/CPU s{peak:18}  {ratios}"
    print(line.rstrip(), flush=True)


def compare(folder: Path, size: int, rounds: int, peer: dict[str, float]) -> None:
    files = {name: str(folder / name) for name in ("clear", "openssl.enc", "openssl.out")}
    peers: dict[str, Callable[[], Run]] = {
        "encrypt dataset": lambda: openssl(files["clear"], files["openssl.enc"]),
        "decrypt dataset": lambda: openssl(files["openssl.enc"], files["openssl.out"], "-d"),
    }
    peers["decrypt result"] = peers["decrypt dataset"]
    has_openssl = shutil.which("openssl") is not None
    for name, theirs in peers.items():
        runs: list[Run] = []
        openssl_runs: list[Run] = []
        for _ in range(rounds):
            if has_openssl:
                openssl_runs.append(theirs())
            runs.append(run_here(name, folder))
        best = min(runs)
        ratios = []
        if has_openssl:
            show(name, "openssl enc", size, min(openssl_runs))
            ratios.append(f"{min(openssl_runs).seconds / best.seconds:.0%} of openssl")
        if name in peer:
            ratios.append(f"{peer[name] * size / best.seconds:.0f} x the SDK")
        show(name, "iexec-lab", size, best, ", ".join(ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1000, help="size of the file in MB (default 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, the fastest counts (default 3)")
    parser.add_argument(
        "--sdk-size", type=int, default=100, help="size of the SDK's file in MB (default 100)"
    )
    parser.add_argument("--folder", type=Path, help="where the files are written (default: a temporary one)")
    parser.add_argument("--no-sdk", action="store_true", help="do not run the official SDK")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        child(options.run, options.folder)
        return
    peer = {} if options.no_sdk else measure_sdk(options.sdk_size * MEGABYTE, options.rounds) or {}
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder, size = Path(temporary), options.size * MEGABYTE
        prepare(folder, size)
        compare(folder, size, options.rounds, peer)


if __name__ == "__main__":
    main()
