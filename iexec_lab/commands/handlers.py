"""Handlers that only pass their arguments to a verb of the client, and what other handlers share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from iexec_lab.client.options import on_a_line
from iexec_lab.commands.context import address_of
from iexec_lab.commands.official_json import fetch
from iexec_lab.commands.outcome import Outcome
from iexec_lab.spelling import in_ether, in_rlc
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping

    from iexec_lab.client.iexec import IExec
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.official_json import Answer


_AMOUNTS = {"amount_rlc": in_rlc, "amount_ether": in_ether}


@dataclass(frozen=True, slots=True)
class calling:  # noqa: N801 - reads as the verb it is
    """A handler that calls one verb with all given arguments that the verb takes.

    Attributes:
        verb: ``account.deposit``.
        doing: Shown while it runs.
        said: The line for people; fields of the official JSON and of the arguments in braces, and
            ``amount_rlc`` (``amount_ether``), what is ``amount`` nRLC (wei) there, as ``1.5 RLC``.
        deployed: Kind of the resource in the argument ``address``; ``deployed.json`` has the default.
        has_value: Whether the answer is worth holding in a notebook; else the line says it all.
    """

    verb: str
    doing: str
    said: str = ""
    deployed: str | None = None
    has_value: bool = True

    def __call__(self, context: Context, args: Namespace) -> Outcome:
        lab = context.lab(args)
        values = given(args, [name for name in parameters(lab, self.verb) if hasattr(args, name)])
        if self.deployed:
            values["address"] = address_of(
                context, self.deployed, args.address, lab.session.network.id, otherwise=self._otherwise
            )
        with context.face.working(self.doing):
            outcome = done(lab, self.verb, self.said, args, **values)
        return outcome if self.has_value else replace(outcome, make=lambda: None)

    @property
    def _otherwise(self) -> str | None:
        """What the official CLI says where no resource was given or deployed."""
        if not self.verb.endswith("_secret"):
            return None
        return f'Missing {self.deployed}Address argument and no {self.deployed} found in "deployed.json"'


def parameters(lab: IExec, verb: str) -> tuple[str, ...]:
    """Names of the parameters of a verb."""
    return tuple(signature(attrgetter(verb)(lab)).parameters)


def done(lab: IExec, verb: str, said: str = "", args: Namespace | None = None, /, **values: Any) -> Outcome:
    """Call a verb of the lab and wrap its answer."""
    return outcome_of(fetch(lab, verb, **values), said, {**(vars(args) if args else {}), **values})


def outcome_of(answer: Answer, said: str = "", values: Mapping[str, Any] | None = None) -> Outcome:
    """The answer of a verb as that of a command; ``said`` may name its fields and ``values``."""
    raw = answer.to_official_json()
    named = {**(values or {}), **raw}
    for name, spelled in _AMOUNTS.items():
        if f"{{{name}}}" in said:
            named[name] = spelled(int(raw["amount"]) if "amount" in raw else parse_rlc(named["amount"]))
    said = said.format_map(named)
    left_out = getattr(answer.facts, "left_out", 0)
    told = f"{left_out} left out: not what was asked for." if left_out else ""
    return Outcome(raw, answer.to_value, said, told)


def given(args: Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The named arguments that the user gave."""
    found = {name: getattr(args, name) for name in names}
    if found.get("unit") and "amount" in found:
        found["amount"] = [found["amount"], found.pop("unit")]  # named together when they are wrong
    return {name: value for name, value in found.items() if value is not None and value is not False}


def given_for_app(context: Context, args: Namespace, options: type, chain_id: int) -> dict[str, Any]:
    """The options of a verb that were given, and the app."""
    values = given(args, [name for name in ("force", *on_a_line(options)) if hasattr(args, name)])
    values["app"] = address_of(context, "app", args.app, chain_id)
    for kind in ("dataset", "workerpool"):
        wanted = getattr(args, kind)
        if wanted is not None:
            missing = f'No {kind} found in "deployed.json" for chain {chain_id}'
            typed = None if wanted == "deployed" else wanted
            values[kind] = address_of(context, kind, typed, chain_id, otherwise=missing)
    return values
