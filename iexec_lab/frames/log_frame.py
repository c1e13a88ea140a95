"""A DataFrame of logs: an ordinary one that draws itself as logs, with or without the extension."""

from __future__ import annotations

import pandas as pd

from iexec_lab.frames import logs


class LogFrame(pd.DataFrame):
    """What ``job.logs()`` returns. A part or a copy of it is a plain DataFrame."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return logs.to_text(logs.rows_of(self), len(self)) if logs.are_logs(self) else super().__repr__()

    __str__ = __repr__

    def _repr_html_(self) -> str | None:
        if not logs.are_logs(self):
            plain: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return plain
        return str(logs.to_html(logs.rows_of(self), len(self)))


def log_frame(frame: pd.DataFrame) -> LogFrame:
    """The same frame, drawn as logs."""
    made = LogFrame(frame)
    made.attrs = dict(frame.attrs)
    return made
