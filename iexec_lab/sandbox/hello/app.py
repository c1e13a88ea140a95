"""The app a sandbox runs for iExec's hello-world images: greet, and tell what was handed in.

Arguments: whom to greet. Output: ``result.txt``. Of secrets it tells only that they are there.
"""

# ruff: noqa: INP001, PTH110, PTH118, PTH123, PTH202 -- a script of its own; pathlib is slow to import
from __future__ import annotations

import json
import os
import sys

inputs, outputs = os.environ["IEXEC_IN"], os.environ["IEXEC_OUT"]


def size_of(name: str) -> str:
    path = os.path.join(inputs, name)
    return f"{os.path.getsize(path)} bytes" if os.path.exists(path) else "missing"


def names(pattern: str, count: str) -> list[str]:
    return [os.environ[pattern.format(n)] for n in range(1, int(os.environ.get(count, "0")) + 1)]


def report() -> list[str]:
    """The lines of the result."""
    words = sys.argv[1:]
    dataset = os.environ.get("IEXEC_DATASET_FILENAME", "")
    datasets = [dataset] if dataset.strip("0x") else []
    datasets += names("IEXEC_DATASET_{}_FILENAME", "IEXEC_BULK_SLICE_SIZE")
    files = names("IEXEC_INPUT_FILE_NAME_{}", "IEXEC_INPUT_FILES_NUMBER")
    secrets = sorted(name for name in os.environ if name.startswith("IEXEC_REQUESTER_SECRET_"))
    return [
        f"Hello, {' '.join(words) or 'World'}!",
        f"arguments: {json.dumps(words)}",
        *(f"dataset {name}: {size_of(name)}" for name in datasets),
        *(f"input file {name}: {size_of(name)}" for name in files),
        *(["app secret: there"] if "IEXEC_APP_DEVELOPER_SECRET" in os.environ else []),
        *(f"requester secret {name.rpartition('_')[2]}: there" for name in secrets),
    ]


def main() -> None:
    text = "\n".join(report()) + "\n"
    print(text, end="")  # noqa: T201
    target = os.path.join(outputs, "result.txt")
    with open(target, "w") as file:
        file.write(text)
    with open(os.path.join(outputs, "computed.json"), "w") as file:
        json.dump({"deterministic-output-path": target}, file)


if __name__ == "__main__":
    main()
