"""Ask the official CLIs again how they refuse the lines of ``tests/commands/official_failures.json``.

    PYTHONPATH=tests python -m interop.record_failures

rewrites the file. It takes some minutes; the tests only read what was recorded.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from helpers.official.parity import OfficialProcess, Pair, official_failure
from helpers.places import TESTS

from iexec_lab import Sandbox

RECORDS = TESTS / "commands" / "official_failures.json"


def record(version: str, lines: list[str], sandbox: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """What one version answers to each line with ``--raw``, in a project without anything but a wallet."""
    user = sandbox.users[0]
    pair = Pair(version, folder, sandbox.chain_json(version=int(version[0])), (user, user))
    pair.theirs.names |= {"hub": sandbox.hub, "pool": sandbox.workerpool}

    def ask(line: str) -> dict[str, Any]:
        ran = OfficialProcess(pair.official, [*pair.theirs.words(tuple(shlex.split(line))), "--raw"]).result()
        answer = official_failure(ran, pair.theirs)
        return {"code": ran.code, **answer.get("error", {"fail": answer.get("fail")})}

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(lines, pool.map(ask, lines), strict=True))


def main() -> None:
    recorded = json.loads(RECORDS.read_text())
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for version, lines in recorded.items():
            recorded[version] = record(version, list(lines), sandbox, Path(folder) / version)
    RECORDS.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
