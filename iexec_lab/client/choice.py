"""Which network and which wallet a line, a cell or a program works with: one rule for all faces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab import doors
from iexec_lab.client.wallet_source import ENV, Wallet, browser_wallet, choose_wallet
from iexec_lab.errors import WalletError
from iexec_lab.networks import Network, builtin, custom_network, resolve_network
from iexec_lab.project import Project
from iexec_lab.project.notes import FolderNotes
from iexec_lab.regular_files import exists
from iexec_lab.wallet.keystore import UNENCRYPTED_NAME, read_address
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.project.chains import ChainEntry
    from iexec_lab.sandbox.control import Handle
    from iexec_lab.wallet.signer import Signer

SANDBOX = "sandbox"
NAMED, CONNECTED = "as named", "connected in this session"


@dataclass(frozen=True, slots=True)
class Connection:
    """What ``connect`` chose for a session; ``wallet`` is None when it named none."""

    network: str | Network
    wallet: Wallet | None = None

    @property
    def name(self) -> str:
        return self.network if isinstance(self.network, str) else self.network.name


@dataclass(frozen=True, slots=True)
class Choice:
    """A network and a wallet, each with the reason, for people."""

    network: Network
    network_from: str
    wallet: Wallet


def choose(
    network: str | int | Network | Handle | None,
    wallet: str | Signer | None,
    *,
    project: Path | None,
    connected: Connection | None,
    preferred: str | None = None,
    fallback: str | None = SANDBOX,
    anew: bool = False,
    ask: Callable[[str], str] | None = None,
    **options: str | None,
) -> Choice:
    """The network and the wallet to work with. There is no other rule, in no face.

    The network is the first of these that there is:

    1. the one that the line or the call names (``--chain``, the argument of ``connect``);
    2. the one this session is connected to (``connect`` in a notebook);
    3. the notebook's setting ``IexecMagics.default_chain``;
    4. the default of the folder's ``chain.json``, which ``connect`` writes, in a terminal and in a notebook;
    5. the sandbox, in a notebook and in Python. A terminal wants a ``chain.json``, as the official CLI.

    The wallet is the first of these that there is:

    1. the one that the line or the call names;
    2. the one this session connected with, on the network it connected to;
    3. ``IEXEC_PRIVATE_KEY``;
    4. the one that ``connect`` named in this folder for this network;
    5. on a sandbox: the folder's ``wallet.json``, else the one that ``init``, ``wallet create`` or
       ``wallet import`` made in this folder (where RLC has no value: signatures of a sandbox with the
       chain id of a real network are valid there), else the sandbox's own user, who has coins;
    6. elsewhere what the official CLI takes: ``wallet.json``, else the newest file of the keystore.

    A sandbox that a program started itself (``with Sandbox()``) has only 1, 3 and its own user. In a terminal
    and a notebook ``connect NETWORK`` chooses the wallet anew: 2 and 4 do not count for it.

    Args:
        network: A name, a chain id, a ``Network``, or what ``with Sandbox()`` gives; None: not named.
        wallet: As ``choose_wallet`` takes it; None: not named, unless ``options`` do.
        project: The folder whose ``chain.json`` says what a name means. None: the current folder, which then
            does not redefine the networks that everybody knows.
        connected: What this session is connected to.
        preferred: The notebook's setting.
        fallback: The network when nothing names one; None makes that an error.
        anew: Whether the wallets of earlier ``connect`` do not count.
        ask: Asked for the password of a new wallet.
        **options: ``password``, ``wallet_file``, ``wallet_address``, ``keystoredir``.

    Raises:
        ConfigurationError: No such network.
        SandboxError: The sandbox could not be started.
        WalletError: No such wallet, none in the browser, or a new one where RLC has value.
    """
    folder = project or Path()
    found, handle, why = _find_network(network, project, connected, preferred, fallback)
    if wallet == "new" and found.real_value:
        raise WalletError(
            f"A wallet kept in memory would lose what it earns on {found.name}",
            hint='Make a keystore file with wallet="create".',
        )
    if wallet == "browser":
        return Choice(found, why, browser_wallet(found))
    is_own = handle is not None and handle is network
    is_there = connected is not None and connected.name == found.name and not (is_own or anew)
    session = connected.wallet if connected is not None and is_there else None

    def folders() -> Wallet:
        if is_own and handle is not None:
            return _sandbox_user(handle)
        return (None if anew else _of_folder(folder, found.name)) or _usual(folder, handle)

    held = choose_wallet(wallet, cwd=folder, ask=ask, session=session, default=folders, **options)
    return Choice(found, why, held)


def network_name(
    project: Path, connected: Connection | None, preferred: str | None, fallback: str | None
) -> str:
    """The name of the network when none is named: steps 2 to 5 of the rule; empty when there is none."""
    held = Project(project)
    if connected:
        return connected.name
    if preferred or not held.has("chain.json"):
        return preferred or fallback or ""
    return held.chain().name


def foresee_network(name: str, project: Path) -> Network | None:
    """What ``connect NAME`` would connect to in this folder; None for a sandbox that does not run yet.

    Raises:
        IexecError: There is no such network, as ``choose`` says it; nothing is started.
    """
    held = Project(project)
    if held.has("chain.json") and _is_for_file(held, name, is_project=True):
        entry = held.chain(name)
        if not _is_of_this_machine(entry):
            return _custom(entry)
        name = entry.name
    if not _is_sandbox(name):
        return resolve_network(name)
    handle = _running(name)
    return None if handle is None else replace(handle.network, name=name)


def foresee_wallet(name: str, project: Path) -> Wallet | None:
    """The wallet that ``connect NAME`` would take where none is named; None where nobody can tell yet."""
    signer = LocalSigner.from_env(ENV)
    if signer is not None:
        return Wallet(ENV, held=signer)
    handle = _running(name) if _is_sandbox(name) else None
    if _is_sandbox(name) and handle is None and not exists(project / UNENCRYPTED_NAME):
        return None
    return _usual(project, handle)


def _running(name: str) -> Handle | None:
    from iexec_lab.sandbox import control

    return control.find(name.partition(":")[2] or "default")


def _find_network(
    named: str | int | Network | Handle | None,
    project: Path | None,
    connected: Connection | None,
    preferred: str | None,
    fallback: str | None,
) -> tuple[Network, Handle | None, str]:
    """The network, the sandbox behind it if it is one of ours, and why it was chosen."""
    wanted, why = _first(named, connected, preferred)
    if isinstance(wanted, Network):
        return wanted, None, why
    if wanted is not None and not isinstance(wanted, str | int):
        from iexec_lab.sandbox.control import Handle

        if isinstance(wanted, Handle):
            return wanted.network, wanted, why
    name = None if wanted is None else str(wanted)
    held = Project(project or Path())
    if held.has("chain.json"):
        return *_in_project(held, name, is_project=project is not None), why
    if name is None and fallback is None:
        held.chain()  # raises the official sentence
    return *_open(name or fallback or SANDBOX), why if name else "nothing names another one"


def _first(
    named: str | int | Network | Handle | None, connected: Connection | None, preferred: str | None
) -> tuple[str | int | Network | Handle | None, str]:
    """What comes before ``chain.json``, and why."""
    if named is not None:
        return named, NAMED
    if connected is not None:
        return connected.network, CONNECTED
    return preferred or None, "the setting default_chain" if preferred else "the default of chain.json"


def _in_project(held: Project, name: str | None, *, is_project: bool) -> tuple[Network, Handle | None]:
    """The network that a name means beside a ``chain.json``; its default without a name."""
    if name is not None and not _is_for_file(held, name, is_project=is_project):
        return _open(name)
    entry = held.chain(name)
    if _is_of_this_machine(entry):
        return _open(entry.name)
    return _custom(entry), None


def _is_of_this_machine(entry: ChainEntry) -> bool:
    """Whether an entry of ``chain.json`` only names a sandbox."""
    return _is_sandbox(entry.name) and not entry.values


def _custom(entry: ChainEntry) -> Network:
    return custom_network(
        entry.name,
        entry.values,
        chain_id=entry.id,
        providers=entry.providers,
        siblings=entry.siblings,
    )


def _is_for_file(project: Project, name: str, *, is_project: bool) -> bool:
    """Whether ``chain.json`` has to say what a name means."""
    is_known = _is_sandbox(name) or builtin(name) is not None
    in_file = name in project.chain_names()
    return (in_file or not is_known) if is_project else (in_file and not is_known)


def _open(name: str) -> tuple[Network, Handle | None]:
    if not _is_sandbox(name):
        return resolve_network(name), None
    from iexec_lab.sandbox import control

    short = name.partition(":")[2] or "default"
    handle = _running(name) or control.start(short)
    return replace(handle.network, name=name), handle


def _is_sandbox(name: str) -> bool:
    return name.partition(":")[0] == SANDBOX


def _of_folder(folder: Path, network: str) -> Wallet | None:
    """The wallet that ``connect`` named in this folder, if it is still there."""
    return _kept(FolderNotes(folder).connected_wallet(network), folder, "connected in this folder")


def _usual(folder: Path, handle: Handle | None) -> Wallet:
    """The wallet when nobody named one; ``handle`` is the sandbox, on a sandbox."""
    options: dict[str, Any] = {"cwd": folder}
    if exists(folder / UNENCRYPTED_NAME):
        return Wallet(UNENCRYPTED_NAME, options=options)
    if handle is None:
        return Wallet("the newest of the keystore", options=options)
    made = {} if handle.network.real_value else FolderNotes(folder).made_wallet()
    return _kept(made, folder, "made in this folder") or _sandbox_user(handle)


def _kept(options: dict[str, str], folder: Path, origin: str) -> Wallet | None:
    found: dict[str, Any] = {**options, "cwd": folder}
    return Wallet(origin, options=found) if options and read_address(**found) else None


def _sandbox_user(handle: Handle) -> Wallet:
    """The first funded user of the sandbox. Everybody knows its key, which is fine for play money."""
    return Wallet("sandbox user", held=LocalSigner(handle.users[0].key))


def session_connection(project: Path | None) -> Connection | None:
    """What the notebook of this process is connected to; nothing for a program that names its folder."""
    return doors.connection() if project is None else None
