"""The options of a command that a form made by hand does not ask for itself, folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.commands.tree import find
from iexec_lab.errors import UsageError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.fields import Field
from iexec_lab.notebook.forms.proposals import propose

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from iexec_lab.client.iexec import IExec
    from iexec_lab.notebook.forms.hand.desk import Desk

_LEFT_OUT: Final = {
    *("raw", "quiet", "wide", "force", "dry_run", "watch", "download", "callback", "params"),
    *("timeout", "fail_fast"),
}
_PROPOSED: Final = {"app", "dataset", "workerpool", "category"}
_GROUPS: Final = {"wallet", "network", "output"}


class MoreOptions:
    """Fields for the rest of a command.

    Attributes:
        fold: What is drawn.
    """

    def __init__(self, path: Sequence[str], own: Collection[str], desk: Desk, *, title: str = "More") -> None:
        command, _ = find(list(path))
        assert command is not None
        self.fields = {
            option.dest: Field(option, desk.seen, desk.folder)
            for option in command.options
            if option.dest not in {*own, *_LEFT_OUT} and option.group not in _GROUPS
        }
        self.fold = pieces.Fold(title, pieces.grid(*(field.box for field in self.fields.values())))

    def on_change(self, act: Callable[[], None]) -> None:
        for field in self.fields.values():
            field.on_change(act)

    def fill(self, name: str, value: Any, *, is_open: bool = True) -> None:
        """Fill in one of them.

        Raises:
            UsageError: There is no such option.
        """
        if name not in self.fields:
            raise UsageError(f"The form has no {name}", hint=f"It has: {', '.join(self.fields)}.")
        self.fields[name].value = value
        if is_open:
            self.fold.open()

    def propose(self, lab: IExec, app: Callable[[], str]) -> None:
        """Ask beside the kernel's work what they could hold on this market, for this app."""
        fields = [field for field in self.fields.values() if field.item.kind in _PROPOSED]
        propose(lab, fields, app)

    def words(self) -> list[str]:
        return [word for field in self.fields.values() for word in field.tokens()]

    def problems(self) -> list[str]:
        return [found for field in self.fields.values() if (found := field.check())]
