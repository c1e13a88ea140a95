"""Commands without a noun: ``init``, ``connect``, ``info``, ``jobs``, ``search``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.context import WALLET
from iexec_lab.commands.hand_made import HAND_MADE
from iexec_lab.commands.handlers import done
from iexec_lab.commands.options import CHAIN, READS, WALLET_NEW, WALLET_OPEN, flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.readable import readable
from iexec_lab.commands.tree import Argument, Command
from iexec_lab.errors import AbortedError, ConfigurationError, IexecError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.context import Context


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.nouns.wallet import create_wallet, kept_wallet

    force = args.force or args.raw
    wallet: dict[str, Any] | None = None
    if not args.skip_wallet:
        kept = kept_wallet(context, args)
        if kept:
            context.face.remark(f"Wallet {kept} of this folder is kept.")
        else:
            wallet = _new_wallet(context, args)
    written = [name for name in ("iexec.json", "chain.json") if _write(context, name, force=force)]
    raw: dict[str, Any] = {}
    if wallet is not None:
        made = create_wallet(context, **wallet)
        raw |= {"walletAddress": made["address"], "walletFile": made["fileName"]}
    if "iexec.json" in written:
        raw["configFile"] = "iexec.json"
    raw["chainConfigFile"] = "chain.json" if "chain.json" in written else ""
    if "chain.json" in written and context.connected and isinstance(context.connected.network, str):
        context.project.save_default_chain(context.connected.network)
    context.forget()
    context.face.note(
        "Start without coins: iexec-lab connect sandbox. See what you have: iexec-lab wallet show."
    )
    done = [*written, *([f"wallet {raw['walletAddress']}"] if wallet is not None else [])]
    said = f"The project is ready: {', '.join(done) or 'nothing was missing'}."
    return Outcome(
        raw, lambda: None, said, shown={name: raw[name] for name in ("walletFile",) if name in raw}
    )


def _new_wallet(context: Context, args: Namespace) -> dict[str, Any] | None:
    """Options of the new wallet; None when there is a ``wallet.json`` and nobody to ask."""
    from iexec_lab.commands.nouns.wallet import new_wallet

    try:
        return new_wallet(context, args)
    except AbortedError as error:
        if error.unanswered and not args.unencrypted:
            error.hint = f"Without a wallet: iexec-lab init --skip-wallet. {error.hint}"
        if args.raw or not (error.unanswered and args.unencrypted and context.project.has("wallet.json")):
            raise
        context.face.remark('"wallet.json" is here already and is kept; --force replaces it.')
        return None


def _write(context: Context, name: str, *, force: bool) -> bool:
    project = context.project
    if project.has(name) and not force and not _may_replace(context, name):
        if not (name == "chain.json" and context.connected):  # connect has written it
            context.face.remark(f'"{name}" is here already and is kept; --force replaces it.')
        return False
    project.create(name)
    return True


def _may_replace(context: Context, name: str) -> bool:
    """Asks a person at a terminal, as the official CLI does; a cell or a script that runs again leads on."""
    if context.lasting:
        return False
    try:
        return context.confirm_overwrite(context.folder / name)
    except AbortedError as error:
        if error.unanswered:
            return False
        raise


def connect(context: Context, args: Namespace) -> Outcome:
    if args.network is not None and not isinstance(args.network, str):
        context.adopt(args.network)
        return _connected(args.network, _describe(args.network))
    wallet = {name: getattr(args, name) for name in WALLET if getattr(args, name)}
    held = _held_wallet(args, lasting=context.lasting)
    before, is_new = context.usual_network, bool(args.network or wallet or held)
    try:
        with context.face.working(f"Connecting to {args.network or before or 'the network of chain.json'}"):
            if is_new:
                lab = context.open(args.network, wallet=wallet, held=held, anew=bool(args.network))
            else:
                lab = context.lab(args)
            if "wallet_file" in wallet or "wallet_address" in wallet:
                lab.session.own_address  # noqa: B018 -- a missing wallet fails now
            if "password" in wallet and context.lasting:
                lab.session.signer  # noqa: B018 -- and so does a wrong password
            raw = _describe(lab)
    except IexecError as error:
        if before:
            error.hint = " ".join(filter(None, [error.hint, f"Nothing changed: {before} is still used."]))
        raise
    outcome = _connected(lab, raw)
    if is_new:
        _keep(context, lab, args, wallet, held)
    return outcome


def _keep(context: Context, lab: IExec, args: Namespace, wallet: dict[str, str], held: str | None) -> None:
    """Work with this network, and the wallet if one was named, from now on: see ``client/choice.py``.

    A network that is named anew starts without the wallet that was named before.
    """
    from iexec_lab.client.choice import CONNECTED, Connection

    network = lab.session.network
    named = bool(wallet or held)
    kept = None if args.network or context.connected is None else context.connected.wallet
    if context.given is not None and not args.network:
        context.use(Connection(network, lab.session.wallet))
        return
    context.use(Connection(network.name, lab.session.wallet if named else kept))
    context.remember(network.name, wallet)
    if context.lasting:
        lab.session.network_from = CONNECTED
        context.hold(lab)


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
    network, wallet = _whereabouts(lab)
    return Outcome(raw, lambda: lab, told=f"Connected to {network}.\n{wallet}.")


def _whereabouts(lab: IExec) -> tuple[str, str]:
    """The network and the wallet of a lab, each with the reason."""
    session = lab.session
    address = session.wallet.address
    wallet = f"Wallet {address}: {session.wallet.origin}" if address else "No wallet"
    return f"{session.network.name} (chain {session.network.id}): {session.network_from}", wallet


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


def info(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    with context.face.working("Reading the contracts"):
        outcome = done(lab, "network.show")
    network, wallet = _whereabouts(lab)
    return replace(outcome, said=f"Network {network}.\n{wallet}.", shown=readable(dict(outcome.raw)))


_SHOWN_OF_A_JOB = (
    "dealid",
    "requester",
    "walletIs",
    "state",
    "done",
    "failed",
    "running",
    "claimable",
    "finalTime",
)


def jobs(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.official_json import fetch

    lab = context.lab(args)
    with context.face.working("Looking for jobs"):
        answer = fetch(lab, "jobs", requester=args.requester, running=args.running, all=args.all)
    found = answer.facts
    said = f"{len(found)} {'job' if len(found) == 1 else 'jobs'}{' running' if args.running else ''}."
    if found.left_out:
        said = f"{said} {found.left_out} left out: not what was asked for."
    if found.remark:
        context.face.note(found.remark)
    rows = [{name: row.get(name, "") for name in _SHOWN_OF_A_JOB} for row in found]
    for row in rows:
        row["wallet"] = row.pop("requester")
    return Outcome(answer.to_official_json(), answer.to_value, told=said, shown=readable(rows))


def search(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.official_json import fetch

    lab = context.lab(args)
    with context.face.working("Searching"):
        answer = fetch(lab, "search", " ".join(map(str, args.text)))
    found = answer.facts
    if found.remark:
        context.face.note(found.remark)
    told = f"{len(found)} found." if found else ""
    rows = [{name: row.get(name, "") for name in ("what", "id", "name", "leadsTo")} for row in found]
    return Outcome(answer.to_official_json(), answer.to_value, told=told, shown=rows)


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
        notes="The network becomes the default of chain.json, so that notebooks, terminals and Python in\n"
        "this folder agree; a notebook keeps its own while its kernel runs. The wallet is chosen anew;\n"
        "the answer says why it is this one. The sandbox is started if it is not running.",
    ),
    Command(
        ("info",),
        "show which network and wallet are used, and the iExec contracts",
        info,
        options=CHAIN,
        example="info --chain arbitrum-mainnet",
    ),
    Command(
        ("jobs",),
        "list the jobs of every wallet used here, running ones first",
        jobs,
        args=(Argument("requester", "user", "only the deals of this account"),),
        options=(
            *READS,
            flag("--running", "only those whose tasks go on"),
            flag("--all", "however many there are; else the newest 200 of each wallet"),
        ),
        example="jobs --running",
        notes="Found again from any kernel and with any wallet: what was bought in this folder is noted\n"
        "in it, without a key, and the market lists the deals of its wallets and of the keystore's.\n"
        "lab.job(deal_id) is the job again; iexec-lab deal show DEAL --watch waits for it.",
    ),
    Command(
        ("search",),
        "say what an address, an id, a hash or a name is, and where it leads",
        search,
        args=(
            Argument("text", "text", "what was pasted, or a part of a name", required=True, variadic=True),
        ),
        options=READS,
        example="search 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        notes="Spaces, quotes, upper case and a missing 0x do no harm. A transaction comes with its events.",
    ),
    Command(
        ("form",),
        "draw a command as a form, in a notebook",
        form,
        args=(
            Argument(
                "noun", "text", f"{', '.join(HAND_MADE)}, or the first word of a command; all without it"
            ),
            Argument("verb", "text", "its second word"),
            Argument("part", "text", "its third word"),
        ),
        example="form run",
        notes="connect, run, sell and protect are made for what people do first; every command has a form,\n"
        "too. A terminal shows the help of the command instead.",
    ),
)
