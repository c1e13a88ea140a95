"""The fixture ``iexec_sandbox``: one sandbox for a whole test session, on a temporary state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.control import Handle


@pytest.fixture(scope="session")
def iexec_sandbox() -> Iterator[Handle]:
    """A running token-mode sandbox; it ends with the session, or with the process if that is killed."""
    from iexec_lab.sandbox.control import Sandbox  # pytest loads this module for projects that need none

    with Sandbox() as handle:
        yield handle
