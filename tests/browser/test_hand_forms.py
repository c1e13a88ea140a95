"""The forms made by hand, clicked in a real browser."""

from __future__ import annotations

import re
import time

import pytest
from helpers.jupyterlab import open_notebook, output, run_cell
from playwright.sync_api import expect

from iexec_lab import Sandbox

pytestmark = pytest.mark.usefixtures("shot")

APART = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
"""
CONNECTED = APART + "lab = %iexec connect sandbox:{name}\n"
DEPLOYED = (
    CONNECTED
    + """
image = "iexechub/python-hello-world:8.0.4"
app = lab.app.deploy(name=os.getcwd(), multiaddr=image, checksum="0x" + 64 * "0")
"""
)
COUNT = "window.clicks = 0; addEventListener('click', event => { window.clicks += event.isTrusted }, true)"
CHOOSING = 2
"""Clicks with which a person chooses from a list that drops down."""


def button(area, name):
    return area.get_by_role("button", name=re.compile(rf"^\W*{re.escape(name)}$"))


def choose_sandbox(area, iexec_sandbox):
    area.get_by_role("combobox", name="Network").select_option(f"sandbox:{iexec_sandbox.name}")


@pytest.fixture
def fresh_sandbox():
    """One where nobody has an app or a key yet."""
    with Sandbox() as sandbox:
        yield sandbox


def test_from_a_fresh_kernel_to_a_decrypted_result(server, page, fresh_sandbox):
    page.add_init_script(COUNT)
    name = server.write("fresh.ipynb", APART, "%iexec form run")
    open_notebook(page, server, name)
    run_cell(page, 0)
    page.evaluate("window.clicks = 0")
    began = time.monotonic()
    run_cell(page, 1)  # by a key
    area = output(page, 1)

    choose_sandbox(area, fresh_sandbox)
    button(area, "Connect").click()
    button(area, "Get the demo app").click()
    expect(area.get_by_role("region", name="Cost")).to_contain_text("locked until it ends")
    area.get_by_role("checkbox", name="Encrypt the result").check()
    button(area, "Run").click()
    expect(area.get_by_text("Hello, World!").first).to_be_visible()

    seconds = time.monotonic() - began
    clicks = page.evaluate("window.clicks") + CHOOSING
    print(f"from a fresh kernel to a decrypted result: {clicks} clicks, {seconds:.1f} s")  # noqa: T201 - for -s
    assert clicks < 12
    expect(area.locator("code", has_text="--encrypt-result --watch").first).to_be_visible()


def test_connect_tells_of_a_wrong_name_and_fills_a_new_wallet(server, page, iexec_sandbox):
    open_notebook(page, server, server.write("connect.ipynb", APART, "%iexec form connect"))
    run_cell(page, 0)
    run_cell(page, 1)
    area = output(page, 1)
    area.get_by_role("combobox", name="Network").select_option("another …")
    typed = area.get_by_role("textbox", name="Name of the network")
    typed.press_sequentially("belcour")
    expect(area.get_by_role("alert")).to_contain_text("Unknown network belcour")
    expect(button(area, "Connect")).to_be_disabled()
    typed.fill(f"sandbox:{iexec_sandbox.name}")
    area.get_by_role("combobox", name="Wallet").select_option("a new one in memory, gone with this kernel")
    expect(
        area.get_by_text(f"%iexec connect sandbox:{iexec_sandbox.name} --new-wallet").first
    ).to_be_visible()
    button(area, "Connect").click()
    card = area.get_by_role("region", name="Connection").first
    expect(card).to_contain_text("0.0 RLC")
    button(area, "Get test RLC").click()
    expect(card).to_contain_text("1000.0 RLC")
    button(area, "Run an app").click()
    expect(area.get_by_role("combobox", name="Longest run")).to_be_visible()


VALUED = """
from dataclasses import replace
from iexec_lab import connect
valued = connect(replace(lab.session.network, real_value=True), lab.session.signer)
%iexec connect {{valued}};
"""


def test_where_rlc_has_value_a_run_shows_its_plan_and_asks(server, page, iexec_sandbox):
    setup = (DEPLOYED + VALUED).format(name=iexec_sandbox.name)
    open_notebook(
        page, server, server.write("asked.ipynb", setup, "lab.form('run', app=app)", "%iexec form run")
    )
    run_cell(page, 0)
    run_cell(page, 2)
    area = output(page, 2)
    expect(area.get_by_text("RLC has value", exact=True).first).to_be_visible()
    expect(area.get_by_role("region", name="Cost")).to_contain_text("0.1 RLC")
    button(area, "Run").click()
    button(area, "No").click()
    expect(area.get_by_text("Operation aborted by user.").first).to_be_visible()
    button(area, "Run").click()
    button(area, "Yes, go on").click()
    expect(area.get_by_text("result.txt").first).to_be_visible()


def test_an_upload_is_protected_and_sold(server, page, iexec_sandbox):
    open_notebook(
        page,
        server,
        server.write("protect.ipynb", CONNECTED.format(name=iexec_sandbox.name), "%iexec form protect"),
    )
    run_cell(page, 0)
    run_cell(page, 1)
    area = output(page, 1)
    content = f"name,salary\nsomebody,{time.time_ns()}\n".encode()
    with page.expect_file_chooser() as chooser:
        area.get_by_role("button", name=re.compile("Upload a file")).click()
    chooser.value.set_files({"name": "salaries.csv", "mimeType": "text/csv", "buffer": content})
    expect(area.get_by_text("%iexec dataset publish-file salaries.csv").first).to_be_visible()
    area.get_by_role("textbox", name="Price of a task").fill("0.5")
    expect(area.get_by_text("%iexec dataset publish-file salaries.csv --price 0.5 RLC").first).to_be_visible()
    button(area, "Protect and publish").click()
    expect(area.get_by_role("list", name="Steps").get_by_text("done", exact=True)).to_have_count(5)
    expect(area.get_by_text("is for sale: order 0x").first).to_be_visible()
