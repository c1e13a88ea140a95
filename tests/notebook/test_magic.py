"""``%iexec`` in a real IPython shell; nothing here needs a network."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.errors import AbortedError, ProjectError, UsageError, WalletError
from iexec_lab.notebook.magic import IexecMagics


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IEXEC_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IEXEC_LAB_STATE", raising=False)  # sandbox reset would delete what is there
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    (tmp_path / "iexec.json").write_text("{}")
    created = InteractiveShell()
    created.extension_manager.load_extension("iexec_lab")
    yield created
    created.extension_manager.unload_extension("iexec_lab")


def run(shell, code):
    """Run a cell; its result and what it printed."""
    printed = StringIO()
    with redirect_stdout(printed):
        result = shell.run_cell(code)
    return result, printed.getvalue()


def value(shell, code):
    result, printed = run(shell, code)
    assert result.success, printed
    return result.result


def error(shell, code):
    result, printed = run(shell, code)
    assert not result.success
    return result.error_in_exec, printed


def test_a_line_returns_a_value(shell):
    answer = value(shell, "%iexec category init")
    assert answer["name"] == "XXL"
    run(shell, "kept = %iexec category init")
    assert shell.user_ns["kept"] == answer
    run(shell, "quiet = %iexec category init;")
    assert shell.user_ns["quiet"] == answer


def test_raw_gives_the_json_object(shell):
    assert value(shell, "%iexec category init --raw")["ok"] is True


def test_a_semicolon_shows_nothing(shell):
    assert value(shell, "%iexec category init;") is None
    assert json.loads(Path("iexec.json").read_text())["category"]


def test_a_semicolon_is_looked_for_in_any_text(shell):
    # IPython's own mark for such magics reads the line as Python, and fails at the first open parenthesis.
    for word in ("(", "{{", "[", "0x12g", "007"):
        assert value(shell, f"%iexec category init --raw --help {word}") is None
    assert value(shell, "%%iexec category init\n--raw # a note (")["ok"] is True


def test_a_failed_command_fails_the_cell_with_its_few_lines(shell):
    (caught, printed) = error(shell, "%iexec category create")
    assert isinstance(caught, ProjectError)
    assert 'Missing category in "iexec.json"' in printed
    assert "→ Write a sample: %iexec category init" in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) <= 4


@pytest.mark.parametrize("word", ["app", "$app"])
def test_a_variable_without_its_braces_is_understood(shell, word):
    shell.user_ns["app"] = "0x" + "ab" * 20
    _, printed = error(shell, f"%iexec wallet show {word} --chain bellecour")
    assert "→ Write {app} for the value of the variable app." in printed
    del shell.user_ns["app"]
    _, printed = error(shell, "%iexec wallet show app --chain bellecour")
    assert "→ An address is 0x and 40 hexadecimal digits." in printed


def test_python_s_errors_name_magics_too(shell):
    _, printed = error(shell, "from iexec_lab.protocol import to_bytes32\nto_bytes32('0x' + 'ab' * 20)")
    assert "%iexec jobs lists your deals" in printed
    assert "iexec-lab" not in printed


def test_whole_tracebacks_on_request(shell):
    run(shell, "%config IexecMagics.traceback = True")
    _, printed = error(shell, "%iexec category create")
    assert "Traceback" in printed
    assert "magic.py" in printed


def test_no_traceback_quotes_a_line_with_a_secret(shell, capsys):
    run(shell, "%config IexecMagics.traceback = True")
    for line in ("wallet show --password geheim-77", "wallet import " + "7c" * 32):
        shell.run_cell(f"%iexec {line}")
    shown = "".join(capsys.readouterr())
    assert shown.count("Refused ") == 2
    assert "geheim-77" not in shown
    assert "7c" * 32 not in shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%iexec category shwo 1", "unknown command 'shwo'"),
        ("%iexec category show", "missing required argument 'index'"),
        ("%iexec category init --foo", "unknown option '--foo'"),
        ("%iexec app run --args 'open", "No closing quotation"),
        ("%iexec app run {nothing}", "{nothing}: name 'nothing' is not defined"),
        ("%%iexec category init -o 5\n--raw", "-o needs the name of a variable"),
        ("%iexec --raw category init", "unknown option '--raw'"),
        ("frame = __import__('pandas').DataFrame()\n%iexec {frame}", "unknown command 'DataFrame'"),
        ("%iexec category {get_ipython}", "unknown command 'method'"),
        ("%iexec connect {get_ipython}", "[network] cannot be a method"),
        ("gone = None\n%iexec category show {gone}", "{gone} has no value: it is None"),
    ],
)
def test_a_wrong_line_is_a_short_error(shell, line, message):
    caught, printed = error(shell, line)
    assert isinstance(caught, UsageError)
    assert message in printed
    assert "Traceback" not in printed


def test_help_is_printed(shell):
    for line in ("%iexec", "%iexec --help", "%iexec help"):
        assert "orderbook" in run(shell, line)[1]
    assert "push-secret" in run(shell, "%iexec app")[1]
    printed = run(shell, "%iexec app run --help")[1]
    assert "--encrypt-result" in printed
    assert "%iexec app run --args hello --watch" in printed
    assert run(shell, "%iexec --version")[1][:1].isdigit()


def test_subscripts_keep_their_quotes(shell):
    shell.user_ns["held"] = {"verb": "init", "flags": ["--raw"]}
    assert value(shell, "%iexec category {held['verb']} {held[\"flags\"][0]}")["ok"] is True


def test_variables(shell):
    shell.user_ns["flag"] = "--raw"
    shell.user_ns["words"] = ["category", "init"]
    assert value(shell, "%iexec {words[0]} {words[1]} {flag}")["ok"] is True


def test_local_variables_of_a_function(shell):
    code = (
        "def start(kind):\n    return get_ipython().run_line_magic('iexec', 'category ' + kind)\n"
        "def begin():\n    verb = 'init'\n    answer = %iexec category {verb}\n    return answer\n"
        "begin()"
    )
    assert value(shell, code)["name"] == "XXL"


def test_a_cell_of_commands_runs_them_in_order(shell):
    answer = value(
        shell, "%%iexec\n# two of them\ncategory init --raw\n\niexec sandbox app list   # ours too\n"
    )
    assert list(answer.columns) == ["image", "folder"]
    assert answer.attrs["kind"] == "image"


def test_a_cell_stops_at_the_first_failure(shell):
    caught, _ = error(shell, "%%iexec\ncategory create\ncategory init")
    assert isinstance(caught, ProjectError)
    assert json.loads(Path("iexec.json").read_text()) == {}


def test_a_cell_with_a_command_takes_options_from_its_body(shell):
    answer = value(shell, "%%iexec category init\n--raw   # as a dict\n--quiet\n")
    assert answer["ok"] is True


def test_output_of_a_cell_goes_to_a_name_and_is_not_shown(shell):
    assert value(shell, "%%iexec category init -o kept\n--raw\n") is None
    assert shell.user_ns["kept"]["ok"] is True
    assert value(shell, "%%iexec -o last\ncategory init\ncategory init --raw\n") is None
    assert shell.user_ns["last"]["ok"] is True


@pytest.mark.parametrize(
    "line",
    [
        f"%iexec wallet import {'0x' + 'ab' * 32}",
        f"%iexec wallet import {'ab' * 32} --unencrypted",
        "%iexec wallet create --password secret",
        "%iexec wallet create --password=secret",
        "%iexec account deposit 5 --password 'se cret'",
        f"%iexec connect sandbox --wallet-file {'ab' * 32}",
        f"%iexec connect sandbox --wallet-file={'ab' * 32}",
        f"%iexec connect {'ab' * 32}",
        f"%iexec {'0x' + 'ab' * 32}",
        f"%iexec wallet {'0X' + 'ab' * 32}",
        f"%iexec wallet improt {'ab' * 32}",
        f"%iexec wallet show {'ab' * 32}",
        f"%iexec account deposit {'ab' * 32}",
        f"%iexec account deposit 5 RLC {'ab' * 32}",
        f"%%iexec wallet import\n{'ab' * 32}",
        f"%%iexec\ncategory init\nwallet import '{'ab' * 32}'",
        "%iexec wallet create --password --secret",
        "%iexec wallet create --password --raw",
    ],
)
def test_keys_and_passwords_are_not_taken_from_a_line(shell, line):
    caught, printed = error(shell, line)
    assert isinstance(caught, WalletError)
    assert "IEXEC_PRIVATE_KEY" in printed
    assert "secret" not in printed
    assert "abab" not in printed


def test_hashes_are_no_private_keys(shell):
    for line in ("order show --app {}", "deal show {}", "order show --app={}", "task show {} --download {}"):
        caught, _ = error(shell, f"%iexec {line.format(*['0x' + 'ab' * 32] * 2)} --chain nowhere")
        assert not isinstance(caught, WalletError)


def test_a_password_may_come_from_a_variable(shell):
    shell.user_ns["word"] = "secret"
    caught, _ = error(shell, "%iexec category init --password {word}")
    assert isinstance(caught, UsageError)  # this command has no such option; the line was not refused


def test_questions_without_a_person_are_errors(shell, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO())
    (caught, printed) = error(shell, "%iexec sandbox reset")
    assert isinstance(caught, AbortedError)
    assert "Nobody is there to answer" in printed


def test_confirm_can_be_switched_off(shell):
    run(shell, "%config IexecMagics.confirm = False")
    assert value(shell, "%iexec sandbox reset") is None


def test_traits_are_validated(shell):
    run(shell, "%config IexecMagics.max_rows = 0")
    assert shell.magics_manager.registry["IexecMagics"].max_rows == 40


def test_a_refused_setting_does_not_stop_a_reload(shell):
    run(shell, "%config IexecMagics.confirm = 'perhaps'")
    with pytest.warns(UserWarning, match="IexecMagics.confirm = 'perhaps' is ignored"):
        shell.extension_manager.reload_extension("iexec_lab")
    assert value(shell, "%iexec category init")["name"] == "XXL"


def test_settings_are_those_of_the_magics_in_use(shell):
    shell.extension_manager.reload_extension("iexec_lab")
    run(shell, "%config IexecMagics.max_rows = 7")
    assert "Current: 7" in run(shell, "%config IexecMagics")[1]


def test_the_default_chain_beats_that_of_the_project(shell):
    Path("chain.json").write_text('{"default": "first", "chains": {"first": {"id": "1"}}}')
    run(shell, "%config IexecMagics.default_chain = 'second'")
    _, printed = error(shell, "%iexec app count")
    assert 'Missing "second" chain' in printed


def test_unload_takes_everything_away(shell):
    shell.extension_manager.unload_extension("iexec_lab")
    assert "iexec" not in shell.magics_manager.magics["line"]
    assert "iexec" not in shell.magics_manager.magics["cell"]
    shell.extension_manager.load_extension("iexec_lab")
    shell.extension_manager.reload_extension("iexec_lab")
    assert value(shell, "%iexec category init")["name"] == "XXL"


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell();"
        "before = set(sys.modules); shell.extension_manager.load_extension('iexec_lab');"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("web3", "pandas", "ipywidgets", "eth_account", "requests", "aiohttp", "cryptography"):
        assert f"'{heavy}'" not in loaded


def test_the_docstring_of_the_magic_is_its_help():
    assert "%iexec --help" in IexecMagics.iexec.__doc__
