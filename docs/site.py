"""Build the site into ``build/site``: ``python docs/site.py``.

The pages are those of the repository, where they also read well: the README, ``docs/``, the notebooks
with their outputs, the change log. Here they are laid side by side; a link to a page of the site becomes
one within it, any other a link into the repository, and a link to nothing is an error.
"""  # noqa: INP001 - a script

from __future__ import annotations

import inspect
import os
import re
import runpy
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
REPOSITORY: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "Notebooks": (
        "examples/quickstart.ipynb",
        "examples/sell_a_dataset.ipynb",
        "examples/parameter_sweep.ipynb",
        "examples/market_analysis.ipynb",
    ),
    "Reference": (
        "docs/commands.md",
        "docs/forms.md",
        "docs/api.md",
        "docs/market.md",
        "docs/explorer.md",
        "docs/history.md",
        "docs/differences.md",
        "docs/sandbox.md",
    ),
    "Help": (
        "docs/troubleshooting.md",
        "docs/costs.md",
        "docs/networks_and_wallets.md",
        "docs/front_ends.md",
    ),
    "Trust": ("docs/security.md", "docs/trust.md", "SECURITY.md"),
    "Making it": ("docs/architecture.md", "CONTRIBUTING.md", "CHANGELOG.md"),
}
"""The pages, by the heading that they stand under. The README is the first page."""

MEMBERS: Final = "   :members:\n   :inherited-members: Noun"
NOUNS_HERE: Final = "<!-- the nouns of lab -->"
HOME: Final = "README.md"
LINK: Final = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]*)((?:#[^)\s]*)?)(?=\))")


def page_name(source: str) -> str:
    """Its name on the site: there are two pages on security."""
    return {HOME: "index", "SECURITY.md": "reporting"}.get(source) or Path(source).stem.lower()


NAMES: Final = {
    source: page_name(source) for source in (HOME, *(page for part in PARTS.values() for page in part))
}


class LinkError(Exception):
    """A page links to what is not there."""


def site_links(text: str, source: str, blob: str = f"{REPOSITORY}/blob/main") -> str:
    """``text`` of the page ``source`` with its relative links turned into links of the site.

    Raises:
        LinkError: there is no such file.
    """

    def turned(match: re.Match[str]) -> str:
        path = os.path.normpath(Path(source).parent / match[1]).replace(os.sep, "/")
        if not (ROOT / path).exists():
            raise LinkError(f"{source} links to {match[0]}, which is not there")
        if path in NAMES:
            suffix = Path(path).suffix
            return f"{NAMES[path]}{suffix}{match[2]}"
        if Path(path).suffix in {".png", ".svg"}:
            return path
        return f"{blob}/{path}{match[2]}"

    return LINK.sub(turned, text)


def nouns() -> str:
    """A section for each noun of ``lab``, with its verbs."""
    from iexec_lab.client.nouns._table import NOUNS, Nouns

    sections = []
    for noun in NOUNS:
        made = vars(Nouns)[noun].func
        [home] = re.findall(r"from (\S+) import (\w+)", inspect.getsource(made))
        sections += [
            f"### lab.{noun}",
            made.__doc__,
            f"```{{eval-rst}}\n.. autoclass:: {'.'.join(home)}\n{MEMBERS}\n```",
        ]
    return "\n\n".join(sections)


def contents() -> str:
    """The hidden tables of contents at the end of the first page."""
    blocks = []
    for heading, pages in PARTS.items():
        names = "\n".join(NAMES[page] for page in pages)
        blocks.append(f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{names}\n```")
    return "\n\n" + "\n\n".join(blocks) + "\n"


def lay_out(folder: Path) -> None:
    """All pages side by side in the new folder ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(DOCS / "conf.py", folder)
    shutil.copytree(DOCS / "pictures", folder / "docs" / "pictures")
    for source, name in NAMES.items():
        if source == "docs/commands.md":
            text = str(runpy.run_path(str(DOCS / "commands.py"))["reference"]())
        else:
            text = (ROOT / source).read_text(encoding="utf-8").replace(NOUNS_HERE, nouns())
        text = site_links(text, source) + (contents() if source == HOME else "")
        (folder / f"{name}{Path(source).suffix}").write_text(text, encoding="utf-8")


def main() -> int:
    from sphinx.cmd.build import main as sphinx

    pages, site = ROOT / "build" / "site-pages", ROOT / "build" / "site"
    lay_out(pages)
    shutil.rmtree(site, ignore_errors=True)
    # Warnings are errors: a link without a target, a docstring that is not well formed, a page in no table.
    return int(sphinx(["-q", "-W", "--keep-going", "-b", "html", "-j", "auto", str(pages), str(site)]))


if __name__ == "__main__":
    sys.exit(main())
