"""What a handler works with: the project, the user, the market."""

from __future__ import annotations

import os
from argparse import Namespace
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iexec_lab.doors import Unseen
from iexec_lab.errors import AbortedError, IexecError, ProjectError, UsageError, ValidationError
from iexec_lab.project.notes import NOTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from iexec_lab.client.choice import Connection
    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.ledger import Ledger
    from iexec_lab.client.live.follow import Stream
    from iexec_lab.client.plan import Plan
    from iexec_lab.project import Project

SANDBOX = "sandbox"
WALLET = ("password", "wallet_file", "wallet_address", "keystoredir")


def unanswered(question: str, hint: str) -> AbortedError:
    """The error of a face that has a question and nobody to answer it."""
    error = AbortedError(f"Nobody is there to answer: {question}", hint=hint)
    error.unanswered = True
    return error


class Face(Protocol):
    """Where the command was typed: a terminal, a pipe, a notebook."""

    def confirm(self, question: str) -> bool:
        """Yes or no, yes by default. Raises ``unanswered`` when nobody can answer."""
        ...

    def agree(self, plan: Plan) -> bool:
        """Show what something will cost, then ask whether to go on. Raises as ``confirm``."""
        ...

    def secret(self, question: str) -> str:
        """Text that is not shown while typed. Raises ``unanswered`` when nobody can answer."""
        ...

    def note(self, text: str) -> None:
        """A line beside the answer: a warning, the next thing to do."""
        ...

    def remark(self, text: str) -> None:
        """What a person has to know whatever the answer is: what was so already, what was kept."""
        ...

    def warn(self, text: str) -> None:
        """Lines on standard error about work that does not go on: quiet or not, nothing else would say so."""
        ...

    def working(self, doing: str) -> AbstractContextManager[Step]:
        """Show that something takes time."""
        ...

    def watching(self, doing: str) -> AbstractContextManager[Sight]:
        """Show how far tasks are that are waited for: on a line, or on the card of their job."""
        ...

    def follow(self, stream: Stream, *, raw: bool) -> None:
        """Show a list and its changes until it ends or is interrupted; ``raw``: a line of JSON for each."""
        ...

    def form(self, name: str) -> Any:
        """A form for a command; its help where none can be drawn. Raises ``UsageError`` if unknown."""
        ...


class Step(Protocol):
    """One piece of long work."""

    def update(
        self, text: str, done: int | None = None, total: int | None = None, unit: str = ""
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """How a wait is seen.

    Attributes:
        step: Is told how far it is.
        tell: Told why something does not go on; None where the card of the job says it.
    """

    step: Step = field(default_factory=Unseen)
    tell: Callable[[str], None] | None = None


@dataclass(slots=True)
class Context:
    """One folder, one face, and the labs opened so far.

    Attributes:
        face: Asks and tells.
        folder: Project folder; the current directory by default.
        connected: Chosen by ``connect`` for this session.
        default: Network when neither a command nor ``connect`` named one, before that of ``chain.json``.
        fallback: Used when nothing names a network; None makes that an error, as in the official CLI.
        given: A lab that was opened elsewhere; used unless a command names another network or wallet.
        lasting: A session that goes on after the command: a notebook, not a terminal.
        rows: How many orders a list shows unless told otherwise; None for all.
        unattended: A program reads the answer: with ``--raw``, or in CI.
    """

    face: Face
    folder: Path = field(default_factory=Path)
    connected: Connection | None = None
    default: str | None = None
    fallback: str | None = None
    given: IExec | None = None
    lasting: bool = False
    rows: int | None = None
    unattended: bool = False
    _labs: dict[Any, IExec] = field(default_factory=dict, repr=False)
    _ledgers: dict[str, Ledger] = field(default_factory=dict, repr=False)

    @property
    def project(self) -> Project:
        from iexec_lab.project import Project

        return Project(self.folder)

    def lab(self, args: Namespace) -> IExec:
        """The market the arguments name: chain, wallet, price of gas. Opened once, then kept."""
        options = vars(args)
        chain = options.get("chain")
        wallet = {name: options[name] for name in WALLET if options.get(name)}
        if options.get("password") is not None:
            wallet["password"] = options["password"]  # an empty one is one
        price = tuple(options.get("gas_price") or ())
        confirms = options.get("confirms")
        if self.given is not None and not (chain or wallet or price or confirms):
            return self.given
        key = self._key(chain, wallet, price, confirms)
        if key not in self._labs or wallet.get("password") is not None:
            self._labs[key] = self.open(chain, wallet=wallet, price=price, confirms=confirms)
        return self._labs[key]

    def _key(
        self, chain: str | None, wallet: Mapping[str, str], price: tuple[str, ...], confirms: int | None
    ) -> tuple[Any, ...]:
        identity = tuple(item for item in wallet.items() if item[0] != "password")
        return (chain, self.default, identity, price, confirms, self._stamp())

    @property
    def opened(self) -> IExec | None:
        """The market of lines that name nothing: one that was opened already, or that this session chose."""
        held = self.given or self._labs.get(self._key(None, {}, (), None))
        if held is not None or self.connected is None:
            return held
        try:
            return self.lab(Namespace())
        except IexecError:
            return None

    def hold(self, lab: IExec) -> None:
        """Keep a lab for lines that name nothing."""
        self._labs[self._key(None, {}, (), None)] = lab

    def forget(self) -> None:
        """Close what is open: a wallet, a project file or the sandbox changed."""
        self._labs.clear()

    @property
    def network(self) -> str:
        """Name of the network that ``connect`` chose for this session; empty when none did."""
        return self.connected.name if self.connected else ""

    @property
    def usual_network(self) -> str:
        """Name of the network of a line that names none; empty when nothing says so."""
        from iexec_lab.client.choice import network_name

        try:
            return network_name(self.folder, self.connected, self.default, self.fallback)
        except ProjectError:
            return ""

    def use(self, connection: Connection) -> None:
        """Make a network, and perhaps a wallet, those of this session."""
        self.connected, self.given = connection, None
        self.forget()

    def adopt(self, lab: IExec) -> None:
        """Use a lab that was opened elsewhere; its questions are asked here.

        The lab itself does not change: in Python it asks as before.
        """
        from iexec_lab.client.choice import Connection
        from iexec_lab.client.iexec import IExec
        from iexec_lab.client.ledger import place_of

        session = copy(lab.session)
        session.confirm = session.confirm or self._agrees
        session.ask_secret = session.ask_secret or self.face.secret
        self.use(Connection(session.network, session.wallet))
        self._ledgers[place_of(session.place)] = session.ledger
        self.given = IExec(session)

    def remember(self, network: str, wallet: Mapping[str, str] | None = None) -> None:
        """Write into the folder what ``connect`` chose, so that all faces here agree.

        Raises:
            ProjectError: ``chain.json`` cannot be written, in a terminal: there is no other place.
        """
        from iexec_lab.project.notes import FolderNotes

        try:
            if self.project.default_chain() != network:
                self.project.save_default_chain(network)
        except ProjectError as error:
            if not self.lasting:
                raise
            self.face.remark(f"Only this notebook is connected: {error.message}.")
        named = {name: value for name, value in (wallet or {}).items() if name != "password"}
        FolderNotes(self.folder).save_connected_wallet(network, named)

    def confirm_overwrite(self, path: Path) -> bool:
        """Ask before a file is replaced."""
        return self.face.confirm(f'"{path.name}" already exists, replace it with new one?')

    def keeping(self, raw: bool) -> Callable[[Path], bool]:
        """Ask before a file is replaced, but keep it where a cell or a script runs again.

        For files that are as good as new ones: what is asked then fails with ``already``.
        """

        def ask(path: Path) -> bool:
            said = f'"{path.name}" is here already and is kept; --force replaces it.'
            if self.lasting and not raw:
                raise AbortedError(said).so_already(said)
            try:
                return self.confirm_overwrite(path)
            except AbortedError as error:
                raise error.so_already(said if error.unanswered else "") from None

        return ask

    def replacing(self, raw: bool) -> Callable[[Path], bool]:
        """Ask before a file that can be made again is replaced; where a cell runs again, say it."""

        def ask(path: Path) -> bool:
            if not self.lasting or raw:
                try:
                    return self.confirm_overwrite(path)
                except AbortedError as error:
                    if raw or not error.unanswered:
                        raise
            self.face.remark(f'"{path.name}" was here already and is replaced.')
            return True

        return ask

    def confirm(self, question: str, *, force: bool) -> None:
        """Ask unless ``force``.

        Raises:
            AbortedError: the answer was no, or nobody could answer.
        """
        if not force and not self.face.confirm(question):
            raise AbortedError("Operation aborted by user.")

    def open(
        self,
        chain: str | None,
        *,
        held: str | None = None,
        anew: bool = False,
        wallet: Mapping[str, str],
        price: tuple[str, ...] = (),
        confirms: int | None = None,
    ) -> IExec:
        """A lab by the rule of ``client/choice.py``; ``held`` is a wallet of this process alone."""
        from iexec_lab.client.choice import choose
        from iexec_lab.client.iexec import open_lab
        from iexec_lab.client.ledger import place_of
        from iexec_lab.units import parse_ether

        chosen = choose(
            chain,
            held,
            project=self.folder,
            connected=self.connected,
            preferred=self.default,
            fallback=self.fallback,
            anew=anew,
            ask=self.face.secret,
            **wallet,
        )
        lab = open_lab(
            chosen,
            folder=self.folder,
            gas_price=parse_ether(list(price)) if price else None,
            confirms=_blocks(1 if confirms is None else confirms),
            confirm=self._agrees,
            ask_secret=self.face.secret,
        )
        # All labs of a notebook are one session, whatever was reopened meanwhile.
        session = lab.session
        session.ledger = self._ledgers.setdefault(place_of(session.place), session.ledger)
        return lab

    def _agrees(self, plan: Plan) -> bool:
        """The rule for asking (``client/plan.py``), for this face."""
        if not plan.real_value or (plan.routine and self.unattended):
            return True
        try:
            return self.face.agree(plan)
        except AbortedError as error:
            if plan.routine and error.unanswered:
                return True
            raise

    def _stamp(self) -> tuple[int, ...]:
        """Changes when a file that decides network or wallet changes."""
        stamps = []
        for name in ("chain.json", "wallet.json", NOTES):
            try:
                stamps.append((self.folder / name).stat().st_mtime_ns)
            except OSError:
                stamps.append(0)
        return (*stamps, hash(str(self.folder.absolute())), hash(os.environ.get("IEXEC_PRIVATE_KEY")))


def _blocks(confirms: int) -> int:
    if confirms < 1:
        raise ValidationError("confirms must be greater than or equal to 1")
    return confirms


def required(args: Namespace, name: str) -> str:
    """The value of a required option.

    Raises:
        UsageError: it was not given.
    """
    value: str | None = getattr(args, name)
    if not value:
        raise UsageError(f"Missing --{name} option", hint=f"Add --{name} <value>.")
    return value


def address_of(
    context: Context, kind: str, given: str | None, chain_id: int, *, otherwise: str | None = None
) -> str:
    """The address typed, or that of the last deployment on the chain.

    Raises:
        ProjectError: there is neither; ``otherwise`` replaces the usual sentence.
    """
    hint = f"Give the address of the {kind}, or run iexec-lab {kind} deploy."
    address = given or context.project.deployed(kind, chain_id)
    if address is None:
        usual = f'Missing {kind}Address and no {kind} found in "deployed.json" for chain {chain_id}'
        raise ProjectError(otherwise or usual, hint=hint)
    return address
