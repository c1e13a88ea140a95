"""The documents say what the program does."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import tomllib

import pytest
from helpers.places import PACKAGE, ROOT

from iexec_lab.commands import tree

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def test_the_command_reference_is_up_to_date():
    written = runpy.run_path(str(DOCS / "commands.py"))["reference"]()
    assert (DOCS / "commands.md").read_text() == written, "run: python docs/commands.py"


def lines(text):
    """Lines for a terminal or a cell: those of code blocks, and those between back ticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    typed = [line for block in blocks for line in block.splitlines()]
    typed += re.findall(r"`([^`\n]+)`", text)
    found = [re.search(r"(?:^|[ (=\"])(?:iexec-lab|%iexec) ([a-z].*)$", line) for line in typed]
    return [match[1].split("  #")[0].strip() for match in found if match]


def example_lines():
    return [
        (page.name, line) for page in PAGES for line in lines(page.read_text()) if "[options]" not in line
    ]


@pytest.mark.parametrize(("page", "line"), example_lines())
def test_every_line_shown_is_a_command(page, line):
    words = shlex.split(re.split(r'\||\.\.\.|\)"', line)[0])
    command, taken = tree.find(words)
    flags = [word for word in words[taken:] if word.startswith("--") and word != "--help"]
    assert all(command and command.option(flag) for flag in flags), page


def test_every_official_command_is_in_the_reference():
    text = (DOCS / "commands.md").read_text()
    official = json.loads((ROOT / "tests" / "commands" / "official_grammar.json").read_text())
    for path, grammar in official.items():
        section = text.partition(f"    iexec-lab {path} ")[2].partition("    iexec-lab ")[0]
        assert section, path
        for flag in grammar["options"]:
            assert flag in {"--raw", "--quiet"} or f"{flag}" in section, (path, flag)


def test_differences_names_what_is_only_here():
    text = (DOCS / "differences.md").read_text()
    official = json.loads((ROOT / "tests" / "commands" / "official_grammar.json").read_text())
    own = {command.path[0] for command in tree.walk() if command.name not in official}
    for noun in own - {path.split()[0] for path in official}:
        assert f"`{noun}`" in text
    assert len(text.splitlines()) < 90


SITE = runpy.run_path(str(DOCS / "site.py"))


def test_every_page_is_on_the_site():
    assert {ROOT / source for source in SITE["NAMES"]} >= {*PAGES, *(ROOT / "examples").glob("*.ipynb")}


@pytest.mark.parametrize("source", sorted(SITE["NAMES"]))
def test_a_page_links_to_what_is_there(source):
    """``make docs`` also looks for the headings that links name."""
    page = ROOT / source
    text = page.read_text()
    on_site = SITE["site_links"](text, source)
    assert not re.search(r"\]\((?!https?:|#)[^)]*/", re.sub(r"docs/pictures/", "", on_site))


def test_a_link_to_nothing_is_an_error():
    with pytest.raises(SITE["LinkError"], match=r"docs/differences\.md links to \.\./nothing\.md"):
        SITE["site_links"]("[so](sandbox.md) [it](../nothing.md)", "docs/differences.md")


def test_the_readme_leads_into_the_repository_from_anywhere():
    """What an index of packages shows has no folder that links could be relative to."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shown = (ROOT / "README.md").read_text()
    for change in settings["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        shown = re.sub(change["pattern"], change["replacement"], shown)
    targets = re.findall(r"\]\(([^)]+)\)", shown)
    assert all(target.startswith("https://") for target in targets)
    inside = [
        match for target in targets if (match := re.match(r".*/iexec-lab/(?:blob/)?main/([^#?]+)", target))
    ]
    assert len(inside) > 10
    assert all((ROOT / match[1]).exists() for match in inside)


def test_the_repository_has_one_address():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    owner = urls["Source"].removeprefix("https://github.com/")
    for page in (*PAGES, ROOT / "pyproject.toml", ROOT / "CHANGELOG.md"):
        found = re.findall(
            r"(?:github\.com|githubusercontent\.com|/gh)/([\w-]+/iexec-lab)\b", page.read_text()
        )
        assert set(found) <= {owner}, page.name


SECURITY = (DOCS / "security.md").read_text()
HELD_BY = re.findall(r"`(tests/[\w/]+\.py)?((?:::\w+)*)`", SECURITY)


def promised():
    """Each test that holds a promise: its file, and the names within it."""
    file = ""
    for path, names in HELD_BY:
        file = path or file
        if path or names:
            yield pytest.param(file, names.split("::")[1:], id=f"{file}{names}")


@pytest.mark.parametrize(("file", "names"), [*promised()])
def test_every_promise_of_security_is_held_by_a_test_that_there_is(file, names):
    source = (ROOT / file).read_text()
    for name in names:
        assert re.search(rf"^\s*(?:def|class) {name}\b", source, re.MULTILINE), name


def test_the_page_on_architecture_names_what_is_there():
    """Paths from some room on."""
    text = (DOCS / "architecture.md").read_text()
    modules = [f"/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*.py")]
    for path in set(re.findall(r"`([\w/]+\.py)`", text)):
        assert (ROOT / path).exists() or any(module.endswith(f"/{path}") for module in modules), path


def test_the_rule_for_network_and_wallet_is_that_of_the_function():
    from inspect import getdoc

    from iexec_lab.client.choice import choose

    doc = getdoc(choose)
    rule = doc[doc.index("The network is the first") : doc.index("\nArgs:")].replace("``", "`").strip()
    page = DOCS / "networks_and_wallets.md"
    assert rule in page.read_text()
