"""Why a task has no result: what the chain, the workerpool and its app's output tell about it.

A worker that gave up does not end a task: the chain waits for another one until the deadline.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.client.jobs.again import Step, elsewhere, run_again
from iexec_lab.client.jobs.logs import workerpool_api
from iexec_lab.client.jobs.polling import is_near, read_deals
from iexec_lab.client.jobs.status import date
from iexec_lab.errors import ApiError, ConfigurationError, IexecError, ServiceError
from iexec_lab.plain_text import plain, unsteered
from iexec_lab.protocol.states import ACTIVE, CONTRIBUTION_RATIO, FAILED, FINAL_RATIO, UNSET
from iexec_lab.wallet.signer import LocalSigner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iexec_lab.client.jobs.status import JobDeal, TaskView
    from iexec_lab.client.session import Session
    from iexec_lab.protocol import Deal
    from iexec_lab.services.workerpool import WorkerpoolApi

_GIVEN_UP: Final = {"ABORTED", "FAILED"}
_WORKER: Final = ("[iexec-lab] APP_", "[iexec-lab] POST_COMPUTE_")
"""Begin the lines with which the sandbox's worker repeats a failure; its advice stays."""
_KNOWN: Final = 10  # times the patience with a scheduler that knows the task: it is busy
_MEANINGS: Final = {
    126: "what it starts cannot be executed",
    127: "what it starts is not there",
    134: "it gave up: SIGABRT",
    137: "killed, as when memory runs out",
    139: "it crashed: SIGSEGV",
}
"""Exit codes that shells and containers give."""
LAST_LINES: Final = 5
"""Lines of what an app wrote last that are shown."""
LONGEST_LINE: Final = 200
"""Characters of each of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a task has no result; words of strangers are cleaned and cut.

    Attributes:
        view: The task on chain.
        workerpool: Address of the workerpool.
        price_nrlc: What can be claimed back once the task is late, nRLC.
        said: The workerpool's status of the task, such as ``RUNNING``; None when it does not know the task.
        gave_up: Every worker of the task gave up.
        cause: The last step of the last worker, such as ``CONTRIBUTE_FAILED DETERMINISM_HASH_NOT_FOUND``.
        exit_code: Of the app; None when it did not run.
        stderr: The last lines that the app wrote to its standard error.
        unasked: Why the workerpool could not be asked; None when it could.
        waited: Seconds for which no scheduler has begun the task, if that is long; else 0.
        too_late: Workers are no longer heard, and there is no consensus.
        sandbox: The task is on a sandbox, whose clock can be moved.
        again: How to run it once more.
    """

    view: TaskView
    workerpool: str
    price_nrlc: int = 0
    said: str | None = None
    gave_up: bool = False
    cause: str | None = None
    exit_code: int | None = None
    stderr: tuple[str, ...] = ()
    unasked: str | None = None
    waited: int = 0
    too_late: bool = False
    sandbox: bool = False
    again: Step = Step("Run it again")  # noqa: RUF009 - it cannot be changed

    @property
    def hopeless(self) -> bool:
        """The workerpool has given the task up, or its time to be worked on is over."""
        return self.said == "FAILED" or self.too_late

    @property
    def headline(self) -> str | None:
        """The reason in a sentence; None while somebody works on the task."""
        view = self.view
        if view.completed:
            return None
        if view.ended:
            end = f"nobody finished it by its deadline, {date(view.final_time)} UTC"
            return end + (", and its price was claimed back" if view.task.status == FAILED else "")
        if self.said == "FAILED":
            return "the workerpool has given it up"
        if self.gave_up:
            return "no worker goes on"
        if self.too_late:
            return "no worker contributed in time"
        return f"no scheduler has begun it for {self.waited} s" if self.waited else None

    @property
    def app(self) -> str | None:
        """How the app ended, or else the step at which the last worker failed."""
        return f"the app ended with {ended_with(self.exit_code)}" if self.exit_code else self.cause

    def sentence(self) -> str | None:
        """All of it on one line; None while somebody works on the task."""
        if self.headline is None:
            return None
        unasked = f"the workerpool does not say why: {self.unasked}" if self.unasked else None
        known = self.app or unasked
        if known and self.stderr:
            known += f", its last words: {self.stderr[-1]}"
        if known is None:
            return self.headline
        return f"{self.headline}{'; ' if self.view.ended else ': '}{known}"

    def details(self) -> dict[str, str]:
        """What is known, by what tells it."""
        found = {"reason": self.headline, "app": self.app}
        if self.stderr:
            found["stderr"] = "\n".join(self.stderr)
        word = f"task {self.said}" if self.said else self.unasked
        if self.exit_code and self.cause:
            word = ", ".join(filter(None, (word, f"worker {self.cause}")))
        named = word is not None and self.workerpool in word
        found["workerpool"] = word if named else ": ".join(filter(None, (self.workerpool, word)))
        return {name: text for name, text in found.items() if text}

    def words(self) -> dict[str, str]:
        """What the app and the workerpool said, as far as the sentence does not have it."""
        told = self.details()
        names = ("stderr", "workerpool") if len(self.stderr) > 1 else ("workerpool",)
        return {name: told[name] for name in names if name in told}

    def advice(self) -> str:
        """What to do, in sentences."""
        return " ".join(step.text() for step in self.steps())

    def steps(self) -> list[Step]:
        """What to do, one thing after the other."""
        view, deal_id = self.view, self.view.deal_id
        claim = f"deal claim {deal_id}"
        if view.task.status == FAILED:
            return [self.again]
        if view.ended:
            back = [Step("Get the RLC back", claim)] if self.price_nrlc else []
            return [*back, self.again]
        lasts = f"The deal lasts until {date(view.final_time)} UTC"
        if not self.hopeless:
            lasts += "; another worker may still come" if self.begun else "; it may still begin"
        steps = [Step(lasts)]
        if self.price_nrlc:
            steps.append(Step("After that, get the RLC back", claim))
        if self.sandbox:
            steps.append(forward(view))
        if self.exit_code:
            steps.append(self.again._replace(says="Mend the app, and run it again"))
        if self.gave_up or self.hopeless:
            steps.append(Step("More", f"task debug {view.task_id} --logs"))
        else:
            steps.append(elsewhere(self.again))
        return steps

    @property
    def begun(self) -> bool:
        """A scheduler has begun the task."""
        return self.view.task.exists

    def text(self) -> str:
        """Everything, in lines."""
        lines = [f"Task {self.view.index} of deal {self.view.deal_id} has no result: {self.headline}."]
        for name, value in self.details().items():
            if name != "reason":
                first, *rest = value.split("\n")
                lines += [f"  {name}: {first}", *(f"    {line}" for line in rest)]
        return "\n".join([*lines, *(f"  → {step.text()}" for step in self.steps())])


def forward(view: TaskView) -> Step:
    """How the time of a task passes on a sandbox."""
    return Step("Let that time pass", f"sandbox forward {max(1, view.final_time - view.now)}")


def too_early(session: Session, view: TaskView) -> str:
    """What to do about a claim before its time."""
    wait = "Until then a worker may still finish it; claim it after that."
    return f"{wait} {forward(view).text()}" if is_sandbox(session) else wait


def is_sandbox(session: Session) -> bool:
    """Whether its time can be moved."""
    return session.network.name.startswith("sandbox")


def patience_with(session: Session, held: JobDeal) -> float:
    """Seconds that a scheduler may take to begin a task before that is worth a word.

    Schedulers begin all tasks of a deal at once, busy or not: within seconds, or a few blocks.
    """
    lasts = held.final_time - held.deal.start_time
    return 10.0 if is_near(session) else min(60.0, max(10.0, lasts / 100))


def ask(session: Session, view: TaskView, *, waited: float | None = None) -> Trouble:
    """What is known about a task without a result; the workerpool and, for the requester, the logs are asked.

    Args:
        session: Where it is; no password is asked for.
        view: The task on chain.
        waited: Seconds for which it has not been begun; by default since the deal, by the chain's clock.
    """
    held = session.deals_seen.get(view.deal_id) or read_deals(session, [view.deal_id])[0]
    deal, task = held.deal, view.task
    not_begun = view.now - deal.start_time if waited is None else waited
    long = not task.exists and not_begun >= patience_with(session, held)
    heard_until = deal.start_time + (held.final_time - deal.start_time) * CONTRIBUTION_RATIO // FINAL_RATIO
    trouble = Trouble(
        view,
        deal.workerpool.pointer,
        deal.task_price,
        waited=int(not_begun) if long else 0,
        too_late=task.status in {UNSET, ACTIVE}
        and view.now >= (task.contribution_deadline if task.exists else heard_until),
        sandbox=is_sandbox(session),
        again=run_again(deal, session.wishes.get(view.deal_id)),
    )
    try:
        api = workerpool_api(session, trouble.workerpool)
        told = api.task(view.task_id)
    except ApiError as error:
        unknown = "it does not know the task" if error.status == 404 else error.message
        return replace(trouble, unasked=plain(unknown))
    except (ConfigurationError, ServiceError) as error:
        return replace(trouble, unasked=plain(error.message))
    replicates = told["replicates"]
    if not_begun < _KNOWN * patience_with(session, held):
        trouble = replace(trouble, waited=0)
    trouble = replace(trouble, said=told["task"]["status"])
    if not _gave_up(replicates):
        return trouble
    last = replicates[-1]
    return replace(
        trouble,
        gave_up=True,
        cause=plain(_step(last), LONGEST_LINE),
        exit_code=last.get("exitCode"),
        stderr=last_words(session, api, view.task_id, deal, last),
    )


def last_words(
    session: Session, api: WorkerpoolApi, task_id: str, deal: Deal, replicate: Mapping[str, Any]
) -> tuple[str, ...]:
    """The last lines that the app wrote to its standard error, if they can be read without a question."""
    held = session.wallet.at_hand
    if not isinstance(held, LocalSigner) or held.address != deal.requester:
        return ()
    try:
        logs = api.logs(task_id, session.gate)
    except IexecError:
        return ()
    found = [log for log in logs if log["worker"] == replicate.get("worker")] or logs
    words = (found[-1]["stderr"] or "") if found else ""
    lines = [line.rstrip() for line in unsteered(words[-100 * LONGEST_LINE :]).splitlines() if line.strip()]
    if replicate.get("exitCode"):
        lines = [line for line in lines if not line.startswith(_WORKER)]
    return tuple(plain(line, LONGEST_LINE) for line in lines[-LAST_LINES:])


def cause(replicates: Sequence[Mapping[str, Any]]) -> str | None:
    """Why no worker goes on with a task, as the workerpool tells it; None while one does."""
    if not _gave_up(replicates):
        return None
    code = replicates[-1].get("exitCode")
    return f"the app ended with {ended_with(code)}" if code else _step(replicates[-1])


def ended_with(code: int) -> str:
    """An exit code, and what it tells where it is not the app's own choice."""
    meaning = _MEANINGS.get(code)
    if meaning is None and 128 < code < 128 + signal.NSIG:
        with suppress(ValueError):
            meaning = f"ended by {signal.Signals(code - 128).name}"
    return f"exit code {code} ({meaning})" if meaning else f"exit code {code}"


def _gave_up(replicates: Sequence[Mapping[str, Any]]) -> bool:
    return bool(replicates) and all(each.get("status") in _GIVEN_UP for each in replicates)


def _step(replicate: Mapping[str, Any]) -> str:
    """The step at which a worker gave up, and the cause that it named."""
    failed = [step for step in replicate.get("statusHistory") or () if step["status"].endswith("_FAILED")]
    step = failed[-1] if failed else replicate
    return f"{step['status']} {step.get('cause') or ''}".strip()
