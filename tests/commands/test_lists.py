"""Every command that lists the market, as a person in a terminal types it."""

from __future__ import annotations

from iexec_lab.commands import tree

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
