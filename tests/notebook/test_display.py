"""Frames of ours are drawn upright or as a table, escaped, short ids; frames of others stay as they are."""

from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pytest
from helpers.past_frames import START, deal_rows, frame, tasks_and_rewards
from helpers.past_frames import deals as past_deals
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab import frames
from iexec_lab.frames import SCHEMAS, build, from_columns
from iexec_lab.history import stats
from iexec_lab.notebook.drawing import display, words
from iexec_lab.notebook.drawing.display import RawAnswer
from iexec_lab.spelling import short_id

HASH = "0x" + "ab" * 32
ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class Settings:
    max_rows = 3
    shorten = True
    wide = False


@pytest.fixture
def formats(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")  # else the width of the terminal
    shell = InteractiveShell()
    remove = display.install(shell, Settings)
    yield lambda value: shell.display_formatter.format(value)[0]
    remove()


DEAL = {
    "deal_id": HASH,
    "started_at": 1_790_000_000,
    "app": ADDRESS,
    "workerpool": ADDRESS,
    "workerpool_price_nrlc": 10**20 + 1,
    "tasks": 2**53 - 1,
    "requester": ADDRESS,
    "dataset_price_nrlc": 5 * 10**8,
    "final_deadline": 1_790_090_000,
    "tag_hex": "0x" + "0" * 63 + "3",
}
SHORT_HASH, SHORT = short_id(HASH), short_id(ADDRESS)


def deals(count, **attrs):
    about = {"fetched_at": "2026-09-21T17:26:40+00:00", **attrs}  # three hours after the start
    return from_columns("deal", {name: [value] * count for name, value in DEAL.items()}, **about)


def test_lists_show_what_people_read_and_name_the_rest(formats):
    shown = formats(deals(2))
    first, second, third, below = shown["text/plain"].splitlines()
    assert first.split() == SHOWN["deal"]
    assert second.split() == [
        *("0", SHORT_HASH, "3h", "ago", SHORT, SHORT, "100000000000.000000001", "9007199254740991", SHORT)
    ]
    assert third[1:] == second[1:]
    assert below.startswith("[2 rows; also: dataset, app_price_rlc, app_price_nrlc, ")
    assert f'title="{HASH}">{SHORT_HASH}</span>' in shown["text/html"]
    assert 'title="2026-09-21 14:13:20 UTC"' in shown["text/html"]
    assert 'title="100000000000000000001 nRLC"' in shown["text/html"]
    assert ">also: dataset, " in shown["text/html"]


def _waits():
    rows = deal_rows(20)
    return stats.match_to_result(frame("past_deal", rows), tasks_and_rewards(rows)[0])


def _staked():
    moved = {"happened_at": [START], "from_": [None], "to": [ADDRESS], "amount_nrlc": [5]}
    return stats.staked(from_columns("past_transfer", moved))


FIGURES = {
    "per_day": lambda: stats.per_day(past_deals(20)),
    "per_app": lambda: stats.per_app(past_deals(20)),
    "per_category": lambda: stats.per(past_deals(20), "category"),
    "prices": lambda: stats.prices(past_deals(20)),
    "waits": _waits,
    "success": lambda: stats.success(past_deals(20)),
    "late": lambda: stats.late(past_deals(20)),
    "earnings": lambda: stats.earnings(past_deals(20)),
    "concentration": lambda: stats.concentration(stats.per_app(past_deals(20))),
    "staked": _staked,
}
SHOWN = {kind: list(names) for kind, names in frames.shown.SHOWN.items()}


@pytest.mark.parametrize("kind", sorted(set(SHOWN) & set(SCHEMAS)))
def test_what_is_shown_are_columns(kind):
    assert set(SHOWN[kind]) <= set(frames.columns_of(kind))
    assert 3 <= len(SHOWN[kind]) <= 8


@pytest.mark.parametrize("set_by", ["attrs", "settings"])
def test_wide_lists_show_all_columns(formats, monkeypatch, set_by):
    frame = deals(2)
    if set_by == "attrs":
        assert display.show_wide(frame) is frame
    else:
        monkeypatch.setattr(Settings, "wide", True)
    shown = formats(frame)
    assert shown["text/plain"].splitlines()[0].split() == list(frame.columns)
    assert all(f">{name}</th>" in shown["text/html"] for name in frame)
    assert "also" not in "".join(shown.values())


def test_one_thing_is_drawn_upright_and_in_full(formats):
    shown = formats(deals(1, single=True))
    lines = dict(line.split(None, 1) for line in shown["text/plain"].splitlines() if " " in line.strip())
    assert lines["deal_id"].strip() == HASH
    assert lines["workerpool_price"].strip() == "100000000000.000000001 RLC"
    assert lines["dataset_price"].strip() == "0.5 RLC"
    assert lines["tag"].strip() == "tee,scone"
    assert lines["started_at"].strip() == "2026-09-21 14:13:20 UTC"
    assert not any(name.endswith(("_rlc", "_nrlc")) for name in lines)
    assert "<thead>" not in shown["text/html"]
    assert HASH in shown["text/html"]
    assert "0.5 RLC" in shown["text/html"]


def test_coins_of_one_thing_are_told_in_ether(formats):
    row = {"address": ADDRESS, "nRLC": "2000000000", "wei": str(10**18 + 1)}
    shown = formats(build("funding", [row], single=True))
    assert [line.split(None, 1)[1].strip() for line in shown["text/plain"].splitlines()[-2:]] == [
        "2.0 RLC",
        "1.000000000000000001 ether",
    ]
    assert "_wei" not in shown["text/html"]
    plan = formats(build("plan", [{"cost_nrlc": 10**9, "cost_wei": 10**15}], single=True))["text/plain"]
    told = [line.split(None, 1) for line in plan.splitlines() if line.startswith("cost")]
    assert told == [["cost", "1.0 RLC"], ["cost_ether", "0.001 ether"]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (7199, "1h ago"), (86_400, "1d ago")),
        *(
            (30 * 86_400 - 1, "29d ago"),
            (30 * 86_400, "2026-09-21"),
            (-90, "in 1m"),
            (-30 * 86_400, "2026-09-21"),
        ),
    ],
)
def test_ages(seconds, text):
    moment = pd.Timestamp(1_790_000_000, unit="s", tz="UTC")
    assert words.age(moment, moment.to_pydatetime() + timedelta(seconds=seconds)) == text
    assert words.age(moment, None) == "2026-09-21 14:13:20 UTC"
    assert words.age(pd.NaT, moment) == ""


def test_long_lists_say_how_long(formats):
    shown = formats(deals(5))
    assert "[first 3 of 5 rows; also: " in shown["text/plain"]
    assert shown["text/html"].count("<tr>") == 4
    assert "first 3 of 5 rows" in shown["text/html"]


def test_what_was_left_out_is_told(formats):
    shown = formats(deals(1, left_out=3))
    words = "1 row, 3 left out: not what was asked for"
    assert words in shown["text/plain"]
    assert words in shown["text/html"]


def test_a_remark_stands_below(formats):
    shown = formats(deals(1, remark="1.0 RLC is <claimable>"))
    assert "1 row; 1.0 RLC is <claimable>" in shown["text/plain"]
    assert "1 row; 1.0 RLC is &lt;claimable&gt;" in shown["text/html"]


def test_columns_that_do_not_fit_are_named(formats, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    first, _, below = formats(deals(1))["text/plain"].splitlines()
    assert first.split() == ["deal_id", "started_at"]
    assert below.startswith("[1 row; also: app, ")


def test_empty_frames(formats):
    shown = formats(build("deal", []))
    assert "[0 rows" in shown["text/plain"]
    assert "deal_id" in shown["text/html"]
    assert formats(from_columns("deal", {}).head(0))["text/html"] == shown["text/html"]


DERIVED = {
    "turned": lambda frame: frame.T,
    "described": lambda frame: frame.describe(),
    "grouped": lambda frame: frame.groupby("app").sum(numeric_only=True),
    "chosen": lambda frame: frame[["deal_id", "tasks"]],
    "named": lambda frame: frame.set_index("deal_id"),
    "more": lambda frame: frame.assign(cost=1),
    "another order": lambda frame: frame[sorted(frame)],
    "merged": lambda frame: frame.merge(frame[["deal_id", "tasks"]], on="deal_id"),
}
SAME = {
    "first": lambda frame: frame.head(2),
    "filtered": lambda frame: frame[frame["tasks"] > 0],
    "sorted": lambda frame: frame.sort_values("workerpool_price_rlc", ascending=False),
    "smallest": lambda frame: frame.nsmallest(2, "tasks"),
    "copied": lambda frame: frame.copy(),
    "counted anew": lambda frame: frame.iloc[1:].reset_index(drop=True),
    "twice": lambda frame: pd.concat([frame, frame], ignore_index=True),
}


@pytest.mark.parametrize("derive", DERIVED.values(), ids=list(DERIVED))
def test_pandas_draws_what_was_made_of_ours(formats, derive):
    frame = derive(deals(3))
    shown = formats(frame)
    assert shown["text/html"] == frame._repr_html_()
    assert shown["text/plain"] == repr(frame)


@pytest.mark.parametrize("change", SAME.values(), ids=list(SAME))
def test_rows_of_ours_stay_ours(formats, change):
    assert "; also: " in formats(change(deals(3)))["text/plain"]


def test_text_of_strangers_does_not_steer_what_pandas_draws(formats):
    evil = "\x1b[2J\u202e<script>"
    frame = from_columns("app", {"name": [evil]})[["name"]]
    for text in formats(frame).values():
        assert all(line.isprintable() for line in text.split("\n"))
        assert "<script>" not in formats(frame)["text/html"]


def test_a_private_key_is_not_drawn(formats):
    frame = build("wallet", [{"address": ADDRESS, "wallet": {"privateKey": HASH}}], single=True)
    shown = formats(frame)
    assert HASH not in "".join(shown.values())
    assert "a notebook would keep it" in shown["text/plain"]
    assert frame.private_key[0] == HASH
    for derived in (frame[["private_key"]], frame.T, frame.head(1), pd.concat([frame, frame])):
        assert HASH not in "".join(formats(derived).values())


def test_a_private_key_is_not_drawn_in_a_raw_answer_either(formats):
    answer = RawAnswer(ok=True, wallet={"privateKey": HASH, "address": ADDRESS}, more=[{"privateKey": HASH}])
    shown = "".join(formats(answer).values()) + repr(answer)
    assert HASH not in shown
    assert ADDRESS in shown
    assert json.loads(json.dumps(answer))["more"] == [{"privateKey": HASH}]


def test_text_of_the_network_is_escaped(formats):
    evil = "<script>alert(1)</script>\x1b[2J"
    for attrs in ({}, {"single": True}):
        shown = formats(from_columns("app", {"name": [evil], "address": [ADDRESS]}, **attrs))
        assert "<script>" not in shown["text/html"]
        assert "\x1b" not in shown["text/plain"] + shown["text/html"]


def test_colours_are_those_of_the_theme(formats):
    shown = formats(deals(2))
    assert "color" not in shown["text/html"]


def test_other_frames_are_not_touched(formats):
    frame = pd.DataFrame({"deal_id": [HASH], "private_key": ["theirs"]})
    shown = formats(frame)
    assert shown["text/plain"] == repr(frame)
    assert shown["text/html"] == frame._repr_html_()


def test_removing_restores_the_drawing_that_was_there():
    shell = InteractiveShell()
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(pd.DataFrame, lambda frame: "<p>theirs</p>")
    frame = deals(1)
    remove = display.install(shell, Settings)
    remove()
    assert shell.display_formatter.format(frame)[0]["text/html"] == "<p>theirs</p>"
    other = InteractiveShell()
    before = other.display_formatter.format(frame)[0]
    remove = display.install(other, Settings)
    assert other.display_formatter.format(frame)[0] != before
    remove()
    assert other.display_formatter.format(frame)[0] == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (pd.NA, ""),
        (["tee", "tdx"], "tee, tdx"),
        ({"a": 1}, "a: 1"),
        (pd.Timestamp("2026-11-22 10:00", tz="UTC"), "2026-11-22 10:00:00 UTC"),
        (5, "5"),
        (True, "True"),
    ],
)
def test_words(value, text):
    assert words.word(value) == text


HOSTILE = "\x1b[2J\u202e<script>" + "A" * 200_000


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_no_cell_steers_the_page_or_floods_it(formats, monkeypatch, single, wide):
    monkeypatch.setattr(Settings, "wide", wide)
    frame = from_columns(
        "voucher",
        {
            "sponsored_apps": [[HOSTILE, 1]],
            "sponsored_datasets": [{HOSTILE: HOSTILE}],
            "sponsored_workerpools": [HOSTILE],
            "authorized_accounts": [[10**5000]],
        },
        single=single,
    )
    shown = formats(frame)
    for text in shown.values():
        text.encode()
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text) < 100_000
    assert "<script>" not in shown["text/html"]


LONG = "name " * 800


def test_one_long_name_costs_no_column(formats, monkeypatch):
    rows = {
        "address": [ADDRESS, ADDRESS],
        "name": [LONG, "app"],
        "owner": [ADDRESS, ADDRESS],
        "created_at": [1_790_000_000] * 2,
        "usage_count": [5, 6],
        "last_used": [1_790_000_000] * 2,
    }
    shown = formats(from_columns("past_app", rows))
    assert shown["text/plain"].splitlines()[0].split() == SHOWN["past_app"]
    assert all(f">{name}</th>" in shown["text/html"] for name in SHOWN["past_app"])
    assert max(map(len, shown["text/plain"].splitlines()[:3])) <= 160
    monkeypatch.setenv("COLUMNS", "100")
    assert formats(from_columns("past_app", rows))["text/plain"].splitlines()[0].split() == SHOWN["past_app"]
    whole = formats(from_columns("past_app", rows, wide=True))["text/plain"]
    assert LONG.strip()[:3_000] in whole


def test_where_something_leads_to_is_drawn_whole(formats, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    line = f"iexec-lab deal show {HASH}"
    row = {"what": "deal", "id": HASH, "name": "a deal of 5 tasks", "owner": ADDRESS, "leads_to": line}
    shown = formats(from_columns("found", {name: [value] for name, value in row.items()}))
    assert all(f"%iexec deal show {HASH}" in text for text in shown.values())  # as it is typed here


def test_a_number_is_never_cut(formats):
    frame = from_columns("past_event", {"amount_nrlc": [2**256 - 1], "event": ["e"], "block": [5]})
    text = formats(frame)["text/plain"]
    assert "about 1.158e+68" in text
    assert "…" not in text.splitlines()[1]


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figures_of_the_past_are_drawn_as_ours(formats, name):
    frame = FIGURES[name]()
    assert len(frame)
    assert frame.attrs["kind"] in frames.figures.FIGURES
    drawn = formats(frame)["text/plain"].splitlines()[0].split()
    assert len(drawn) <= 8
    assert not [each for each in drawn if each.endswith("_nrlc")]
    assert drawn == [each for each in drawn if each in frame.columns]
    assert formats(frame.assign(mine=1))["text/plain"] == repr(frame.assign(mine=1))
    assert formats(frame.T)["text/plain"] == repr(frame.T)


def test_every_kind_of_figures_is_drawn_in_a_test():
    assert {make().attrs["kind"] for make in FIGURES.values()} == set(frames.figures.FIGURES)


def test_floats_are_floats():
    frame = from_columns("fill", {"average_rlc": [1 / 3, None], "taken": [1, 2]})
    assert str(frame["average_rlc"].dtype) == "float64"
    assert frame.describe()["average_rlc"]["count"] == 1
