"""Lines are read as the official CLI (commander) reads them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.jobs.job import Job
from iexec_lab.client.jobs.status import TaskRef
from iexec_lab.commands import parser
from iexec_lab.commands.tree import find, walk
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


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("account deposit 1 --gas-price -1", "gas_price", ["-1"]),
        ("account deposit 1 --gas-price -1 gwei", "gas_price", ["-1", "gwei"]),
        ("account deposit 1 --gas-price --force", "gas_price", ["--force"]),
        ("account deposit 1 --gas-price --", "gas_price", ["--"]),
        ("app publish --price -1 RLC --force", "price", ["-1", "RLC"]),
        ("app publish --price --raw", "price", ["--raw"]),
        ("app run --secret -1=a 2=b", "secret", ["-1=a", "2=b"]),
    ],
)
def test_a_value_that_is_wrong_is_not_a_value_that_is_missing(line, name, value):
    """The first word after an option is its value, whatever it looks like, as with commander."""
    assert getattr(parse(line), name) == value


def test_variadic_options_take_positionals_like_commander():
    with pytest.raises(UsageError, match="missing required argument 'amount'"):
        parse("account deposit --gas-price 1 gwei 5")


def test_a_variadic_option_may_be_repeated_and_joined():
    assert parse("app run --secret 1=a --secret 2=b").secret == ["1=a", "2=b"]
    assert parse("app publish --price=5 0x1").price == ["5"]


def test_a_variadic_argument_takes_all_words_that_are_left():
    args = parse("dataset prepare-bulk 0x1 --max-dataset-per-task 2 0x2 0x3 --chain dev")
    assert (args.orders, args.max_dataset_per_task, args.chain) == (["0x1", "0x2", "0x3"], 2, "dev")
    with pytest.raises(UsageError, match="missing required argument 'orderHash'"):
        parse("dataset prepare-bulk")
    assert "[options]" in find(["dataset", "prepare-bulk"])[0].usage
    assert "<orderHash...>" in find(["dataset", "prepare-bulk"])[0].usage


def test_orders_may_be_a_frame_its_rows_or_a_column():
    frame = pd.DataFrame({"order_hash": ["0x1", "0x2"], "dataset": ["a", "b"]})
    for values in (
        [frame],
        [frame.order_hash],
        [list(frame.order_hash)],
        [frame.iloc[0], frame.iloc[1].to_dict()],
        ["0x1", frame.iloc[1]],
    ):
        assert parse(["dataset", "prepare-bulk", *values]).orders == ["0x1", "0x2"]
        assert parse(["app", "run", "--bulk", *values]).bulk == ["0x1", "0x2"]
    assert parse(["app", "run", "--bulk", {"cid": "Qm", "volume": 2}]).bulk == ["Qm"]
    with pytest.raises(UsageError, match="cannot be a DataFrame"):
        parse(["dataset", "prepare-bulk", pd.DataFrame({"a": [1]})])


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
    assert parse("app run --category XS").category == "XS"  # only the hub knows its name
    with pytest.raises(ValidationError, match=r"1\.5 is not a valid uint256"):
        parse("app run --category 1.5")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("app show --foo", "unknown option '--foo'"),
        ("app show --raw=1", "unknown option '--raw=1'"),
        ("app show -x", "unknown option '-x'"),
        ("account deposit --raw", "missing required argument 'amount'"),
        ("account deposit 1 2 3", "too many arguments for 'deposit'. Expected 2 arguments but got 3."),
        ("app show 1 2", "too many arguments for 'show'. Expected 1 argument but got 2."),
        ("app show --chain", "option '--chain <name>' argument missing"),
        ("app publish --price", "option '--price <amount unit...>' argument missing"),
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


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (5, "5"),
        (2**256, str(2**256)),
        (np.int64(5), "5"),
        (np.str_("five"), "five"),
        (Decimal("0.000000001"), "0.000000001"),
        (1e-9, "0.000000001"),
        (np.float64(1.5), "1.5"),
        (True, "True"),
        (Path("some where") / "x.zip", str(Path("some where") / "x.zip")),
        (b"\xab\x00", "0xab00"),
    ],
)
def test_numbers_and_paths_are_words(value, word):
    args = parse(["task", "show", "0x1", "--download", value])
    assert args.download == word
    assert parse(["app", "run", "--secret", "1=a", value]).secret == ["1=a", word]


def test_whole_numbers_of_any_type_are_read():
    assert parse(["category", "show", np.int64(3)]).index == 3
    assert parse(["category", "show", 3]).index == 3
    for wrong in (3.5, True, "3.0"):
        with pytest.raises(ValidationError, match="is not a valid uint256"):
            parse(["category", "show", wrong])


def test_objects_go_where_they_fit():
    args = parse(["app", "run", "--params", {"a": 1}, "--input-files", ["https://a", "https://b"]])
    assert args.params == {"a": 1}
    assert args.input_files == "https://a,https://b"
    assert parse(["app", "run", "--secret", ["1=a", "2=b"]]).secret == ["1=a", "2=b"]


@pytest.mark.parametrize("value", [object(), pd.DataFrame({"a": [1]}), pd.Series(["0x1"]), {"a": 1}, None])
@pytest.mark.parametrize(
    "words", [["app", "show"], ["app", "run", "--dataset"], ["app", "run", "--secret"], ["connect"]]
)
def test_objects_that_fit_nowhere_are_errors(words, value):
    with pytest.raises(UsageError, match="cannot be a") as caught:
        parse([*words, value])
    assert caught.value.hint


def test_a_job_stands_for_its_deal_or_its_task():
    job = Job(None, ["0x" + "1" * 64])
    vars(job)["_refs"] = [TaskRef("0x" + "2" * 64, job.deal_id, 0, 0)]
    assert parse(["deal", "show", job]).dealid == job.deal_id
    assert parse(["task", "show", job]).taskid == "0x" + "2" * 64
    vars(job)["_refs"] *= 2
    with pytest.raises(UsageError, match="has 2 tasks"):
        parse(["task", "show", job])


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


def test_two_dashes_are_a_value_where_one_is_due():
    assert parse("account deposit 1 --chain --").chain == "--"
    assert parse("account deposit 1 --chain=--").chain == "--"
    for line in ("account deposit 1 --confirms --", "account deposit 1 --confirms=--"):
        with pytest.raises(ValidationError, match="-- is not a valid uint256"):
            parse(line)


@pytest.mark.parametrize("digits", ["9" * 5000, "1" + "0" * 78, "٣", "²"])
def test_numbers_that_no_option_takes(digits):
    with pytest.raises(ValidationError, match="is not a valid uint256"):
        parse(["account", "deposit", "1", "--confirms", digits])


# What the official CLIs call the value of an option; their parser's sentences name it.
OFFICIAL_VALUES = {
    "--keystoredir": "<path>",
    "--wallet-file": "<walletFileName>",
    "--wallet-address": "<walletAddress>",
    "--confirms": "<blockCount>",
    "--gas-price": "<amount unit...>",
    "--input-files": "<fileUrl>",
    "--secret": "<secretMapping...>",
    "--volume": "<volume>",
    "--voucher-address": "<voucherAddress>",
    "--download": "[fileName]",
    "--secret-value": "<secretValue>",
    "--dataset-keystoredir": "<path>",
    "--original-dataset-dir": "<path>",
    "--encrypted-dataset-dir": "<path>",
    "--secret-path": "<secretPath>",
    "--beneficiary-keystoredir": "<path>",
    "--beneficiary-key-file": "<fileName>",
    "--domain": "<domain>",
    "--chain": "<name>",
}


def test_values_have_their_official_names():
    shown = {
        (option.flag, option.shown.partition(" ")[2])
        for command in walk()
        for option in command.options
        if option.flag in OFFICIAL_VALUES and option.value != "none"
    }
    assert shown == set(OFFICIAL_VALUES.items())


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("app run 0x1 --watch 5", "--watch takes no value."),
        ("deal show 0x1 --watch 5", "--watch takes no value."),
        ("app run 0x1 hello world", "Quote a value that has spaces."),
        ("app run --nope", "List the options: iexec-lab app run --help."),
        ("app run --chian x", "Did you mean --chain?"),
        ("app run --chian=x", "Did you mean --chain?"),
    ],
)
def test_advice(line, hint):
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert caught.value.hint == hint
