"""A project folder on the sandbox, and the program run inside this process."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from iexec_lab import cli
from iexec_lab.wallet.keystore import save_wallet
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Program:
    """Runs lines the way a terminal does; ``--chain sandbox:...`` is the default of the project."""

    folder: Path
    capture: Any
    user: str

    def __call__(self, line: str, code: int = 0) -> dict[str, Any]:
        """The JSON answer of a line."""
        out, err = self.text(f"{line} --raw", code)
        only, empty = (out, err) if json.loads(out or err)["ok"] else (err, out)
        assert empty == ""
        assert only.count("\n") == 1
        return json.loads(only)

    def fails(self, line: str) -> str:
        """The message of a line that fails."""
        answer = self(line, 1)
        return answer["error"]["message"] if "error" in answer else "; ".join(answer["fail"])

    def text(self, line: str, code: int = 0) -> tuple[str, str]:
        """What a person sees: standard output and standard error."""
        self.capture.readouterr()
        found = cli.main(shlex.split(line))
        out, err = self.capture.readouterr()
        assert found == code, out + err
        return out, err


@pytest.fixture
def iexec(tmp_path, monkeypatch, capsys, iexec_sandbox):
    """The program in a fresh project whose default chain is the sandbox, with a funded wallet.json."""
    return _program(tmp_path, monkeypatch, capsys, iexec_sandbox)


@pytest.fixture
def market(tmp_path, monkeypatch, capsys, populated):
    """The same on the market with months of history, which is only read."""
    return _program(tmp_path, monkeypatch, capsys, populated)


def _program(tmp_path, monkeypatch, capsys, handle):
    chain = f"sandbox:{handle.folder.name}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IEXEC_LAB_STATE", str(handle.folder.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "chain.json").write_text(json.dumps({"default": chain, "chains": {chain: {}}}))
    (tmp_path / "iexec.json").write_text("{}")
    user = handle.users[3]
    save_wallet(LocalSigner(user.key), None, cwd=tmp_path)
    return Program(tmp_path, capsys, user.address)
