"""What is known of one task, as it is read: the chain's part, each worker's, and what the app wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab import markup
from iexec_lab.client.jobs.status import date
from iexec_lab.errors import IexecError
from iexec_lab.frames import logs
from iexec_lab.plain_text import plain
from iexec_lab.spelling import short_id

if TYPE_CHECKING:
    from iexec_lab.markup import Markup, Tone

_TONES: dict[str, Tone] = {"COMPLETED": "good", "FAILED": "bad", "TIMEOUT": "late", "UNSET": "calm"}
_FIGURES = frozenset({"finalDeadline", "contributionDeadline", "revealDeadline"})


class TaskStory(dict[str, Any]):
    """``{"onchainData", "offchainData", "appLogs"}``: a dictionary that draws itself."""

    def text(self) -> str:
        """The story for a terminal."""
        chain = self["onchainData"]
        lines = [f"Task {chain.get('idx')} of deal {chain.get('dealid')}: {chain.get('statusName')}"]
        facts = [*self._facts(), ("task", str(chain.get("taskid")))]
        width = max(len(name) for name, _ in facts)
        lines += [f"  {name:<{width}}  {value}" for name, value in facts]
        for worker in self._workers():
            lines.append(f"  worker {' '.join(filter(None, worker))}")
        if "appLogs" in self:
            rows = self.log_rows()
            lines.append(logs.to_text(rows, len(rows)))
        return "\n".join(lines)

    def html(self) -> Markup:
        """The story for a page."""
        chain = self["onchainData"]
        status = str(chain.get("statusName"))
        head = markup.join(
            f"Task {chain.get('idx')} of deal {short_id(str(chain.get('dealid')))} ",
            markup.badge(status.lower(), _TONES.get(status, "going")),
        )
        pieces: list[object] = [
            markup.facts(self._facts()),
            markup.element("div", "task ", markup.whole(str(chain.get("taskid")))),
            markup.element("div", "deal ", markup.whole(str(chain.get("dealid")))),
        ]
        workers = self._workers()
        if workers:
            pieces.append(markup.table(("worker", "status", "exit code", "last steps"), workers, "workers"))
        if "appLogs" in self:
            rows = self.log_rows()
            pieces.append(logs.to_html(rows, len(rows)))
        whole = [(name, _word(value, name)) for name, value in chain.items()]
        pieces.append(markup.folded("all that the chain has", markup.upright(whole)))
        return markup.card(head, *pieces, label=f"Task {chain.get('idx')}: {status}")

    def log_rows(self) -> list[dict[str, Any]]:
        """The logs as rows of a frame of logs."""
        chain = self["onchainData"]
        about = {"task_index": chain.get("idx"), "status": chain.get("statusName")}
        return [{**about, **entry} for entry in self.get("appLogs", [])][: logs.MOST_BLOCKS]

    def _facts(self) -> list[tuple[str, str]]:
        chain, told = self["onchainData"], self.get("offchainData") or {}
        task = told.get("task") or {}
        steps = [str(step.get("status")) for step in task.get("statusHistory") or ()]
        shown = [
            ("on chain", chain.get("statusName")),
            ("at the workerpool", task.get("status") if told else "nothing is known"),
            ("deadline", _word(chain.get("finalDeadline"), "finalDeadline")),
            ("result", chain.get("location") or _result(chain)),
            ("the scheduler's last steps", ", ".join(steps[-4:])),
        ]
        return [(name, plain(value, 300)) for name, value in shown if value]

    def _workers(self) -> list[tuple[str, str, str, str]]:
        found = []
        for each in (self.get("offchainData") or {}).get("replicates") or ():
            history = [
                " ".join(filter(None, (s.get("status"), s.get("cause"))))
                for s in each.get("statusHistory") or ()
            ]
            code = each.get("exitCode")
            found.append(
                (
                    plain(each.get("worker") or "", 60),
                    plain(each.get("status") or "", 60),
                    "" if code is None else f"{code}",
                    plain(", ".join(history[-3:]), 300),
                )
            )
        return found

    def _repr_html_(self) -> str:
        return str(self.html())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(self.text())


def _result(chain: dict[str, Any]) -> Any:
    found = chain.get("results")
    return found.get("location") if isinstance(found, dict) else None


def _word(value: Any, name: str = "") -> str:
    if name in _FIGURES:
        try:
            return f"{date(int(value))} UTC" if int(value) else "none"
        except (IexecError, TypeError, ValueError):
            pass
    return plain(value, 300)
