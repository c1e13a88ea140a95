"""``sandbox``: a whole market on this computer."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.context import SANDBOX
from iexec_lab.commands.options import flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command, Option
from iexec_lab.errors import SandboxError

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler
    from iexec_lab.sandbox.control import Handle

DEFAULT = "default"


def _named(handler: Handler) -> Handler:
    """The handler with ``args.name`` filled in: the sandbox we are connected to, else the default one."""

    @wraps(handler)
    def handle(context: Context, args: Namespace) -> Outcome:
        kind, _, connected = (context.network or "").partition(":")
        args.name = args.name or (connected if kind == SANDBOX else "") or DEFAULT
        return handler(context, args)

    return handle


@_named
def start(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox import control

    running = control.find(args.name)
    if running is not None:
        _check_kind(running, args)
        return _described(running, f'Sandbox "{args.name}" is already running.')
    with context.face.working("Starting the sandbox"):
        handle = control.start(
            args.name,
            native=args.native or None,
            chain_id=args.chain_id,
            preset=args.preset,
            port_base=args.port_base,
        )
    context.forget()
    return _described(handle, f'Sandbox "{args.name}" is ready.')


def _check_kind(running: Handle, args: Namespace) -> None:
    """Refuse when the running sandbox is of another kind than the one asked for."""
    port = int(running.urls["rpc"].rpartition(":")[2])
    asked = {
        "native": (args.native or None, running.native),
        "chain_id": (args.chain_id, running.chain_id),
        "preset": (args.preset, running.preset),
        "port_base": (args.port_base or None, port),
    }
    other = {name: found for name, (wanted, found) in asked.items() if wanted not in {None, found}}
    if other:
        raise SandboxError(
            f'Sandbox "{args.name}" is already running, but not as asked for',
            details=other,
            hint="Start another one with --name, or stop this one first (and reset it, for another chain).",
        )


@_named
def stop(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox import control

    with context.face.working("Stopping the sandbox"):
        stopped = control.stop(args.name)
    context.forget()
    said = (
        f'Sandbox "{args.name}" stopped; its state is kept.'
        if stopped
        else f'Sandbox "{args.name}" was not running.'
    )
    return Outcome({"name": args.name, "stopped": stopped}, lambda: None, said, shown="")


@_named
def status(context: Context, args: Namespace) -> Outcome:  # noqa: ARG001 - the signature of a handler
    from iexec_lab.sandbox import control

    handle = control.find(args.name)
    if handle is None:
        raw = {"name": args.name, "running": False}
        return Outcome(raw, lambda: raw, told=f'Sandbox "{args.name}" is not running.', shown="")
    return replace(_described(handle), told=f'Sandbox "{args.name}" is running.')


@_named
def reset(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox import control

    question = f'Forget everything in sandbox "{args.name}": chain, orders, secrets, results?'
    context.confirm(question, force=args.force)
    with context.face.working("Resetting the sandbox"):
        control.reset(args.name)
    context.forget()
    return Outcome(
        {"name": args.name, "reset": True}, lambda: None, f'Sandbox "{args.name}" is empty.', shown=""
    )


@_named
def fund(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox import control
    from iexec_lab.spelling import in_ether, in_rlc
    from iexec_lab.units import parse_ether, parse_rlc

    _running(args.name)
    rlc = parse_rlc(args.rlc or ["1000", "RLC"])
    ether = parse_ether(args.ether or ["10", "ether"])
    address = args.address or context.lab(args).session.address
    with context.face.working("Funding"):
        control.fund(address, rlc=rlc, ether=ether, name=args.name)
    raw = {"address": address, "nRLC": str(rlc), "wei": str(ether)}
    said = f"{address} received {in_rlc(rlc)} and {in_ether(ether)}."
    return Outcome(raw, lambda: _funded(address, rlc, ether), told=said, shown="")


def _funded(address: str, rlc: int, ether: int) -> Any:
    from iexec_lab import frames

    return frames.build("funding", [{"address": address, "nRLC": rlc, "wei": ether}], single=True)


@_named
def forward(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox import control

    _running(args.name)
    seconds = args.seconds
    with context.face.working("Moving the clock"):
        control.forward(seconds, name=args.name)
    return Outcome(
        {"seconds": str(seconds)},
        lambda: None,
        f"The chain's clock moved {seconds} seconds forward.",
        shown="",
    )


@_named
def populate(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.sandbox.populate.size import Size

    handle = _running(args.name)
    given = {name: getattr(args, name) for name in ("orders", "deals", "seed", "days")}
    size = Size(**{name: value for name, value in given.items() if value is not None})
    with context.face.working("Populating the sandbox") as step:
        made = handle.populate(
            size.orders,
            size.deals,
            size.seed,
            size.days,
            tell=lambda doing, done, total: step.update(doing, done, total, "deals"),
        )
    raw = made.to_json()
    what = f"{made.orders['open']:,} open orders and {made.deals['matched']:,} deals of {size.days} days"
    if made.added:
        told, said = f'Sandbox "{args.name}" got {what}.', f"Its clock is {size.days} days ahead."
    else:
        told, said = (
            f'Sandbox "{args.name}" has {what}.',
            "They were there already; another --seed adds more.",
        )
    return Outcome(raw, lambda: made, said, told)


@_named
def app_add(context: Context, args: Namespace) -> Outcome:
    folder = context.folder / args.folder
    with context.face.working("Installing the app's packages" if args.install else "Reading the app") as step:
        added = _apps(args).add(
            args.image,
            folder,
            args.entrypoint,
            dockerfile=args.dockerfile,
            install=args.install,
            tell=step.update,
        )
    notes = added.notes()
    for note in notes:
        context.face.note(note)
    raw: dict[str, Any] = {"image": added.image, "folder": str(added.folder)}
    if added.environment:
        raw["environment"] = str(added.environment)
    if notes:
        raw["notes"] = notes
    return Outcome(raw, lambda: raw, f"{added.image} runs {added.folder}.", shown="")


@_named
def app_remove(context: Context, args: Namespace) -> Outcome:  # noqa: ARG001 - the signature of a handler
    _apps(args).remove(args.image)
    return Outcome(
        {"image": args.image, "removed": True}, lambda: True, f"{args.image} is forgotten.", shown=""
    )


def _apps(args: Namespace) -> Any:
    from iexec_lab.sandbox.state.apps import Apps
    from iexec_lab.sandbox.state.paths import state_folder

    return Apps(state_folder(args.name) / "apps")


@_named
def app_list(context: Context, args: Namespace) -> Outcome:  # noqa: ARG001 - the signature of a handler
    apps = _apps(args).list()
    rows = [{"image": app.image, "folder": str(app.folder)} for app in apps]
    return Outcome({"apps": rows}, lambda: _frame(rows), told=f"{len(rows)} app(s) of your own.")


def _frame(rows: list[dict[str, str]]) -> Any:
    from iexec_lab import frames

    return frames.build("image", rows)


def _running(name: str) -> Handle:
    from iexec_lab.sandbox import control

    handle = control.find(name)
    if handle is None:
        raise SandboxError(f'Sandbox "{name}" is not running', hint="Start it: iexec-lab sandbox start.")
    return handle


def _described(handle: Handle, said: str = "") -> Outcome:
    raw = {
        "name": handle.name,
        "running": True,
        "pid": handle.pid,
        "chainId": str(handle.chain_id),
        "native": handle.native,
        "hub": handle.hub,
        "workerpool": handle.workerpool,
        "urls": dict(handle.urls),
        "folder": str(handle.folder),
        "chain": handle.chain_json(),
    }
    return Outcome({name: value for name, value in raw.items() if value is not None}, lambda: handle, said)


PRESETS = ("arbitrum-mainnet", "arbitrum-sepolia-testnet", "bellecour")
_NAME = Option("--name", "name", f"which sandbox (the connected one, else {DEFAULT})", shows="name")

COMMANDS = (
    Command(
        ("sandbox", "start"),
        "start the sandbox",
        start,
        options=(
            _NAME,
            flag("--native", "a chain whose coin is RLC and whose gas is free"),
            Option("--chain-id", "integer", "chain id (65535; native 65534)", shows="id"),
            Option(
                "--preset",
                "chain",
                "chain id and contract addresses of this network",
                shows="network",
                choices=PRESETS,
            ),
            Option("--port-base", "integer", "first port to use (free ones)", shows="port"),
        ),
        example="sandbox start",
        notes="It works in the background until iexec-lab sandbox stop; then it goes on from there.",
    ),
    Command(
        ("sandbox", "stop"),
        "stop the sandbox, keeping its state",
        stop,
        options=(_NAME,),
        example="sandbox stop",
    ),
    Command(
        ("sandbox", "status"),
        "show whether the sandbox runs, its URLs, and its chain.json entry",
        status,
        options=(_NAME,),
        example="sandbox status --raw",
    ),
    Command(
        ("sandbox", "reset"),
        "stop the sandbox and forget its state",
        reset,
        options=(_NAME, flag("--force", "do not ask")),
        example="sandbox reset --force",
    ),
    Command(
        ("sandbox", "fund"),
        "give RLC and ether to a wallet",
        fund,
        args=(Argument("address", "user", "who gets it; by default the wallet"),),
        options=(
            _NAME,
            Option("--rlc", "amount", "how much RLC (1000 RLC)", shows="amount unit", variadic=True),
            Option("--ether", "ether", "how much ether (10 ether)", shows="amount unit", variadic=True),
        ),
        example="sandbox fund --rlc 50 RLC",
    ),
    Command(
        ("sandbox", "forward"),
        "move the chain's clock forward, to see deadlines pass",
        forward,
        args=(Argument("seconds", "integer", "how far", required=True),),
        options=(_NAME,),
        example="sandbox forward 3600",
    ),
    Command(
        ("sandbox", "populate"),
        "make a market with many participants and months of history",
        populate,
        options=(
            _NAME,
            Option("--orders", "integer", "open orders at the end (500)", shows="number"),
            Option("--deals", "integer", "deals (100)", shows="number"),
            Option("--seed", "integer", "of the dice (1)", shows="number"),
            Option("--days", "integer", "how long the history is (90)", shows="number"),
        ),
        example="sandbox populate --orders 200 --deals 50 --seed 7",
        notes="Real transactions of wallets of its own: deals done, failed, claimed, sponsored, in bulk; "
        "orders filled, cancelled and dead: of a dataset that was sold, in no list, as its new owner did "
        "not sign them. The chain's clock moves on by --days, past what runs. "
        "The same options give the same market, and nothing more when it is there already; others add "
        "another one. After Ctrl-C the same command goes on.",
    ),
    Command(
        ("sandbox", "app", "add"),
        "run a local folder instead of a Docker image",
        app_add,
        args=(
            Argument("image", "text", "name of the image, as in the app's multiaddr", required=True),
            Argument("folder", "folder", "the app: app.py or another executable", required=True),
        ),
        options=(
            _NAME,
            Option(
                "--entrypoint",
                "text",
                "what to run in that folder (its Dockerfile's, app.py)",
                shows="command",
            ),
            Option("--dockerfile", "path", "the Dockerfile, from that folder (Dockerfile)", shows="file"),
            flag("--install", "install the packages that it asks for, in an environment of its own"),
        ),
        example="sandbox app add me/my-app:1.0 ./my-app",
        notes="ENTRYPOINT, CMD, ENV, WORKDIR and COPY of a Dockerfile hold, RUN is not carried out. "
        "--install reads RUN pip install and npm, else requirements.txt, pyproject.toml and package.json; "
        "add the app again when they changed.",
    ),
    Command(
        ("sandbox", "app", "remove"),
        "forget the folder of an image, and its environment",
        app_remove,
        args=(Argument("image", "text", "name of the image", required=True),),
        options=(_NAME,),
        example="sandbox app remove me/my-app:1.0",
    ),
    Command(
        ("sandbox", "app", "list"),
        "list the images that run local folders",
        app_list,
        options=(_NAME,),
        example="sandbox app list",
    ),
)
