"""Commands without a noun: ``init``, ``connect``, ``info``, ``jobs``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.context import WALLET
from iexec_lab.commands.handlers import calling
from iexec_lab.commands.options import CHAIN, READS, WALLET_NEW, WALLET_OPEN, flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command
from iexec_lab.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.context import Context


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.nouns.wallet import create_wallet, new_wallet

    wallet = None if args.skip_wallet else new_wallet(context, args)
    written = {
        name: _write(context, name, force=args.force or args.raw) for name in ("iexec.json", "chain.json")
    }
    raw: dict[str, Any] = {}
    if wallet is not None:
        made = create_wallet(context, **wallet)
        raw |= {"walletAddress": made["address"], "walletFile": made["fileName"]}
    if written["iexec.json"]:
        raw["configFile"] = "iexec.json"
    raw["chainConfigFile"] = "chain.json" if written["chain.json"] else ""
    context.forget()
    context.face.note(
        "Start without coins: iexec-lab connect sandbox. See what you have: iexec-lab wallet show."
    )
    return Outcome(raw, said="The project is ready.")


def _write(context: Context, name: str, *, force: bool) -> bool:
    project = context.project
    if project.has(name) and not force and not context.confirm_overwrite(context.folder / name):
        return False
    project.create(name)
    return True


def connect(context: Context, args: Namespace) -> Outcome:
    if args.network is not None and not isinstance(args.network, str):
        context.adopt(args.network)
        return _connected(args.network, _describe(args.network))
    before = context.choice()
    wallet = {name: getattr(args, name) for name in WALLET if getattr(args, name)}
    held = _held_wallet(args, lasting=context.remember is None)
    if args.network or wallet or held:
        context.use(args.network or context.network, wallet or context.wallet)
        context.forget()  # a sandbox may have been started again, elsewhere
    signer = context.signer
    if held:
        context.wallet, context.signer = {}, held
    try:
        with context.face.working(f"Connecting to {context.network or 'the network of chain.json'}"):
            lab = context.lab(Namespace())
            if "wallet_file" in wallet or "wallet_address" in wallet:
                lab.session.own_address  # noqa: B018 -- a missing wallet fails now
            raw = _describe(lab)
    except BaseException:
        context.choose(before)
        raise
    finally:
        context.signer = signer
    if held:
        context.adopt(lab)
    if context.remember and args.network:
        context.remember(args.network)
    return _connected(lab, raw)


def _held_wallet(args: Namespace, *, lasting: bool) -> str | None:
    """The wallet of this process alone, as ``iexec_lab.connect`` names it."""
    flags = [flag for flag in ("new", "browser") if getattr(args, f"{flag}_wallet")]
    if len(flags) > 1:
        raise UsageError("Options --new-wallet and --browser-wallet exclude each other")
    if flags and not lasting:
        raise UsageError(
            f"Option --{flags[0]}-wallet is for notebooks: a terminal would forget the wallet at once",
            hint="Make a wallet that stays with iexec-lab wallet create, or iexec-lab wallet import.",
        )
    return flags[0] if flags else None


def _connected(lab: IExec, raw: dict[str, Any]) -> Outcome:
    return Outcome(raw, lambda: lab, f"Connected to {raw['network']} (chain {raw['chainId']}).")


def _describe(lab: IExec) -> dict[str, Any]:
    from iexec_lab.urls import shown_url

    session = lab.session
    about = {
        "network": session.network.name,
        "chainId": str(session.network.id),
        "host": shown_url(session.network.host),
        "hub": session.network.hub,
        "wallet": session.wallet.address,
    }
    found, wanted = session.rpc.chain_id, session.network.id
    if found != wanted:
        raise ConfigurationError(
            f"The node is on chain {found}, but network {session.network.name} is chain {wanted}",
            details={"host": shown_url(session.network.host)},
        )
    return {name: value for name, value in about.items() if value is not None}


_SHOWN_OF_A_JOB = ("dealid", "state", "done", "failed", "running", "claimable", "finalTime")


def jobs(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.official_json import fetch
    from iexec_lab.commands.readable import readable

    lab = context.lab(args)
    with context.face.working("Looking for deals" if args.all else "Looking for running deals"):
        answer = fetch(lab, "jobs", requester=args.requester, all=args.all)
    found = answer.facts
    said = f"{len(found)} {'deal' if len(found) == 1 else 'deals'}{'' if args.all else ' running'}."
    if found.left_out:
        said = f"{said} {found.left_out} left out: not what was asked for."
    if found.remark:
        context.face.note(found.remark)
    rows = [{name: row[name] for name in _SHOWN_OF_A_JOB} for row in found]
    return Outcome(answer.to_official_json(), answer.to_value, said, shown=readable(rows))


def form(context: Context, args: Namespace) -> Outcome:
    name = " ".join(word for word in (args.noun, args.verb, args.part) if word)
    drawn = context.face.form(name)
    return Outcome({"form": name}, lambda: drawn, shown=str(drawn))


COMMANDS = (
    Command(
        ("init",),
        "start a project in this folder",
        init,
        options=(
            *WALLET_NEW,
            flag("--force", "replace files without asking"),
            flag("--skip-wallet", "do not create a wallet"),
        ),
        example="init --skip-wallet",
        notes="Writes iexec.json and chain.json, and a new wallet into the keystore.",
    ),
    Command(
        ("connect",),
        "choose the network to work on",
        connect,
        args=(
            Argument("network", "chain", "sandbox, or a network of chain.json; by default the current one"),
        ),
        options=(
            *WALLET_OPEN,
            flag("--new-wallet", "a new wallet, kept in memory while the notebook runs"),
            flag("--browser-wallet", "the wallet of the browser that shows the notebook; no key leaves it"),
        ),
        example="connect sandbox",
        notes="In a notebook the choice lasts as long as the kernel; in a terminal it becomes the default\n"
        "of chain.json. The sandbox is started if it is not running.",
    ),
    Command(
        ("info",),
        "show the addresses of the iExec contracts",
        calling("network.show", doing="Reading the contracts"),
        options=CHAIN,
        example="info --chain arbitrum-mainnet",
    ),
    Command(
        ("jobs",),
        "list the running deals of a wallet, as the chain knows them",
        jobs,
        args=(Argument("requester", "user", "whose deals; by default the wallet's"),),
        options=(*READS, flag("--all", "also late ones, whose RLC can be claimed, and ended ones")),
        example="jobs --all",
    ),
    Command(
        ("form",),
        "draw a command as a form, in a notebook",
        form,
        args=(
            Argument("noun", "text", "first word of the command", required=True),
            Argument("verb", "text", "its second word"),
            Argument("part", "text", "its third word"),
        ),
        example="form app run",
        notes="A terminal shows the help of the command instead.",
    ),
)
