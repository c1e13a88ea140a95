"""An app that does what its arguments say, on a sandbox, and jobs of it that ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.labs import CHECKSUM

from iexec_lab import connect

if TYPE_CHECKING:
    from pathlib import Path

    from iexec_lab.client.jobs.job import Job
    from iexec_lab.sandbox.control import Handle

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mNk+M9AEmAiTf"
    "mohlENgwkAKzABH1lzlz0AAAAASUVORK5CYII="
)
"""A picture of 16 x 16."""
CODE = f"""
import base64, json, os, pathlib, sys, time
out = pathlib.Path(os.environ["IEXEC_OUT"])
word, *more = sys.argv[1:]
print("told to", word)
if word == "wait":
    while not os.path.exists(more[0]):
        time.sleep(0.05)
if word == "fail" or os.environ.get("IEXEC_TASK_INDEX") in more:
    print("reading ages.csv", file=sys.stderr)
    sys.exit("no column 'age' in ages.csv")
(out / "result.txt").write_text(f"told to {{word}}\\n")
(out / "ages.csv").write_text("name,age\\nAnn,31\\nBob,29\\n")
(out / "picture.png").write_bytes(base64.b64decode("{PICTURE}"))
(out / "computed.json").write_text(json.dumps({{"deterministic-output-path": str(out)}}))
"""


@dataclass(frozen=True)
class Told:
    """``app`` is its address; ``done`` ended well, and ``failed`` did not."""

    app: str
    done: Job
    failed: Job


def told(sandbox: Handle, folder: Path) -> Told:
    """Deploy the app as the sandbox's user, and run both jobs to their end."""
    (folder / "app.py").write_text(CODE)
    image = f"me/told-{time.time_ns()}:1"
    sandbox.add_app(image, folder)
    lab = connect(sandbox)
    app = lab.app.deploy(name=image, multiaddr=image, checksum=CHECKSUM)
    done, failed = (lab.app.run(app, args=word) for word in ("go", "fail"))
    done.wait()
    failed.why()
    return Told(app, done, failed)
