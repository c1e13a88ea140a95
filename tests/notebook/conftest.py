from __future__ import annotations

import pytest
from IPython.core.history import HistoryManager


@pytest.fixture(scope="session", autouse=True)
def ipython_folder(tmp_path_factory):
    """Shells and kernels share no history, and take no settings, of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        # No database and no thread for each shell: what they wrote at the exit might find its folder gone.
        patch.setattr(HistoryManager, "enabled", False)
        yield
