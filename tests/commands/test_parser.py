"""Lines are read as the official CLI (commander) reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.commands import parser
from iexec_lab.commands.tree import find
from iexec_lab.errors import UsageError, ValidationError


def parse(line: str | list):
    words = line.split() if isinstance(line, str) else line
    command, taken = find(words)
    return parser.parse(command, words[taken:])


def test_options_may_stand_anywhere():
    for line in (
        "account deposit 5 RLC --chain dev --raw",
        "account deposit --chain dev 5 --raw RLC",
        "account deposit --raw --chain=dev 5 RLC",
    ):
        args = parse(line)
        assert (args.amount, args.unit, args.chain, args.raw) == ("5", "RLC", "dev", True)


def test_variadic_options_end_at_the_next_dash():
    args = parse("app run 0x1 --secret 1=a 2=b --gas-price 2 gwei --watch")
    assert args.secret == ["1=a", "2=b"]
    assert args.gas_price == ["2", "gwei"]
    assert args.watch is True


def test_variadic_options_take_positionals_like_commander():
    with pytest.raises(UsageError, match="missing required argument 'amount'"):
        parse("account deposit --gas-price 1 gwei 5")


def test_a_variadic_option_may_be_repeated_and_joined():
    assert parse("app run --secret 1=a --secret 2=b").secret == ["1=a", "2=b"]
    assert parse("app publish --price=5 0x1").price == ["5"]


def test_a_value_may_start_with_a_dash():
    args = parse(["app", "run", "--args", "--help me", "--params", "-1"])
    assert args.args == "--help me"
    assert args.params == "-1"
    assert parse(["app", "run", "--args=--raw"]).raw is False


def test_optional_values():
    assert parse("order show --app --deals").app is True
    assert parse("order show --app 0xab --deals").app == "0xab"
    assert parse("order show --app=0xab").app == "0xab"
    assert parse("order show --dataset").app is None
    assert parse("task show 0x1 --download").download is True
    assert parse("task show --download name 0x1").download == "name"


def test_empty_values_are_values():
    assert parse(["app", "run", "--args", ""]).args == ""
    assert parse(["app", "run", "--args="]).args == ""
    assert parse(["connect", ""]).network == ""


def test_two_dashes_end_the_options():
    assert parse(["account", "deposit", "--", "--raw"]).amount == "--raw"


def test_names_of_values():
    args = parse("app request-execution 0x1 --skip-preflight-check --app-price 5 RLC")
    assert args.app == "0x1"
    assert args.skip_preflight_check is True
    assert args.app_price == ["5", "RLC"]
    assert args.dataset_price is None


def test_whole_numbers_become_int():
    args = parse("app run --category 2 --trust 0")
    assert (args.category, args.trust) == (2, 0)
    with pytest.raises(ValidationError, match="x is not a valid uint256"):
        parse("app run --category x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("app show --foo", "unknown option '--foo'"),
        ("app show --raw=1", "unknown option '--raw'"),
        ("app show -x", "unknown option '-x'"),
        ("account deposit --raw", "missing required argument 'amount'"),
        ("account deposit 1 2 3", "too many arguments for 'deposit'. Expected 2 arguments but got 3."),
        ("app show 1 2", "too many arguments for 'show'. Expected 1 argument but got 2."),
        ("app show --chain", "option '--chain <name>' argument missing"),
        ("app publish --price", "option '--price <amount unit...>' argument missing"),
        ("app publish --price --raw", "option '--price <amount unit...>' argument missing"),
        (
            "app init --tee-framework sgx",
            (
                "option '--tee-framework <name>' argument 'sgx' is invalid. "
                "Allowed choices are scone, gramine, tdx."
            ),
        ),
    ],
)
def test_errors_have_the_official_words(line, message):
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert caught.value.message == message
    assert caught.value.usage.startswith("iexec-lab ")


def test_a_misspelt_option_gets_a_suggestion():
    with pytest.raises(UsageError) as caught:
        parse("app run --wach")
    assert caught.value.hint == "Did you mean --watch?"


def test_objects_arrive_as_they_are():
    thing = object()
    args = parse(["app", "run", thing, "--params", {"a": 1}, "--secret", "1=a", thing])
    assert args.app is thing
    assert args.params == {"a": 1}
    assert args.secret == ["1=a", thing]


VALUES = st.text(alphabet=st.characters(exclude_characters="\0"), max_size=12)


@given(VALUES, VALUES)
def test_any_value_comes_through(first, second):
    args = parse(["app", "run", "--args", first, f"--params={second}"])
    assert (args.args, args.params) == (first, second)


@given(st.lists(VALUES.filter(lambda text: not text.startswith("-")), min_size=1, max_size=5))
def test_any_variadic_values_come_through(values):
    args = parse(["app", "run", "--secret", *values, "--watch"])
    assert args.secret == values


@pytest.mark.parametrize(
    ("words", "wants"),
    [(["--help"], True), (["x", "-h"], True), (["--", "--help"], False), ([5], False), ([], False)],
)
def test_help_is_wanted(words, wants):
    assert parser.wants_help(words) is wants
