"""The official CLI and ours, side by side: the same words in two project folders on one sandbox.

An answer is compared after what belongs to one side only was given a common name: its folder, its wallet, the
addresses it deployed. Hashes and signatures, which differ for good reasons, are compared by their shape.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from helpers.official.tools import TIMEOUT, OfficialCli

from iexec_lab import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit code and both streams."""

    code: int
    stdout: str
    stderr: str

    @property
    def stream(self) -> str:
        """The only stream with text; "both" and "none" are failures of ``--raw``."""
        return {(1, 0): "stdout", (0, 1): "stderr", (1, 1): "both"}.get(
            (bool(self.stdout.strip()), bool(self.stderr.strip())), "none"
        )

    @property
    def answer(self) -> dict[str, Any]:
        text = (self.stdout.strip() or self.stderr.strip()).splitlines()
        assert len(text) == 1, self
        answer: dict[str, Any] = json.loads(text[0])
        return answer


@dataclass
class Side:
    """One CLI in one folder; ``names`` maps words such as ``app`` to this side's address."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)

    def words(self, line: tuple[str, ...]) -> list[str]:
        return [re.sub(r"\{(\w+)\}", lambda found: self.names[found[1]], word) for word in line]

    def common(self, value: Any) -> Any:
        """The value with names in place of what is this side's own."""
        if isinstance(value, dict):
            return {self.common(key): self.common(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.common(item) for item in value]
        if not isinstance(value, str):
            return value
        for name, own in (*self.names.items(), ("project", str(self.folder))):
            value = value.replace(own, f"<{name}>").replace(own.lower(), f"<{name}>")
        return value


def run_ours(words: list[str], folder: Path, **environment: str) -> Ran:
    """Our program in this process, as if started in ``folder`` with nobody at the keyboard."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        _inside(folder),
        mock.patch.dict(os.environ, {"HOME": str(folder / "home"), **environment}),
        open(os.devnull) as nobody,  # noqa: PTH123 - a device
        mock.patch.multiple(sys, stdin=nobody, stdout=out, stderr=err),
    ):
        os.environ.pop("IEXEC_PRIVATE_KEY", None)
        code = cli.main(words)
    streams = []
    for stream in (out, err):
        stream.seek(0)
        streams.append(stream.read())
    return Ran(code, *streams)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()  # noqa: PTH109 - as the program does it
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class OfficialProcess:
    """One run of the official CLI, started at once and read later."""

    def __init__(self, official: OfficialCli, words: list[str]) -> None:
        self._process = subprocess.Popen(
            official.command(*words),
            cwd=official.folder,
            env={**official.environment, "HOME": str(official.folder / "home")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Ran:
        out, err = self._process.communicate(timeout=TIMEOUT)
        return Ran(self._process.returncode, out, err)


class Pair:
    """Two projects that hold the same; call it with one command line."""

    def __init__(self, version: str, folder: Path, chain: dict[str, Any], accounts: Any) -> None:
        self.theirs, self.ours = (Side(folder / name) for name in ("official", "ours"))
        for side, account in zip((self.theirs, self.ours), accounts, strict=True):
            side.names["wallet"] = account.address
            (side.folder / "home").mkdir(parents=True)
            self._write(
                side,
                {
                    "chain.json": {"default": "sandbox", "chains": {"sandbox": chain}},
                    "wallet.json": {"privateKey": f"0x{account.key.hex()}", "address": account.address},
                    "iexec.json": {},
                },
            )
        self.official = OfficialCli(version, self.theirs.folder)

    def _write(self, side: Side, files: dict[str, Any]) -> None:
        for name, content in files.items():
            (side.folder / name).write_text(content if isinstance(content, str) else json.dumps(content))

    def write(self, **files: Any) -> None:
        """Put the same file into both projects; ``chain`` stands for chain.json and so on."""
        for side in (self.theirs, self.ours):
            self._write(side, {f"{name}.json": content for name, content in files.items()})

    def read(self, name: str) -> tuple[Any, Any]:
        """The same JSON file of both sides, theirs first, with common names."""
        return tuple(  # type: ignore[return-value]
            side.common(json.loads((side.folder / name).read_text())) for side in (self.theirs, self.ours)
        )

    def edit(self, noun: str, **values: Any) -> None:
        """Change an object of iexec.json on both sides; ``{folder}`` in a value makes it each side's own."""
        for side in (self.theirs, self.ours):
            path = side.folder / "iexec.json"
            content = json.loads(path.read_text())
            own = {
                key: value.format(folder=side.folder) if isinstance(value, str) else value
                for key, value in values.items()
            }
            content[noun] |= own
            path.write_text(json.dumps(content))

    def name(self, word: str, theirs: str, ours: str) -> None:
        """Give what each side made a common name, for lines (``{word}``) and comparison."""
        self.theirs.names[word], self.ours.names[word] = theirs, ours

    def run(self, *line: str) -> tuple[Ran, Ran]:
        """Both answers to ``line --raw``, theirs first."""
        process = OfficialProcess(self.official, [*self.theirs.words(line), "--raw"])
        ours = run_ours([*self.ours.words(line), "--raw"], self.ours.folder)
        return process.result(), ours

    def __call__(self, *line: str, free: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> dict[str, Any]:
        """Run a line that must succeed the same way on both sides; our answer.

        Args:
            line: The words.
            free: Keys whose values may differ, but not in shape.
            drop: Keys that only one side has, for a reason the caller states.
        """
        theirs, ours = self.run(*line)
        assert theirs.code == 0, (line, theirs)
        assert (ours.code, ours.stream) == (0, "stdout"), (line, ours)
        expected, found = self.theirs.common(theirs.answer), self.ours.common(ours.answer)
        for key in drop:
            expected.pop(key, None)
            found.pop(key, None)
        differing = differences(blurred(expected, free), blurred(found, free))
        assert not differing, (line, differing)
        self.answers = theirs.answer, ours.answer
        return ours.answer

    def fails(self, *line: str, message: bool = True) -> dict[str, Any]:
        """Run a line that must fail the same way on both sides; our error."""
        theirs, ours = self.run(*line)
        assert (ours.code, ours.stream) == (1, "stderr"), (line, ours)
        assert theirs.code == 1, (line, theirs)
        found = self.ours.common(ours.answer)
        expected = official_failure(theirs, self.theirs)
        if not message:
            found["error"].pop("message")
            expected["error"].pop("message")
        assert found["error"] == expected["error"], (line, found, expected)
        assert found["command"] == expected.get("command", found["command"]), line
        return ours.answer


def differences(expected: Any, found: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Where two answers differ: path to theirs and ours."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {
            where: pair
            for key in [*expected, *(key for key in found if key not in expected)]
            for where, pair in differences(
                expected.get(key, "absent"), found.get(key, "absent"), f"{path}.{key}"
            ).items()
        }
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        items = enumerate(zip(expected, found, strict=True))
        return {
            where: pair
            for index, (theirs, ours) in items
            for where, pair in differences(theirs, ours, f"{path}[{index}]").items()
        }
    return {} if type(expected) is type(found) and expected == found else {path: (expected, found)}


def official_failure(ran: Ran, side: Side) -> dict[str, Any]:
    """Their failure as JSON; a sentence of their parser, which is never JSON, in the same shape."""
    text = ran.stderr.strip()
    if text.startswith("{"):
        return side.common(ran.answer)
    sentence = text.splitlines()[0].removeprefix("error: ")
    return {"error": {"name": "Error", "message": sentence}}


def blurred(value: Any, free: tuple[str, ...] = ()) -> Any:
    """The value with hashes, signatures and the like replaced by what they are; keys stay in order."""
    if isinstance(value, dict):
        return {key: kind(item) if key in free else blurred(item, free) for key, item in value.items()}
    if isinstance(value, list):
        return [blurred(item, free) for item in value]
    return _hex_kind(value) if isinstance(value, str) else value


def _hex_kind(text: str) -> str:
    """Nulls and tags are short numbers and stay; what fills its bytes is random or a digest."""
    digits = re.fullmatch(r"0x([0-9a-f]{64}|[0-9a-f]{130})", text)
    if digits is None or len(digits[1].lstrip("0")) < 8:
        return text
    return f"<{len(digits[1]) // 2} bytes>"


def kind(value: Any) -> Any:
    """The shape of a value: JSON types, and what a text holds."""
    if isinstance(value, dict):
        return {key: kind(item) for key, item in value.items()}
    if not isinstance(value, str):
        return type(value).__name__
    if value.isdecimal():
        return "decimal text"
    if ADDRESS.fullmatch(value):
        return "address"
    return "hex" if re.fullmatch(r"0x[0-9a-f]*", value) else "text"
