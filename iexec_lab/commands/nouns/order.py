"""``order``: sign, publish and match orders."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from iexec_lab.client.market.own_filters import AccessFilters
from iexec_lab.commands.account_lists import list_orders
from iexec_lab.commands.dry_run import DRY_RUN, rehearsable
from iexec_lab.commands.handlers import given
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.options import (
    CHAIN,
    FORCE,
    READS,
    SENDS,
    SIGNS,
    SKIP_PREFLIGHT,
    VOUCHER,
    declared_options,
    flag,
)
from iexec_lab.commands.outcome import Outcome
from iexec_lab.commands.tree import Argument, Command, Option
from iexec_lab.errors import IexecError, ProjectError, UsageError
from iexec_lab.project.notes import FolderNotes

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.context import Context

    Answer = tuple[Any, Callable[[], Any]]  # JSON of one kind, and what makes its value

KINDS = ("app", "dataset", "workerpool", "request")


def init(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.project import templates
    from iexec_lab.protocol import NULL_ADDRESS, decode_tag

    lab = context.lab(args)
    chain_id, user = lab.session.network.id, lab.session.address
    tag = decode_tag(lab.session.network.default_tag)
    written: dict[str, Any] = {}
    kept = []
    orders = (context.project.config().get("order") or {}) if context.lasting else {}
    for kind in _selected(args) or KINDS:
        found = orders.get(f"{kind}order")
        if found and not templates.is_a_sample_order(f"{kind}order", found):
            kept.append(f"{kind}order")
            written[f"{kind}order"] = found
            continue
        resource = None if kind == "request" else context.project.deployed(kind, chain_id)
        order = templates.order(f"{kind}order", resource=resource or NULL_ADDRESS, user=user, tag=tag)
        context.project.save_order(f"{kind}order", order)
        written[f"{kind}order"] = order
    new = {name: order for name, order in written.items() if name not in kept}
    said = (
        f'Saved default {_list(new)} in "iexec.json", you can edit it{"." if context.lasting else ":"}'
        if new
        else ""
    )
    if kept:
        edited = f'"iexec.json" has {_list(kept)} of your own, kept; delete it there to get the sample.'
        said = f"{said} {edited}".strip()
    return Outcome(written, lambda: _one(written), said, shown=written)


def sign(context: Context, args: Namespace) -> Outcome:
    lab = context.lab(args)
    lab.session.signer  # noqa: B018 - no wallet, no order: say so once, before the first kind

    def work(kind: str) -> Answer:
        values = context.project.order(kind)
        with context.face.working(f"Signing the {kind}"):
            order = lab.order.create(kind, **values)
            signed = lab.order.sign(order, skip_preflight_check=args.skip_preflight_check, force=args.force)
        raw = signed.to_json()
        context.project.save_signed_order(kind, lab.session.network.id, raw)
        hashes.append(f"{kind} {lab.order.hash(signed)}")
        return raw, lambda: signed

    hashes: list[str] = []
    outcome = _each(context, args, _selected(args) or KINDS, work, "", "sign")
    said = f'Signed {", ".join(hashes)}, saved in "orders.json".' if hashes else ""
    return replace(outcome, said=said)


def publish(context: Context, args: Namespace) -> Outcome:
    kinds = _chosen(args)
    lab = context.lab(args)
    orders = context.project.signed_orders(lab.session.network.id)

    def work(kind: str) -> Answer:
        order = _signed(orders, kind, lab)
        with context.face.working(f"Publishing the {kind}"):
            published = lab.order.publish(
                {"kind": kind, **order}, skip_preflight_check=args.skip_preflight_check, force=args.force
            )
        FolderNotes(context.folder).save_published(kind, lab.session.network.id, published)
        return {"orderHash": published}, lambda: published

    return _each(context, args, kinds, work, "Published {kinds}.", "publish")


def unpublish(context: Context, args: Namespace) -> Outcome:
    kinds = _chosen(args)
    lab = context.lab(args)
    _need_file(context, args, lab, kinds)

    def work(kind: str) -> Answer:
        wanted = _hash(args, kind) or _last(context, args, lab, kind)
        with context.face.working(f"Unpublishing the {kind}"):
            unpublished = lab.order.unpublish(kind, wanted, force=args.force)
        return {"orderHash": unpublished}, lambda: unpublished

    return _each(context, args, kinds, work, "Unpublished {kinds}.", "unpublish")


def cancel(context: Context, args: Namespace) -> Outcome:
    kinds = _chosen(args)
    lab = context.lab(args)
    _need_file(context, args, lab, kinds)

    def work(kind: str) -> Answer:
        wanted, order = _hash(args, kind), None
        if wanted is None:
            wanted = _last(context, args, lab, kind, valid=True)
            order = _local(context, lab, kind)
        with context.face.working(f"Canceling the {kind}"):
            order_hash = None if order else wanted
            answer = fetch(lab, "order.cancel", order, kind=kind, order_hash=order_hash, force=args.force)
        return answer.to_official_json(), answer.to_value

    return _each(context, args, kinds, work, "Canceled {kinds}: nobody can use it any more.", "cancel")


def show(context: Context, args: Namespace) -> Outcome:
    kinds = _chosen(args)
    lab = context.lab(args)

    def work(kind: str) -> Answer:
        wanted = _hash(args, kind) or _last(context, args, lab, kind)
        with context.face.working(f"Reading the {kind}"):
            answer = fetch(lab, "order.show", kind, wanted, deals=args.deals)
        return answer.to_official_json(), answer.to_value

    return _each(context, args, kinds, work, "", "show")


def fill(context: Context, args: Namespace) -> Outcome:
    from iexec_lab.commands.job_outcome import follow

    lab = context.lab(args)
    asked = {kind: getattr(args, kind) for kind in KINDS}
    needed = [kind for kind in KINDS if not asked[kind] and not (kind == "request" and args.params)]
    orders = _for_fill(context, lab, required=[kind for kind in needed if kind != "dataset"])
    chosen = {f"{kind}order": asked[kind] or orders.get(f"{kind}order") for kind in KINDS}
    if args.params:
        chosen["requestorder"] = None
    with context.face.working("Filling the order"):
        answer = fetch(
            lab,
            "order.fill",
            chosen["apporder"],
            chosen["workerpoolorder"],
            chosen["requestorder"],
            chosen["datasetorder"],
            **given(args, ("params", "skip_preflight_check", "use_voucher", "voucher_address", "force")),
        )
    return follow(context, answer.facts, verb="order.fill")


def _for_fill(context: Context, lab: IExec, required: list[str]) -> dict[str, dict[str, Any]]:
    try:
        orders = context.project.signed_orders(lab.session.network.id)
    except ProjectError:
        if required:
            raise
        return {}
    for kind in required:
        if f"{kind}order" not in orders:
            raise ProjectError(
                f"Missing {kind}order",
                hint=f"Give --{kind} <orderHash>, or sign one: iexec-lab order sign --{kind}.",
            )
    return orders


def _selected(args: Namespace) -> list[str]:
    return [kind for kind in KINDS if getattr(args, kind)]


def _chosen(args: Namespace) -> list[str]:
    kinds = _selected(args)
    if not kinds:
        raise UsageError(
            "No option specified, you should choose one (--app | --dataset | --workerpool | --request)",
            hint="Name the kinds of orders.",
        )
    return kinds


def _each(
    context: Context, args: Namespace, kinds: Any, work: Callable[[str], Answer], said: str, verb: str
) -> Outcome:
    """Do the work for every kind; one that fails does not stop the others.

    What is so already is told and is no failure, as in ``carry_out``.
    """
    raw: dict[str, Any] = {}
    values: dict[str, Callable[[], Any]] = {}
    errors: dict[str, IexecError] = {}
    for kind in (f"{name}order" for name in kinds):
        try:
            raw[kind], values[kind] = work(kind)
        except IexecError as error:
            if args.raw or not error.already:
                errors[kind] = error
            else:
                context.face.remark(error.already)
                values[kind] = partial(_answer, error)
    return Outcome(
        raw,
        lambda: _one({kind: make() for kind, make in values.items()}),
        said.format(kinds=_list(raw)) if raw else "",
        failed=tuple(f"{kind}: {error.message}" for kind, error in errors.items()),
        error=_combined(verb, raw, errors),
    )


def _answer(error: IexecError) -> Any:
    return error.answer


def _combined(verb: str, raw: dict[str, Any], errors: dict[str, IexecError]) -> IexecError | None:
    if not errors:
        return None
    if len(errors) == 1 and not raw:
        return next(iter(errors.values()))
    done = f"; {_list(raw)} succeeded" if raw else ""
    failed = IexecError(
        f"Failed to {verb} {_list(errors)}{done}",
        details={kind: error.message for kind, error in errors.items()},
        hint=next((error.hint for error in errors.values() if error.hint), None),
    )
    failed.__cause__ = next(iter(errors.values()))
    return failed


def _one(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _list(kinds: Any) -> str:
    return ", ".join(kinds)


def _hash(args: Namespace, kind: str) -> str | None:
    value = getattr(args, kind.removesuffix("order"))
    return value if isinstance(value, str) else None


def _need_file(context: Context, args: Namespace, lab: IExec, kinds: list[str]) -> None:
    """With ``--raw`` a missing ``orders.json`` is told once, as the official CLI does."""
    if args.raw and any(_hash(args, f"{kind}order") is None for kind in kinds):
        context.project.signed_orders(lab.session.network.id)


def _local(context: Context, lab: IExec, kind: str) -> dict[str, Any] | None:
    """The signed order of ``orders.json``, if there is one."""
    chain_id = lab.session.network.id
    orders = context.project.signed_orders(chain_id) if context.project.has("orders.json") else {}
    return orders.get(kind)


def _last(context: Context, args: Namespace, lab: IExec, kind: str, *, valid: bool = False) -> str:
    """Hash of the order that a line without a hash means: that of ``orders.json``, as in the official CLI.

    Where that is not the one that was published from this folder last, a line about the market means the
    latter; one about what is ``valid`` (``order cancel``) does so only where ``orders.json`` has none.
    """
    chain_id = lab.session.network.id
    published = None if args.raw else FolderNotes(context.folder).published(kind, chain_id)
    order = _local(context, lab, kind)
    if order is None:
        if published is not None:
            return published
        return lab.order.hash({"kind": kind, **_signed(context.project.signed_orders(chain_id), kind, lab)})
    found = lab.order.hash({"kind": kind, **order})
    if published in {None, found}:
        return found
    which = (
        "the one in orders.json; published last was" if valid else "the one published last; orders.json has"
    )
    taken, other = (found, published) if valid else (published, found)
    context.face.remark(f"This is {which} another one: --{kind.removesuffix('order')} {other}")
    return str(taken)


def _signed(orders: dict[str, dict[str, Any]], kind: str, lab: IExec) -> dict[str, Any]:
    if kind not in orders:
        from iexec_lab.project.old_keys import renamed

        flag_name = kind.removesuffix("order")
        raise ProjectError(
            f'Missing {kind} in "orders.json" for chain {lab.session.network.id}. '
            f'Did you forget to run "iexec order sign --{flag_name}"?',
            hint=f"{renamed(orders, kind)}Give its hash: --{flag_name} <orderHash>. "
            f"Or sign it: iexec-lab order sign --{flag_name}.",
        )
    return orders[kind]


def _flags(doing: str) -> tuple[Option, ...]:
    return tuple(flag(f"--{kind}", f"{doing} the {kind}order") for kind in KINDS)


def _hashes(doing: str) -> tuple[Option, ...]:
    return tuple(
        Option(
            f"--{kind}",
            f"{kind}order",
            f"{doing} this {kind}order, or the one in orders.json",
            "optional",
            shows="orderHash",
        )
        for kind in KINDS
    )


COMMANDS = (
    Command(
        ("order", "init"),
        "write sample orders into iexec.json (all kinds unless some are named)",
        init,
        options=(*SIGNS, *_flags("write")),
        example="order init --app",
    ),
    Command(
        ("order", "sign"),
        "sign the orders of iexec.json (all kinds unless some are named)",
        sign,
        options=(*SIGNS, FORCE, *_flags("sign"), SKIP_PREFLIGHT),
        example="order sign --app",
        notes="Signed orders are kept in orders.json, one per kind and network.",
    ),
    Command(
        ("order", "publish"),
        "publish signed orders on the market",
        publish,
        options=(*SIGNS, FORCE, *_flags("publish"), SKIP_PREFLIGHT),
        example="order publish --app",
    ),
    Command(
        ("order", "unpublish"),
        "take orders off the market",
        unpublish,
        options=(*SIGNS, FORCE, *_hashes("unpublish")),
        example="order unpublish --app",
        notes="The signature stays valid; iexec-lab order cancel ends it.",
    ),
    Command(
        ("order", "cancel"),
        "make signed orders void on chain, for good",
        cancel,
        options=(*SENDS, FORCE, *_hashes("cancel")),
        example="order cancel --app",
        spends=True,
    ),
    Command(
        ("order", "show"),
        "show published orders",
        show,
        options=(*CHAIN, *_hashes("show"), flag("--deals", "also list the deals they led to")),
        example="order show --request --deals",
    ),
    Command(
        ("order", "list"),
        "access that was given, or received: orders of an account",
        list_orders,
        args=(Argument("address", "user", "whose; by default the wallet's"),),
        options=(*READS, *declared_options(AccessFilters)),
        example="order list --received",
    ),
    Command(
        ("order", "fill"),
        "match orders into a deal",
        rehearsable(fill),
        options=(
            *SENDS,
            FORCE,
            DRY_RUN,
            *(
                Option(f"--{kind}", f"{kind}order", f"use this published {kind}order", shows="orderHash")
                for kind in KINDS
            ),
            Option("--params", "json", "make the request order from these parameters", shows="json"),
            SKIP_PREFLIGHT,
            *VOUCHER,
        ),
        example='order fill --params "hello"',
        notes="Orders that are not named come from orders.json.",
        spends=True,
    ),
)
