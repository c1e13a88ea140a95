"""Remove a line with a key or a password from the history of IPython, in memory and on disk."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PLACEHOLDER = "# a line with a secret was here"
_PROGRAM = "iexec"
_SURELY = 16
"""From this many characters on, a secret is recognised wherever it stands."""


def forget_input(shell: InteractiveShell, secret: str, what: str) -> bool:
    """Replace every input with ``secret``, typed as ``what``, by a remark; False if one may be left.

    That is the input that runs now, or an earlier one with a function that it calls. IPython stores an input
    before it runs it: in two lists, in variables, and in an SQLite file that another thread may be writing.
    """
    history: Any = shell.history_manager
    inputs: list[str] = history.input_hist_raw
    # Versions differ in when they count the input, but all append it before they run it.
    running = len(inputs) - 1
    numbers = [
        number
        for number, text in enumerate(inputs)
        if (number == running and _PROGRAM in text)
        or (secret in text and (what in text or _PROGRAM in text or len(secret) >= _SURELY))
    ]
    for number in numbers:
        for kept in (inputs, history.input_hist_parsed):
            kept[number] = PLACEHOLDER
        if f"_i{number}" in shell.user_ns:
            shell.user_ns[f"_i{number}"] = PLACEHOLDER
    for name in ("_i00", "_i", "_ii", "_iii"):
        # What becomes _i with the next input is kept by the history until then.
        if (name == "_i00" and running in numbers) or secret in getattr(history, name, ""):
            setattr(history, name, PLACEHOLDER)
        if secret in str(shell.user_ns.get(name, "")):
            shell.user_ns[name] = PLACEHOLDER
    forgotten = [_forget_on_disk(history, number) for number in numbers] if history.enabled else []
    return all(forgotten)


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
