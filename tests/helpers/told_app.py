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
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mNk+M9AEmAiTfmohlENgwkAKzABH1lz"
    "lz0AAAAASUVORK5CYII="
)
"""16 x 16."""
HOSTILE = '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>'
"""A name that somebody may give to a dataset."""
# Words: gate=PATH waits for a file; fail=7,23 lets these tasks fail, and fail=all every one.
CODE = f"""
import base64, json, os, pathlib, sys, time
told = dict(word.partition("=")[::2] for word in sys.argv[1:])
out, index = pathlib.Path(os.environ["IEXEC_OUT"]), os.environ.get("IEXEC_TASK_INDEX", "0")
print("task", index, "was told", *told)
while "gate" in told and not os.path.exists(told["gate"]):
    time.sleep(0.05)
if told.get("fail") == "all" or index in told.get("fail", "").split(","):
    print("reading ages.csv", file=sys.stderr)
    sys.exit("no column 'age' in ages.csv")
(out / "result.txt").write_text(f"task {{index}} is done\\n")
(out / "ages.csv").write_text("name,age\\nAnn,31\\nBob,29\\n")
(out / "picture.png").write_bytes(base64.b64decode("{PICTURE}"))
(out / "computed.json").write_text(json.dumps({{"deterministic-output-path": str(out)}}))
"""


@dataclass(frozen=True)
class Told:
    """``done`` ended well, ``failed`` did not, and ``hostile`` works on a dataset with a ``HOSTILE`` name."""

    app: str
    dataset: str
    done: Job
    failed: Job
    hostile: Job


def deploy(sandbox: Handle, folder: Path) -> str:
    """The address of the app, which everybody may use."""
    (folder / "app.py").write_text(CODE)
    image = f"me/told-{time.time_ns()}:1"
    sandbox.add_app(image, folder)
    lab = connect(sandbox)
    app = lab.app.deploy(name=image, multiaddr=image, checksum=CHECKSUM)
    lab.app.publish(app, volume=1000)
    lab.account.deposit("10 RLC")
    return app


def told(sandbox: Handle, folder: Path) -> Told:
    """Deploy the app, and run its jobs until it is known how they end."""
    app, lab = deploy(sandbox, folder), connect(sandbox)
    dataset = lab.dataset.deploy(name=HOSTILE, multiaddr="/ipfs/QmHostile", checksum=CHECKSUM)
    done, failed = (lab.app.run(app, args=word) for word in ("go", "fail=all"))
    hostile = lab.app.run(app, dataset=dataset)
    done.wait()
    failed.why()
    return Told(app, dataset, done, failed, hostile)
