"""What each front end shows, as ``docs/front_ends.md`` says, in a real browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from helpers import fronts, jupyterlab
from helpers.told_app import told
from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

SETUP = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
lab = %iexec connect sandbox:{name}
"""
RUN_BY_ITSELF = {
    "connect": SETUP,
    "frame": "lab.category.list()",
    "job": "lab.job('{done}')",
    "logs": "lab.job('{done}').logs()",
    "result": "result = lab.job('{done}').result()\nresult",
    "picture": "result['picture.png']",
    "form": "%iexec form account deposit",
    "run": "lab.form('app run', app='{app}', args='go', watch=True)",
    "hostile frame": "%iexec dataset list --wide",
    "hostile one": "lab.dataset.show('{dataset}')",
    "hostile job": "lab.job('{hostile}')",
    "hostile search": "lab.search('{dataset}')",
    "hostile form": "%iexec form dataset show",
    "failure": "lab.job('{failed}').wait(fail_fast=True)",
}
WITH_A_PERSON = {
    "live": "job = %iexec app run {app} --args gate={gate} --watch",
    "valued": """
from dataclasses import replace
from iexec_lab import connect
valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)
%iexec connect {{valued}};
""",
    "yes or no": "%iexec account deposit 5",
    "password": "%iexec wallet create --keystoredir .",
    "completed": "%iexec account dep",
}
SECRET = "a password that nobody else knows"


@dataclass
class Tour:
    """A notebook whose first cells have run, as a front end shows it."""

    front: fronts.Front
    page: object
    cells: list[str]
    gate: Path

    def output(self, cell):
        return self.front.output(self.page, self.cells.index(cell))

    def start(self, cell):
        if isinstance(self.front, fronts.Voila):
            pytest.skip("its cells have run before there is a page")
        self.front.start(self.page, self.cells.index(cell))
        return self.output(cell)

    def run(self, cell):
        self.front.run(self.page, self.cells.index(cell))


@pytest.fixture(scope="module")
def app(iexec_sandbox, tmp_path_factory):
    return told(iexec_sandbox, tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module", params=fronts.INSTALLED, ids=lambda front: front.name)
def tour(request, chromium, notebook_server, app, iexec_sandbox, tmp_path_factory):
    front, gate = request.param, tmp_path_factory.mktemp("gate") / "open"
    cells = RUN_BY_ITSELF if isinstance(front, fronts.Voila) else RUN_BY_ITSELF | WITH_A_PERSON
    known = {"name": iexec_sandbox.name, "app": app.app, "dataset": app.dataset, "gate": gate}
    known |= {name: getattr(app, name).deal_id for name in ("done", "failed", "hostile")}
    sources = [cell.format(**known) for cell in cells.values()]
    notebook_server.use_theme(jupyterlab.LIGHT)
    with chromium.new_context(viewport={"width": 1200, "height": 1400}) as context:
        context.set_default_timeout(jupyterlab.PATIENCE * 1000)
        page = context.new_page()
        front.open(page, notebook_server, notebook_server.write(f"tour-{front.name[:3]}.ipynb", *sources))
        for index in range(len(RUN_BY_ITSELF)):
            front.run(page, index)
        yield Tour(front, page, list(cells), gate)


def test_a_list_is_a_table(tour):
    expect(tour.output("frame").get_by_role("row")).to_have_count(6)


def test_a_job_is_a_card(tour):
    card = tour.output("job")
    expect(card).to_contain_text("1 completed of 1 task")
    expect(card.locator("[role=img], [role=progressbar], [role=meter]").first).to_be_attached()


def test_logs_are_text(tour):
    expect(tour.output("logs")).to_contain_text("task 0 was told go")


def test_a_result_shows_its_files(tour):
    expect(tour.output("result")).to_contain_text("ages.csv")
    expect(tour.output("result")).to_contain_text("task 0 is done")


def test_a_picture_is_drawn(tour):
    picture = tour.output("picture").locator("img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 16


def test_a_form_checks_what_is_typed(tour):
    area = tour.output("form")
    act = area.get_by_role("button", name="Deposit").first
    amount = area.get_by_label("Amount (needed)", exact=True)
    amount.fill("nonsense")
    expect(act).to_be_disabled()
    amount.fill("12")
    expect(act).to_be_enabled()
    expect(area.locator("code").first).to_contain_text("%iexec account deposit 12")


def test_a_form_shows_the_card_of_what_it_runs(tour):
    area = tour.output("run")
    area.get_by_role("button", name="Run").first.click()
    expect(area).to_contain_text("1 completed of 1 task")


def test_a_failure_says_why(tour):
    if isinstance(tour.front, fronts.Voila):
        expect(tour.output("failure")).to_contain_text("There was an error when executing cell")
        return
    expect(tour.output("failure")).to_contain_text("no column 'age' in ages.csv")
    assert "Traceback" not in tour.output("failure").inner_text()


def test_a_card_moves_while_its_job_runs(tour):
    area = tour.start("live")
    expect(area).to_contain_text(re.compile("0 completed|running|waiting"))
    expect(area).not_to_contain_text("1 completed")
    tour.gate.touch()
    expect(area).to_contain_text("1 completed of 1 task")


def test_a_question_is_answered_below_the_cell(tour):
    if not isinstance(tour.front, fronts.Voila):
        tour.run("valued")
    area = tour.start("yes or no")
    expect(area).to_contain_text("cost")
    tour.front.answer(area, "n")
    expect(area).to_contain_text("Operation aborted by user.")


def test_a_password_is_neither_shown_nor_saved(tour):
    area = tour.start("password")
    for _ in range(2):
        tour.front.answer(area, SECRET, hidden=True)
    expect(area).to_contain_text("0x")
    assert SECRET not in tour.page.content()


def test_tab_completes(tour):
    if isinstance(tour.front, fronts.Voila):
        pytest.skip("it shows no cells")
    offered = tour.front.complete(tour.page, tour.cells.index("completed"))
    assert "deposit" in " ".join(offered).split()


def test_a_name_is_only_a_text(tour):
    """After all that was drawn above."""
    expect(tour.output("hostile one")).to_contain_text("onerror")
    assert tour.page.evaluate("[window.ran, document.querySelectorAll('img[src=x]').length]") == [None, 0]
