"""An option is declared in one place, and all faces have it."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
import typing

import pytest
from helpers.places import PACKAGE

from iexec_lab.client.market.book_filters import FILTERS
from iexec_lab.client.matching.request import Request
from iexec_lab.client.matching.run_options import ExecutionOptions, RunOptions
from iexec_lab.client.nouns._sale_options import SALES
from iexec_lab.client.options import Opt, declared, takes, with_defaults
from iexec_lab.commands import tree


class Colours(typing.TypedDict, total=False):
    hue: typing.Annotated[str | None, Opt("text", "the hue", "any word", shows="word")]
    depth: typing.Annotated[int, Opt("integer", "how deep", default=3)]


class Painter:
    @takes(Colours, depth=5)
    def paint(self, wall: str, *, twice: bool = False, **options: typing.Unpack[Colours]) -> str:
        """Paint a wall.

        Args:
            wall: Which.
            twice: Once more.
            **options: Those of ``Colours``.
        """
        return f"{wall} {twice} {options}"


def test_a_method_takes_what_is_declared():
    assert Painter().paint("north") == "north False {'hue': None, 'depth': 5}"
    assert Painter().paint("north", hue="red", twice=True) == "north True {'hue': 'red', 'depth': 5}"


def test_signature_hints_and_page_have_it():
    paint = Painter().paint
    shape = "(wall: 'str', *, twice: 'bool' = False, hue: 'str | None' = None, depth: 'int' = 5) -> 'str'"
    assert str(inspect.signature(paint)) == shape
    assert typing.get_type_hints(paint) == {
        "wall": str,
        "twice": bool,
        "hue": str | None,
        "depth": int,
        "return": str,
    }
    assert "    hue: The hue: any word.\n    depth: How deep.\n" in inspect.getdoc(paint) + "\n"
    assert "**options" not in inspect.getdoc(paint)


def test_what_is_not_declared_is_refused_and_the_nearest_named():
    with pytest.raises(TypeError, match=r"paint\(\) has no option 'hues'; did you mean \"hue\"\?"):
        Painter().paint("north", hues="red")
    with pytest.raises(TypeError, match=r"(?m)paint\(\) has no option 'zzz'$"):
        Painter().paint("north", zzz=1)


def test_a_field_without_its_words_is_a_fault_of_ours():
    class Bare(typing.TypedDict, total=False):
        hue: str

    with pytest.raises(TypeError, match="Bare: no Opt for hue"):
        declared(Bare)


def test_an_option_that_nothing_reads_is_no_silent_nothing(lab):
    values = with_defaults(ExecutionOptions, {}) | {"moonlight": "x"}
    del values["skip_preflight_check"]
    with pytest.raises(TypeError, match="nothing reads them: moonlight"):
        Request.read(lab.session, lab.session.address, values)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("app run", RunOptions),
        ("app request-execution", ExecutionOptions),
        *((f"orderbook {kind}", options) for kind, options in FILTERS.items()),
        *((f"{kind} publish", options) for kind, options in SALES.items()),
    ],
)
def test_command_lines_have_what_verbs_have(command, options):
    found, _ = tree.find(command.split())
    flags = {option.flag for option in found.options}
    for name, opt in declared(options).items():
        assert (f"--{name.replace('_', '-')}" in flags) is not opt.python_only


ONE_LINE = '    moonlight: Annotated[str | None, Opt("text", "a name for the run", shows="name")]\n'
FACES = """
import inspect, json, pathlib, sys, typing
from types import SimpleNamespace
from iexec_lab.client.iexec import IExec
from iexec_lab.client.matching.request import Request
from iexec_lab.client.matching.run_options import ExecutionOptions
from iexec_lab.client.nouns._sale_options import SALES
from iexec_lab.client.options import with_defaults
from iexec_lab.commands import complete, parser, tree
from iexec_lab.commands.recent import Seen
from iexec_lab.notebook.forms.opening import form

lab, found = IExec(None), {}
for verb, words in ((lab.app.run, ["app", "run"]), (lab.app.request_execution, ["app", "request-execution"])):
    command, _ = tree.find(words)
    found[words[1]] = {
        "parsed": parser.parse(command, ["--moonlight", "x"]).moonlight,
        "help": "--moonlight <name>" in parser.help_text(command),
        "signature": "moonlight" in inspect.signature(verb).parameters,
        "hints": str(typing.get_type_hints(verb)["moonlight"]),
        "page": "moonlight: A name for the run." in inspect.getdoc(verb),
        "form": "--moonlight" in form(" ".join(words), print, values={"moonlight": "x"}).line,
    }
words = ["app", "run", "--moonli"]
found["completion"] = list(complete.candidates(words[:-1], words[-1], seen=Seen(), folder=pathlib.Path()))
values = with_defaults(ExecutionOptions, {"moonlight": "x"})
del values["skip_preflight_check"]
network = SimpleNamespace(frameworks=("tdx",))
try:
    Request.read(SimpleNamespace(to_address=str, network=network), "app", values)
except TypeError as error:
    found["verb"] = str(error)
print(json.dumps(found))
"""


def test_an_option_added_in_one_place_is_in_all_faces(tmp_path):
    """One line is written into a copy of the package; nothing else of it is touched."""
    shutil.copytree(PACKAGE, tmp_path / "iexec_lab", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "iexec_lab" / "client" / "matching" / "run_options.py"
    text = file.read_text()
    file.write_text(text.replace("    args: Annotated", f"{ONE_LINE}    args: Annotated", 1))
    done = subprocess.run(
        [sys.executable, "-c", FACES], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    for verb in ("run", "request-execution"):
        assert found[verb] == {
            **dict.fromkeys(("help", "signature", "page", "form"), True),
            "parsed": "x",
            "hints": "str | None",
        }
    assert found["completion"] == ["--moonlight"]
    assert found["verb"] == "declared as options, and nothing reads them: moonlight"
