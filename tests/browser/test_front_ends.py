"""What each front end shows, as ``docs/front_ends.md`` says, in a real browser."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from helpers import fronts, jupyterlab
from helpers.told_app import told
from playwright.sync_api import expect

ASKING = """
from dataclasses import replace
from iexec_lab import connect
valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)
%iexec connect {{valued}};
"""
CELLS = {
    "connect": """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
lab = %iexec connect sandbox:{name}
""",
    "frame": "lab.category.list()",
    "job": "lab.job('{done}').wait()",
    "logs": "lab.job('{done}').logs()",
    "result": "result = lab.job('{done}').result()\nresult",
    "picture": "result.image('picture.png')",
    "form": "%iexec form account deposit",
    "failure": "lab.job('{failed}').wait(fail_fast=True)",
}
LIVE = {
    "run": "job = %iexec app run {app} --args 'wait {gate}' --watch",
    "asks": ASKING,
    "yes or no": "%iexec account deposit 5",
    "password": "%iexec wallet create --keystoredir .",
}


@dataclass
class Tour:
    """A notebook whose cells have run, as a front end shows it."""

    front: fronts.Lab | fronts.Voila
    page: object
    cells: list[str]
    gate: object

    def output(self, cell):
        return self.front.output(self.page, self.cells.index(cell))


@pytest.fixture(scope="module")
def app(iexec_sandbox, tmp_path_factory):
    return told(iexec_sandbox, tmp_path_factory.mktemp("told"))


@pytest.fixture(
    scope="module", params=[fronts.Lab(), fronts.Notebook7(), fronts.Voila()], ids=lambda front: front.name
)
def tour(request, chromium, notebook_server, app, iexec_sandbox, tmp_path_factory):
    front, gate = request.param, tmp_path_factory.mktemp("gate") / "open"
    cells = CELLS if isinstance(front, fronts.Voila) else CELLS | LIVE
    known = {
        "name": iexec_sandbox.name,
        "app": app.app,
        "done": app.done.deal_id,
        "failed": app.failed.deal_id,
        "gate": gate,
    }
    notebook = notebook_server.write(
        f"{front.name.split()[0]}.ipynb", *(cell.format(**known) for cell in cells.values())
    )
    notebook_server.use_theme(jupyterlab.LIGHT)
    with chromium.new_context(viewport={"width": 1200, "height": 1400}) as context:
        context.set_default_timeout(jupyterlab.PATIENCE * 1000)
        page = context.new_page()
        front.open(page, notebook_server, notebook)
        for index in range(len(CELLS)):
            front.run(page, index)
        yield Tour(front, page, list(cells), gate)


def test_a_frame_is_a_table(tour):
    expect(tour.output("frame").get_by_role("row")).to_have_count(6)


def test_a_job(tour):
    expect(tour.output("job")).to_contain_text(re.compile("completed", re.IGNORECASE))


def test_logs(tour):
    expect(tour.output("logs")).to_contain_text("told to go")


def test_a_result(tour):
    expect(tour.output("result")).to_contain_text("ages.csv")


def test_a_picture(tour):
    picture = tour.output("picture").locator("img")
    assert picture.evaluate("image => image.naturalWidth") == 16


def test_a_form(tour):
    expect(tour.output("form").get_by_role("button", name="Run")).to_be_visible()


def test_a_failure(tour):
    expect(tour.output("failure")).to_contain_text("no column 'age' in ages.csv")
