"""The results of all tasks of a job: one object, drawn as a table, whose tables can be stacked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from iexec_lab import doors
from iexec_lab.client.results.download import results_folder
from iexec_lab.client.results.many_drawing import MOST, Row, draw
from iexec_lab.client.results.result import Origin, Result
from iexec_lab.crypto.streams import file_path
from iexec_lab.errors import CryptoError, IexecError, JobError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd

    from iexec_lab.client.jobs.status import TaskView
    from iexec_lab.client.session import Session


class Results(Sequence[Result]):
    """Results by the place of their task in the job, from 0.

        results = job.results()
        results.frame("table.csv")    # the tables of all tasks, with a column task_index
        results.save("folder")        # folder/0, folder/1 ...

    With ``partial=True`` a task without a result has its place too: reading it raises why.
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._held = list(results)

    @overload
    def __getitem__(self, place: int) -> Result: ...

    @overload
    def __getitem__(self, place: slice) -> Results: ...

    def __getitem__(self, place: int | slice) -> Result | Results:
        return Results(self._held[place]) if isinstance(place, slice) else self._held[place]

    def __len__(self) -> int:
        return len(self._held)

    @property
    def completed(self) -> list[Result]:
        """Those that can be read."""
        return [result for result, why in zip(self._held, self._reasons, strict=True) if not why]

    @property
    def failed(self) -> list[Result]:
        """Those that cannot be read, or are reports of an error: ``error`` or ``error_message`` says why."""
        return [result for result, why in zip(self._held, self._reasons, strict=True) if why]

    def summary(self) -> pd.DataFrame:
        """What there is of each task.

        Returns:
            DataFrame, one row per task: ``task_index``, ``task_id``, ``status``, ``files`` (how many),
                ``first_lines`` of the file that is read without a name, ``reason`` why there is no result.
        """
        from iexec_lab import frames

        rows = [self._row(place) for place in range(len(self))]
        told = [
            {
                "index": row.index,
                "taskid": row.task_id,
                "status": row.status,
                "files": len(row.names),
                "lines": "\n".join(row.lines),
                "reason": row.reason,
            }
            for row in rows
        ]
        return frames.build("task_result", told)

    def frame(self, name: str | None = None, **options: Any) -> pd.DataFrame:
        """The tables of all tasks, one below the other.

        Tasks without a result are left out, and counted in ``attrs["left_out"]``. A column ``task_index`` of
        the app's own is kept as ``app_task_index``.

        Args:
            name: The file, the same of each task; by default each one's only table.
            **options: Go to the pandas reader.

        Returns:
            DataFrame, one row per row of a table; the first column is ``task_index``.

        Raises:
            ObjectNotFoundError: A result has no such file.
            CryptoError: It is not a table.
            JobError: No task has a result.
        """
        import pandas as pd

        tables = [self._table(place, name, options) for place, why in enumerate(self._reasons) if not why]
        if not tables:
            raise self._nothing()
        stacked = pd.concat(tables, ignore_index=True)
        if len(tables) < len(self):
            stacked.attrs["left_out"] = len(self) - len(tables)
        return stacked

    def _table(self, place: int, name: str | None, options: dict[str, Any]) -> pd.DataFrame:
        """The table of a task, with its index in front."""
        index = self._index(place)
        try:
            table: Any = self._held[place].frame(name, **options)
        except IexecError as error:
            error.details = {"task": index, **error.details}
            raise
        if not hasattr(table, "columns"):
            table = table.to_frame() if hasattr(table, "to_frame") else None
        if table is None:
            raise CryptoError(
                "A task has several tables, which cannot be stacked",
                details={"task": index},
                hint="Choose one, such as sheet_name=0.",
            )
        table = table.rename(columns={"task_index": "app_task_index"})
        table.insert(0, "task_index", index)
        return table  # type: ignore[no-any-return]

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Put the files of each task into ``folder/<task_index>``; return these folders.

        Args:
            folder: Made where it is not there; what is there already with the same content stays.
            overwrite: Replace files of the same name.

        Raises:
            CryptoError: It cannot be written, or a file of that name has other content.
            JobError: No task has a result.
        """
        here = [place for place, result in enumerate(self._held) if result._trouble() is None]  # noqa: SLF001 - its other half
        if not here:
            raise self._nothing()
        root = file_path(folder)
        return [self._held[place].save(root / str(self._index(place)), overwrite=overwrite) for place in here]

    def _nothing(self) -> JobError:
        why = "; ".join(list(dict.fromkeys(filter(None, self._reasons)))[:3])
        return JobError("No task has a result", details={"why": why} if why else None)

    def _index(self, place: int) -> int:
        known = self._held[place].task_index
        return place if known is None else known

    @cached_property
    def _reasons(self) -> list[str]:
        """Why each cannot be read; empty for those that can."""
        return [result._reason() for result in self._held]  # noqa: SLF001 - its other half

    def _row(self, place: int) -> Row:
        result, why = self._held[place], self._reasons[place]
        names = [] if result._trouble() else result.files  # noqa: SLF001
        lines = [] if why else result._first_lines()  # noqa: SLF001
        return Row(self._index(place), result.task_id, result.status, names, lines, why)

    def _title(self) -> str:
        missing = sum(map(bool, self._reasons))
        tasks = f"Results of {len(self):,} task{'' if len(self) == 1 else 's'}"
        return f"{tasks}, {missing:,} without a result" if missing else tasks

    def __repr__(self) -> str:
        return f"<{self._title()}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        first = range(min(len(self), MOST))
        failed = [place for place, why in enumerate(self._reasons) if why and place >= MOST][:MOST]
        states = [(result.status, why) for result, why in zip(self._held, self._reasons, strict=True)]
        return draw(self._title(), [*map(self._row, first), *map(self._row, failed)], states)


def collect(
    session: Session,
    tasks: Sequence[TaskView],
    fetch: Callable[[int, TaskView], Result],
    *,
    partial: bool = False,
    others: str = "",
    progress: Callable[[int, int], object] | None = None,
) -> Results:
    """The results of tasks, fetched side by side; a notebook shows how many are here.

    Args:
        session: Where the tasks are.
        tasks: All tasks of the job, by their place.
        fetch: Gives the result of the task at a place.
        partial: Keep why a task has none in its place, instead of raising it.
        others: How to get the results of the other tasks.
        progress: Called with how many are here and how many there are; by default the notebook shows it.

    Raises:
        JobError: A task has no result.
        IpfsError: One cannot be downloaded.
        CryptoError: One cannot be opened.
    """

    def each(placed: tuple[int, TaskView]) -> Result:
        place, view = placed
        try:
            return fetch(place, view)
        except IexecError as error:
            if not partial:
                raise
            missing = results_folder(session) / f"{view.task_id}.zip"
            known = Origin(place, view.status, trouble=error)
            return Result(missing, task_id=view.task_id, origin=known)

    with doors.progress("Downloading") as step:
        told = progress or (lambda done, total: step.update("", done, total, "results"))
        try:
            return Results(session.each(each, list(enumerate(tasks)), told))
        except JobError as error:
            if others and any(view.completed for view in tasks):
                error.steps = (*filter(None, [error.hint]), f"The others: {others}.")
                error.hint = " ".join(error.steps)
            raise
