from __future__ import annotations

import pytest

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.state.secrets import SecretStore

APP = "0x1111111111111111111111111111111111111111"


def test_what_was_not_pushed_is_none(tmp_path):
    store = SecretStore(tmp_path)
    assert store.dataset_key(APP) is store.app_secret(APP) is None
    assert store.web2_secret(APP, "x") is store.requester_secret(APP, "x") is None
    store.close()


def test_an_enclave_keeps_its_key(tmp_path):
    task = "0x" + "ab" * 32
    store = SecretStore(tmp_path)
    key = store.enclave_key(task)
    assert len(key) == 32
    assert store.enclave_key("0x" + "cd" * 32) != key
    store.close()
    again = SecretStore(tmp_path)
    assert again.enclave_key(task.upper().replace("X", "x")) == key
    again.close()
    assert all(key not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_lost_key_is_told(tmp_path):
    store = SecretStore(tmp_path)
    store.add("app", APP, None, "secret")
    store.close()
    (tmp_path / "key").unlink()
    store = SecretStore(tmp_path)
    with pytest.raises(SandboxError, match="stored with another key"):
        store.app_secret(APP)
    store.close()
