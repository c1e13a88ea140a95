"""``wallet``: keys, coins and transfers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.context import required
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import calling, done, given
from iexec_lab.commands.options import FORCE, OVERWRITE, READS, SENDS, TO, WALLET_NEW, flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command
from iexec_lab.errors import AbortedError, IexecError, WalletError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler

SAVED = "Your wallet address is {address}, saved in {fileName}."


def create(context: Context, args: Namespace) -> Outcome:
    kept = kept_wallet(context, args)
    if kept:
        said = f"This folder has a wallet already, {kept}; --force makes another one."
        raise WalletError(said).so_already(said, kept)
    return _saved(context, create_wallet(context, **new_wallet(context, args)))


def import_(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.client.nouns.wallet import import_wallet
    from iexec_lab.client.wallet_source import typed
    from iexec_lab.wallet.keystore import read_address
    from iexec_lab.wallet.signer import LocalSigner

    key = args.private_key or typed(context.face.secret, "Private key")
    if _leads_on(context, args):
        address = LocalSigner(key).address
        where = {} if args.unencrypted else {"wallet_address": address, "keystoredir": args.keystoredir}
        if read_address(**where, cwd=context.folder) == address:
            said = f"Wallet {address} is saved already; --force saves it again."
            raise WalletError(said).so_already(said, address)
    options = new_wallet(context, args)
    return _saved(context, _remembered(context, import_wallet(key, cwd=context.folder, **options), options))


def create_wallet(context: Context, **options: Any) -> dict[str, Any]:
    """A new wallet file, as the raw answer of ``wallet create``; the folder remembers it."""
    from iexec_lab.client.nouns.wallet import create_wallet as create

    return _remembered(context, create(cwd=context.folder, **options), options)


def kept_wallet(context: Context, args: Namespace) -> str | None:
    """The address of this folder's own wallet, where another one should not be made: when a cell runs again.

    The official CLI makes another one, or asks whether to replace ``wallet.json``; so does a terminal here,
    and ``--raw``.
    """
    from iexec_lab.project.notes import FolderNotes
    from iexec_lab.wallet.keystore import UNENCRYPTED_NAME, read_address

    if not _leads_on(context, args):
        return None
    if (context.folder / UNENCRYPTED_NAME).exists():
        return read_address(cwd=context.folder)
    made: dict[str, Any] = FolderNotes(context.folder).made_wallet()
    return read_address(**made, cwd=context.folder) if made else None


def _leads_on(context: Context, args: Namespace) -> bool:
    """Whether a question about what is here already is answered with what is here."""
    return context.lasting and not (args.raw or args.force)


def _remembered(context: Context, made: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    from iexec_lab.project.notes import FolderNotes

    is_project = any(context.project.has(name) for name in ("iexec.json", "chain.json"))
    if is_project and not options.get("unencrypted"):
        FolderNotes(context.folder).save_made_wallet(made["address"], options["keystoredir"])
    return made


def new_wallet(context: Context, args: Namespace) -> dict[str, Any]:
    """Options of a new wallet; asks for what is missing before anything is written.

    Raises:
        AbortedError: no password, or ``wallet.json`` may not be replaced.
    """
    options: dict[str, Any] = {"keystoredir": args.keystoredir, "force": args.force}
    if args.password or (args.password is not None and not args.unencrypted):
        return {**options, "password": args.password}
    if not args.unencrypted:
        return {**options, "password": _new_password(context)}
    context.face.note("An unencrypted wallet is for tests: anyone who reads wallet.json owns it.")
    file = context.folder / "wallet.json"
    if file.exists() and not args.force:
        if not context.confirm_overwrite(file):
            raise AbortedError("Operation aborted by user.")
        options["force"] = True
    return {**options, "unencrypted": True}


def _new_password(context: Context) -> str:
    from iexec_lab.client.wallet_source import typed

    password = typed(context.face.secret, "Password for the new wallet")
    if context.face.secret("The same password again") != password:
        raise AbortedError("Passwords do not match", hint="Try again.")
    return password


def _saved(context: Context, raw: dict[str, Any]) -> Outcome:
    context.forget()
    return Outcome(raw, lambda: raw["address"], SAVED.format_map(raw), shown="")


def _sending(verb: str, doing: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        values = given(args, ("amount", "unit", "force"))
        to = required(args, "to")
        lab = context.lab(args)
        with context.face.working(doing):
            said = f"Sent {args.amount} {args.unit or _unit_of(verb)} to {{to}}."
            return done(lab, verb, said, to=to, **values)

    return rehearsable(handle)


def _unit_of(verb: str) -> str:
    return "ether" if verb.endswith("ether") else "RLC"


def sweep(context: Context, args: Namespace) -> Outcome:
    to = required(args, "to")
    lab = context.lab(args)
    with context.face.working("Sweeping"):
        outcome = done(lab, "wallet.sweep", "Swept the wallet to {to}.", to=to, force=args.force)
    problems = tuple(outcome.raw.get("errors", ()))
    return replace(outcome, failed=problems, error=_unsent(outcome.raw)) if problems else outcome


def _unsent(raw: Mapping[str, Any]) -> IexecError:
    """The RLC was sent, the coin was not."""
    sent = {"sendERC20TxHash": raw["sendERC20TxHash"]} if "sendERC20TxHash" in raw else {}
    return IexecError("; ".join(raw["errors"]), details=sent)


def _amount(what: str) -> Argument:
    return Argument("amount", "ether" if what == "ether" else "amount", "how much", required=True)


def _unit(default: str) -> Argument:
    return Argument(
        "unit", "unit", f"unit of the amount ({default})", default=default if default == "nRLC" else None
    )


_TRANSFER = (*SENDS, FORCE, DRY_RUN, TO)
_BRIDGE = "The answer comes when the RLC is sent; it arrives on the other chain some minutes later."

COMMANDS = (
    Command(
        ("wallet", "create"),
        "make a new key and save it",
        create,
        options=(*WALLET_NEW, OVERWRITE),
        example="wallet create",
        notes="The file is the one that other Ethereum tools use, in the same folder.",
    ),
    Command(
        ("wallet", "import"),
        "save a wallet from a private key",
        import_,
        args=(
            Argument(
                "private-key",
                "private_key",
                "32 bytes in hex; asked for if omitted, which is safer",
                shows="privateKey",
            ),
        ),
        options=(*WALLET_NEW, OVERWRITE),
        example="wallet import",
    ),
    Command(
        ("wallet", "show"),
        "show address and balances",
        calling("wallet.show", doing="Reading balances"),
        args=(Argument("address", "user", "whose balances; by default the wallet's"),),
        options=(*READS, flag("--show-private-key", "also show the keys; unlocks the wallet")),
        example="wallet show",
    ),
    Command(
        ("wallet", "send-ether"),
        "send the coin that pays for gas",
        _sending("wallet.send_ether", "Sending"),
        args=(_amount("ether"), _unit("ether")),
        options=_TRANSFER,
        example="wallet send-ether 0.1 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        aliases=("sendETH",),
        spends=True,
    ),
    Command(
        ("wallet", "send-RLC"),
        "send RLC",
        _sending("wallet.send_rlc", "Sending"),
        args=(_amount("RLC"), _unit("RLC")),
        options=_TRANSFER,
        example="wallet send-RLC 1.5 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        spends=True,
    ),
    Command(
        ("wallet", "sendRLC"),
        "send RLC counted in nRLC (older spelling)",
        _sending("wallet.send_rlc", "Sending"),
        args=(_amount("RLC"), _unit("nRLC")),
        options=_TRANSFER,
        example="wallet sendRLC 1500 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        spends=True,
    ),
    Command(
        ("wallet", "sweep"),
        "send everything the wallet has",
        rehearsable(sweep),
        options=_TRANSFER,
        example="wallet sweep --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        notes="Staked RLC stays: see account withdraw.",
        spends=True,
    ),
    Command(
        ("wallet", "bridge-to-sidechain"),
        "move RLC from the main chain to the side chain",
        rehearsable(
            calling("wallet.bridge_to_sidechain", doing="Bridging", said="Sent {amount_rlc} to the bridge.")
        ),
        args=(_amount("RLC"), _unit("nRLC")),
        options=(*SENDS, FORCE, DRY_RUN),
        example="wallet bridge-to-sidechain 10 RLC --chain mainnet",
        notes=_BRIDGE,
        spends=True,
    ),
    Command(
        ("wallet", "bridge-to-mainchain"),
        "move RLC from the side chain to the main chain",
        rehearsable(
            calling("wallet.bridge_to_mainchain", doing="Bridging", said="Sent {amount_rlc} to the bridge.")
        ),
        args=(_amount("RLC"), _unit("nRLC")),
        options=(*SENDS, FORCE, DRY_RUN),
        example="wallet bridge-to-mainchain 10 RLC --chain bellecour",
        notes=_BRIDGE,
        spends=True,
    ),
)
