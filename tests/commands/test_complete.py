from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.commands.complete import candidates, known_values, proposals, split
from iexec_lab.commands.nouns.shell import answer
from iexec_lab.commands.recent import Seen
from iexec_lab.commands.tree import find, walk

APP = "0x" + "Aa" * 20
DEAL = "0x" + "12" * 32


def complete(line, **known):
    return candidates(*split(line), **known)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("or", ["order", "orderbook"]),
        ("app ru", ["run"]),
        ("app run --da", ["--dataset"]),
        ("app run --tag te", ["tee"]),
        ("app run --tag tee,t", ["tee,tdx"]),
        ("app run --tag=tee,td", ["--tag=tee,tdx"]),
        ("app run --storage-provider ", ["ipfs", "dropbox"]),
        ("account deposit 3 R", ["RLC"]),
        ("result generate-k", ["generate-keys"]),
        ("nonsense ", []),
        ("app run --nonsense ", []),
    ],
)
def test_the_tree_says_what_comes_next(line, expected):
    found = complete(line)
    assert found[: len(expected)] == expected if expected else "run" not in found


def test_after_a_blank_everything_that_fits_is_offered():
    assert {"app", "dataset", "deal", "sandbox"} <= set(complete(""))
    assert {"run", "deploy", "show"} <= set(complete("app "))
    assert {"--dataset", "--args", "--watch"} <= set(complete("app run "))


def test_an_option_is_not_offered_twice():
    assert "--watch" not in complete("app run --watch --w")


def test_ids_and_addresses_of_the_session_are_offered():
    seen = Seen()
    seen.learn({"ok": True, "address": APP, "txHash": DEAL}, "app")
    seen.learn({"deals": [{"dealid": DEAL, "volume": "1"}]}, "app")
    assert complete("app show ", seen=seen)[0] == APP
    assert complete("app run 0xaa", seen=seen) == [APP]
    assert complete("deal show ", seen=seen)[0] == DEAL
    assert complete("dataset show 0x", seen=seen) == []


def test_orders_are_remembered_by_kind():
    seen = Seen()
    seen.learn({"appOrders": [{"orderHash": DEAL, "app": APP}]}, "orderbook")
    assert complete("order show --app ", seen=seen)[0] == DEAL
    assert DEAL not in complete("order show --dataset ", seen=seen)
    assert seen.of("app") == [APP]


def test_project_files_are_read(tmp_path):
    (tmp_path / "chain.json").write_text(json.dumps({"default": "mine", "chains": {"mine": {"id": "7"}}}))
    (tmp_path / "deployed.json").write_text(json.dumps({"app": {"7": APP}}))
    assert complete("info --chain mi", folder=tmp_path) == ["mine"]
    assert complete("app show 0x", folder=tmp_path) == [APP]


def test_paths(tmp_path):
    (tmp_path / "a file.zip").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden").touch()
    assert complete("result decrypt ", folder=tmp_path)[:2] == ["a file.zip", "folder/"]
    assert complete("result decrypt 'a f", folder=tmp_path) == ["a file.zip"]


def test_broken_project_files_complete_to_nothing(tmp_path):
    (tmp_path / "deployed.json").write_text("{")
    assert complete("app show 0x", folder=tmp_path) == []


@given(st.text(alphabet=" abcdefrunshow-='\"\\0x{}", max_size=40))
def test_no_line_is_too_broken_to_complete(line):
    words, last = split(line)
    assert isinstance(candidates(words, last), list)


def flags_after(line):
    words, last = split(line)
    return candidates(words, last)


@pytest.mark.parametrize("command", [each.name for each in walk()])
def test_what_people_use_next_comes_first(command):
    """A command's own options stand before those of the network, the wallet and the output."""
    groups = {each.flag: each.group for each in find(command.split())[0].options}
    order = [groups.get(flag, "everywhere") for flag in flags_after(f"{command} --")]
    rank = {"options": 0, "follow": 1, "output": 2, "network": 3, "wallet": 4, "everywhere": 5}
    assert [rank[each] for each in order] == sorted(rank[each] for each in order)


def test_the_next_option_of_a_run():
    found = flags_after("app run --")
    assert found[:3] == ["--dataset", "--bulk", "--workerpool"]
    assert found.index("--watch") < found.index("--force") < found.index("--chain")
    assert "--chain" not in flags_after("app run --chain=sandbox --")
    assert found[-4:] == ["--raw", "--quiet", "--wide", "--help"]


def test_words_that_the_help_quotes_are_offered():
    assert "any" in flags_after("orderbook app ")
    assert {"deployed"} <= set(flags_after("app run --dataset "))
    assert {"local", "global"} <= set(flags_after("wallet show --keystoredir "))
    assert flags_after("deal list --since 7") == ["7d"]


@pytest.mark.parametrize("command", [each.name for each in walk()])
def test_every_word_says_what_it_means(command):
    words = command.split()
    for end in range(len(words)):
        before = proposals(words[:end], "")
        assert all(each.help for each in before)
    for each in proposals(words, "--"):
        assert each.help
        assert 0 < len(each.brief) <= 56


def test_a_shell_gets_the_help_behind_a_tab():
    assert "--dataset" in answer("iexec-lab app run --data")
    lines = answer("iexec-lab app run --dataset-p", with_help=True)
    assert [line.split("\t")[0] for line in lines] == ["--dataset-price"]
    assert "price" in lines[0].split("\t")[1]


LISTED = re.compile(r"\b[a-z]+(?:_[a-z]+)*, [a-z_]+(?:, [a-z_]+)* or [a-z_]+\b")


def test_words_that_a_help_lists_are_proposed():
    """They stand in quotes there."""
    bare = [
        f"{command.name} {item.shown}: {item.help}"
        for command in walk()
        for item in (*command.options, *command.args)
        if item.kind in {"name", "text"}
        and not item.choices
        and command.path[0] not in {"form", "sandbox", "ens", "search", "explore"}
        and LISTED.search(item.help)
        and not known_values(item, seen=Seen(), folder=Path())
    ]
    assert not bare


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("order list --kind ", ["app", "dataset", "workerpool", "request"]),
        ("order list --status ", ["open", "filled", "canceled", "dead", "any"]),
        ("deal list --status ", ["running", "completed", "claimable", "failed"]),
        ("task list --sort ", ["newest", "oldest"]),
        ("history per-day --every ", ["hour", "day", "week", "month"]),
        ("history prices --of ", ["workerpool", "app", "dataset", "task"]),
        ("history success --by ", ["app", "workerpool", "requester", "payer", "category"]),
        ("history transfers --cause ", ["deposit", "withdrawal", "transfer", "lock", "unlock", "reward"]),
        ("history orders --order-kind ", ["app", "dataset", "workerpool", "request"]),
        ("history deals --source ", ["subgraph", "logs"]),
    ],
)
def test_known_words_of_a_value(line, found):
    words, last = split(line)
    assert candidates(words, last) == found


def test_behind_an_amount_its_unit_or_the_next_option():
    words, last = split("app publish --price 1 ")
    found = candidates(words, last)
    assert found[:3] == ["nRLC", "RLC", "--volume"]
    assert "--price" not in found
    assert candidates(*split("app publish --price ")) == ["nRLC", "RLC"]
