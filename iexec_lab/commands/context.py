"""What a handler works with: the project, the user, the market."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iexec_lab.errors import AbortedError, ProjectError, UsageError, ValidationError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from iexec_lab.client.iexec import IExec
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

    def form(self, name: str) -> Any:
        """A form for a command; its help where none can be drawn. Raises ``UsageError`` if unknown."""
        ...


class Step(Protocol):
    """One piece of long work."""

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None: ...


@dataclass(slots=True)
class Context:
    """One folder, one face, and the labs opened so far.

    Attributes:
        face: Asks and tells.
        folder: Project folder; the current directory by default.
        network: Chosen by ``connect``; a chain option beats it.
        wallet: Wallet options given to ``connect``; those of a command beat them.
        default: Network when neither a command nor ``connect`` named one, before that of ``chain.json``.
        fallback: Used when nothing names a network; None makes that an error, as in the official CLI.
        signer: A wallet that lives elsewhere, such as the browser's.
        given: A lab that was opened elsewhere; used unless a command names another network or wallet.
        remember: What ``connect`` does with its choice beyond this context.
        rows: How many orders a list shows unless told otherwise; None for all.
        unattended: A program reads the answer: with ``--raw``, or in CI.
    """

    face: Face
    folder: Path = field(default_factory=Path)
    network: str | None = None
    wallet: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    fallback: str | None = None
    signer: Any = None
    given: IExec | None = None
    remember: Callable[[str], None] | None = None
    rows: int | None = None
    unattended: bool = False
    _labs: dict[Any, IExec] = field(default_factory=dict, repr=False)

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
        chain, wallet = chain or self.network or self.default, wallet or self.wallet
        identity = {name: value for name, value in wallet.items() if name != "password"}
        key = (chain, tuple(identity.items()), price, confirms, self._stamp())
        if key not in self._labs or "password" in wallet:
            self._labs[key] = self._open(chain, wallet, price, confirms)
        return self._labs[key]

    def forget(self) -> None:
        """Close what is open: a wallet, a project file or the sandbox changed."""
        self._labs.clear()

    def use(self, network: str | None, wallet: dict[str, str]) -> None:
        """Make ``network`` and ``wallet`` the ones of this context."""
        self.network, self.wallet, self.given = network, wallet, None

    def choice(self) -> tuple[Any, ...]:
        """What ``connect`` changes, for ``choose`` to restore."""
        return self.network, self.wallet, self.given, dict(self._labs)

    def choose(self, choice: tuple[Any, ...]) -> None:
        """Go back to an earlier choice."""
        self.network, self.wallet, self.given, self._labs = choice

    def adopt(self, lab: IExec) -> None:
        """Use a lab that was opened elsewhere; its questions are asked here.

        The lab itself does not change: in Python it asks as before.
        """
        from iexec_lab.client.iexec import IExec

        session = copy(lab.session)
        session.confirm = session.confirm or self._agrees
        session.ask_secret = session.ask_secret or self.face.secret
        self.network, self.given = session.network.name, IExec(session)

    def remember_chain(self, network: str) -> None:
        """Make a network the default of ``chain.json``."""
        self.project.save_default_chain(network)

    def confirm_overwrite(self, path: Path) -> bool:
        """Ask before a file is replaced."""
        return self.face.confirm(f'"{path.name}" already exists, replace it with new one?')

    def confirm(self, question: str, *, force: bool) -> None:
        """Ask unless ``force``.

        Raises:
            AbortedError: the answer was no, or nobody could answer.
        """
        if not force and not self.face.confirm(question):
            raise AbortedError("Operation aborted by user.")

    def _open(
        self, chain: str | None, wallet: dict[str, str], price: tuple[str, ...], confirms: int | None
    ) -> IExec:
        from iexec_lab.client.iexec import connect
        from iexec_lab.units import parse_ether

        network, folder = self._where(chain)
        lab = connect(
            network,
            self._signer(network, wallet),
            project=folder,
            gas_price=parse_ether(list(price)) if price else None,
            confirms=_blocks(1 if confirms is None else confirms),
            confirm=self._agrees,
            ask_secret=self.face.secret,
            password=wallet.get("password"),
            wallet_file=wallet.get("wallet_file"),
            wallet_address=wallet.get("wallet_address"),
            keystoredir=wallet.get("keystoredir"),
        )
        lab.session.folder = self.folder
        return lab

    def _signer(self, network: str | None, wallet: dict[str, str]) -> Any:
        """A wallet that is not a keystore file: one given to us, or the project's own on the sandbox."""
        if wallet or self.signer is not None:
            return None if wallet else self.signer
        on_sandbox = (network or "").partition(":")[0] == SANDBOX
        if not on_sandbox or os.environ.get("IEXEC_PRIVATE_KEY") or not self.project.has("wallet.json"):
            return None
        from iexec_lab.wallet.keystore import find_wallet

        return find_wallet(cwd=self.folder).unlock()

    def _where(self, chain: str | None) -> tuple[str | None, Path | None]:
        """Network for ``connect``, and the folder whose ``chain.json`` defines it: None when built in."""
        project = self.project
        if not project.has("chain.json"):
            name = chain or self.fallback
            if name is None:
                project.chain()  # raises the official sentence
            return name, None
        if chain is None or chain in project.chain_names() or not _known(chain):
            entry = project.chain(chain)
            is_ours = entry.name.partition(":")[0] == SANDBOX and not entry.values
            return entry.name, None if is_ours else self.folder
        return chain, None

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
        for name in ("chain.json", "wallet.json"):
            try:
                stamps.append((self.folder / name).stat().st_mtime_ns)
            except OSError:
                stamps.append(0)
        return (*stamps, hash(str(self.folder.absolute())))


def _blocks(confirms: int) -> int:
    if confirms < 1:
        raise ValidationError("confirms must be greater than or equal to 1")
    return confirms


def _known(chain: str) -> bool:
    from iexec_lab.networks import builtin

    return chain.partition(":")[0] == SANDBOX or builtin(chain) is not None


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
