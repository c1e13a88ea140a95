from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers import starts
from hypothesis import HealthCheck, settings

from iexec_lab.protocol.imports import keeping_recursion_limit

with keeping_recursion_limit():
    import eth_account  # noqa: F401 - tests import it later, when it does no harm any more

# No test measures the machine. Where CI is set, hypothesis and hence this profile leave nothing to chance.
settings.register_profile(
    "untimed",
    parent=settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# pytest --hypothesis-profile=long: for whoever changes a parser of what strangers send.
settings.register_profile("long", parent=settings.get_profile("untimed"), max_examples=10_000)
# make check: a first look.
settings.register_profile("quick", parent=settings.get_profile("untimed"), max_examples=10)
settings.load_profile("untimed")

# Started in the background of a script we ignore Ctrl-C, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
FIRST = ("interop", "browser", "test_examples.py", "sandbox", "client", "notebook")
"""What takes longest; these begin first, so that at the end no worker waits for another."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each core, since sandboxes are waited for; hardly more without them; none for a few tests."""
    options = config.option
    if options.keyword or getattr(options, "lf", False) or any("::" in word for word in config.args):
        return 0
    cores = os.cpu_count() or 1
    return cores + 1 if "not sandbox" in options.markexpr else 2 * cores


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if starts.something(item):
            item.add_marker("sandbox")
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What this machine could not run: the reason of a skip says what it needs, and how to get that."""
    left_out = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    if left_out:
        terminalreporter.section("left out on this machine")
    for reason, times in left_out.most_common():
        terminalreporter.line(f"{times} tests: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    with starts.allowed() if item.get_closest_marker("sandbox") else starts.refused():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    result = yield
    starts.complain()
    return result


@pytest.fixture(scope="session")
def _populated_market():
    """A sandbox with the market of helpers.populated, and what populate said."""
    from helpers.populated import DEALS, ORDERS, SEED

    from iexec_lab.sandbox.control import Sandbox

    with Sandbox() as handle:
        yield handle, handle.populate(ORDERS, DEALS, SEED)


@pytest.fixture(scope="session")
def populated(_populated_market):
    """A sandbox with months of history (see helpers.populated); tests only read it."""
    return _populated_market[0]


@pytest.fixture(scope="session")
def population(_populated_market):
    """What ``populate`` said of the populated sandbox."""
    return _populated_market[1]


@pytest.fixture(scope="session")
def ledger(populated):
    """What happened on the populated sandbox, recomputed from raw logs."""
    from helpers.ledger import Ledger

    return Ledger.of(populated)
