"""Commands that apps, datasets and workerpools have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iexec_lab.client.nouns._asset import DEPLOYED_ALREADY
from iexec_lab.client.nouns._sale_options import SALES
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import calling, done
from iexec_lab.commands.list_commands import DETAILS
from iexec_lab.commands.options import FORCE, READS, SENDS, SIGNS, TO, USER, declared_options, flag
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command
from iexec_lab.errors import ConfigurationError, IexecError, ProjectError, SandboxError, ValidationError
from iexec_lab.project import templates
from iexec_lab.project.notes import FolderNotes
from iexec_lab.spelling import in_rlc

if TYPE_CHECKING:
    from argparse import Namespace

    from iexec_lab.client.session import Session
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler


def address(kind: str, *, required: bool = False) -> Argument:
    """The resource a command is about; by default the last deployment, if it may be omitted."""
    where = "" if required else "; by default the one in deployed.json"
    return Argument("address", kind, f"the {kind}{where}", required=required, shows=f"{kind}Address")


def show(kind: str) -> Command:
    return Command(
        (kind, "show"),
        f"show one deployed {kind}",
        _show(kind),
        args=(
            Argument(
                "address",
                kind,
                f"the {kind}, or its number among the user's; by default the one in deployed.json",
                shows="addressOrIndex",
            ),
        ),
        options=(*READS, USER, DETAILS),
        example=f"{kind} show 0",
    )


def _show(kind: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        which = args.address or context.project.require_deployed(kind, lab.session.network.id)
        with context.face.working(f"Reading the {kind}"):
            return done(lab, f"{kind}.show", address_or_index=which, user=args.user, details=args.details)

    return handle


def count(kind: str) -> Command:
    return Command(
        (kind, "count"),
        f"count the {kind}s of a user",
        calling(f"{kind}.count", doing="Counting", said=f"{{count}} {kind}(s)."),
        options=(*READS, USER),
        example=f"{kind} count --user 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    )


def deploy(kind: str) -> Command:
    return Command(
        (kind, "deploy"),
        f"register the {kind} of iexec.json on chain",
        _deploy(kind),
        options=(*SENDS, FORCE),
        example=f"{kind} deploy",
        notes=f"The address is kept in deployed.json, for commands that name no {kind}.",
        spends=True,
    )


def _deploy(kind: str) -> Handler:
    def handle(context: Context, args: Namespace) -> Outcome:
        project = context.project
        values = _checked(kind, project.resource(kind))
        lab = context.lab(args)
        _tell_samples(context, kind, values, lab.session.address, refuse=not (args.raw or args.force))
        project.prepare_deployed()
        with context.face.working(f"Deploying the {kind}"):
            values |= {"exist_ok": not args.raw, "force": args.force}
            outcome = done(lab, f"{kind}.deploy", f"Deployed {kind} {{address}}.", **values)
        if "already" in outcome.raw:
            address = outcome.raw["address"]
            said = DEPLOYED_ALREADY.format(kind=kind, address=address)
            if not context.lasting:  # advice is not the answer
                context.face.remark(said)
                said = f"{kind.capitalize()} {address}."
            outcome = replace(outcome, raw={"address": address}, said=said)
        try:
            project.save_deployed(kind, lab.session.network.id, outcome.raw["address"])
        except ProjectError as error:
            raise ProjectError(
                f"Deployed {kind} {outcome.raw['address']}, but: {error.message}",
                details={"transaction": outcome.raw.get("txHash", "none"), **error.details},
                hint="Keep the address: deployed.json does not have it.",
            ) from error
        return outcome

    return handle


def _tell_samples(context: Context, kind: str, values: dict[str, Any], wallet: str, *, refuse: bool) -> None:
    """Say what of ``iexec.json`` is still the sample's or somebody else's, before it is deployed."""
    from iexec_lab.project import dataset_entry

    useless = dataset_entry.refusal(kind, values)
    if refuse and useless is not None:
        raise useless
    for remark in dataset_entry.remarks(kind, values, wallet):
        context.face.remark(remark)


def _checked(kind: str, resource: dict[str, Any]) -> dict[str, Any]:
    """The part of the object in ``iexec.json`` that is deployed; other keys are the user's own."""
    for name in REQUIRED[kind]:
        if name not in resource:
            raise ValidationError(f"{name} is a required field", hint=f'Add it to {kind} in "iexec.json".')
    return {name: value for name, value in resource.items() if name in (*REQUIRED[kind], "mrenclave")}


REQUIRED = {
    "app": ("owner", "name", "type", "multiaddr", "checksum"),
    "dataset": ("owner", "name", "multiaddr", "checksum"),
    "workerpool": ("owner", "description"),
}


def transfer(kind: str) -> Command:
    return Command(
        (kind, "transfer"),
        f"give the {kind} to another owner",
        rehearsable(_transfer(kind)),
        args=(address(kind, required=True),),
        options=(*SENDS, FORCE, DRY_RUN, TO),
        example=f"{kind} transfer {EXAMPLE} --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        spends=True,
    )


def _transfer(kind: str) -> Handler:
    from iexec_lab.commands.context import required

    send = calling(
        f"{kind}.transfer", doing=f"Transferring the {kind}", said=f"{{to}} now owns {kind} {{address}}."
    )

    def handle(context: Context, args: Namespace) -> Outcome:
        required(args, "to")
        return send(context, args)

    return handle


def publish(kind: str, *, example: str) -> Command:
    return Command(
        (kind, "publish"),
        f"sign an order that sells the {kind}, and publish it",
        noting(
            f"{kind}order",
            calling(
                f"{kind}.publish",
                doing="Publishing the order",
                said="Published order {orderHash}.",
                deployed=kind,
            ),
        ),
        args=(address(kind),),
        options=(*SIGNS, FORCE, *declared_options(SALES[kind])),
        example=example,
    )


def noting(order_kind: str, handler: Handler) -> Handler:
    """The handler of a command that publishes; its folder remembers the order, for ``order show``."""

    def handle(context: Context, args: Namespace) -> Outcome:
        outcome = handler(context, args)
        note_order(context, args, order_kind, outcome.raw["orderHash"])
        return outcome

    return handle


def note_order(context: Context, args: Namespace, order_kind: str, order_hash: str) -> None:
    """Remember an order that was published from this folder, and tell of older ones beside it."""
    session = context.lab(args).session
    FolderNotes(context.folder).save_published(order_kind, session.network.id, order_hash)
    if order_kind != "requestorder" and not args.raw:
        _tell_rivals(context, session, order_kind, order_hash)


def _tell_rivals(context: Context, session: Session, order_kind: str, order_hash: str) -> None:
    """Say which older orders of the same owner for the same thing are still open: the cheapest is taken."""
    kind = order_kind.removesuffix("order")
    try:
        published = session.market.order(order_kind, order_hash)["order"]
        everybody = dict.fromkeys({"app", "dataset", "workerpool", "requester"} - {kind}, "any")
        found = session.market.orderbook(order_kind, page_size=20, **{**everybody, kind: published[kind]})
    except IexecError:  # it is published, which is the answer
        return
    same = [name for name in published if name.endswith("restrict") or name in {"tag", "category"}]
    terms = {name: published[name] for name in same}
    rivals = [
        row
        for row in found.orders
        if row["orderHash"] != order_hash and row["order"].items() >= terms.items()
    ]
    if rivals:
        price, first = in_rlc(int(rivals[0]["order"][f"{kind}price"])), rivals[0]["orderHash"]
        more = f" (and {len(rivals) - 1} more)" if len(rivals) > 1 else ""
        context.face.remark(
            f"Order {first} at {price} is still open{more}, for the same buyers: they take the cheapest. "
            f"iexec-lab order cancel --{kind} {first} ends it."
        )


def unpublish(kind: str) -> Command:
    return Command(
        (kind, "unpublish"),
        f"take orders of the {kind} off the market",
        calling(f"{kind}.unpublish", doing="Unpublishing", said="Unpublished.", deployed=kind),
        args=(address(kind),),
        options=(*SIGNS, FORCE, flag("--all", "all orders, not only the last one")),
        example=f"{kind} unpublish --all",
        notes="A signed order that somebody kept stays valid until it is canceled (iexec-lab order cancel).",
    )


def save_template(context: Context, kind: str, value: dict[str, Any]) -> Outcome:
    """Write an object into ``iexec.json``. A cell that runs again keeps what was edited since."""
    found = context.project.config().get(kind) if context.lasting else None
    if isinstance(found, dict) and found and not templates.is_a_sample(kind, found):
        said = f'"iexec.json" has your own {kind}, which is kept; delete it there to get the sample.'
        return Outcome({kind: found}, lambda: found, said, shown=found)
    context.project.save_resource(kind, value)
    said = f'Saved default {kind} in "iexec.json", you can edit it{"." if context.lasting else ":"}'
    return Outcome({kind: value}, lambda: value, said, shown=value)


def owner_of(context: Context, args: Namespace) -> str:
    """Address of the wallet in use, read without a password; the null address when there is none."""
    try:
        return context.lab(args).session.address
    except (ConfigurationError, SandboxError):  # a template needs no network
        return read_address(context, args)


def read_address(context: Context, args: Namespace) -> str:
    """Address of the wallet that the official look-up finds; the null address when there is none."""
    from iexec_lab.protocol import NULL_ADDRESS
    from iexec_lab.wallet import keystore

    names = ("wallet_file", "wallet_address", "keystoredir")
    options: dict[str, Any] = {name: getattr(args, name) for name in names}
    address = keystore.read_address(**options, cwd=context.folder)
    return address or NULL_ADDRESS


EXAMPLE = "0x4cA2F7D2Fe2B5f9ae2ff6B0C5C4B8dDfB8b0a3d1"
