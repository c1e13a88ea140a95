"""``make mutants`` changes what it says, notices what tests notice, and leaves the tree as it is."""

from __future__ import annotations

from pathlib import Path

import mutants
import pytest

MODULE = '''"""Text."""

SIZE = 3


def clamp(value, least=0, *, strict=False):
    """Text with 1 number."""
    if strict and not value > SIZE:
        raise ValueError("too small")
    print(value)
    return f"{value + 1}" if value == "x" else value + least
'''
CHANGES = [
    ("constant", "3", "4"),
    ("default", "0", "1"),
    ("default", "False", "True"),
    ("boolean", "strict and not value > SIZE", "(strict or not value > SIZE)"),
    ("not removed", "not value > SIZE", "(value > SIZE)"),
    ("comparison", "value > SIZE", "(value >= SIZE)"),
    ("raise removed", 'raise ValueError("too small")', "pass"),
    ("call removed", "print(value)", "pass"),
    ("return", 'return f"{value + 1}" if value == "x" else value + least', "return None"),
    ("comparison", 'value == "x"', "(value != 'x')"),
    ("constant", '"x"', "'x?'"),
    ("arithmetic", "value + least", "(value - least)"),
]


def test_every_kind_of_change():
    found = mutants.Finder(Path("clamp.py"), MODULE.encode()).found
    assert [(change.kind, change.before, change.after) for change in found] == CHANGES
    for change in found:
        changed = change.apply(MODULE.encode()).decode()
        assert changed.count("\n") == MODULE.count("\n")
        compile(changed, "clamp.py", "exec")


@pytest.fixture
def tree(tmp_path):
    """A package of one module, half of which is tested."""
    root = tmp_path / "tree"
    (root / "iexec_lab" / "sandbox").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    for empty in ("__init__.py", "sandbox/__init__.py", "sandbox/pytest_plugin.py"):  # what pytest loads
        (root / "iexec_lab" / empty).write_text("")
    (root / "iexec_lab" / "small.py").write_text(
        "def known():\n    return 5\n\n\ndef unknown(x):\n    return x\n"
    )
    (root / "tests" / "test_small.py").write_text(
        "from iexec_lab.small import known\n\n\ndef test_known():\n    assert known() == 5\n"
    )
    return root


@pytest.mark.slow
def test_what_no_test_notices_is_named(tree, capsys):
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    assert mutants.main(["small", "--jobs", "1"], tree) == 0
    assert capsys.readouterr().out.splitlines() == [
        "small: 3 of 3 changes, seed 0",
        "survived  iexec_lab/small.py:6: return: return x  ->  return None",
        "2 of 3 were noticed, 1 survived",
    ]
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_seed_chooses_the_same_again(tree, capsys):
    said = []
    for seed in ("7", "7"):
        mutants.main(["small", "--count", "1", "--seed", seed, "--jobs", "1"], tree)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].startswith("small: 1 of 3 changes, seed 7\n")


@pytest.mark.slow
def test_tests_that_fail_anyway_tell_nothing(tree):
    (tree / "tests" / "test_small.py").write_text("def test_wrong():\n    assert 0\n")
    with pytest.raises(SystemExit, match="Without a change the tests do not pass"):
        mutants.main(["small"], tree)
