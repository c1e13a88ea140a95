"""One project folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ConfigurationError, ProjectError
from iexec_lab.project import chains, jsonfile, templates
from iexec_lab.project.old_keys import key_hint, renamed
from iexec_lab.regular_files import is_file, possible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iexec_lab.project.chains import ChainEntry

CONFIG = "iexec.json"
CHAINS = "chain.json"
DEPLOYED = "deployed.json"
ORDERS = "orders.json"

SECRET_MODE = 0o600
SECRET_FOLDER_MODE = 0o700

RESOURCE_KINDS = ("app", "dataset", "workerpool")


def write_secret(path: Path, text: str) -> None:
    """Write a key file, readable by its owner only, in one step."""
    jsonfile.write(path, text, mode=SECRET_MODE)


class Project:
    """The folder commands work in; nothing is read before it is asked for.

    Args:
        folder: The project folder; the current directory by default, looked up again at every use.
    """

    def __init__(self, folder: Path | str = ".") -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Project({str(self.folder)!r})"

    def has(self, name: str) -> bool:
        """True when the file is there."""
        return is_file(self.folder / name)

    def create(self, name: str) -> None:
        """Write the template of ``iexec.json`` or ``chain.json`` over what is there."""
        document = {CONFIG: templates.PROJECT, CHAINS: templates.CHAIN}[name]
        jsonfile.write(self.folder / name, jsonfile.dumps(document))

    def config(self) -> dict[str, Any]:
        """The content of ``iexec.json``."""
        return self._required(CONFIG)

    def resource(self, kind: str) -> dict[str, Any]:
        """The app, dataset, workerpool or category object of ``iexec.json``."""
        config = self.config()
        value = config.get(kind)
        if not value:
            message = f'Missing {kind} in "{CONFIG}". Did you forget to run "iexec {kind} init"?'
            raise ProjectError(message, hint=f"{renamed(config, kind)}Write a sample: iexec-lab {kind} init.")
        return _expect_object(value, kind, CONFIG)

    def save_resource(self, kind: str, value: Mapping[str, Any]) -> None:
        """Replace the object of ``kind``; the rest of ``iexec.json`` stays."""

        def change(document: dict[str, Any]) -> None:
            if kind == "app":
                document["buyConf"] = {}  # the official CLI writes this key too
            document[kind] = dict(value)

        self._update(CONFIG, change, required=True)

    def order(self, kind: str) -> dict[str, Any]:
        """The unsigned order of ``kind`` ("apporder" ...) in ``iexec.json``."""
        orders = _expect_object(self.config().get("order") or {}, "order", CONFIG)
        if not orders.get(kind):
            flag = kind.removesuffix("order")
            message = f'Missing {kind}. You probably forgot to run "iexec order init --{flag}"'
            hint = f"{renamed(orders, kind)}Write a sample: iexec-lab order init --{flag}."
            raise ProjectError(message, hint=hint)
        return _expect_object(orders[kind], kind, CONFIG)

    def save_order(self, kind: str, value: Mapping[str, Any]) -> None:
        """Replace one unsigned order of ``iexec.json``."""

        def change(document: dict[str, Any]) -> None:
            _part(document, "order", CONFIG)[kind] = dict(value)

        self._update(CONFIG, change, required=True)

    def chain(self, name: str | None = None) -> ChainEntry:
        """The chain called ``name`` or the default of ``chain.json``; the file is checked first."""
        document = self._required(CHAINS)
        chains.check(document)
        return chains.choose(document, name)

    def chain_names(self) -> list[str]:
        """Names in ``chain.json``; empty when it is missing or broken (used for completion)."""
        try:
            document = jsonfile.read(self.folder / CHAINS) or {}
            chains.check(document)
        except ProjectError:
            return []
        return list(document["chains"])

    def default_chain(self) -> str | None:
        """The default in ``chain.json``; None when there is none, or no file.

        Raises:
            ProjectError: The file is broken.
        """
        document = jsonfile.read(self.folder / CHAINS) or {}
        default = document.get("default")
        return default if isinstance(default, str) and default in (document.get("chains") or {}) else None

    def save_default_chain(self, name: str, values: Mapping[str, Any] | None = None) -> None:
        """Make ``name`` the default of ``chain.json``; ``values`` replaces its chain object when given."""

        def change(document: dict[str, Any]) -> None:
            document["default"] = name
            known = _part(document, "chains", CHAINS)
            if values is not None:
                known[name] = dict(values)
            else:
                known.setdefault(name, {})
            chains.check(document)

        self._update(CHAINS, change)

    def deployed(self, kind: str, chain_id: int) -> str | None:
        """Address of the last deployment of ``kind`` on the chain, None when there was none."""
        address: str | None = self._deployed().get(kind, {}).get(str(chain_id))
        return address

    def all_deployed(self, kind: str) -> list[str]:
        """Addresses of the last deployments of ``kind``; "address" and "user" mean every kind."""
        document = self._deployed()
        maps = document.values() if kind in {"address", "user"} else [document.get(kind, {})]
        return [address for addresses in maps for address in addresses.values()]

    def require_deployed(self, kind: str, chain_id: int) -> str:
        """Like ``deployed``; raises ``ProjectError`` when there was none."""
        address = self.deployed(kind, chain_id)
        if address is None:
            message = f'Missing {kind}Address and no {kind} found in "{DEPLOYED}" for chain {chain_id}'
            raise ProjectError(message, hint=f"Give an address, or run iexec-lab {kind} deploy.")
        return address

    def prepare_deployed(self) -> None:
        """Check that ``deployed.json`` is valid and can be written, before gas is spent."""
        self._deployed()
        jsonfile.check_writable(self.folder / DEPLOYED)

    def save_deployed(self, kind: str, chain_id: int, address: str) -> None:
        self._update(
            DEPLOYED, lambda document: _part(document, kind, DEPLOYED).update({str(chain_id): address})
        )

    def _deployed(self) -> dict[str, dict[str, str]]:
        document = jsonfile.read(self.folder / DEPLOYED) or {}
        for kind, addresses in document.items():
            if kind not in RESOURCE_KINDS:
                raise _invalid(f'Unknown key "{kind}"', DEPLOYED, hint=key_hint(kind, RESOURCE_KINDS))
            for chain_id, address in _expect_object(addresses, kind, DEPLOYED).items():
                if not re.fullmatch(r"[0-9]+", chain_id):
                    raise _invalid(f"{chain_id} is not a valid chain id", DEPLOYED)
                if not isinstance(address, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", address):
                    raise _invalid(f"{address} is not a valid ethereum address", DEPLOYED)
        return document

    def signed_orders(self, chain_id: int) -> dict[str, dict[str, Any]]:
        """Signed orders of the chain by kind; empty when none was signed there.

        Raises:
            ProjectError: there is no ``orders.json``.
        """
        document = self._required(ORDERS, hint="Write it: iexec-lab order sign.")
        orders = _expect_object(document.get(str(chain_id)) or {}, str(chain_id), ORDERS)
        return {kind: _expect_object(order, kind, ORDERS) for kind, order in orders.items() if order}

    def save_signed_order(self, kind: str, chain_id: int, order: Mapping[str, Any]) -> None:
        def change(document: dict[str, Any]) -> None:
            _part(document, str(chain_id), ORDERS)[kind] = dict(order)

        self._update(ORDERS, change)

    def dataset_keys(self, folder: str | None = None) -> Path:
        """``.secrets/datasets``, or the folder given by option."""
        return self._folder(folder, ".secrets/datasets")

    def original_datasets(self, folder: str | None = None) -> Path:
        """``datasets/original``, or the folder given by option."""
        return self._folder(folder, "datasets/original")

    def encrypted_datasets(self, folder: str | None = None) -> Path:
        """``datasets/encrypted``, or the folder given by option."""
        return self._folder(folder, "datasets/encrypted")

    def beneficiary_keys(self, folder: str | None = None) -> Path:
        """``.secrets/beneficiary``, or the folder given by option."""
        return self._folder(folder, ".secrets/beneficiary")

    def create_dataset_folders(self, keys: str | None, original: str | None, encrypted: str | None) -> None:
        """What ``dataset init --encrypted`` makes; key folders are closed to other users."""
        make_secret_folder(self.dataset_keys(keys))
        for folder in (self.original_datasets(original), self.encrypted_datasets(encrypted)):
            make_folder(folder)

    def _folder(self, given: str | None, default: str) -> Path:
        return (self.folder / (given or default)).absolute()

    def _required(self, name: str, hint: str = "Write it: iexec-lab init.") -> dict[str, Any]:
        document = jsonfile.read(self.folder / name)
        if document is None:
            raise ProjectError(f'Missing "{name}" file, did you forget to run "iexec init"?', hint=hint)
        return document

    def _update(self, name: str, change: Callable[[dict[str, Any]], None], *, required: bool = False) -> None:
        if required:
            self._required(name)
        jsonfile.update(self.folder / name, change)


def make_secret_folder(folder: Path) -> None:
    """Create a folder for keys, closed to other users; one that is there keeps its mode."""
    make_folder(folder, SECRET_FOLDER_MODE)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Create a folder, unless it is there.

    Raises:
        ConfigurationError: It cannot be made.
    """
    try:
        possible(folder).parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"Cannot create folder {folder}: {error.strerror}") from error


def _invalid(message: str, name: str, *, hint: str | None = None) -> ProjectError:
    return ProjectError(f"ValidationError: {message} in {name}", hint=hint)


def _part(document: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """The object under ``key``, made when there is none."""
    if not document.get(key):
        document[key] = {}
    return _expect_object(document[key], key, name)


def _expect_object(value: Any, what: str, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} must be a `object` type", name)
    return value
