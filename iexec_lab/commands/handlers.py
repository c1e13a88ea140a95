"""Handlers that only pass their arguments to a verb of the client, and what other handlers share."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from iexec_lab.commands.context import address_of
from iexec_lab.commands.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.tree import Handler


def calling(
    verb: str, *names: str, doing: str, said: str = "", spends: bool = False, deployed: str | None = None
) -> Handler:
    """A handler that calls one verb.

    Args:
        verb: ``account.deposit``.
        names: Arguments to pass on, by name; those not given are left out.
        doing: Shown while it runs.
        said: The line for people; fields of the raw answer and of the arguments in braces.
        spends: The verb takes ``force``, the command has ``--force``.
        deployed: Kind of the resource in the argument ``address``; ``deployed.json`` has the default.
    """
    is_about_secret = deployed is not None and verb.endswith("_secret")
    otherwise = (
        f'Missing {deployed}Address argument and no {deployed} found in "deployed.json"'
        if is_about_secret
        else None
    )

    def handle(context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        values = given(args, names)
        if spends:
            values["force"] = args.force
        if deployed:
            values["address"] = address_of(
                context, deployed, args.address, lab.session.network.id, otherwise=otherwise
            )
        with context.face.working(doing):
            return done(lab, verb, said, args, **values)

    return handle


def done(lab: IExec, verb: str, said: str = "", args: Namespace | None = None, /, **values: Any) -> Outcome:
    """Call a verb of the lab and wrap its answer."""
    face = attrgetter(verb)(lab)
    plain = face.plain(**values)
    raw = face.raw(plain)
    shared = {**(vars(args) if args else {}), **values, **raw}
    said = said.format_map(shared)
    if getattr(plain, "left_out", 0):
        said = f"{said} Left out: {plain.left_out} that are not what was asked for.".strip()
    return Outcome(raw, lambda: face.value(plain), said)


def given(args: Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The named arguments that the user gave."""
    found = {name: getattr(args, name) for name in names}
    if found.get("unit"):
        found["amount"] = [found["amount"], found.pop("unit")]  # told together when they are wrong
    return {name: value for name, value in found.items() if value is not None and value is not False}
