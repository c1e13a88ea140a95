"""What an action will sign and cost, shown before anything is signed; and the one rule for asking.

Where RLC has value, actions whose cost the market decides (runs, fills, deposits, transfers, publishing) are
shown and confirmed everywhere. Actions that the official CLI carries out unasked, at a cost that the line
itself names (``ROUTINE``), are shown and confirmed where a person sits, and go through in a pipe, with
``--raw`` and in CI. ``force`` answers beforehand; Python without ``confirm`` needs it for all of them. A
login and a secret for the SMS cost nothing and give no right to RLC: nobody is asked.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.looks import LONGEST_TERM
from iexec_lab.plain_text import plain
from iexec_lab.protocol import RequestOrder
from iexec_lab.spelling import in_ether, in_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from iexec_lab.protocol import Order
    from iexec_lab.wallet.gate import Place

ROUTINE: Final = frozenset(
    {
        "account revoke",
        "app deploy",
        "category create",
        "dataset deploy",
        "deal claim",
        "order sign",
        "task claim",
        "voucher authorize",
        "voucher revoke",
        "workerpool deploy",
        "workerpool set-api-url",
    }
)
"""Actions that the official CLI carries out unasked."""


_PLAIN_NAME = re.compile(r"[\w.:-]+")  # other names of networks are quoted, or they might read as a cost
_rehearsing = ContextVar("rehearsing", default=False)


class Rehearsed(Exception):  # noqa: N818 - the way out of a rehearsal, not a failure
    """Raised at the gate of a session while work is only rehearsed."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.action)
        self.plan = plan


def is_rehearsal() -> bool:
    return _rehearsing.get()


def rehearse(work: Callable[[], Any]) -> Plan:
    """What ``work`` would cost: it is stopped at the gate, nothing is signed or sent.

    Raises:
        IexecError: It would have failed before.
    """
    token = _rehearsing.set(True)
    try:
        work()
    except Rehearsed as stop:
        return stop.plan
    finally:
        _rehearsing.reset(token)
    raise AssertionError("no gate was passed")


@dataclass(frozen=True, slots=True)
class Plan:
    """An action that signs or spends, before it is done.

    Attributes:
        action: What will be done, in the words of the command line: ``app run``.
        place: Where it will be valid: network, chain id, hub, whether that is worth money.
        cost_nrlc: nRLC that leave the account or the wallet.
        cost_wei: The chain's coin that leaves the wallet, gas included; None when it is not known.
        details: The terms, units in the names.
        orders: What will be signed, except salt and signature; nothing else can be.
    """

    action: str
    place: Place
    cost_nrlc: int = 0
    cost_wei: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()

    @property
    def network(self) -> str:
        """Name of the network."""
        return self.place.network

    @property
    def real_value(self) -> bool:
        """What is signed here is worth money."""
        return self.place.real_value

    @property
    def routine(self) -> bool:
        """The official CLI carries it out unasked."""
        return self.action in ROUTINE

    @property
    def most_nrlc(self) -> int:
        """The most that it can cost, nRLC: all that a request to be signed allows, or the cost."""
        allowed = sum(most_of(order) for order in self.orders if isinstance(order, RequestOrder))
        return max(self.cost_nrlc, allowed)

    def title(self) -> str:
        """What, where, for how much."""
        cost = [in_rlc(self.cost_nrlc)] if self.cost_nrlc else []
        cost += [in_ether(self.cost_wei)] if self.cost_wei else []
        cost += ["gas of an unknown price"] if self.cost_wei is None and self.real_value else []
        at_most = f" (at most {in_rlc(self.most_nrlc)})" if self.most_nrlc != self.cost_nrlc else ""
        named = self.network if _PLAIN_NAME.fullmatch(self.network) else repr(self.network)
        return f"{self.action} on {named}, cost: {' + '.join(cost) or 'nothing'}{at_most}"

    def terms(self) -> dict[str, str]:
        """Where it will be valid, and everything that is signed, as text to show."""
        terms = {"chain": f"{self.place.chain_id}, hub {self.place.hub}"}
        if self.place.careful:
            terms["careful"] = "; ".join(self.place.careful)
        return terms | {name: plain(value, LONGEST_TERM) for name, value in self.details.items()}

    def lines(self) -> list[str]:
        """The plan for a person in a terminal."""
        return [self.title(), *(f"  {name}: {value}" for name, value in self.terms().items())]

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        """The same for a person in a notebook."""
        from iexec_lab import markup

        drawn = markup.card(self.title(), markup.upright(self.terms().items()), label=self.action)
        return {"text/plain": str(self), "text/html": str(drawn)}

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def frame(self) -> pd.DataFrame:
        """The plan as one row."""
        from iexec_lab import frames

        return frames.build("plan", [self.row()], single=True)

    def row(self) -> dict[str, Any]:
        """The terms and costs by the column names of ``frame``."""
        return {
            **self.details,
            "action": self.action,
            "network": self.network,
            "chain_id": self.place.chain_id,
            "hub": self.place.hub,
            "real_value": self.real_value,
            "cost_nrlc": self.cost_nrlc,
            "most_nrlc": self.most_nrlc,
            "cost_wei": self.cost_wei,
        }


def most_of(request: RequestOrder) -> int:
    """The most that a request allows to be taken for all its tasks, nRLC."""
    return (request.appmaxprice + request.datasetmaxprice + request.workerpoolmaxprice) * request.volume
