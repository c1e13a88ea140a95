from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.notebook import input_transformers


@pytest.fixture
def shell():
    shell = InteractiveShell()
    remove = input_transformers.install(shell)
    yield shell
    remove()
    assert input_transformers.to_help not in shell.input_transformers_cleanup


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%iexec app run?", "run_line_magic('iexec', 'app run --help')"),
        ("%iexec app push-secret ??", "run_line_magic('iexec', 'app push-secret --help')"),
        ("x = 1\n%iexec app?", "run_line_magic('iexec', 'app --help')"),
        ("%iexec?", "run_line_magic('pinfo', '%iexec')"),
        ("%iexec app run --args 'why?'", "run_line_magic('iexec', \"app run --args 'why?'\")"),
        ("%%iexec app run\n--args why?", "run_cell_magic('iexec', 'app run', '--args why?"),
        ("%other thing?", "run_line_magic('pinfo', 'thing')"),
    ],
)
def test_a_question_mark_after_a_command_asks_for_its_help(shell, line, expected):
    assert expected in shell.transform_cell(line)
