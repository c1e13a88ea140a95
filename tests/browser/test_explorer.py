"""The explorer in a real browser: hostile names stay text, keys reach rows, changes come by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import fronts
from playwright.sync_api import expect

HOSTILE = '"><img src=x onerror=alert(1)>'
CONNECT = """
%load_ext iexec_lab
lab = %iexec connect sandbox:{name}
app = lab.app.deploy({hostile!r}, {hostile!r}, "0x" + "11" * 32)
lab.app.publish(app, price=2**53 - 1)
"""
EXPLORE = "lab.explore('{what}', address=app)"
PUBLISH = "lab.app.publish(app, price=5);"


@pytest.mark.parametrize("front", [fronts.Lab(), fronts.Voila()], ids=lambda front: front.name)
def test_a_hostile_name_exact_amounts_keys_and_changes(front, page, server, iexec_sandbox):
    dialogs, broken = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: broken.append(str(error)))
    cells = [
        CONNECT.format(name=iexec_sandbox.name, hostile=f"{HOSTILE} {front.name}"),
        EXPLORE.format(what="orders"),
    ]
    if not isinstance(front, fronts.Voila):
        cells.append(PUBLISH)
    front.open(page, server, server.write(f"explore-{front.name.split()[0]}.ipynb", *cells))
    front.run(page, 0)
    front.run(page, 1)
    out = front.output(page, 1)
    rows = out.locator(".iexec-grid tbody tr[data-key]")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("9007199.254740991")
    expect(out.get_by_text("follows the market's feed")).to_be_visible()

    rows.first.focus()
    page.keyboard.press("Enter")
    expect(out.get_by_role("button", name="Run with this")).to_be_visible()
    expect(out.get_by_text("9007199.254740991 RLC")).to_be_visible()
    if not isinstance(front, fronts.Voila):
        front.run(page, 2)
        expect(rows).to_have_count(2)  # nobody asked for it

    find = out.get_by_label("Find", exact=True)
    find.fill(HOSTILE)
    find.press("Enter")
    expect(rows.first).to_contain_text("<img")
    rows.first.click()
    expect(out.get_by_label("details of the row")).to_contain_text(HOSTILE)
    search = out.get_by_label("Search in these rows:")
    search.fill(HOSTILE[:12])
    expect(rows.first).to_contain_text("<img")
    search.fill("no such thing")
    expect(rows).to_have_count(0)
    assert page.locator("img[src='x']").count() == 0
    assert not dialogs
    assert not [each for each in broken if "RUNTIME-012" not in each]


BOOK = """
import sys
sys.path.insert(0, {helpers!r})
from helpers.told_orders import told_order
from iexec_lab import frames
from iexec_lab.notebook.explorer import asking, page as pages
read = asking.Asking.frame
told = frames.build("workerpoolorder", [told_order(number, 5_500 - number) for number in range(5_500)])

def frame(self, words):
    return asking.Found(told, ()) if words[:2] == ["orderbook", "workerpool"] else read(self, words)

asking.Asking.frame, pages.can_follow = frame, lambda words: False
page = lab.explore()
page
"""
OPENED = 'page.page.opened._row["order_hash"].iloc[0]'


def test_thousands_of_orders_are_paged_searched_and_run(page, server, iexec_sandbox):
    """Played to the page by the kernel; which rows are right is ``tests/notebook/test_explorer_rows.py``."""
    helpers = str(Path(__file__).parent.parent)
    front = fronts.Lab()
    cells = [
        CONNECT.format(name=iexec_sandbox.name, hostile="app"),
        BOOK.format(helpers=helpers),
        OPENED,
    ]
    front.open(page, server, server.write("explore-many.ipynb", *cells))
    front.run(page, 0)
    front.run(page, 1)
    out = front.output(page, 1)
    info = out.locator(".dt-info")
    expect(info).to_have_text("1 to 15 of 5,500")
    rows = out.locator(".iexec-grid tbody tr[data-key]")
    expect(rows.first).to_contain_text("0.000000001")  # the cheapest first
    out.locator(".dt-paging button").filter(has_text="»").click()
    expect(info).to_have_text("5,491 to 5,500 of 5,500")
    price = out.locator("thead th").filter(has_text="price")
    price.locator(".dt-column-title").click()
    expect(rows.first).to_contain_text("0.0000055")
    search = out.get_by_label("Search in these rows:")
    search.fill(f"{5_400:064x}")
    expect(info).to_have_text("1 to 1 of 1 (of 5,500)")
    rows.first.locator("td").nth(1).click()
    out.get_by_role("button", name="Run with this").click()
    expect(out.get_by_text("Run an app", exact=True).first).to_be_visible()
    front.run(page, 2)
    expect(front.output(page, 2)).to_contain_text(f"0x{5_400:064x}")
