"""Every command that lists the market, as a person in a terminal types it."""

from __future__ import annotations

import json
import re

from iexec_lab.commands import tree
from iexec_lab.protocol import to_address

_NOT_READ = {("orderbook", "record"), ("orderbook", "at")}
LISTS = [
    command
    for command in tree.walk()
    if {"--limit", "--source"} & {option.flag for option in command.options}
    or command.path[-1] in {"list", "tasks", "search"}
    or command.path[0] in {"orderbook", "history"}
]


def _named(market):
    """A value for each kind of argument."""
    [deal] = market("deal list --all --status completed --limit 1")["deals"]
    [task] = market("task list --all --status completed --limit 1")["tasks"]
    kinds = ("app", "workerpool", "dataset")
    found = {kind: market(f"{kind} list --limit 1")[f"{kind}s"][0]["address"] for kind in kinds}
    return {
        **found,
        **dict.fromkeys(("user", "address"), deal["requester"]),
        "deal": deal["deal_id"],
        "task": task["task_id"],
        "integer": "1",
        "text": deal["deal_id"],
    }


def test_each_in_a_terminal(market):
    values = _named(market)
    assert len(LISTS) > 30
    for command in LISTS:
        if command.path in _NOT_READ:
            continue
        words = [values[each.kind] for each in command.args if each.required or each.kind == "app"]
        line = " ".join([*command.path, *words])
        out, err = market.text(line)
        assert "Traceback" not in out + err
        assert out.strip() or err.strip(), line
        if "--limit" in {option.flag for option in command.options}:
            assert market.fails(f"{line} --limit 0") == "limit cannot be 0", line
            assert "limit cannot be 0" in market.text(f"{line} --limit 0", 1)[1], line


def test_how_many_more_orders_there_are(market):
    for status in ("filled", "open"):
        line = f"order list --all --status {status}"
        _, err = market.text(f"{line} --limit 2")
        total = len(market(f"{line} --limit 9999")["orders"])
        assert f"{total - 2} more; --limit {total} shows all." in err, status
        assert market(f"{line} --limit 2")["count"] == total


def test_following_deals_has_the_rows_of_the_list(market):
    listed = {row["deal_id"]: row for row in market("deal list --all --limit 9999")["deals"]}
    out, _ = market.text("deal list --all --follow --timeout 1 --limit 9999 --raw")
    *lines, last = map(json.loads, out.splitlines())
    assert {line["row"]["deal_id"]: line["row"] for line in lines} == listed
    assert last["count"] == len(listed)
    out, _ = market.text("deal list --all --follow --timeout 1 --limit 3")
    *lines, last = filter(None, out.splitlines())
    assert f"3 of {len(listed)} rows at the end" in last
    assert len(lines) == 3
    for line in lines:
        row = listed[line.split()[0]]
        assert f"app {row['app']}  workerpool {row['workerpool']}  {row['status']}" in line


def test_what_lists_say(market):
    out, err = market.text("deal list")
    assert "0 deals." in out
    assert "iexec-lab deal list --all" in err
    assert (
        "more than 2; --limit 20 shows more."
        in market.text("deal list --all --status completed --limit 2")[1].lower()
    )
    for line in ("deal list --all", "orderbook workerpool"):
        assert "There is no category 99" in market.text(f"{line} --category 99")[1]
        assert market(f"{line} --category XS") == market(f"{line} --category 0")
        assert market.fails(f"{line} --category HUGE") == "HUGE is not a valid uint256"
    nobody = "0x000000000000000000000000000000000000dEaD"
    for verb in ("deals", "transfers"):
        assert market.fails(f"app {verb} {nobody}").startswith("No app found")
    head = market.text("orderbook spread")[0].splitlines()
    assert any("ask" in line and "bid" in line for line in head)


def test_addresses_are_spelled_as_everywhere(market):
    for noun in ("deal", "task", "app"):
        rows = market(f"{noun} list {'--all ' if noun != 'app' else ''}--limit 5")[f"{noun}s"]
        for text in re.findall(r"0x[0-9a-fA-F]{40}\b", json.dumps(rows)):
            assert text == to_address(text), noun


def test_details_for_people(market):
    workerpool = market("workerpool list --limit 1")["workerpools"][0]["address"]
    out, _ = market.text(f"workerpool show {workerpool} --details")
    assert not re.search(r"^\s*\w+_\w+:", out, re.MULTILINE)
    assert not re.search(r"createdAt: +\d+$", out, re.MULTILINE)
    assert not re.search(r"\d\.\d{3}", out)


def test_a_block_is_found_as_we_write_it(market):
    [found] = [row for row in market("search '#12'")["found"] if row["what"] == "block"]
    assert found["name"] == "block 12"
