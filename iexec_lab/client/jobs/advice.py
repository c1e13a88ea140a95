"""What to do about tasks without a result: sentences, and the lines to type."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.client.jobs.detached import typed
from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.protocol.params import read_params

if TYPE_CHECKING:
    from iexec_lab.protocol import Deal

_LONGEST_ARGS: Final = 120
_EXPANDED: Final = frozenset("{}$`!\\")
"""Characters that mean something in a cell or a shell, even between quotation marks."""
_USUAL: Final = frozenset({"iexec_args", "iexec_result_storage_provider", "iexec_result_storage_proxy"})


class Step(NamedTuple):
    """One thing to do: a sentence without its full stop, and the line that does it, without the program."""

    says: str
    line: str = ""

    def text(self) -> str:
        """The step with its line, as it is typed here."""
        return f"{self.says}: {typed(self.line)}." if self.line else f"{self.says}."


def run_again(deal: Deal) -> Step:
    """The line that runs the same once more.

    A stranger's deal may have any arguments: those that are long, or that a cell would take for more than
    text, are left out and the sentence says so.
    """
    params = read_params(deal.params)
    words = ["app", "run", deal.app.pointer]
    if deal.dataset.pointer != NULL_ADDRESS:
        words += ["--dataset", deal.dataset.pointer]
    args = params.get("iexec_args")
    left_out = bool(set(params) - _USUAL)
    if isinstance(args, str) and args:
        if len(args) <= _LONGEST_ARGS and args.isprintable() and not _EXPANDED & set(args):
            words += ["--args", args]
        else:
            left_out = True
    return Step(
        "Run it again, with the options that it had" if left_out else "Run it again", shlex.join(words)
    )
