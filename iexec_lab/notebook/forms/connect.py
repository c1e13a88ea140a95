"""The form that chooses a network and a wallet, and shows what the wallet holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import ipywidgets as widgets

from iexec_lab.client.choice import SANDBOX, foresee_network, foresee_wallet
from iexec_lab.commands.complete import known_networks
from iexec_lab.errors import IexecError
from iexec_lab.networks import TESTNETS
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.hand.guided import Decision, Guided, SecretDecision
from iexec_lab.notebook.forms.hand.next_steps import NextSteps
from iexec_lab.project.notes import FolderNotes
from iexec_lab.regular_files import exists
from iexec_lab.urls import shown_url
from iexec_lab.wallet.keystore import UNENCRYPTED_NAME, keystore_dir, list_wallets

if TYPE_CHECKING:
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.networks import Network
    from iexec_lab.notebook.forms.hand.desk import Desk

_OTHER, _USUAL, _CREATE, _IMPORT, _NEW, _BROWSER = "", "usual", "create", "import", "new", "browser"
_OF_A_FILE: Final = "file "
_MOST_WALLETS: Final = 100
_THE_NEW_ONE: Final = "<its address>"


class ConnectForm(Guided):
    """Network, wallet, and below them the balance, test coins on a sandbox, and what to do next.

    Args:
        desk: Where it works.
        network: What is chosen at first.
        then: Called once connected, with the market; it takes the place of what stands below otherwise.
    """

    name: ClassVar = "connect"
    title: ClassVar = "Connect"
    go_label: ClassVar = "Connect"
    go_icon: ClassVar = "plug"

    def __init__(
        self, desk: Desk, network: str = "", *, then: Callable[[IExec], None] | None = None, **words: Any
    ) -> None:
        super().__init__(desk)
        self._then = then
        names = known_networks(desk.folder)
        first = network or _default(desk) or SANDBOX
        options = [(name, name) for name in names] + [("another …", _OTHER)]
        self.network = Decision(
            pieces.choice(options, first if first in names else _OTHER),
            "Network",
            "Where apps are run and paid.",
        )
        self.named = Decision(
            widgets.Text(value="" if first in names else first, continuous_update=True),
            "Name of the network",
            "A network of chain.json, a chain id, or sandbox:name for one more sandbox.",
            check=self._check_network,
            needed="Name the network.",
        )
        self.wallet = Decision(pieces.choice([("", _USUAL)], _USUAL), "Wallet", "Who signs and pays.")
        self.password = SecretDecision("Password", "Of the wallet's file.")
        self.again = SecretDecision("The same password again", "Nobody can open the file without it.")
        self.key = SecretDecision("Private key", "32 bytes in hex; it is saved encrypted by the password.")
        self.decisions = [self.network, self.named, self.wallet]
        self.secrets = [self.key, self.password, self.again]
        self._offer_wallets()
        self.draw(self.network, self.named, self.wallet, *self.secrets)
        for name in ("wallet_file", "wallet_address"):
            if words.get(name):
                self._choose_wallet(name, str(words[name]))

    @property
    def chosen(self) -> str:
        """The name of the network."""
        return self.network.value or self.named.value

    def refresh(self) -> None:
        if self._is_busy:
            return
        self.named.appear(shown=not self.network.value)
        network = self._foreseen()
        self.network.known = _about(self.chosen, network) if self.network.value else ""
        self.named.known = _about(self.chosen, network) if self.chosen and network != "" else ""
        self._offer_wallets()
        way = self.wallet.value
        self.password.appear(shown=way in {_CREATE, _IMPORT} or way.startswith(_OF_A_FILE))
        self.again.appear(shown=way in {_CREATE, _IMPORT})
        self.key.appear(shown=way == _IMPORT)
        super().refresh()

    def problems(self) -> list[str]:
        found = super().problems()
        if self.network.value:
            try:
                foresee_network(self.chosen, self.desk.folder)
            except IexecError as error:
                self.network.tell(" ".join(filter(None, [f"{error.message}.", error.hint])))
                found.append(error.message)
        return found

    def lines(self) -> list[list[str]]:
        way, connect = self.wallet.value, ["connect", *filter(None, [self.chosen])]
        password = ["--password", self.password.word]
        if way.startswith(_OF_A_FILE):
            return [[*connect, "--wallet-file", way.removeprefix(_OF_A_FILE), *password]]
        if way in {_CREATE, _IMPORT}:
            more = ["--force"] if self._has_one else []
            words = [self.key.word] if way == _IMPORT else []
            made = ["wallet", way, *words, *password, *more]
            return [made, [*connect, "--wallet-address", _THE_NEW_ONE, *password]]
        return [[*connect, *({_NEW: ["--new-wallet"], _BROWSER: ["--browser-wallet"]}.get(way, []))]]

    def go(self) -> None:
        if self.again.is_shown and self.password.value and self.again.value != self.password.value:
            self.again.forget()
            self.again.tell("The passwords differ: type it again.")
            return
        super().go()

    def act(self) -> None:
        self.value, made, wallet = None, "", ""
        for words in self.lines():
            value = self.perform([made if word == _THE_NEW_ONE else word for word in words], shown=False)
            wallet, made = made, str(value)
        if wallet:  # pressed again, the button unlocks this wallet instead of making one more
            self._offer_wallets()
            self._choose_wallet("wallet_address", wallet)
        self.value = value
        if self._then is not None:
            self._then(value)
        else:
            self.show_balance()

    def show_balance(self) -> None:
        """What the wallet holds, and the buttons for what comes next."""
        self.after.children = [NextSteps(self.desk, self.value, self).box]

    @property
    def _has_one(self) -> bool:
        """Whether this folder has a wallet, which would be kept instead of making another one."""
        folder = self.desk.folder
        return exists(folder / UNENCRYPTED_NAME) or bool(FolderNotes(folder).made_wallet())

    def _check_network(self, name: str) -> str:
        foresee_network(name, self.desk.folder)
        return ""

    def _foreseen(self) -> Network | str | None:
        """The network; None for a sandbox that is to be started; empty text where there is none."""
        try:
            return foresee_network(self.chosen, self.desk.folder) if self.chosen else ""
        except IexecError:
            return ""

    def _offer_wallets(self) -> None:
        """The wallets that there are, and the ways to get one, for the chosen network."""
        network = self._foreseen()
        has_value = getattr(network, "real_value", False)
        options = [(_usual(self.chosen, self.desk), _USUAL)]
        options += [(f"{address}, saved {day}", _OF_A_FILE + name) for name, address, day in _saved()]
        options += [("a new one, saved with a password", _CREATE), ("import a private key", _IMPORT)]
        if not has_value:
            options.append(("a new one in memory, gone with this kernel", _NEW))
        options.append(("the one in this browser", _BROWSER))
        control, before = self.wallet.control, self.wallet.value
        if tuple(options) != tuple(control.options):
            control.options = options
            control.value = before if before in {value for _, value in options} else _USUAL

    def _choose_wallet(self, name: str, wanted: str) -> None:
        for file, address, _day in _saved():
            if wanted.lower() == (file if name == "wallet_file" else address).lower():
                self.wallet.control.value = _OF_A_FILE + file
                return


def _default(desk: Desk) -> str:
    """The network that this session, or chain.json, has already."""
    from iexec_lab.client.choice import network_name

    lab = desk.lab()
    try:
        return lab.session.network.name if lab else network_name(desk.folder, None, None, SANDBOX)
    except IexecError:
        return ""


def _about(name: str, network: Network | str | None) -> str:
    """One sentence about a network."""
    if isinstance(network, str):
        return ""
    if network is None:
        return f"A market on this machine, where everything is free. {name} is started when you connect."
    if network.name.startswith(SANDBOX):
        return "A market on this machine, where everything is free. It is running."
    kind = "RLC has value here: what costs something is shown and asked first." if network.real_value else ""
    kind = kind or ("A public test network." if network.id in TESTNETS else "Nothing has value here.")
    return f"{kind} Chain {network.id}, through {shown_url(network.host)}."


def _usual(name: str, desk: Desk) -> str:
    """The wallet that is taken where none is named, and why."""
    try:
        held = foresee_wallet(name, desk.folder) if name else None
        if held is None:
            return "the sandbox's test user, with coins"
        address = held.address
    except IexecError:
        return "the usual one"
    if address is None:
        return "none yet: enough for looking around"
    why = {"sandbox user": "a test user with coins"}.get(held.origin, held.origin)
    return f"{address}, {why}"


def _saved() -> list[tuple[str, str, str]]:
    """Name, address and day of the files in the keystore, newest first."""
    try:
        files = list_wallets(keystore_dir())[:_MOST_WALLETS]
    except IexecError:
        return []
    found = []
    for file in files:
        try:
            found.append((file.name, file.address, file.name.split("--")[1][:10]))
        except IexecError:
            continue
    return found
