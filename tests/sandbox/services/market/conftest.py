from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from helpers.sandbox.market_world import Universe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.sandbox.market_world import World


@pytest.fixture(scope="module")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    made = Universe(tmp_path_factory.mktemp("market"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(universe: Universe) -> Iterator[World]:
    """A market with the default options, shared by the tests of a module."""
    made = universe.world("default")
    made.sync()
    yield made
    made.stop()
