"""Start, find, stop and steer sandboxes, from any process.

Nothing here needs an event loop, and nothing heavy is imported: a cold terminal waits for this module.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from iexec_lab import markup
from iexec_lab.errors import SandboxError, ValidationError
from iexec_lab.networks import COMPASS, NETWORKS
from iexec_lab.sandbox.node_requests import request
from iexec_lab.sandbox.start_process import PATIENCE, Options, end, launch, wait_unlocked
from iexec_lab.sandbox.state.disk import using
from iexec_lab.sandbox.state.paths import state_folder
from iexec_lab.sandbox.state.registry import lock_owner, running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from iexec_lab.networks import Network
    from iexec_lab.sandbox.chain.accounts import Account
    from iexec_lab.sandbox.populate.work import Population
    from iexec_lab.sandbox.state.apps import LocalApp
    from iexec_lab.sandbox.state.registry import Record


@dataclass(frozen=True)
class Handle:
    """A running sandbox; ``urls`` by service name, ``rlc`` None on a native chain, ``started`` Unix time.

    ``preset`` is the network whose addresses it has, if any.
    """

    name: str
    folder: Path
    pid: int
    started: float
    chain_id: int
    native: bool
    hub: str
    rlc: str | None
    registries: Mapping[str, str]
    workerpool: str
    urls: Mapping[str, str]
    preset: str | None = None

    def __repr__(self) -> str:
        services = ", ".join(f"{name} {url}" for name, url in self.urls.items())
        return f"<Sandbox {self.name}, chain {self.chain_id}: {services}>"

    def _repr_html_(self) -> str:
        """The services one below the other, as notebooks draw it."""
        title = f"Sandbox {self.name} (chain {self.chain_id})"
        return markup.card(title, markup.upright(self.urls.items()), label=title)

    @property
    def network(self) -> Network:
        """It as the network to connect to."""
        from iexec_lab.networks import sandbox_network

        return sandbox_network(chain_id=self.chain_id, hub=self.hub, native=self.native, urls=self.urls)

    @property
    def users(self) -> tuple[Account, ...]:
        """Accounts with ether and RLC, in wallet and stake. Everybody knows their keys."""
        from iexec_lab.sandbox.chain.accounts import well_known_accounts

        return well_known_accounts().users

    def fund(self, address: str, rlc: Any = 0, ether: Any = 0) -> None:
        """Give RLC and ether to a wallet; on a native chain, where the coin is RLC, both add up.

        Args:
            address: 0x text.
            rlc: 5000000000 (nRLC), ``"5 RLC"`` or ``["5", "RLC"]``.
            ether: 10**18 (wei), ``"1 ether"`` or ``["1", "ether"]``.

        Raises:
            ValidationError: Not an address, or not an amount.
            SandboxError: The faucet refused.
        """
        from iexec_lab.protocol import to_address
        from iexec_lab.units import parse_ether, parse_rlc

        amounts = hex(parse_rlc(rlc)), hex(parse_ether(ether))
        request(self.urls["rpc"], "sandbox_fund", to_address(address), *amounts)

    def forward(self, seconds: int) -> int:
        """Move the chain's clock ahead by seconds and mine a block; the chain's time now, in Unix seconds.

        Raises:
            ValidationError: The seconds are negative.
            SandboxError: The node does not answer.
        """
        if seconds < 0:
            raise ValidationError(f"{seconds} seconds are no way forward")
        head = request(self.urls["rpc"], "sandbox_forward", seconds)
        return int(head["timestamp"], 16)

    def populate(
        self,
        orders: int = 500,
        deals: int = 100,
        seed: int = 1,
        days: int = 90,
        tell: Callable[[str, int, int], None] | None = None,
    ) -> Population:
        """Make a market with many participants and months of history; the chain's clock moves ``days`` ahead.

        All transactions are real, and everything follows from the arguments: the same ones give the same
        market on another sandbox, and on this one what is missing of it, which is nothing after the first
        time. Others add a further market. What is interrupted leaves a sound sandbox; call it again to go on.

        Args:
            orders: Open orders in the book at the end, of the four kinds.
            deals: Completed, failed, claimed, sponsored, in bulk; of one task or several.
            seed: Of the dice.
            days: How long the history is.
            tell: Called with what goes on, the deals so far and of how many.

        Raises:
            ValidationError: A number is out of range.
            SandboxError: The node or the market does not answer, or the faucet has not enough.
        """
        from iexec_lab.sandbox.populate.size import Size
        from iexec_lab.sandbox.populate.work import populate

        return populate(self, Size(orders, deals, seed, days), tell)

    def add_app(
        self,
        image: str,
        folder: str | os.PathLike[str],
        entrypoint: str | Sequence[str] | None = None,
        *,
        dockerfile: str | os.PathLike[str] | None = None,
        install: bool = False,
    ) -> LocalApp:
        """Run a folder in the place of a Docker image.

        Args:
            image: The image's name, as in the app's multiaddr: "me/my-app:1.0"; without a tag, all tags.
            folder: The app's files, kept by reference.
            entrypoint: What to run, if not what the Dockerfile says, or ``app.py``: "server.py --fast".
            dockerfile: The Dockerfile, from the folder, if it is not ``Dockerfile``.
            install: Install the packages that it asks for, in an environment of its own.

        Raises:
            ValidationError: No image name, no such folder, nothing in it to run, or nothing to install.
            SandboxError: The packages can not be installed.
        """
        from iexec_lab.sandbox.state.apps import Apps

        names = Path(folder), None if dockerfile is None else Path(dockerfile)
        return Apps(self.folder / "apps").add(
            image, names[0], entrypoint, dockerfile=names[1], install=install
        )

    def remove_app(self, image: str) -> None:
        """Forget the folder of an image, and its environment; ObjectNotFoundError when there is none."""
        from iexec_lab.sandbox.state.apps import Apps

        Apps(self.folder / "apps").remove(image)

    def chain_json(self, version: int | None = None) -> dict[str, Any]:
        """The object for ``chains.<name>`` of a ``chain.json``, for the official CLI of that major version.

        9.x refuses keys that only 8.x knows; only 8.x knows Bellecour, and refuses a compass there.
        """
        urls, imitated = self.urls, NETWORKS.get(self.preset or "")
        without_compass = imitated is not None and COMPASS in imitated.unsupported
        if version is None:
            version = 8 if without_compass else 9
        chain: dict[str, Any] = {
            "id": str(self.chain_id),
            "host": urls["rpc"],
            "hub": self.hub,
            "sms": urls["sms"],
            "ipfsGateway": urls["ipfs_gateway"],
            "iexecGateway": urls["market"],
            "compass": urls["compass"],
        }
        if "subgraph" in urls:  # one that was started by an older version has none
            chain["pocoSubgraph"] = urls["subgraph"]
        if without_compass:
            del chain["compass"]
        if version < 9:
            chain |= {"resultProxy": urls["result_proxy"], "native": self.native, "useGas": not self.native}
        return chain


def start(
    name: str = "default",
    *,
    native: bool | None = None,
    chain_id: int | None = None,
    preset: str | None = None,
    port_base: int | None = None,
) -> Handle:
    """Start a sandbox that runs until ``stop``; the options are those of ``Sandbox``.

    Raises:
        SandboxError: One runs on its state folder already, or the folder holds another kind of chain, or
            what a sandbox is made of can not be had.
    """
    folder = state_folder(name)
    launch(folder, Options(native=native, chain_id=chain_id, preset=preset, port_base=port_base))
    return _handle(name, folder)


def find(name: str = "default") -> Handle | None:
    """The running sandbox of that name, or None."""
    folder = state_folder(name)
    record = running(folder)
    return None if record is None else _to_handle(name, folder, record)


def stop(name: str = "default") -> bool:
    """Stop a sandbox with everything it started; False when none runs."""
    folder = state_folder(name)
    owner = lock_owner(folder)
    if not owner:
        return False
    with suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(owner, signal.SIGTERM)
        if not wait_unlocked(folder, PATIENCE):
            os.kill(owner, signal.SIGKILL)
            wait_unlocked(folder, PATIENCE)
    return True


def status(name: str = "default") -> dict[str, Any]:
    """What a program wants to know: running or not, where, since when, its newest block, which ports answer.

    ``started`` and ``time`` (of the newest block) are Unix seconds.
    """
    handle = find(name)
    if handle is None:
        return {"name": name, "running": False}
    newest = request(handle.urls["rpc"], "eth_getBlockByNumber", "latest", False)
    return {
        "name": name,
        "running": True,
        "pid": handle.pid,
        "folder": str(handle.folder),
        "started": handle.started,
        "chain_id": handle.chain_id,
        "native": handle.native,
        "hub": handle.hub,
        "block": int(newest["number"], 16),
        "time": int(newest["timestamp"], 16),
        "urls": dict(handle.urls),
        "answering": {service: _listens(url) for service, url in handle.urls.items()},
    }


def reset(name: str = "default") -> None:
    """Stop the sandbox if it runs and forget its state: chain, orders, secrets, files."""
    folder = state_folder(name)
    with using(folder):
        if not folder.is_dir():  # nothing runs on it; what is in its place gives way
            folder.unlink(missing_ok=True)
            return
    stop(name)
    from iexec_lab.sandbox.state.untidy_folders import remove_tree

    with using(folder):
        remove_tree(folder.resolve())
        if folder.is_symlink():
            folder.unlink()
    if folder.exists():
        raise SandboxError(
            f"Not all of {folder} could be deleted", hint="Look whose files are left there, and delete them."
        )


def fund(address: str, rlc: Any = 0, ether: Any = 0, *, name: str = "default") -> None:
    """``Handle.fund`` of the sandbox of that name; SandboxError when it does not run."""
    _running(name).fund(address, rlc, ether)


def forward(seconds: int, *, name: str = "default") -> int:
    """``Handle.forward`` of the sandbox of that name; SandboxError when it does not run."""
    return _running(name).forward(seconds)


def _running(name: str) -> Handle:
    handle = find(name)
    if handle is None:
        raise SandboxError(f'Sandbox "{name}" is not running', hint="iexec-lab sandbox start starts it.")
    return handle


def _handle(name: str, folder: Path) -> Handle:
    record = running(folder)
    if record is None:
        raise SandboxError("The sandbox stopped right after it started", details={"log": folder / "log.txt"})
    return _to_handle(name, folder, record)


def _to_handle(name: str, folder: Path, record: Record) -> Handle:
    genesis = record.genesis
    return Handle(
        name=name,
        folder=folder,
        pid=record.pid,
        started=record.started,
        chain_id=genesis.chain_id,
        native=genesis.native,
        hub=genesis.hub,
        rlc=genesis.rlc,
        registries=genesis.registries,
        workerpool=genesis.workerpool,
        urls=record.urls,
        preset=genesis.preset,
    )


class Sandbox:
    """``with Sandbox() as sandbox: sandbox.urls["rpc"]`` -- a sandbox that ends with the block, or with us.

    Args:
        folder: Where the state is kept; without it, in a temporary folder that is removed at the end.
        native: A native, gas-free chain (Bellecour-like) in place of one with an RLC token.
        chain_id: 65535, native 65534, when not given.
        preset: ``arbitrum-mainnet``, ``arbitrum-sepolia-testnet`` or ``bellecour``: the contracts have the
            addresses, and the chain the id and mode, of that network.
        port_base: First of the consecutive ports to use, in the order of ``state.registry.SERVICES``.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        native: bool | None = None,
        chain_id: int | None = None,
        preset: str | None = None,
        port_base: int | None = None,
    ) -> None:
        self._folder = None if folder is None else Path(folder).absolute()
        self._options = Options(native, chain_id, preset, port_base, attached=True, temporary=folder is None)
        self._stack = ExitStack()

    def __enter__(self) -> Handle:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Handle:
        """Start it and wait until its services answer; SandboxError when it can not."""
        with ExitStack() as stack:
            folder = self._folder or Path(stack.enter_context(TemporaryDirectory(prefix="iexec-sandbox-")))
            stack.callback(end, launch(folder, self._options))
            handle = _handle(folder.name, folder)
            self._stack = stack.pop_all()
        _STARTED.add(self)
        return handle

    def stop(self) -> None:
        """Stop it; a sandbox that is not running is left as it is."""
        _STARTED.discard(self)
        self._stack.close()


_STARTED: set[Sandbox] = set()
"""Those that nobody stopped yet: a sandbox must not end because only its handle was kept."""


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
