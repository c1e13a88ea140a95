from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def ipython_folder(tmp_path_factory):
    """Shells and kernels share no history, and take no settings, of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield
