"""Take a line that holds a key or a password out of the history of IPython, in memory and on disk."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PLACEHOLDER = "# a line with a secret was here"


def forget_input(shell: InteractiveShell) -> bool:
    """Put a remark in the place of the input that runs now; False when the history file may still have it.

    IPython stores an input before it runs it: in two lists, in variables, and in an SQLite file that another
    thread may be writing.
    """
    history: Any = shell.history_manager
    # Versions differ in when they count the input, but all append it before they run it.
    number = len(history.input_hist_raw) - 1
    if "iexec" not in history.input_hist_raw[number]:
        return True  # run without being stored
    for kept in (history.input_hist_raw, history.input_hist_parsed):
        kept[number] = PLACEHOLDER
    history._i00 = PLACEHOLDER  # noqa: SLF001 - becomes _i with the next input
    if f"_i{number}" in shell.user_ns:
        shell.user_ns[f"_i{number}"] = PLACEHOLDER
    return not history.enabled or _forget_on_disk(history, number)


def _forget_on_disk(history: Any, number: int) -> bool:
    import sqlite3

    entry = (number, PLACEHOLDER, PLACEHOLDER)
    with suppress(sqlite3.Error), history.db_input_cache_lock:
        # The lock is held while inputs are written, so it is now either still waiting or in the file.
        waiting = [held[0] == number for held in history.db_input_cache]
        history.db_input_cache = [
            entry if here else held for here, held in zip(waiting, history.db_input_cache, strict=True)
        ]
        with history.db:
            history.db.execute("PRAGMA secure_delete = ON")
            history.db.execute(
                "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND line = ?",
                (PLACEHOLDER, PLACEHOLDER, history.session_number, number),
            )
        return True
    return False
