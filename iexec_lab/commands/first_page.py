"""What ``iexec-lab`` and ``%iexec`` alone show: where you are, what to do first, where to read on.

Only this folder and this session are read; nothing is asked over a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands.tree import PROGRAM
from iexec_lab.errors import IexecError, in_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iexec_lab.commands.context import Context
    from iexec_lab.markup import Markup

    Lines = Sequence[tuple[str, str]]

_CONNECT: Final = (
    ("connect sandbox", "a whole market on this computer, where nothing costs anything"),
    ("connect arbitrum-mainnet", "the real market; a cost is shown and confirmed before anything is signed"),
)
_PROJECT: Final = (("init --skip-wallet", "a folder with what is needed to publish and run apps"),)
_DEPLOY: Final = (
    ("app init", "describe an app in iexec.json"),
    ("app deploy", "put it on the chain"),
)
_RUN: Final = (("app run --watch", "run the app that was deployed here, until its result is there"),)
_LOOK: Final = (
    ("orderbook workerpool", "machines for rent, and their prices"),
    ("app list", "apps of everybody"),
)
_MINE: Final = (("wallet show", "who you are, and what you have"), ("jobs", "your jobs that run"))
_FORMS: Final = (
    ("form connect", "network and wallet, with fields and buttons"),
    ("form run", "choose an app, data and a machine, see the price, run"),
    ("form", "all forms: selling, protecting data, and any command"),
)
_HELP: Final = (("--help", "all commands"), ("app run --help", "one command, its options and an example"))


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The page: a sentence on where you are, and lines to type in groups.

    Attributes:
        place: Where you are.
        groups: Titles, each with lines as a terminal takes them and what they do.
        docs: Address of the documentation; empty where the package does not say it.
    """

    place: str
    groups: tuple[tuple[str, Lines], ...]
    docs: str = ""

    def text(self) -> str:
        """The page for a terminal."""
        width = max(len(line) for _, lines in self.groups for line, _ in lines)
        told = [self.place]
        for title, lines in self.groups:
            told += ["", f"{title}:", *(f"  {line:<{width}}  {what}" for line, what in lines)]
        return "\n".join([*told, *(["", f"Documentation: {self.docs}"] if self.docs else [])])

    def __repr__(self) -> str:
        return in_notebook(self.text())

    def _repr_html_(self) -> Markup:
        from iexec_lab import markup

        pieces: list[Markup] = []
        for title, lines in self.groups:
            typed = ((markup.whole(in_notebook(line)), what) for line, what in lines)
            pieces += [markup.text(markup.element("b", title)), markup.upright(typed, label=title)]
        more = [markup.text("Documentation: ", markup.link(self.docs))] if self.docs else []
        return markup.card(in_notebook(self.place), *pieces, *more, label="iExec: first steps")


def first_page(context: Context, *, notebook: bool = False) -> FirstPage:
    """The page for this session and folder."""
    network = _quietly(lambda: context.usual_network)
    is_chosen = context.connected is not None or _quietly(lambda: context.project.has("chain.json"))
    groups: list[tuple[str, Lines]] = []
    if not is_chosen:
        groups.append(("Do this first", _CONNECT))
        groups.append(("Then", (*_LOOK, *_MINE)))
    else:
        groups.append(("Next", _next(context)))
        groups.append(("Look around", (*_LOOK, *_MINE)))
    if notebook:
        groups.append(("With the mouse", _FORMS))
    groups.append(("Help", _HELP))
    typed = tuple(
        (title, tuple((f"{PROGRAM} {line}", what) for line, what in lines)) for title, lines in groups
    )
    return FirstPage(_place(context, network or "", is_chosen=bool(is_chosen)), typed, _docs())


def _place(context: Context, network: str, *, is_chosen: bool) -> str:
    if not is_chosen:
        return "Apps, data and computing power of iExec. Not connected yet."
    wallet = context.connected.wallet if context.connected else None
    who = f", wallet {wallet.address}" if wallet and wallet.address else ""
    return f"Apps, data and computing power of iExec. Connected to {network}{who}."


def _next(context: Context) -> Lines:
    """What this folder lacks, up to a run."""
    project = context.project
    if not _quietly(lambda: project.has("iexec.json")):
        return (*_PROJECT, *_DEPLOY, *_RUN)
    if not _quietly(lambda: project.all_deployed("app")):
        return (*_DEPLOY, *_RUN)
    return _RUN


def _quietly(read: Callable[[], Any]) -> Any:
    """A broken project file is told about by the commands that need it."""
    try:
        return read()
    except (IexecError, OSError):
        return None


def _docs() -> str:
    """Where the documentation is, as the package itself says."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        urls = metadata(PROGRAM).get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    found = (url.partition(", ") for url in urls)
    return next((address for name, _, address in found if name == "Documentation"), "")
