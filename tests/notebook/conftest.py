from __future__ import annotations

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.errors import in_terminal


@pytest.fixture(scope="session", autouse=True)
def ipython_folder(tmp_path_factory):
    """Shells and kernels share no history, and take no settings, of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        # No database and no thread for each shell: what they wrote at the exit might find its folder gone.
        patch.setattr(HistoryManager, "enabled", False)
        # At the exit each of a hundred shells would collect the garbage of the whole process: up to a minute.
        patch.setattr(InteractiveShell, "atexit_operations", lambda _shell: None)
        yield


@pytest.fixture(autouse=True)
def typed_in_a_terminal():
    """Where no shell has the magic, advice is a terminal's here; ``tests/test_hints.py`` has the faces."""
    with in_terminal():
        yield
