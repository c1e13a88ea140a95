from __future__ import annotations

import shutil

import pytest
from helpers import fronts, jupyterlab

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Playwright keeps an event loop running in this thread; other modules need theirs.
@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("needs Chromium on PATH (Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=jupyterlab.PATIENCE * 1000)  # else 5 s, which a busy machine may need
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, timeout=jupyterlab.PATIENCE * 1000
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def notebook_server(tmp_path_factory, iexec_sandbox):
    """One for all modules of a worker; it starts when the first test needs it."""
    folder = tmp_path_factory.mktemp("notebooks")
    [program, *_] = {front.program for front in fronts.INSTALLED}
    with jupyterlab.start(folder, iexec_sandbox.folder.parent, app=program) as running:
        yield running


@pytest.fixture
def server(chromium, request):
    """Shows notebooks in the light theme; ``both_themes`` is for tests of what is seen."""
    running = request.getfixturevalue("notebook_server")  # not without a browser
    running.use_theme(jupyterlab.LIGHT)
    return running


@pytest.fixture(params=[jupyterlab.LIGHT, jupyterlab.DARK])
def both_themes(request, server):
    server.use_theme(request.param)


@pytest.fixture
def page(chromium):
    with chromium.new_context(viewport={"width": 1200, "height": 1400}) as context:
        context.set_default_timeout(jupyterlab.PATIENCE * 1000)
        yield context.new_page()


@pytest.fixture
def shot(request, page):
    """Keep a picture of the page when ``IEXEC_LAB_SHOTS`` names a folder."""
    import os
    import re
    from pathlib import Path

    yield
    folder = os.environ.get("IEXEC_LAB_SHOTS")
    if folder:
        name = re.sub(r"\W+", "-", request.node.name)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
