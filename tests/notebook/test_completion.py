from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.commands.seen import Seen
from iexec_lab.notebook import completion

APP = "0x" + "Ab" * 20


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def complete(seen, tmp_path):
    shell = InteractiveShell()
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


def test_a_comment_in_a_cell_is_not_completed(complete):
    assert "--encrypt-result" not in complete("%%iexec app run\n# --enc")
