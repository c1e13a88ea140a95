from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.commands.recent import Seen
from iexec_lab.notebook import completion

APP = "0x" + "Ab" * 20


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def shell():
    return InteractiveShell()


@pytest.fixture(scope="module")
def lasting():
    """A shell for many lines."""
    shell = InteractiveShell()
    completion.install(shell, Seen(), Path)
    return shell


@pytest.fixture
def complete(shell, seen, tmp_path):
    remove = completion.install(shell, seen, lambda: tmp_path)

    def texts(code):
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(code, len(code))]

    yield texts
    remove()
    assert not shell.Completer.custom_matchers


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%iexec orderb", "orderbook"),
        ("df = %iexec orderb", "orderbook"),
        ("a, b = %iexec orderb", "orderbook"),
        ("%iexec app run --enc", "--encrypt-result"),
        ("x = 1\n%iexec app ru", "run"),
        ("%%iexec app ru", "run"),
        ("%%iexec app run\n--enc", "--encrypt-result"),
        ("%%iexec app run\n--args x\n--tag te", "tee"),
        ("%%iexec\napp init\napp depl", "deploy"),
        ("%%iexec app run -", "-o"),
        ("%%iexec app run -o job\n--enc", "--encrypt-result"),
        ("%iexec iexec app ru", "run"),
        ("%iexec help app ru", "run"),
        ("%iexec form orderb", "orderbook"),
        ("%iexec form app ru", "run"),
        ("%time %iexec app ru", "run"),
        ("%iexec connect san", "sandbox"),
        ("    inner = %iexec app run --chain ", "sandbox"),
        ("%iexec app run --chain=san", "--chain=sandbox"),
    ],
)
def test_lines_and_cells_are_completed(complete, code, expected):
    assert expected in complete(code)


def test_after_an_assignment_everything_is_offered(complete):
    assert {"app", "orderbook", "deal"} <= set(complete("df = %iexec "))


def test_what_was_seen_is_offered(complete, seen):
    seen.learn({"address": APP}, "app")
    assert APP in complete("%iexec app show ")
    assert complete("%iexec app show 0xab") == [APP]


@pytest.mark.parametrize(
    "code", ["app ru", "# %iexec app ru", "print('%iexec app ru", "%%bash\n%iexec app ru"]
)
def test_other_code_is_left_to_ipython(complete, code):
    assert "run" not in complete(code)


@pytest.mark.parametrize(
    ("typed", "inserted"),
    [
        ("my", "my\\ dir/"),
        ("my\\ d", "my\\ dir/"),
        ("my\\ dir/", "my\\ dir/a\\'s.zip"),
        ('"my', "my dir/"),
        ('"my dir/', "my dir/a's.zip"),
        ("'my dir/", "my dir/a's.zip"),
        ("'my dir'/", "my\\ dir/a\\'s.zip"),
    ],
)
def test_paths_with_blanks_are_quoted_as_the_line_is(complete, tmp_path, typed, inserted):
    (tmp_path / "my dir").mkdir()
    (tmp_path / "my dir" / "a's.zip").touch()
    assert complete(f"%iexec task show 0x1 --download {typed}") == [inserted]


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("%iexec app run --chain zz", "zz"),
        ("%iexec app run --args ", ""),
        ('%iexec app run --args "he', "he"),
        ("%iexec app run --args he\\", "he\\"),
        ("%iexec nothing ", ""),
        ("%iexec app run 'a b' \"c 'd", "c 'd"),
    ],
)
def test_where_nothing_fits_ipython_offers_nothing_either(complete, code, kept):
    assert set(complete(code)) <= {kept}


@pytest.mark.usefixtures("complete")
def test_variables_are_completed_in_braces(shell):
    shell.user_ns["job_of_mine"] = 1
    with provisionalcompleter():
        found = [each.text for each in shell.Completer.completions("%iexec deal show {job_", 22)]
    assert found == ["job_of_mine"]


def test_attributes_and_columns_are_completed_in_braces(complete, shell):
    shell.user_ns["frame"] = pd.DataFrame({"app_price": [1], "not a name": [2]})
    assert complete("%iexec app run --app-price {frame.app_p") == ["app_price"]
    assert complete('%iexec app run --args "{frame.ilo') == ["iloc"]
    assert complete("%iexec app show {frame.app_price.valu")[0] == "value_counts"
    assert complete("%iexec app show {nobody.a") == ["a"]


@settings(max_examples=50)
@given(st.text(st.sampled_from("ab \\'\"{}#-=\n"), max_size=12))
def test_no_line_breaks_the_completer(lasting, typed):
    code = f"%%iexec app run {typed}"
    with provisionalcompleter():
        list(lasting.Completer.completions(code, len(code)))


def test_a_comment_in_a_cell_is_not_completed(complete):
    assert "--encrypt-result" not in complete("%%iexec app run\n# --enc")


def described(shell, code):
    with provisionalcompleter():
        return {each.text: each.type for each in shell.Completer.completions(code, len(code))}


def test_help_stands_beside_the_words(complete, shell):
    found = described(shell, "%iexec app run --")
    assert found["--dataset"] == "address: data the app works on"
    assert found["--watch"] == "flag: wait until all tasks have ended"
    assert next(iter(found)) == "--dataset"
    assert described(shell, "%iexec ord")["order"] == "sign, publish and match orders"
    assert described(shell, "%iexec order si")["sign"]


def test_a_front_end_gets_it_on_one_line(shell, tmp_path):
    """JupyterLab breaks it at blanks, and then draws lines over each other."""
    shell.kernel = object()
    remove = completion.install(shell, Seen(), lambda: tmp_path)
    found = described(shell, "%iexec app run --")
    remove()
    assert found["--dataset"].replace("\N{NO-BREAK SPACE}", " ") == "address: data the app works on"
    assert not [each for each in found.values() if " " in each or "-" in each]
