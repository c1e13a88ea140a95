"""Lines that can not work: each says why, in the words of the official CLI.

``official_failures.json`` holds what the official CLIs really answered (``interop/record_failures.py``).
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from helpers.official.parity import Side, run_ours

SOMEBODY = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
PUBLISH = f"publish {SOMEBODY}"
RUN = f"app run {SOMEBODY}"
PROVIDERS = "is not a valid storage provider, use one of the supported providers"
FRAMEWORKS = "argument 'foo' is invalid. Allowed choices are scone, gramine, tdx."
NOT_OURS = 'Missing appAddress and no app found in "deployed.json" for chain 65535'
OFFICIAL = json.loads((Path(__file__).parent / "official_failures.json").read_text())
GRAMMAR = json.loads((Path(__file__).parent / "official_grammar.json").read_text())
LINES = [(version, line) for version, lines in OFFICIAL.items() for line in lines]

# Where we say something else on purpose: reason -> line -> (error name, message).
DIFFERENT: dict[str, dict[str, tuple[str, str]]] = {
    "a wrong value is told before the chain is asked": {
        f"app {PUBLISH} --tag foo --force": ("ValidationError", "foo is not a valid tag. Unknown tag foo"),
        f"app {PUBLISH} --price x --force": ("ValidationError", "x is not a valid amount"),
        f"app {PUBLISH} --volume x --force": ("ValidationError", "x is not a valid uint256"),
        f"workerpool {PUBLISH} --category x --force": ("ValidationError", "x is not a valid uint256"),
        f"{RUN} --dataset foo --force": ("ValidationError", "foo is not a valid ethereum address"),
        f"app request-execution {SOMEBODY} --app-price x --force": (
            "ValidationError",
            "x is not a valid amount",
        ),
        "workerpool set-api-url foo {pool}": ("ValidationError", '"foo" is not a valid URL'),
    },
    "the sentence names the value, and where it was": {
        "account deposit 1 --confirms x": ("ValidationError", "x is not a valid uint256"),
        "orderbook workerpool --min-trust x": ("ValidationError", "x is not a valid uint256"),
        "orderbook requester --max-trust x": ("ValidationError", "x is not a valid uint256"),
        f"orderbook app {SOMEBODY} --min-volume x": ("ValidationError", "x is not a valid uint256"),
        f"{RUN} --trust x --force": ("ValidationError", "x is not a valid uint256"),
        f"{RUN} --input-files foo --force": (
            "ValidationError",
            'iexec_input_files[0] "foo" is not a valid URL',
        ),
        f"{RUN} --storage-provider foo --force": (
            "ValidationError",
            f'iexec_result_storage_provider "foo" {PROVIDERS} (ipfs, dropbox)',
        ),
        "storage init foo": ("ValidationError", f'"foo" {PROVIDERS} (dropbox, ipfs)'),  # the words of 9.x
        "storage check foo": ("ValidationError", f'"foo" {PROVIDERS} (dropbox, ipfs)'),
        "app show 99": ("ObjectNotFoundError", "No app found for id 99 on chain 65535"),
    },
    "no two spaces where a unit is missing": {
        f"wallet send-ether foo --to {SOMEBODY} --force": ("ValidationError", "foo is not a valid amount"),
        f"wallet send-RLC 0.0000000001 --to {SOMEBODY} --force": (
            "ValidationError",
            "0.0000000001 is not a valid amount",
        ),
        "account deposit 1.5": ("ValidationError", "1.5 is not a valid amount"),
        "account deposit abc": ("ValidationError", "abc is not a valid amount"),
        f"wallet sendRLC 1.5 --to {SOMEBODY} --force": ("ValidationError", "1.5 nRLC is not a valid amount"),
    },
    "no text of the libraries below": {
        "wallet import 0x1234 --password p": ("Error", "invalid private key"),
        "category show 99": ("Web3ProviderCallError", "execution reverted"),
        f"dataset push-secret {SOMEBODY} --secret-path nope.key": (
            "Error",
            "Failed to load dataset key from nope.key",
        ),
        f"dataset push-secret {SOMEBODY}": (
            "Error",
            "Failed to load dataset key from .secrets/datasets/dataset.key",
        ),
        "result push-encryption-key": (
            "Error",
            "Failed to load the public key from .secrets/beneficiary/<wallet>_key.pub",
        ),
        "result push-encryption-key --secret-path nope": ("Error", "Failed to load the public key from nope"),
    },
    "the manual's line works, or fails later": {
        "app request-execution": ("Error", NOT_OURS),
        "app run --download": ("Error", NOT_OURS),
        "voucher show": (
            "ConfigurationError",
            "voucherSubgraphURL option not set and no default value for your chain 65535",
        ),
        "ens resolve x": ("ConfigurationError", "Network does not support ENS"),
        f"order cancel --app 0x{32 * 'ab'} --force": ("fail", "apporder: API error: apporder not found"),
        f"{RUN} --tag tee --force": ("Error", f"No app deployed at address {SOMEBODY}"),
    },
    "both generations in one program": {
        "app init --tee-framework foo": ("Error", f"option '--tee-framework <name>' {FRAMEWORKS}"),
        "requester check-secret name --tee-framework foo": (
            "Error",
            f"option '--tee-framework <name>' {FRAMEWORKS}",
        ),
    },
    "another of two mistakes is told first": {
        "app deploy --confirms 0": (
            "Error",
            'Missing app in "iexec.json". Did you forget to run "iexec app init"?',
        ),
        "voucher show --user foo": (
            "ConfigurationError",
            "voucherSubgraphURL option not set and no default value for your chain 65535",
        ),
        f"{RUN} --use-voucher --force": (
            "ConfigurationError",
            "voucherHubAddress option not set and no default value for your chain 65535",
        ),
        f"{RUN} --voucher-address foo --force": (
            "ConfigurationError",
            "voucherHubAddress option not set and no default value for your chain 65535",
        ),
    },
}
WORKS = {"storage init", "storage check", "app init --tee"}  # refused by 9.x only
EXPECTED = {line: told for lines in DIFFERENT.values() for line, told in lines.items()}


@pytest.fixture(scope="module")
def side(tmp_path_factory, iexec_sandbox):
    """A project without anything but a wallet."""
    user = iexec_sandbox.users[0]
    names = {"wallet": user.address, "hub": iexec_sandbox.hub, "pool": iexec_sandbox.workerpool}
    side = Side(tmp_path_factory.mktemp("project"), names)
    chain = iexec_sandbox.chain_json(version=9)
    fill(
        side,
        {
            "chain.json": {"default": "sandbox", "chains": {"sandbox": chain}},
            "wallet.json": {"privateKey": f"0x{user.key.hex()}", "address": user.address},
            "iexec.json": {},
        },
    )
    return side


def fill(side: Side, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (side.folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def failure(side: Side, line: str) -> dict[str, Any]:
    """The answer of a line that must fail: one line of JSON on standard error, exit code 1."""
    ran = run_ours([*side.words(tuple(shlex.split(line))), "--raw"], side.folder)
    assert (ran.code, ran.stream) == (1, "stderr"), ran
    answer: dict[str, Any] = side.common(ran.answer)
    assert answer["ok"] is False
    return answer


@pytest.mark.parametrize(("version", "line"), LINES, ids=[f"{line} ({v})" for v, line in LINES])
def test_the_official_words(version, line, side):
    if line in WORKS:
        assert run_ours([*shlex.split(line), "--raw"], side.folder).code == 0
        (side.folder / "iexec.json").write_text("{}")
        return
    answer = failure(side, line)
    official = OFFICIAL[version][line]
    if line in EXPECTED:
        expected = dict(zip(("name", "message"), EXPECTED[line], strict=True))
    else:
        expected = {key: official[key] for key in official if key != "code"}
    found = answer["error"] if "error" in answer else {"fail": answer["fail"]}
    if "fail" in answer and line in EXPECTED:
        found = {"name": "fail", "message": answer["fail"][0]}
    assert found == expected
    if "error" in answer:
        assert answer["command"].startswith("iexec ")


@pytest.mark.parametrize("line", EXPECTED)
def test_the_table_holds_differences_only(line):
    official = [
        (said.get("name"), said.get("message")) for lines in OFFICIAL.values() if (said := lines.get(line))
    ]
    assert any(told != EXPECTED[line] for told in official)


@pytest.mark.parametrize("path", GRAMMAR)
def test_every_official_command_explains_and_defends_itself(path, side):
    ran = run_ours([*path.split(), "--help"], side.folder)
    assert (ran.code, ran.stderr) == (0, "")
    for flag in GRAMMAR[path]["options"]:
        assert re.search(rf"^  {flag}\b", ran.stdout, re.MULTILINE), flag
    answer = failure(side, f"{path} --no-such-option")
    assert answer["command"] == f"iexec {path}"
    assert answer["error"] == {"name": "Error", "message": "unknown option '--no-such-option'"}
    surplus = " ".join(["x"] * (len(GRAMMAR[path]["args"]) + 1))
    assert failure(side, f"{path} {surplus}")["error"]["message"].startswith("too many arguments for")


PROMPTS = {
    "wallet create": "Password for the new wallet",
    "wallet create --unencrypted": '"wallet.json" already exists, replace it with new one?',
    "init": "Password for the new wallet",
    "wallet import": "Private key",
    "requester push-secret fresh": "Secret fresh",
    "storage init dropbox --force-update": "Token for dropbox",
}


@pytest.mark.parametrize("line", PROMPTS)
def test_nobody_to_ask_is_an_error_and_not_a_wait(line, side):
    before = {path: path.read_bytes() for path in side.folder.iterdir() if path.is_file()}
    assert failure(side, line)["error"] == {
        "name": "Error",
        "message": f"Nobody is there to answer: {PROMPTS[line]}",
    }
    assert {path: path.read_bytes() for path in side.folder.iterdir() if path.is_file()} == before
