"""The explorer and the dashboard without a browser: what they read, where they lead, what stays of them."""

from __future__ import annotations

import sys
import threading

import pytest
from helpers.labs import open_lab

from iexec_lab import cli
from iexec_lab.client.iexec import IExec
from iexec_lab.errors import ApiError, LibraryError, ObjectNotFoundError, ValidationError, WalletError
from iexec_lab.notebook.explorer import grid as grid_module
from iexec_lab.notebook.explorer.asking import command_of, filters_of
from iexec_lab.notebook.explorer.places import _OF_ONE, _OWN, MARKET, SHOWS, place_of

HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def lab(populated, tmp_path_factory):
    return open_lab(populated, None, tmp_path_factory.mktemp("explorer"))


@pytest.fixture
def market(lab):
    shown = lab.explore()
    yield shown.page
    shown.close()


def buttons(page):
    return [button.description for button in page.opened.actions.children]


@pytest.mark.parametrize("listing", [*MARKET, *_OWN, *(each for lists in _OF_ONE.values() for each in lists)])
def test_every_list_is_a_command(listing):
    command = command_of(listing.words)
    known = {option.flag for option in command.options}
    assert {word for word in listing.words if word.startswith("--")} <= known
    assert all(option.flag not in listing.words for option in filters_of(listing.words))


def test_every_list_of_the_market_is_read_and_paged(market):
    for listing in MARKET:
        market.show(listing.name)
        market.wait()
        assert market.listing == listing, market._status.value
        assert len(market.rows), listing.title
        assert market.line.startswith(f"%iexec {' '.join(listing.words)}".rstrip())
        assert {column["name"] for column in market.grid.columns} <= {*map(str, market.rows.frame.columns)}


def test_a_deal_opens_with_all_that_is_known_of_it_and_leads_on(market):
    market.show("deals")
    market.wait()
    deal = market.rows.frame["deal_id"].iloc[0]
    market.open_row(deal)
    market.wait()
    assert deal in market.opened.details.value
    assert "workerpoolorder hash" in market.opened.details.value
    assert {"Its tasks", "Its events"} <= {*buttons(market)}
    market.go("deal", deal, "tasks")
    market.wait()
    assert {*market.rows.frame["deal_id"]} <= {deal}
    market.back()
    market.wait()
    assert (market.place.what, market.listing.name) == ("market", "deals")


def test_a_row_that_is_opened_while_a_list_is_read_stops_neither(market, monkeypatch):
    goes_on = threading.Event()
    read = market._read
    monkeypatch.setattr(market, "_read", lambda limit: goes_on.wait(30) and read(limit))
    key = market.rows.frame["order_hash"].iloc[0]
    market.show("deals")
    reading = market._working
    assert [each.button_style for each in market._lists.children].index("primary") == 4
    market.open_row(key)
    assert key in market.opened.details.value
    goes_on.set()
    reading.join(30)
    assert "deal_id" in market.rows.frame
    assert market.opened.details.value == ""


def test_what_few_read_of_a_row_is_folded_and_its_state_stands_first(market):
    market.show("deals")
    market.wait()
    market.open_row(market.rows.frame["deal_id"].iloc[0])
    market.wait()
    told, folded = market.opened.details.value.split("Hashes and numbers")
    assert "workerpoolorder hash" in folded
    assert "workerpoolorder hash" not in told
    assert "app name" not in told  # it stands with the app
    assert market.rows.frame["status"].iloc[0] in told.split("grid-template-columns")[0]


def test_an_order_opens_the_form_of_a_run_filled_in(market):
    market.show("app-orders")
    market.wait()
    key = market.rows.frame["order_hash"].iloc[0]
    market.open_row(key)
    assert buttons(market)[0] == "Run with this …"
    market.opened.actions.children[0].click()
    (form,) = market.opened.form.children
    assert market.rows.frame["app"].iloc[0] in told(form)


def held():
    """How many widgets the kernel keeps, and a page with it."""
    from ipywidgets.widgets import widget

    known = getattr(widget, "_instances", None)
    return len(widget.Widget.widgets if known is None else known)


def test_what_is_shown_no_more_is_not_kept(lab):
    """Each row that is opened makes a dozen widgets, and a form hundreds."""
    before = held()
    shown = lab.explore("app-orders")
    shown.page.drawn()

    def walk():
        page = shown.page
        for listing in ("deals", "app-orders"):
            page.show(listing)
            page.wait()
            for row in page.rows.part(_wanted()).rows[:3]:
                page.open_row(row["key"])
                page.wait()
        page.opened.actions.children[0].click()
        page.go("app", page.rows.frame["app"].iloc[0])
        page.wait()
        page.back()
        page.wait()

    walk()
    first = held()
    for _ in range(3):
        walk()
    assert held() == first
    shown.close()
    assert held() == before


def told(widget):
    """All texts of a widget."""
    own = [str(getattr(widget, name, "")) for name in ("value", "description")]
    return " ".join([*own, *map(told, getattr(widget, "children", ()))])


def test_a_cell_run_again_gives_up_its_page_and_cells_without_a_name_none(lab, monkeypatch):
    """Voilà names no cell: two pages there are two pages, and few are held."""
    monkeypatch.setattr("iexec_lab.notebook.explorer.opening._MOST_NAMELESS", 2)
    one, two, three = (lab.explore("apps") for _ in range(3))
    assert one.page.grid._is_closed
    assert not two.page.grid._is_closed
    again = []
    for run in ("first", "second", "second"):
        monkeypatch.setattr("iexec_lab.notebook.explorer.opening._cell", lambda run=run: ("a cell", run))
        again.append(lab.explore("apps"))
    assert [each.page.grid._is_closed for each in again] == [True, False, False]  # a run may show two
    for each in (two, three, *again[1:]):
        each.close()


def test_a_page_that_was_closed_is_read_where_it_is_shown_again(lab, monkeypatch):
    shown = lab.explore("apps")
    monkeypatch.setattr("iexec_lab.notebook.explorer.opening._has_front_end", lambda: True)
    drawn = []
    monkeypatch.setattr("IPython.display.display", lambda *given, **_: drawn.append(given[0]))
    shown.page.drawn()
    shown.close()
    shown._ipython_display_()
    assert "The same list: iexec-lab app list" in str(drawn[0])


def test_filters_are_those_of_the_command(market):
    names = {field.item.dest for field in market._fields}
    assert {"category", "min_volume", "tag"} <= names
    field = next(each for each in market._fields if each.item.dest == "category")
    field.value = "1"
    market.apply()
    market.wait()
    assert {*market.rows.frame["category"]} == {1}
    assert "--category 1" in market.line
    market.clear()
    market.wait()
    assert "--category" not in market.line


def test_more_is_loaded_when_asked_for(lab, monkeypatch):
    monkeypatch.setattr("iexec_lab.notebook.explorer.page.FIRST", 10)
    with_few = lab.explore("deals").page
    assert len(with_few.rows) == 10
    assert with_few._more.layout.display == ""
    assert "the first 10" in with_few._status.value
    with_few.load_more()
    with_few.wait()
    assert len(with_few.rows) > 10
    with_few.close()


def test_depth_has_its_figures(market):
    market.show_depth()
    assert "data:image/png" in market._picture.value
    assert "Figures" in market._picture.value


def test_an_address_begins_with_what_it_has(lab):
    requester = lab.deal.list(all=True, limit=1)["requester"].iloc[0]
    shown = lab.explore(address=requester)
    assert shown.page.place.what == "account"
    assert {*shown.frame["requester"]} == {requester}
    shown.close()
    with pytest.raises(ObjectNotFoundError, match="no such name anywhere"):
        lab.explore(address="no such name anywhere")
    unused = lab.explore(address="0x00000000000000000000000000000000000c0ffe")
    assert (unused.page.place.what, len(unused.frame)) == ("account", 0)
    unused.close()
    several = lab.explore(address="e")  # apps and datasets have it in their names
    assert several.page.listing.title == "Found"
    assert len(several.frame) > 1
    several.close()
    with pytest.raises(ValidationError, match="no list"):
        lab.explore("weather")


def test_what_was_typed_is_found_or_not_and_stays_text(market):
    market.find(HOSTILE)
    market.wait()
    assert len(market.rows) == 0
    app = market.asking.lab.app.list(limit=1)["address"].iloc[0]
    market.find(app)
    market.wait()
    market.open_row(market.rows.part(_wanted()).rows[0]["key"])
    assert "Its deals" in buttons(market)
    assert "<img" not in market._line._shown.value


def _wanted():
    from iexec_lab.notebook.explorer.rows import Wanted

    return Wanted()


def test_a_list_that_fails_says_so_and_leaves_the_one_before(market, monkeypatch):
    def away(_limit):
        raise ApiError("The subgraph is away")

    before, line = market.listing, market.line
    monkeypatch.setattr(market, "_read", away)
    market.show("deals")
    market.wait()
    assert (market.listing, market.line) == (before, line)
    assert "The subgraph is away" in market._status.value
    assert 'role="alert"' in market._status.value
    assert market._lists.children[0].button_style == "primary"
    assert not market._before


def test_the_dashboard_has_the_account_and_its_lists(populated, lab, tmp_path):
    with pytest.raises(WalletError, match="needs a wallet"):
        lab.dashboard()
    own = open_lab(populated, "new", tmp_path)
    shown = own.dashboard()
    assert own.session.address in shown.page._account.value
    assert {"Staked", "Locked", "Earned", "Can be claimed", "Jobs"} <= {*dict(shown.page.facts)}
    assert shown.page._claim.layout.display == "none"
    for listing in shown.page.place.lists:
        shown.page.show(listing.name)
        shown.page.wait()
        assert shown.page.listing == listing, shown.page._status.value
    assert "Staked: 0.0 RLC" in repr(shown)
    shown.close()


def test_every_kind_of_thing_can_be_shown():
    assert set(SHOWS) == set(_OF_ONE)
    for what, words in SHOWS.items():
        assert command_of(words.split()).name.split()[0] == what
        assert place_of(what, "0x" + "ab" * 20) is not None


def test_without_its_library_it_says_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "itables", None)
    grid_module.grid_code.cache_clear()
    with pytest.raises(LibraryError, match="itables") as caught:
        lab.explore()
    assert "pip install" in caught.value.hint


def test_the_twin_says_the_same_everywhere(lab):
    shown = lab.explore("apps")
    text = repr(shown)
    html = shown.page.twin().html()
    assert "The same list: iexec-lab app list --limit 1000" in text  # as a terminal has it
    assert shown.line in html.replace("&#x27;", "'")
    name = shown.frame["name"].iloc[0]
    assert name[:10] in text  # a narrow terminal cuts the rest
    assert name in html
    shown.close()


def test_a_terminal_shows_the_first_rows_and_the_line(populated, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "itables", None)  # a terminal does not need it
    monkeypatch.setenv("IEXEC_LAB_STATE", str(populated.folder.parent))
    code = cli.main(["explore", "deals", "--chain", f"sandbox:{populated.folder.name}"])
    told = capsys.readouterr()
    assert code == 0, told
    assert "iexec-lab deal list --all" in told.out
    assert "%iexec" not in told.out


def test_the_lab_has_both():
    assert IExec.explore.__doc__
    assert IExec.dashboard.__doc__


def test_who_follows_a_book_has_all_of_it_and_the_line_that_gives_as_much(lab, monkeypatch):
    """Changes of rows beyond the first ones came in front of these: neither the first nor all."""
    monkeypatch.setattr("iexec_lab.notebook.explorer.page.FIRST", 10)
    page = lab.explore("app-orders").page
    whole = page.asking.frame(page.listing.words).frame
    assert page.line.endswith("--limit 10")
    page._change(page.rows, None, [], whole)
    assert len(page.rows) == len(whole) > 10
    assert f"{len(whole):,} rows" in page._status.value
    assert page._more.layout.display == "none"
    assert len(page.asking.frame(page._words(limited=True)).frame) == len(whole)
    page.close()
