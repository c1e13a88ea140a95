"""Forms, filled and clicked in a real browser."""

from __future__ import annotations

import json
import re
import secrets

import pytest
from helpers.jupyterlab import open_notebook, output, run_cell
from helpers.waiting import until
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("shot")

SETUP = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
%iexec connect sandbox:{name}
%iexec init --skip-wallet --force
lab = %iexec connect
image = "iexechub/python-hello-world:8.0.4"
app = lab.app.deploy(name=os.getcwd(), multiaddr=image, checksum="0x" + 64 * "0")
"""


def field(area, label):
    return area.get_by_label(label, exact=True)


def saved(page, server, name, cell):
    """The outputs of a cell in the file, after saving."""
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    found = []

    def is_there():
        found[:] = json.loads((server.folder / name).read_text())["cells"][cell]["outputs"]
        return len(found) > 1

    until(is_there)
    return ["".join(output["data"]["text/plain"]) for output in found]


def test_app_run_is_filled_in_and_run(server, page, iexec_sandbox):
    name = server.write(
        "run.ipynb", SETUP.format(name=iexec_sandbox.name), "%iexec form app run", "print(app)"
    )
    open_notebook(page, server, name)
    for cell in range(3):
        run_cell(page, cell)
    address = re.compile("0x[0-9a-fA-F]{40}")
    expect(output(page, 2)).to_contain_text(address)  # what a cell wrote may be drawn after its end
    address = address.search(output(page, 2).inner_text())[0]
    area = output(page, 1)

    app = field(area, "App")
    app.fill("0x12")
    expect(area.get_by_text("40 hexadecimal digits")).to_be_visible()
    expect(area.get_by_role("button", name="Run")).to_be_disabled()

    app.fill(address)
    field(area, "Args").fill("hello form")
    expect(area.locator("code").first).to_contain_text(f"%iexec app run {address} --args 'hello form'")

    area.get_by_role("button", name="Show cost").click()
    expect(area.get_by_role("rowheader", name="cost", exact=True)).to_be_visible()

    area.get_by_role("checkbox", name="Watch").check()
    expect(area.get_by_text("The values have changed")).to_be_visible()
    area.get_by_role("button", name="Run").click()
    expect(area.get_by_text("completed", exact=True).first).to_be_visible()
    trace = area.locator("[class^=iexec-lab-trace]").filter(has_text="--watch")
    expect(trace).to_be_hidden()  # the widget says all of it

    _widget, stays = saved(page, server, name, 1)
    for text in (f"%iexec app run {address} --args 'hello form' --watch", "completed", "deal "):
        assert text in stays
    page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
    open_notebook(page, server, name)
    area = output(page, 1)
    expect(area.get_by_text("--args 'hello form' --watch")).to_be_visible()
    expect(area.get_by_text("completed", exact=True).first).to_be_visible()
    for text in ("model not found", "Loading widget"):
        expect(area.get_by_text(text)).to_be_hidden()


def test_what_iexec_json_deploys_is_edited_in_the_form(server, page, iexec_sandbox):
    setup = SETUP.format(name=iexec_sandbox.name) + "%iexec app init"
    show = (
        "import json; print(json.load(open('iexec.json'))['app']['name'], json.load(open('deployed.json')))"
    )
    name = server.write("deploy.ipynb", setup, "%iexec form app deploy", show)
    open_notebook(page, server, name)
    run_cell(page, 0)
    run_cell(page, 1)
    area = output(page, 1)
    expect(field(area, "Image")).to_have_value(re.compile("python-hello-world"))
    title = f"edited {secrets.token_hex(4)}"
    field(area, "Name").fill(title)
    area.get_by_role("button", name="Deploy").click()
    expect(area.get_by_text(re.compile("Deployed app 0x")).first).to_be_visible()
    run_cell(page, 2)
    expect(output(page, 2)).to_contain_text(title)


def test_a_narrow_page_has_one_column_and_nothing_is_cut(server, page, iexec_sandbox):
    name = server.write("narrow.ipynb", "%load_ext iexec_lab\n%iexec form app run")
    page.set_viewport_size({"width": 700, "height": 1200})
    open_notebook(page, server, name)
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    run_cell(page, 0)
    area = output(page, 0)
    field(area, "App").fill("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
    left = {round(field(area, label).bounding_box()["x"]) for label in ("App", "Dataset", "Args")}
    assert len(left) == 1
    cut = "inputs => inputs.filter(each => each.offsetParent && each.scrollWidth > each.clientWidth).length"
    assert area.locator("input").evaluate_all(cut) == 0
    assert area.locator(".widget-label").evaluate_all(cut) == 0
    wide = area.locator(".iexec-lab-form").evaluate("form => form.scrollWidth - form.clientWidth")
    assert wide <= 0


def test_the_keyboard_reaches_everything_and_a_secret_leaves_the_page(server, page, iexec_sandbox):
    name = server.write("secret.ipynb", "%load_ext iexec_lab\n%iexec form requester push-secret")
    open_notebook(page, server, name)
    run_cell(page, 0)
    area = output(page, 0)
    field(area, "Name (needed)").focus()
    page.keyboard.type("key")
    page.keyboard.press("Tab")
    expect(field(area, "Secret value")).to_be_focused()
    page.keyboard.type("hush")
    page.keyboard.press("Tab")
    expect(field(area, "Secret value")).to_have_value("")
    expect(area.locator("code").first).to_contain_text("--secret-value •••")
    fold = area.get_by_role("button", name="Network")
    fold.focus()
    page.keyboard.press("Enter")
    expect(field(area, "Chain")).to_be_visible()
    assert "hush" not in page.content()


def test_an_error_is_short(server, page, iexec_sandbox):
    name = server.write("error.ipynb", SETUP.format(name=iexec_sandbox.name), "%iexec form account withdraw")
    open_notebook(page, server, name)
    run_cell(page, 0)
    run_cell(page, 1)
    area = output(page, 1)
    field(area, "Amount (needed)").fill("99999999999999999")
    area.get_by_role("button", name="Withdraw").click()
    expect(area.get_by_text(re.compile("exceed account balance")).first).to_be_visible()
    assert "Traceback" not in area.inner_text()


VALUED = """
from dataclasses import replace
from iexec_lab import connect
valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)
%iexec connect {{valued}};
"""


def test_where_rlc_has_value_a_form_shows_and_asks(server, page, iexec_sandbox):
    setup = (SETUP + VALUED).format(name=iexec_sandbox.name)
    stake = "print('stake', int(lab.account.show().loc[0, 'stake_nrlc']) % 1000)"
    name = server.write("valued.ipynb", setup, "%iexec form account deposit", stake)
    open_notebook(page, server, name)
    run_cell(page, 0)
    run_cell(page, 2)
    before = output(page, 2).inner_text()
    run_cell(page, 1)
    area = output(page, 1)
    field(area, "Amount (needed)").fill("7")
    field(area, "unit of Amount (needed)").select_option("nRLC")

    area.get_by_role("button", name="Deposit").click()
    expect(area.get_by_text("cost: 0.000000007 RLC")).to_be_visible()
    expect(area.get_by_text(re.compile("^65535, hub 0x"))).to_be_visible()
    area.get_by_role("button", name="No", exact=True).click()
    expect(area.get_by_role("alert")).to_contain_text("Operation aborted by user.")
    run_cell(page, 2)
    expect(output(page, 2)).to_have_text(before)

    area.get_by_role("button", name="Deposit").click()
    area.get_by_role("button", name="Yes, go on").click()
    expect(area.get_by_text("tx_hash").first).to_be_visible()
    assert "Traceback" not in area.inner_text()
    run_cell(page, 2)
    expect(output(page, 2)).not_to_have_text(before)
