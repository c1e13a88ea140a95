"""A job on one card, as text and as HTML: what runs where, how far it is, what it costs, why it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from iexec_lab import markup
from iexec_lab.client.jobs.again import Step
from iexec_lab.client.jobs.facts import MOST_NAMED, Facts, more, numbered
from iexec_lab.client.jobs.status import date
from iexec_lab.client.jobs.why import ended_with
from iexec_lab.protocol.states import TIMEOUT
from iexec_lab.spelling import in_rlc, in_time, short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iexec_lab.client.jobs.facts import Part
    from iexec_lab.client.jobs.why import Trouble
    from iexec_lab.markup import Markup, Tone

_ADDRESS: Final = re.compile(r"(\(0x[0-9a-fA-F]+…[0-9a-fA-F]+\))")
_MOST_REASONS: Final = 4
_FACT: Final = 17  # em: a date with its hour, most names
_BAR: Final = 30
_SPONSORED: Final = "paid by a voucher or sponsor"
_MARKS: Final[dict[Tone, str]] = {"good": "█", "bad": "✗", "late": "!", "going": "▒", "calm": "·"}


class Card(Facts):
    """The facts of a job, drawn."""

    __slots__ = ()

    def title(self) -> str:
        """What it is, by its deal."""
        more = f" and {len(self.deal_ids) - 1} more" if len(self.deal_ids) > 1 else ""
        what = f"Task {self.views[0].index} of deal" if self.is_task and self.views else "Job"
        return f"{what} {short_id(self.deal_ids[0])}{more}"

    def line(self) -> str:
        """All of it in a line."""
        state = str(self.status) if self.status else "not looked at yet"
        return f"{', '.join(self.deal_ids)} on {self.network}: {state}"

    def counted(self) -> str:
        """How many tasks are how."""
        told = ", ".join(f"{part.tasks} {part.name}" for part in self.parts)
        total = self.status.total if self.status else 0
        return f"{told} of {total} task{'s' if total != 1 else ''}" if told else "not looked at yet"

    def progress(self) -> str:
        """The tasks as a bar of text, and in words."""
        return f"{_bar(self.parts)} {self.counted()}".strip()

    def facts(self) -> list[tuple[str, str]]:
        """Names and values, as people read them; without ids to copy, and without what there is none of."""
        if not self.deals:
            return []
        sponsored = any(held.deal.sponsor != held.deal.requester for held in self.deals)
        shown = [
            ("app", self._named(self.app)),
            ("dataset", self._named(self.dataset) if self.dataset else ""),
            ("workerpool", ", ".join(map(self._named, self.workerpools[:3])) + more(self.workerpools, 3)),
            ("price", self._price()),
            ("elapsed", "" if self.elapsed is None else in_time(self.elapsed)),
            ("deadline", self._deadline()),
            ("cost so far", ", ".join(filter(None, (self._cost(), _SPONSORED if sponsored else "")))),
            ("comes back", f"{in_rlc(self.claimable_nrlc)}, once claimed" if self.claimable_nrlc else ""),
            ("came back", in_rlc(self.returned_nrlc) if self.returned_nrlc else ""),
            ("late", "; ".join(self.late[:3]) + more(self.late, 3)),
        ]
        return [(name, text) for name, text in shown if text]

    def _named(self, address: str | None) -> str:
        if address is None:
            return ""
        name = self.names.get(address)
        return f"{name} ({short_id(address)})" if name else short_id(address)

    def _price(self) -> str:
        low, high = self.task_prices_nrlc[0], self.task_prices_nrlc[-1]
        tasks = sum(map(self.size_of, self.deals))
        if not high:
            return "free"
        each = in_rlc(low) if low == high else f"{in_rlc(low)} to {in_rlc(high)}"
        if tasks == 1:
            return each
        return f"{each} a task, {in_rlc(self.total_nrlc)} for {tasks}"

    def _deadline(self) -> str:
        end = f"{date(max(held.final_time for held in self.deals))} UTC"
        left = self.seconds_left
        return end if left is None else f"{end}, {in_time(left)} left"

    def _cost(self) -> str:
        if self.status is None or not self.total_nrlc:
            return ""
        locked = f", {in_rlc(self.locked_nrlc)} locked" if self.locked_nrlc else ""
        return f"{in_rlc(self.paid_nrlc)}{locked}"

    def steps(self) -> list[Step]:
        """What can be done beside what the reasons say."""
        if not self.ended:
            line = f"deal show {self.deal_ids[0]} --watch"
            if self.is_task and self.views:
                line = f"task show {self.views[0].task_id} --watch"
            return [Step("Interrupting is safe, the work goes on. Come back", line)]
        told = {step.line for trouble, _ in self.reasons for step in trouble.steps()}
        late = dict.fromkeys(view.deal_id for view in self.views if view.status == TIMEOUT)
        claims = [f"deal claim {deal_id}" for deal_id in late] if self.claimable_nrlc else []
        return [Step("Get the RLC of late tasks back", line) for line in claims[:3] if line not in told]

    def told(self) -> list[tuple[Trouble, list[int], list[Step]]]:
        """The reasons that are drawn, each with what to do that none before it says."""
        known: set[str] = set()
        found = []
        for trouble, indices in self.reasons[:_MOST_REASONS]:
            steps = [step for step in trouble.steps() if not step.line or step.line not in known]
            known |= {step.line for step in steps}
            found.append((trouble, indices, steps))
        return found

    def remarks(self) -> list[str]:
        """What else is to be said about the reasons, and about looking."""
        more = len(self.reasons) - _MOST_REASONS
        known = {trouble.view.task_id for trouble in self.troubles}
        failed = self.status.failed if self.status else ()
        rest = [view for view in failed if view.task_id not in known] if known else []
        return [
            *([f"{more} more reasons"] if more > 0 else []),
            *([f"Why {numbered([view.index for view in rest])} failed was not asked"] if rest else []),
            *([self.remark] if self.remark else []),
        ]

    def _seen(self) -> str:
        return f"as of {self.looked_at:%Y-%m-%d %H:%M:%S} UTC" if self.looked_at and not self.ended else ""

    def text(self) -> str:
        """The card for a terminal."""
        rows = [("tasks", self.progress()), *self.facts()]
        rows += [("deal", deal_id) for deal_id in self.deal_ids[:MOST_NAMED]]
        rows += [("more", "…")] if len(self.deal_ids) > MOST_NAMED else []
        width = max(len(name) for name, _ in rows)
        lines = [
            f"{self.title()} on {self.network}: {', '.join(filter(None, (self.state[0], self._seen())))}"
        ]
        lines += [f"  {name:<{width}}  {text}" for name, text in rows]
        for trouble, indices, steps in self.told():
            lines.append(f"  ✗ {numbered(indices)}: {trouble.headline}")
            for name, value in trouble.details().items():
                if name != "reason":
                    first, *rest = value.split("\n")
                    lines += [f"      {name}: {first}", *(f"        {each}" for each in rest)]
            lines += [f"    → {step.text()}" for step in steps]
        lines += [f"  ! {remark}" for remark in self.remarks()]
        return "\n".join([*lines, *(f"  → {step.text()}" for step in self.steps())])

    def html(self) -> Markup:
        """The card for a page."""
        word, tone = self.state
        gap = "margin-right:.6em"
        head = markup.join(
            markup.element("span", self.title(), style=gap),
            markup.element("span", f"on {self.network}", style=f"{gap};font-weight:400"),
            markup.badge(word, tone),
        )
        total = self.status.total if self.status else 1
        seen = self._seen()
        pieces: list[object] = [
            markup.bar(self.parts, total),
            markup.element("div", self.counted() + (f", {seen}" if seen else "")),
            markup.facts(((name, _fact(name, text)) for name, text in self.facts()), least=_FACT),
            self._ids(),
        ]
        pieces += [_reason(*each) for each in self.told()]
        pieces += [markup.note(remark, tone="late") for remark in self.remarks()]
        steps = self.steps()
        pieces += [markup.note(_todo(steps))] if steps else []
        return markup.card(head, *pieces, label=f"{self.title()}: {word}, {self.counted()}")

    def _ids(self) -> Markup:
        """The whole ids, to copy."""
        shown = self.deal_ids[:MOST_NAMED]
        deals = [
            markup.element("div", "deal ", markup.whole(each), style="overflow-wrap:anywhere")
            for each in shown
        ]
        others = [("app", self.app), ("dataset", self.dataset)]
        others += [("workerpool", pool) for pool in self.workerpools[:MOST_NAMED]]
        others += [("transaction", tx_hash) for tx_hash in self.tx_hashes[:MOST_NAMED]]
        rows = [(name, markup.whole(text)) for name, text in others if text]
        more = [markup.folded("addresses and transaction", markup.upright(rows))] if rows else []
        rest = len(self.deal_ids) - len(shown)
        if len(shown) > 1:
            title = f"{len(self.deal_ids)} deals"
            deals = [markup.folded(title, *deals, *([f"and {rest} more"] if rest else []))]
        return markup.join(*deals, *more)


def _fact(name: str, text: str) -> Markup:
    """A value; no line breaks a short address, and how much is left of a deadline stands below it."""
    if name == "deadline":
        return markup.lines(text.split(", "))
    pieces = _ADDRESS.split(text)
    return markup.join(*(markup.kept(each, each) if place % 2 else each for place, each in enumerate(pieces)))


def _reason(trouble: Trouble, indices: Sequence[int], steps: Sequence[Step]) -> Markup:
    """Why tasks have no result, with the app's last words and what to do."""
    details = trouble.details()
    code = trouble.exit_code
    words = [("exit code", ended_with(code).removeprefix("exit code "))] if code else []
    words += [("worker", details["app"])] if "app" in details and not trouble.exit_code else []
    words += [("workerpool", details["workerpool"])] if "workerpool" in details else []
    pieces: list[object] = [
        markup.element("div", f"{numbered(indices)}: {trouble.headline}", style="font-weight:600"),
        *(
            markup.element("div", markup.element("span", f"{name}: ", style="opacity:.75"), word)
            for name, word in words
        ),
    ]
    if trouble.stderr:
        pieces += [
            markup.element("div", "the app's last words on standard error", style="opacity:.75"),
            markup.block("\n".join(trouble.stderr), f"standard error of task {trouble.view.index}", 8),
        ]
    return markup.note(*pieces, _todo(steps), tone="bad" if trouble.view.ended else "late")


def _todo(steps: Sequence[Step]) -> Markup:
    lines = []
    for step in steps:
        said = f"{step.says}: " if step.line else f"{step.says}."
        typed = markup.whole(step.text().removeprefix(said)[:-1]) if step.line else ""
        lines.append(markup.element("div", said, typed, style="padding-left:1.2em;text-indent:-1.2em"))
    return markup.join(*lines)


def _bar(parts: Sequence[Part]) -> str:
    """A bar of text: every state that a task is in has at least one mark."""
    total = sum(part.tasks for part in parts)
    marks = [_MARKS[part.tone] * max(1, _BAR * part.tasks // total) for part in parts]
    return f"[{''.join(marks)[: _BAR + len(marks)]}]" if marks else ""
