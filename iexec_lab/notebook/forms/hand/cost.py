"""What a run would cost and lock, rehearsed beside the form that shows it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from iexec_lab import markup
from iexec_lab.commands.context import Context, Sight, unanswered
from iexec_lab.commands.outcome import carry_out
from iexec_lab.commands.parser import parse
from iexec_lab.commands.tree import find
from iexec_lab.doors import Unseen
from iexec_lab.spelling import in_ether, in_rlc, in_time, short_id
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from iexec_lab.client.iexec import IExec
    from iexec_lab.errors import BalanceError


def rehearse(lab: IExec, folder: Path, words: Sequence[str]) -> Mapping[str, Any]:
    """The plan of a line with ``--dry-run``, as its ``--raw`` answer; nothing is asked, shown or signed.

    Raises:
        IexecError: The line would fail.
    """
    command, taken = find(list(words))
    assert command is not None
    context = Context(_Nobody(), folder=folder, lasting=True)
    context.adopt(lab)
    return carry_out(command.handler, context, parse(command, list(words)[taken:])).raw


def card(plan: Mapping[str, Any]) -> markup.Markup:
    """The cost of a run: the total first, then what it is made of."""
    tasks, total = int(plan["tasks"]), int(plan["cost_nrlc"])
    each = {kind: int(plan.get(f"{kind}_price_nrlc", 0)) for kind in ("app", "dataset", "workerpool")}
    made_of = " + ".join(f"{kind} {in_rlc(price)}" for kind, price in each.items() if price) or "nothing"
    facts: list[tuple[str, Any]] = [
        ("total", markup.element("strong", in_rlc(total) if total else "free")),
        ("a task", made_of),
        ("tasks", str(tasks)),
        ("locked until it ends", in_rlc(total)),
    ]
    if "stake_left_nrlc" in plan:
        facts.append(("left on the account", in_rlc(int(plan["stake_left_nrlc"]))))
    if plan.get("cost_wei") not in {None, "0"}:
        facts.append(("gas, about", in_ether(int(plan["cost_wei"]))))
    facts.append(("longest run", in_time(int(plan["longest_run_seconds"]))))
    pools = str(plan["workerpool"]).split(", ")
    facts.append(
        ("workerpool", markup.join(*(markup.short(pool, short_id(pool)) for pool in pools), between=", "))
    )
    facts.append(("paid back, if not done in", in_time(int(plan["deadline_seconds"]))))
    notes = [markup.note(plan["notes"], tone="late")] if plan.get("notes") else []
    return markup.card("Cost", markup.facts(facts), *notes, label="Cost")


def waiting(said: str, before: markup.Markup | None = None) -> markup.Markup:
    """What stands in the place of a cost until it is known, as high, so that nothing moves.

    Args:
        said: Why there is none.
        before: What the cost was; it stays, pale.
    """
    if before:
        pale = markup.element("div", before, style="opacity:.45", aria_busy="true")
        return markup.join(pale, markup.element("div", said, class_="iexec-lab-unseen", role="status"))
    style = "border:1px dashed currentColor;border-radius:6px;padding:.6em .9em;min-height:11.6em;opacity:.7"
    return markup.element("div", said, style=style, role="status")


def remedy(error: BalanceError) -> list[list[str]]:
    """The lines that bring the missing RLC to the account; none where the error does not say how much."""
    details = error.details
    if not {"stake", "cost"} <= details.keys():
        return []
    missing = parse_rlc(details["cost"]) - parse_rlc(details["stake"])
    fund = [["sandbox", "fund"]] if "sandbox fund" in (error.hint or "") else []
    return [*fund, ["account", "deposit", *in_rlc(missing).split()]]


class _Nobody:
    """A face that shows nothing and answers nothing."""

    def confirm(self, question: str) -> bool:
        raise unanswered(question, "This is only a rehearsal.")

    def agree(self, plan: Any) -> bool:
        return self.confirm(plan.title())

    def secret(self, question: str) -> str:
        raise unanswered(question, "This is only a rehearsal.")

    def note(self, text: str) -> None:
        """Nobody reads it."""

    remark = warn = note

    def watching(self, doing: str) -> AbstractContextManager[Sight]:  # noqa: ARG002 - the signature of a face
        return nullcontext(Sight())

    def working(self, doing: str) -> AbstractContextManager[Unseen]:  # noqa: ARG002 - the signature of a face
        return nullcontext(Unseen())

    def follow(self, stream: Any, *, raw: bool) -> None:
        """Nobody looks."""

    def form(self, name: str) -> Any:
        """Nobody looks."""
