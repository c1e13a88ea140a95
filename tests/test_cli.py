"""The command line as a program: streams, JSON, exit codes. Nothing here needs a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from helpers.strategies import JSON
from hypothesis import given

from iexec_lab import cli

pytestmark = pytest.mark.slow


@pytest.fixture
def iexec(tmp_path):
    """Runs the program in an empty project folder."""

    def run(*words, **options):
        environment = {
            **os.environ,
            "IEXEC_LAB_HOME": str(tmp_path / "home"),
            "HOME": str(tmp_path),
            **options,
        }
        environment.pop("IEXEC_PRIVATE_KEY", None)
        return subprocess.run(
            [sys.executable, "-m", "iexec_lab", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )

    return run


def only_json(text: str):
    assert text.count("\n") == 1
    return json.loads(text)


def test_version_and_help(iexec):
    assert iexec("--version").stdout == iexec("-V").stdout == "0.1.0\n"
    for words in (("--help",), ("-h",), ("help",)):
        done = iexec(*words)
        assert done.returncode == 0
        assert "orderbook" in done.stdout
    for words in (("app", "run", "--help"), ("help", "app", "run"), ("app", "help", "run")):
        assert "Usage: iexec-lab app run [appAddress] [options]" in iexec(*words).stdout


def test_an_unfinished_command_shows_what_may_follow_and_fails(iexec):
    for words, shown in (((), "orderbook"), (("app",), "push-secret")):
        done = iexec(*words)
        assert done.returncode == 1
        assert done.stdout == ""
        assert shown in done.stderr


def test_raw_success_is_one_line_on_standard_output(iexec):
    done = iexec("init", "--raw", "--skip-wallet")
    assert (done.returncode, done.stderr) == (0, "")
    assert only_json(done.stdout) == {"ok": True, "configFile": "iexec.json", "chainConfigFile": "chain.json"}
    assert '{"ok":true,' in done.stdout


def test_raw_failure_is_one_line_on_standard_error(iexec):
    done = iexec("app", "deploy", "--raw")
    assert (done.returncode, done.stdout) == (1, "")
    assert only_json(done.stderr) == {
        "ok": False,
        "command": "iexec app deploy",
        "error": {
            "name": "Error",
            "message": 'Missing "iexec.json" file, did you forget to run "iexec init"?',
        },
    }


@pytest.mark.parametrize(
    ("words", "command", "message"),
    [
        (("foo", "--raw"), "iexec foo", "unknown command 'foo'"),
        (("app", "foo", "--raw"), "iexec app foo", "unknown command 'foo'"),
        (("app", "--raw"), "iexec app", "unknown option '--raw'"),
        (("app", "show", "--foo", "--raw"), "iexec app show", "unknown option '--foo'"),
        (("account", "deposit", "--raw"), "iexec account deposit", "missing required argument 'amount'"),
        (
            ("result", "generate-keys", "a", "--raw"),
            "iexec result generate-keys",
            ("too many arguments for 'generate-encryption-keypair'. Expected 0 arguments but got 1."),
        ),
    ],
)
def test_parser_errors_are_json_too(iexec, words, command, message):
    done = iexec(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert only_json(done.stderr) == {
        "ok": False,
        "command": command,
        "error": {"name": "Error", "message": message},
    }


def test_a_failure_for_people_is_two_lines_and_a_hint(iexec):
    done = iexec("app", "deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        '✖ Missing "iexec.json" file, did you forget to run "iexec init"?\n  → Write it: iexec-lab init.\n'
    )
    done = iexec("app", "shwo")
    assert done.stderr == (
        "error: unknown command 'shwo'\n(Did you mean show?)\n\nUsage: iexec-lab app <command> [options]\n"
    )


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("app run --forc", "error: unknown option '--forc'\n(Did you mean --force?)\n"),
        ("app --raw=1", "error: unknown option '--raw=1'\n\nUsage: iexec-lab app <command> [options]\n"),
        ("account deposit", "error: missing required argument 'amount'\n"),
        ("deal show 1 2", "error: too many arguments for 'show'. Expected 1 argument but got 2.\n"),
        ("app run --args", "error: option '--args <"),
        ("nothing", "error: unknown command 'nothing'\n\nUsage: iexec-lab <command> [options]\n"),
        ("app", "Usage: iexec-lab app <command> [options]\n"),
    ],
)
def test_a_line_that_does_not_parse_begins_as_in_the_official_cli(line, begins, capsys):
    assert cli.main(line.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(begins)
    assert "Usage: iexec" in err


def test_a_result_that_goes_to_a_contract_can_not_be_downloaded(iexec):
    """Told before anything is paid, or even asked."""
    contract = "0x" + "ab" * 20
    done = iexec("app", "run", contract, "--callback", contract, "--download", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there will be nothing to download\n  → Leave out one of the two" in done.stderr


def test_an_answer_for_people(iexec):
    iexec("init", "--skip-wallet")
    done = iexec("category", "init")
    assert done.returncode == 0
    assert done.stdout == (
        '✔ Saved default category in "iexec.json", you can edit it:\n'
        "name:             XXL\ndescription:      new hub category\nworkClockTimeRef: 100\n"
    )


def test_no_colours_outside_a_terminal(iexec):
    assert "\x1b" not in iexec("category", "init").stderr


def test_questions_are_errors_when_nobody_is_there(iexec):
    done = iexec("init")
    assert done.returncode == 1
    assert "Nobody is there to answer: Password for the new wallet" in done.stderr
    assert "iexec-lab init --skip-wallet" in done.stderr
    done = iexec("init", "--skip-wallet")
    assert done.returncode == 0
    done = iexec("init", "--skip-wallet")
    assert (done.returncode, '"iexec.json" is here already and is kept' in done.stderr) == (0, True)
    assert iexec("init", "--skip-wallet", "--force").returncode == 0


def test_a_reader_that_leaves_is_no_error_message(tmp_path):
    command = f"{sys.executable} -m iexec_lab --help | true"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_text_that_the_terminal_can_not_show(iexec):
    iexec("init", "--skip-wallet")
    done = iexec("category", "init", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Saved default category" in done.stdout


def test_main_returns_the_exit_code(capsys):
    assert cli.main(["--version"]) == 0
    assert cli.main(["nothing"]) == 1
    assert "unknown command" in capsys.readouterr().err


@given(JSON)
def test_a_line_of_json_holds_nothing_that_moves_a_cursor(value):
    value = [value, "\x9b2J\x7f\u202e\u2028 \x1b]0;x\x07\U000e0001é🧪"]
    line = cli._json(value)
    assert line.isprintable()
    assert json.dumps(json.loads(line)) == json.dumps(value)
