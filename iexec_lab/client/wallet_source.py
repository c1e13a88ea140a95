"""Where address and signer of a session come from; nothing is read or unlocked before it is needed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from iexec_lab import doors
from iexec_lab.errors import AbortedError, WalletError
from iexec_lab.protocol import is_address
from iexec_lab.wallet.keystore import create_wallet, find_wallet, keystore_dir, read_address
from iexec_lab.wallet.signer import LocalSigner, Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iexec_lab.networks import Network

ENV = "IEXEC_PRIVATE_KEY"
IN_MEMORY = "new, in memory only"
_TRIES = 10


@dataclass
class Wallet:
    """The wallet of a session.

    Attributes:
        origin: Why it is this one, for people: ``IEXEC_PRIVATE_KEY``, ``as named``, ``sandbox user`` ...
        held: The signer, once unlocked.
        options: What ``find_wallet`` takes, for a wallet in a file.
        password: Of that file, when it was given.
    """

    origin: str
    held: Signer | None = None
    options: dict[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str | None:
        """EIP-55 address, read without a password; None when there is no wallet."""
        return self.held.address if self.held else read_address(**self.options)

    @property
    def is_kept_in_memory(self) -> bool:
        """Whether its key is in this process alone, and gone with it."""
        return self.origin == IN_MEMORY

    def missing(self) -> str | None:
        """Why there is no address, where the wallet was named: what the folder holds instead."""
        named = self.options.get("wallet_file")
        try:
            find_wallet(**self.options)
        except WalletError as error:
            return error.hint
        folder = keystore_dir(self.options.get("keystoredir"), cwd=self.options["cwd"])
        return f"{folder} holds no wallet file {named}." if named else None

    @property
    def at_hand(self) -> Signer | None:
        """The signer, where nobody has to be asked for a password."""
        try:
            needs = self.held is None and self.password is None and find_wallet(**self.options).encrypted
            return None if needs else self.signer(ask_in_terminal)
        except WalletError:
            return None

    def signer(self, ask: Callable[[str], str]) -> Signer:
        """The signer, unlocked once with the password given or asked for.

        Raises:
            WalletError: No wallet, or a wrong password.
        """
        if self.held is None:
            file = find_wallet(**self.options)
            password = self.password
            if file.encrypted and password is None:
                password = ask(f"Password of wallet {file.shown}")
            self.held = file.unlock(password)
        return self.held


def choose_wallet(
    wallet: str | Signer | None,
    *,
    cwd: Path,
    password: str | None = None,
    wallet_file: str | None = None,
    wallet_address: str | None = None,
    keystoredir: str | None = None,
    session: Wallet | None = None,
    default: Callable[[], Wallet | None] = lambda: None,
    ask: Callable[[str], str] | None = None,
) -> Wallet:
    """The wallet that was asked for; ``choice.choose`` has the whole rule.

    Args:
        wallet: A signer, an address or file name in the keystore, ``create`` (a new keystore file) or ``new``
            (a new key that lives as long as the session); None: ``session``, then the key in the
            environment, then ``default()``, then the official look-up.
        cwd: Folder whose ``wallet.json`` is used.
        password: Of the keystore file.
        wallet_file: As ``--wallet-file``.
        wallet_address: As ``--wallet-address``.
        keystoredir: As ``--keystoredir``.
        session: The wallet that this session connected with.
        default: What the folder and the network have.
        ask: Asked for the password of a new wallet.
    """
    options: dict[str, Any] = {
        "wallet_file": wallet_file,
        "wallet_address": wallet_address,
        "keystoredir": keystoredir,
        "cwd": cwd,
    }
    if isinstance(wallet, str):
        return _by_word(wallet, options, password, ask)
    if wallet is not None:
        return Wallet("as named", held=wallet)
    if wallet_file or wallet_address or keystoredir:
        return Wallet("as named", options=options, password=password)
    signer = LocalSigner.from_env(ENV) if session is None else None
    if signer is not None:
        return Wallet(ENV, held=signer)
    held = session or default() or Wallet("keystore", options=options)
    return replace(held, password=password) if password and held.held is None else held


def browser_wallet(network: Network) -> Wallet:
    """The wallet in the user's browser: in the page that shows the notebook, else in a page on loopback.

    It asks its user at once to share the address.

    Raises:
        WalletError: No page or wallet answers, or its user says no.
    """
    from iexec_lab.wallet.browser import BrowserSigner

    coin = "xRLC" if network.native else "ETH"
    chain = {
        "chainId": hex(network.id),
        "chainName": f"iExec {network.name}",
        "rpcUrls": [network.host],
        "nativeCurrency": {"name": coin, "symbol": coin, "decimals": 18},
    }
    if "ipykernel" in sys.modules:
        pages = doors.widget_wallet()
    else:
        from iexec_lab.wallet.page import PageWallet

        pages = PageWallet()
    wallet = Wallet("browser", held=BrowserSigner(pages, chain=chain))
    try:
        wallet.address  # noqa: B018 -- it asks
    except BaseException:
        pages.close()
        raise
    return wallet


def ask_in_terminal(prompt: str) -> str:
    """A secret typed in the terminal or the notebook, without echo.

    Raises:
        AbortedError: Nobody is there to type it.
    """
    nobody = AbortedError(f"{prompt}: nobody is there to answer", hint="Give it as an option.")
    # A kernel has no terminal, but its getpass asks the front end.
    if "ipykernel" not in sys.modules and (not sys.stdin or not sys.stdin.isatty()):
        raise nobody
    from getpass import getpass

    try:
        with doors.hidden():
            return getpass(f"{prompt}: ")
    except (EOFError, NotImplementedError):
        raise nobody from None


def typed(ask: Callable[[str], str], prompt: str) -> str:
    """The answer to a question that an empty line does not answer; it is asked again.

    Raises:
        AbortedError: Nothing was typed, several times.
    """
    for _ in range(_TRIES):
        if answer := ask(prompt):
            return answer
    raise AbortedError(f"Nothing was typed: {prompt}", hint="Give it as an option.")


def _by_word(
    word: str, options: dict[str, Any], password: str | None, ask: Callable[[str], str] | None
) -> Wallet:
    """A wallet by address or file name, or one made now: ``create`` and ``new``."""
    if word == "new":
        return Wallet(IN_MEMORY, held=LocalSigner.generate())
    if word == "create":
        secret = typed(ask or ask_in_terminal, "Password of the new wallet") if password is None else password
        saved = create_wallet(secret, keystoredir=options["keystoredir"], cwd=options["cwd"])
        return Wallet(
            "new keystore file", options={**options, "wallet_file": saved.path.name}, password=secret
        )
    if re.fullmatch("(0x)?[0-9a-fA-F]{64}", word):
        raise WalletError(
            "A private key is not the name of a wallet",
            hint=f"Put it into the environment variable {ENV}, or import it once: iexec-lab wallet import.",
        )
    named = "wallet_address" if is_address(word) else "wallet_file"
    return Wallet("as named", options={**options, named: word}, password=password)
