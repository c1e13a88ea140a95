from __future__ import annotations

import socket
import subprocess
import sys
import zlib
from datetime import UTC, datetime

import pandas as pd
import pytest
from helpers.past_frames import START, deal_rows, deals, frame, tasks_and_rewards, who

from iexec_lab import plots
from iexec_lab.errors import LibraryError, ProjectError, ValidationError
from iexec_lab.frames import build
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32

HUGE = 2**256 - 1
STRANGE = "$x_1$ \\frac{a}{b} \x1b[31m\u202e日本 " + "long" * 50


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a picture asks nobody")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def book(kind, price, *offers):
    rows = [
        {
            "orderHash": NULL_BYTES32,
            "order": {price: nrlc, "volume": remaining, "tag": NULL_BYTES32, "app": NULL_ADDRESS},
            "remaining": remaining,
            "status": "open",
        }
        for nrlc, remaining in offers
    ]
    return build(kind, rows)


def pools(*offers):
    return book("workerpoolorder", "workerpoolprice", *offers)


def requests(*offers):
    return book("requestorder", "workerpoolmaxprice", *offers)


def tasks(count):
    return tasks_and_rewards(deal_rows(count))[0]


def statement(count):
    rows = [
        {
            "happened_at": START + 60 * each,
            "cause": "deal_lock",
            "stake_nrlc": 10**9 - each,
            "locked_nrlc": each,
        }
        for each in range(count)
    ]
    columns = ("happened_at", "cause", "stake_nrlc", "locked_nrlc")
    found = pd.DataFrame(rows, columns=columns)
    found["happened_at"] = pd.to_datetime(found["happened_at"], unit="s", utc=True)
    return found


ALL = {
    "depth": lambda count: plots.depth(
        pools(*((10**8 + each, 2) for each in range(count))),
        requests(*((10**7 + each, 1) for each in range(count))),
    ),
    "deals": lambda count: plots.deals(deals(count)),
    "tasks": lambda count: plots.tasks(tasks(count)),
    "bought": lambda count: plots.tasks(deals(count)),
    "prices": lambda count: plots.prices(deals(count, category=0)),
    "prices of categories": lambda count: plots.prices(deals(count)),
    "earnings": lambda count: plots.earnings(deals(count)),
    "timeline": lambda count: plots.timeline(tasks(count)),
    "balance": lambda count: plots.balance(statement(count)),
}
ABSURD = {
    "price": lambda: plots.depth(pools((HUGE, 1))),
    "volume": lambda: plots.depth(pools((1, 1), (2, 2), (3, HUGE)), requests((HUGE, HUGE))),
    "nothing": lambda: plots.depth(pools((0, 1), (0, 2))),
    "prices": lambda: plots.prices(deals(9, workerpool_price_nrlc=HUGE)),
    "free": lambda: plots.prices(deals(9, workerpool_price_nrlc=0)),
    "owner": lambda: plots.earnings(deals(9, app_price_nrlc=HUGE)),
    "tasks": lambda: plots.tasks(deals(9, tasks=HUGE)),
    "one moment": lambda: plots.deals(deals(9, started_at=START)),
    "the first second": lambda: plots.deals(deals(3, started_at=0)),
    "far apart": lambda: plots.deals(frame("past_deal", far_apart())),
    "one of all": lambda: plots.prices(deals(1)),
    "one task": lambda: plots.timeline(tasks(1)),
    "names": lambda: plots.earnings(named(STRANGE)),
}


def far_apart():
    first, last = deal_rows(2)
    return [first | {"started_at": 0}, last | {"started_at": 9_000_000_000}]


def named(name):
    return pd.DataFrame({"account": [name], "role": ["no role"], "earned_nrlc": [5 * 10**9]})


def pixels(png):
    """Width, height and the different bytes of a PNG's picture."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    data, at = b"", 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    return width, height, len(set(zlib.decompress(data)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [0, 40])
def test_every_picture_is_drawn_and_told(name, count):
    picture = ALL[name](count)
    png, about = picture._repr_png_()
    width, height, different = pixels(png)
    assert (about["width"], about["height"]) == (width // 2, height // 2)
    assert different > 20
    assert about["alt"] == picture.alt
    assert picture.alt.startswith(f"{picture.title}. ")
    text = str(picture)
    assert text.startswith(f"{picture.title}\n")
    assert len(text.splitlines()) <= 50
    assert (picture.empty in text) == (len(picture.twin.rows) == 0)
    if count == 40:
        check_axes(name, picture.figure())


def check_axes(name, figure):
    """A title, units, a legend, and nothing behind: that is the page's."""
    told = " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes)
    units = {"depth": ("RLC", "tasks"), "earnings": ("RLC",), "timeline": ("UTC", "task")}
    for unit in units.get(name, ("UTC",)):
        assert unit in told
    assert figure.get_suptitle()
    assert figure.legends
    assert figure.get_facecolor()[3] == 0


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_figures_are_drawn_too(name):
    picture = ABSURD[name]()
    png, _ = picture._repr_png_()
    assert pixels(png)[2] > 20
    assert len(picture.alt) < 700


def test_strangers_names_are_only_letters():
    picture = plots.earnings(named(STRANGE))
    [label] = [each.get_text() for each in picture.figure().axes[0].get_yticklabels()]
    assert label.startswith("$x_1$")
    assert len(label) <= 24
    shown = str(picture) + picture.alt + label
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_five_thousand_rows_are_a_few_drawings():
    figure = plots.deals(deals(5_000), every="day").figure()
    assert len(figure.axes[0].get_children()) < 60
    figure = plots.timeline(tasks(1_500)).figure()
    assert len(figure.axes[0].get_children()) < 60


def test_the_text_of_a_depth_is_exact():
    picture = plots.depth(
        pools((2 * 10**8 + 1, 5), (10**8, 3), (10**8, 1)), requests((10**7, 7), (5 * 10**7, 2))
    )
    assert picture.text(60, "#").splitlines() == [
        "Depth of the orderbook",
        "best price for sale: 0.1 RLC",
        "best price wanted: 0.05 RLC",
        "side      price (RLC)  tasks  tasks up to it",
        "for sale          0.1      4               4  #######",
        "for sale  0.200000001      5               9  ##############",
        "wanted           0.05      2               2  ####",
        "wanted           0.01      7               9  ##############",
    ]


def test_the_steps_of_a_depth():
    figure = plots.depth(pools((2 * 10**9, 5), (10**9, 3)), requests((5 * 10**8, 7), (10**9, 2))).figure()
    steps = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    sold, wanted = ([list(each.get_xdata()), list(each.get_ydata())] for each in steps)
    assert sold[0][:3] == [1, 1, 2]
    assert sold[1] == [0, 3, 8, 8]
    assert wanted[0][1:] == [1, 0.5, 0]
    assert wanted[1] == [0, 2, 9, 9]


def test_an_absurd_price_does_not_hide_the_others():
    picture = plots.depth(pools((10**8, 1), (2 * 10**8, 1), (3 * 10**8, 1), (HUGE, 1)))
    assert picture.figure().axes[0].get_xlim()[1] < 0.4
    assert "1 price above 0.315 RLC not drawn" in str(picture)
    assert "115792089237316195423570985008687907853269984665640564039457584007913.1" not in picture.notes


def test_bars_add_up():
    rows = deal_rows(30)
    now = datetime.fromtimestamp(START, UTC)
    table = plots.deals(frame("past_deal", rows), every="month", now=now).twin
    assert table.columns == ("month (UTC)", "deals", "completed", "failed", "running")
    assert sum(int(row[1]) for row in table.rows) == 30
    assert all(int(row[1]) == sum(map(int, row[2:])) for row in table.rows)
    bought = plots.tasks(frame("past_deal", rows), every="month").twin
    assert sum(int(row[1]) for row in bought.rows) == sum(row["tasks"] for row in rows)


def test_the_chains_time_says_what_is_late():
    """The words and numbers are those of ``deal list`` and ``task list``."""
    same = {"tasks": 3, "completed": 1, "claimed": 0}
    rows = [
        row | same | {"final_deadline": START + 10 * (place + 1)} for place, row in enumerate(deal_rows(2))
    ]
    found = frame("past_deal", [*rows, rows[0] | {"claimed": 1}, rows[0] | {"claimed": 2}])

    def now():
        return datetime.fromtimestamp(START + 15, UTC)

    drawn = plots.deals(found, every="month", now=now).twin
    assert drawn.columns[2:] == ("failed", "claimable", "running")
    assert drawn.rows[0][1:] == ("4", "1", "2", "1")
    bought = plots.tasks(found, every="month", now=now).twin
    assert bought.columns[2:] == ("completed", "failed", "late", "running")
    assert bought.rows[0][1:] == ("12", "4", "3", "3", "2")
    begun = tasks(4)
    begun["status"] = begun["status"].astype("object").where(begun.index > 0, "ACTIVE")
    begun["final_deadline"] = pd.Timestamp(START + 10, unit="s", tz="UTC")
    assert "late" in plots.tasks(begun, every="month", now=now).twin.columns


def test_nobody_is_asked_for_the_time_where_nothing_depends_on_it():
    plots.deals(deals(9).drop(columns=["final_deadline"]), now=lambda: 1 / 0)


def test_deals_of_which_the_end_is_not_known():
    found = deals(9).drop(columns=["completed", "claimed"])
    assert plots.deals(found, every="month").twin.columns == ("month (UTC)", "deals")


def test_the_rest_of_those_who_earned():
    rows = pd.DataFrame(
        {"account": [who("01", each) for each in range(7)], "role": "worker", "earned_nrlc": 5}
    )
    table = plots.earnings(rows, top=2).twin
    assert [row[:2] for row in table.rows] == [
        (who("01", 0), "0.000000005"),
        (who("01", 1), "0.000000005"),
        ("5 more", "0.000000025"),
    ]


def test_running_tasks_end_now_and_those_not_begun_are_counted():
    one = {"task_index": 0, "status": "ACTIVE", "initialized_at": START, "final_deadline": START + 900}
    other = {"task_index": 1, "status": "COMPLETED", "initialized_at": START, "finalized_at": START + 60}
    found = frame("past_task", [one, other, {"task_index": 2, "status": "UNSET"}])
    now = pd.Timestamp(START + 100, unit="s", tz="UTC")
    picture = plots.timeline(found, now=now, waiting=2)
    assert [(row[0], row[1], row[4]) for row in picture.twin.rows] == [
        ("0", "running", "100"),
        ("1", "completed", "60"),
    ]
    assert picture.notes == ("3 tasks not begun",)
    late = plots.timeline(found, now=pd.Timestamp(START + 9_999, unit="s", tz="UTC"))
    assert late.twin.rows[0][4] == "900"


def test_prices_are_those_of_the_figures():
    rows = deal_rows(40)
    from iexec_lab.history import stats

    of_deals = plots.prices(frame("past_deal", rows), every="week")
    of_table = plots.prices(stats.prices(frame("past_deal", rows), every="week"), every="week")
    assert of_deals.twin == of_table.twin
    assert of_deals.twin.columns[:2] == ("category", "week (UTC)")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda: plots.depth(build("deal", [])), "depth draws orderbooks"),
        (lambda: plots.depth(7), "depth draws orderbooks"),
        (lambda: plots.deals(pd.DataFrame()), "has no column started_at"),
        (lambda: plots.deals(deals(1), every="fortnight"), "fortnight is no period"),
        (lambda: plots.tasks(build("task", [])), "has no column initialized_at"),
        (lambda: plots.timeline(build("task", [])), "with the times of their events"),
        (lambda: plots.earnings(deals(1), top=0), "one account or more"),
        (lambda: plots.balance(deals(1)), "balance draws account statements"),
    ],
)
def test_frames_of_something_else(act, told):
    with pytest.raises(ValidationError, match=told):
        act()


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("b.SVG", b"<?xml"), ("c.pdf", b"%PDF")])
def test_saved_twice_is_the_same(tmp_path, name, begins):
    picture = plots.deals(deals(9))
    path = picture.save(tmp_path / name)
    first = path.read_bytes()
    assert first.startswith(begins)
    assert picture.save(path).read_bytes() == first
    assert b"Deals per" in first or name == "c.pdf"


def test_where_it_cannot_be_saved(tmp_path):
    with pytest.raises(ValidationError, match=r"notes.txt is no name of a picture") as caught:
        plots.deals(deals(1)).save(tmp_path / "notes.txt")
    assert ".png, .svg, .pdf" in caught.value.hint
    with pytest.raises(ProjectError, match="cannot be written"):
        plots.deals(deals(1)).save(tmp_path / "missing" / "a.png")


def test_without_matplotlib_there_is_the_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    picture = plots.deals(deals(3))
    assert picture._repr_png_() is None
    assert str(picture).splitlines()[-1] == "A picture needs matplotlib. Run: pip install matplotlib"
    with pytest.raises(LibraryError, match="needs matplotlib"):
        picture.figure()


def test_a_users_own_style_neither_changes_nor_is_changed():
    import matplotlib as mpl

    picture = plots.deals(deals(3))
    wanted, _ = picture._repr_png_()
    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "black", "font.size": 40}):
        before = dict(mpl.rcParams)
        assert picture._repr_png_()[0] == wanted
        assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_pyplot_and_its_windows_stay_away():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from helpers.past_frames import deals\nfrom iexec_lab import plots\n"
        "plots.deals(deals(3))._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_notebook_gets_one_picture_with_its_text():
    from IPython.core.formatters import DisplayFormatter

    data, about = DisplayFormatter().format(plots.deals(deals(3)))
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"].startswith("Deals per")
    assert about["image/png"]["alt"].startswith("Deals per")


def test_one_order_of_a_million_tasks_does_not_hide_the_others():
    picture = plots.depth(pools((10**8, 1_000_000), *((10**8 + each, 2) for each in range(1, 20))))
    assert picture.figure().axes[0].get_ylim()[1] < 100
    assert "1,000,000 more for sale at 0.1 RLC" in picture.notes
    assert picture.twin.rows[0][2] == "1000000"


def test_a_depth_says_of_which_categories_it_is():
    book = pools((10**8, 1), (10**8, 2))
    assert plots.depth(book.assign(category=3)).title == "Depth of the orderbook, category 3"
    added = plots.depth(book.assign(category=[0, 1]))
    assert added.title == "Depth of the orderbook, categories 0, 1 added up"
    assert plots.depth(pools(), category=0).title.endswith("category 0")


def test_empty_periods_are_told_together():
    rows = [row | {"started_at": START + 86_400 * at} for row, at in zip(deal_rows(2), (0, 13), strict=True)]
    lines = str(plots.deals(frame("past_deal", rows), every="day")).splitlines()
    assert [line for line in lines if line.startswith("…")] == ["… 12 days without a deal"]
    assert len(lines) == 5
