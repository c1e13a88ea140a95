from __future__ import annotations

from contextlib import suppress

import pytest
from helpers.strategies import JSON, objects
from hypothesis import given

from iexec_lab.errors import ValidationError
from iexec_lab.ethereum.contracts import APP_REGISTRY, DATASET_REGISTRY, HUB, WORKERPOOL_REGISTRY
from iexec_lab.protocol import (
    app_arguments,
    category_arguments,
    dataset_arguments,
    storage_token_name,
    workerpool_arguments,
)

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CHECKSUM = "0x" + "AB" * 32
APP = {"owner": OWNER.lower(), "name": "hello", "type": "DOCKER", "multiaddr": "a/b:1", "checksum": CHECKSUM}
DATASET = {"owner": OWNER, "name": "data", "multiaddr": "/ip4/1.2.3.4", "checksum": CHECKSUM}


def test_arguments_of_the_creating_calls():
    checksum = bytes.fromhex("ab" * 32)
    assert app_arguments({**APP, "extra": 1}) == (OWNER, "hello", "DOCKER", b"a/b:1", checksum, b"")
    assert dataset_arguments(DATASET) == (OWNER, "data", bytes.fromhex("0401020304"), checksum)
    assert workerpool_arguments({"owner": OWNER, "description": "pool"}) == (OWNER, "pool")
    assert category_arguments({"name": "XXL", "description": "d", "workClockTimeRef": "100"}) == (
        "XXL",
        "d",
        100,
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"owner": None}, "owner is a required field"),
        ({"owner": "x"}, "x is not a valid ethereum address"),
        ({"name": ""}, "name is a required field"),
        ({"name": ["a"]}, 'name must be a `string` type, but the final value was: `[\n  "\\"a\\""\n]`.'),
        ({"name": "\ud800"}, "name must be valid Unicode text"),
        ({"type": "docker"}, "docker is not a valid type"),
        ({"type": None}, "type is a required field"),
        ({"multiaddr": 5}, "5 is not a valid multiaddr"),
        ({"checksum": "AB" * 32}, f"{'AB' * 32} is not a bytes32 hexstring"),
        ({"checksum": None, "name": None}, "checksum is a required field"),
        ({"mrenclave": "foo"}, "mrenclave is not a valid mrenclave"),
        ({"mrenclave": "{}"}, "framework is a required field"),
    ],
)
def test_apps_that_can_not_be(change, problem):
    with pytest.raises(ValidationError) as caught:
        app_arguments({**APP, **change})
    assert caught.value.message == problem


def test_numbers_and_booleans_are_text():
    assert workerpool_arguments({"owner": OWNER, "description": 5})[1] == "5"
    assert workerpool_arguments({"owner": OWNER, "description": True})[1] == "true"


@given(JSON | objects([*APP, "mrenclave", "description", "workClockTimeRef"]))
def test_anything_becomes_arguments_or_is_refused(value):
    for read, create in (
        (app_arguments, APP_REGISTRY.createApp),
        (dataset_arguments, DATASET_REGISTRY.createDataset),
        (workerpool_arguments, WORKERPOOL_REGISTRY.createWorkerpool),
        (category_arguments, HUB.createCategory),
    ):
        with suppress(ValidationError):
            found = read(value)
            assert len(create.encode(*found)) % 32 == 4
            assert all(found[:2])  # owner and name, or name and description


def test_tokens_of_storage():
    assert (
        storage_token_name("dropbox") == storage_token_name("dropbox", sdk=9) == "iexec-result-dropbox-token"
    )
    assert storage_token_name() == storage_token_name("default") == "iexec-result-iexec-ipfs-token"
    assert storage_token_name("ipfs", sdk=9) is storage_token_name("foo", sdk=9) is None
    with pytest.raises(ValidationError, match=r'(?m)^"foo" not supported$'):
        storage_token_name("foo")
    with pytest.raises(ValidationError, match="not supported"):
        storage_token_name([])
