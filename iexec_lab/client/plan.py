"""What an action will cost, shown before anything is signed."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iexec_lab.units import format_ether, format_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd


_rehearsing = ContextVar("rehearsing", default=False)


class Rehearsed(Exception):  # noqa: N818 - the way out of a rehearsal, no failure
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
        network: Name of the network.
        real_value: The network's RLC costs money.
        cost_nrlc: nRLC that leave the account or the wallet, at most.
        cost_wei: The chain's coin that leaves the wallet, gas included; None when it is not known.
        details: The terms, units in the names.
    """

    action: str
    network: str
    real_value: bool
    cost_nrlc: int = 0
    cost_wei: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The plan for a person: action, cost, terms."""
        cost = [f"{format_rlc(self.cost_nrlc)} RLC"] if self.cost_nrlc else []
        cost += [f"{format_ether(self.cost_wei)} ether"] if self.cost_wei else []
        shown = [f"{self.action} on {self.network}, cost: {' + '.join(cost) or 'nothing'}"]
        return shown + [f"  {name}: {value}" for name, value in self.details.items()]

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
            "real_value": self.real_value,
            "cost_nrlc": self.cost_nrlc,
            "cost_wei": self.cost_wei,
        }
