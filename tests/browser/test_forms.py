"""Forms, filled and clicked in a real browser."""

from __future__ import annotations

import re

import pytest
from helpers.jupyterlab import open_notebook, output, run_cell
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
    return area.locator(".widget-inline-hbox", has=area.page.get_by_text(label, exact=True)).locator(
        "input, select, textarea"
    )


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

    app = field(area, "app")
    app.fill("0x12")
    expect(area.get_by_text("40 hexadecimal digits")).to_be_visible()
    expect(area.get_by_role("button", name="Run")).to_be_disabled()

    app.fill(address)
    field(area, "args").fill("hello form")
    expect(area.locator("code")).to_contain_text(f"%iexec app run {address} --args 'hello form'")

    area.get_by_role("button", name="Show cost").click()
    expect(area.get_by_role("rowheader", name="cost", exact=True)).to_be_visible()

    area.get_by_role("checkbox", name="watch").check()
    area.get_by_role("button", name="Run").click()
    expect(area.get_by_text("COMPLETED").first).to_be_visible()


def test_an_error_is_short(server, page, iexec_sandbox):
    name = server.write("error.ipynb", SETUP.format(name=iexec_sandbox.name), "%iexec form account withdraw")
    open_notebook(page, server, name)
    run_cell(page, 0)
    run_cell(page, 1)
    area = output(page, 1)
    field(area, "amount").fill("99999999999999999")
    area.get_by_role("button", name="Run").click()
    expect(area.locator("pre").last).to_contain_text("exceed account balance")
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
    field(area, "amount").fill("7")

    area.get_by_role("button", name="Run").click()
    expect(area.get_by_text("cost: 0.000000007 RLC")).to_be_visible()
    expect(area.get_by_text(re.compile("^65535, hub 0x"))).to_be_visible()
    area.get_by_role("button", name="No", exact=True).click()
    expect(area.get_by_text("Operation aborted by user.")).to_be_visible()
    run_cell(page, 2)
    expect(output(page, 2)).to_have_text(before)

    area.get_by_role("button", name="Run").click()
    area.get_by_role("button", name="Yes, go on").click()
    expect(area.get_by_text("tx_hash")).to_be_visible()
    run_cell(page, 2)
    expect(output(page, 2)).not_to_have_text(before)
