from __future__ import annotations

import pytest
from helpers.answers import facts, official

from iexec_lab.errors import ApiError, IexecError, ValidationError


class TestRequester:
    def test_pushed_once(self, newcomer):
        lab = newcomer()
        assert official(lab, "requester.check_secret", "login") == {"isSet": False, "name": "login"}
        raw = official(lab, "requester.push_secret", "login", "me")
        assert raw == {"isPushed": True, "name": "login"}
        assert lab.secrets.check_secret("login", lab.session.address) is True
        with pytest.raises(ApiError, match=f'Secret "login" already exists for {lab.session.address}'):
            lab.requester.push_secret("login", "other")

    def test_asked_for_when_not_given(self, newcomer):
        lab = newcomer(ask_secret=lambda prompt: f"typed at {prompt}")
        lab.requester.push_secret("token")
        assert lab.requester.check_secret("token")


class TestStorage:
    def test_dropbox(self, newcomer):
        lab = newcomer()
        assert lab.storage.check("dropbox") is False
        assert lab.storage.init("dropbox", token="t") is True
        assert official(lab, "storage.check", "dropbox") == {"isInitialized": True}
        with pytest.raises(
            IexecError, match="dropbox storage is already initialized, use --force-update option"
        ):
            lab.storage.init("dropbox", token="t")
        raw = facts(lab, "storage.init", "dropbox", token="u", force_update=True)
        assert raw == {"isInitialized": True, "isUpdated": True}

    def test_the_default_logs_in_to_the_result_proxy(self, newcomer):
        lab = newcomer()
        assert facts(lab, "storage.init") == {"isInitialized": True, "isUpdated": False}
        assert lab.storage.check("ipfs", lab.session.address) is True

    def test_without_a_result_proxy_ipfs_needs_nothing(self, lab):
        from dataclasses import replace

        lab.session.network = replace(lab.session.network, result_proxy=None)
        assert facts(lab, "storage.init") == {"isInitialized": True, "isUpdated": False}
        assert lab.storage.check() is True
        with pytest.raises(IexecError, match='"ipfs" does not support authentication tokens'):
            lab.storage.init("ipfs")
        assert lab.storage.check("dropbox") in {True, False}

    def test_an_unknown_provider(self, lab):
        with pytest.raises(ValidationError, match='"floppy" is not a valid storage provider'):
            lab.storage.init("floppy")
