"""What each front end shows, as ``docs/front_ends.md`` says, in a real browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from helpers import fronts, jupyterlab
from helpers.saved import NEVER, complaints
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
    "progress": """
import time
from iexec_lab import doors
with doors.progress("Counting") as step:
    for done in range(13):
        step.update("", done, 12, "sheep")
        time.sleep(0.1)
""",
    "costs": "%iexec costs",
    "plot": "lab.plot.depth()",
    "explorer": "lab.explore()",
    "dashboard": "%iexec dashboard",
    "connect form": "%iexec form connect",
    "sell": "lab.form('sell', app='{app}', price='0.5 RLC')",
    "protect": "open('table.csv', 'w').write('a,b\\n1,2\\n')\nlab.form('protect', path='table.csv')",
    "deploy": "%iexec init --skip-wallet --force\n%iexec app init\n%iexec form app deploy",
    "sign": "%iexec order init --app\nlab.form('order sign', app=True)",
    "secret form": "%iexec form requester push-secret",
    "failure": "lab.job('{failed}').wait(fail_fast=True)",
}
WITH_A_PERSON = {
    "live": "job = %iexec app run {app} --args gate={gate} --watch",
    "long work": """
import os, time
with doors.progress("Waiting") as step:
    while not os.path.exists('{gate}.2'):
        step.update("", 3, 12, "sheep")
        time.sleep(0.05)
""",
    "interrupted": "left = %iexec app run {app} --args gate={gate}.3 --watch",
    "encrypted": """
%iexec result generate-encryption-keypair
%iexec result push-encryption-key --force-update
got = %iexec app run {app} --args go --encrypt-result --watch
got.result()
""",
    "valued": """
from dataclasses import replace
from iexec_lab import connect
valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)
%iexec connect {{valued}};
""",
    "yes or no": "%iexec account deposit 5",
    "password": "%iexec wallet create --keystoredir .",
    "completed": "%iexec account dep",
    "wallet": "browser = %iexec connect sandbox:{name} --browser-wallet",
    "again": "%iexec connect {{lab}};",
}
SECRET = "a password that nobody else knows"
ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WALLET = f"window.ethereum = {{ request: async () => ['{ACCOUNT}'] }}"
"""The browser's own, which has one account."""
USED = {
    "sell": ("Publish", "0.5 RLC", "%iexec app publish 0x"),
    "protect": ("Protect and publish", "deployed, key pushed, published", "deployed, key pushed, published"),
    "deploy": ("Deploy", "Deployed app 0x", "Deployed app 0x"),
    "sign": ("Sign", "signed", "signed"),
    "secret form": ("Push secret", "is stored", "--secret-value •••"),
    "connect form": ("Connect", "Connected to", "wallet 0x"),  # the last: others go on with its wallet
}
"""Form -> its button, what it says in the end, and what stays without its kernel."""
KEPT = {
    "run": "1 completed of 1 task",
    "failure": "no column 'age' in ages.csv",
    "progress": "✔ Counting: 12 sheep",
    "costs": "Costs of this session",
    "explorer": "%iexec orderbook workerpool",
    "dashboard": "%iexec jobs",
    "interrupted": "%iexec",
    "encrypted": "ages.csv",
    "form": "%iexec account deposit",
}


@dataclass
class Tour:
    """A notebook whose first cells have run, as a front end shows it."""

    front: fronts.Front
    page: object
    cells: list[str]
    gate: Path
    server: jupyterlab.Server
    name: str
    app: str

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
        context.add_init_script(WALLET)
        page, name = context.new_page(), f"tour-{front.name[:3]}.ipynb"
        front.open(page, notebook_server, notebook_server.write(name, *sources))
        for index in range(len(RUN_BY_ITSELF)):
            front.run(page, index)
        yield Tour(front, page, list(cells), gate, notebook_server, name, app.app)


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


def test_a_picture_and_a_plot_are_drawn(tour):
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert tour.output("picture").locator("img").evaluate(width) == 16
    assert tour.output("plot").locator("img").evaluate(width) > 300


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


def test_long_work_has_a_line_that_moves(tour):
    expect(tour.output("progress")).to_contain_text("✔ Counting: 12 sheep, ")
    if not isinstance(tour.front, fronts.Voila):
        area = tour.start("long work")
        expect(area.get_by_role("progressbar")).to_be_visible()
        expect(area).to_contain_text("Waiting: 3 of 12 sheep …")
        tour.gate.with_name(f"{tour.gate.name}.2").touch()
        expect(area).to_contain_text("✔ Waiting")
        expect(area.get_by_role("progressbar")).to_have_count(0)


def test_costs_are_a_card(tour):
    expect(tour.output("costs")).to_contain_text("Costs of this session")


def test_the_market_is_a_page(tour):
    rows = tour.output("explorer").locator(".iexec-grid tbody tr[data-key]")
    expect(rows.first).to_be_visible()
    for cell in ("explorer", "dashboard"):
        expect(tour.output(cell).get_by_text("follows the market's feed")).to_be_visible()


def test_the_wallet_of_the_browser_is_asked(tour):
    if isinstance(tour.front, fronts.Voila):
        area = tour.output("connect form")
        area.get_by_role("combobox", name="Wallet").select_option("the one in this browser")
        area.get_by_role("button", name="Connect").first.click()
    else:
        area = tour.start("wallet")
    expect(area).to_contain_text(ACCOUNT)


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


def test_saved_it_reads_the_same_without_a_kernel(tour):
    """After each kind of form was used, a job failed and a wait was interrupted."""
    if isinstance(tour.front, fronts.Voila):
        pytest.skip("it saves nothing")
    tour.run("again")
    tour.run("encrypted")
    area = tour.start("interrupted")
    expect(area).to_contain_text(re.compile("0 completed|running|waiting"))
    tour.front.interrupt(tour.page)
    expect(area).to_contain_text("Detached")
    own = f"tour-{tour.front.name[:3]}"  # on a sandbox that another front end has used
    tour.output("deploy").get_by_role("textbox", name="Name", exact=True).fill(own)
    tour.output("sign").get_by_role("combobox", name="App", exact=True).fill(tour.app)
    secret = tour.output("secret form")
    secret.get_by_label("Name (needed)", exact=True).fill(f"{own}-{tour.app[2:10]}")
    secret.get_by_label("Secret value", exact=True).fill(SECRET)
    for cell, (act, said, _kept) in USED.items():
        tour.output(cell).get_by_role("button", name=re.compile(rf"^\W*{act}$")).first.click()
        expect(tour.output(cell)).to_contain_text(said)
    tour.front.save(tour.page)
    tour.front.leave(tour.page)
    tour.page = tour.page.context.new_page()
    tour.front.open(tour.page, tour.server, tour.name)
    for cell, said in {**KEPT, **{cell: kept for cell, (*_, kept) in USED.items()}}.items():
        expect(tour.output(cell)).to_contain_text(said)
    for index, cell in enumerate(tour.cells):
        shown = tour.front.output(tour.page, index).inner_text()
        assert not [each for each in NEVER if each in shown], cell


def test_exported_it_reads_right_and_holds_no_secret(tour):
    if isinstance(tour.front, fronts.Voila):
        pytest.skip("it saves nothing")
    notebook = tour.server.folder / tour.name
    assert complaints(notebook, SECRET, tour.server.token) == []
