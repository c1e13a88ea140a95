"""What of ``iexec.json`` a command works from, shown and edited in its form.

Nothing is written before somebody presses a button. Then only what was changed is written, under the lock of
the project folder, and every other character of the file stays. What changed in the file since it was read is
told instead of being overwritten, or deployed unseen.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from iexec_lab import markup
from iexec_lab.errors import IexecError, ProjectError
from iexec_lab.notebook.forms import pieces
from iexec_lab.notebook.forms.entries import ENTRIES, Entry, place, sample, shown, to_field, to_file
from iexec_lab.notebook.forms.fields import Field
from iexec_lab.notebook.forms.proposals import deployed_here
from iexec_lab.project import Project, jsonfile, templates
from iexec_lab.project.files import CONFIG
from iexec_lab.project.json_edit import edit
from iexec_lab.protocol import NULL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iexec_lab.commands.recent import Seen

    Values = dict[str, Any]

KINDS: Final = ("app", "dataset", "workerpool", "request")
PARTS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    **{(kind, "deploy"): (kind,) for kind in ("app", "dataset", "workerpool")},
    ("category", "create"): ("category",),
    **{("order", verb): tuple(f"{kind}order" for kind in KINDS) for verb in ("init", "sign")},
}
"""The parts of the file that commands work from."""
_RARE: Final = {"mrenclave"}
"""What few need, folded away where the file does not have it."""
_CHANGED: Final = (
    "Look at what stands here now, then press again: what you typed is kept, the rest is the file's."
)


class Draft:
    """One part of the file.

    Attributes:
        part: Its name: "app", "apporder" ...
        fields: By key of the file.
        base: The part as it was read; None where the file has none, and the sample is shown.
    """

    def __init__(self, part: str, default: Values, seen: Seen, folder: Path) -> None:
        self.part, self.where = part, place(part)
        self.entries: dict[str, Entry] = {entry.key: entry for entry in ENTRIES[part]}
        self.base: Values | None = None
        self._default = default
        self.fields = {
            key: Field(entry.option, seen, folder, label=entry.label) for key, entry in self.entries.items()
        }
        for key, entry in self.entries.items():
            if entry.long:
                self.fields[key].wide()
        self._typed: dict[str, tuple[str, ...]] = {}
        self._was_opened = False
        rare = [field.box for key, field in self.fields.items() if key in _RARE]
        self._rare = pieces.Fold("For an enclave", pieces.grid(*rare))
        self._grid = pieces.grid(*(field.box for key, field in self.fields.items() if key not in _RARE))
        self.fold = pieces.Fold(part, self._grid, *([self._rare.box] if rare else []))
        self.box = self.fold.box

    @property
    def values(self) -> Values:
        return self._default if self.base is None else self.base

    def read(self, document: Values | None, *, keep: bool = False) -> list[str]:
        """Take the part from the file; the labels of what is another value than before.

        Args:
            document: What the file holds.
            keep: Leave what somebody typed.
        """
        found: Any = document
        for key in self.where:
            found = found.get(key) if isinstance(found, dict) else None
        before, edited = self.base, self.edited() if keep else set()
        self.base = found if isinstance(found, dict) and found else None
        changed = []
        for key, entry in self.entries.items():
            if keep and (before or {}).get(key) == (self.base or {}).get(key):
                continue
            changed.append(entry.label)
            if key not in edited:
                self.fields[key].value = to_field(entry, self.values.get(key))
            self._typed[key] = self._held(key) if key not in edited else ()
        if any(self.values.get(key) for key in _RARE):
            self._rare.open()
        self.draw()
        return changed

    def open_once(self) -> None:
        """Open it when it first matters; later the reader decides."""
        if not self._was_opened:
            self._was_opened = True
            self.fold.open()

    def draw(self) -> None:
        """The title says where the values come from."""
        state = f"in {CONFIG}" if self.base is not None else f"a sample: {CONFIG} has none yet"
        self.fold.rename(f"{_name(self.part)}, {state}")

    def edited(self) -> set[str]:
        """Keys whose field holds something else than was read."""
        return {key for key in self.entries if self._held(key) != self._typed.get(key)}

    def check(self) -> list[str]:
        """What is wrong."""
        problems = []
        for key, entry in self.entries.items():
            field = self.fields[key]
            problem = f"{entry.label} of the {self.part} is not right yet" if field.check() else ""
            if (
                not problem
                and not field.value
                and (entry.needed or (key == "mrenclave" and self.values.get(key)))
            ):
                problem = f"{entry.label} of the {self.part} is missing"
            if problem:
                problems.append(problem)
        return problems

    def changes(self, document: Values) -> dict[tuple[str, ...], Any]:
        """What to write, by path of keys; the whole part where the file has none."""
        edited = self.edited()
        if self.base is None:
            found = document.get("order") if len(self.where) > 1 else document
            if found and (not isinstance(found, dict) or found.get(self.part)):
                raise ProjectError(
                    f"ValidationError: {'.'.join(self.where)} must be a `object` type in {CONFIG}"
                )
            new = dict(self._default)
            new |= {key: self._for_file(key) for key in edited}
            more: dict[tuple[str, ...], Any] = {}
            if self.part == "app" and "buyConf" not in document:
                more = {("buyConf",): {}}  # the official CLI writes this key too
            return more | {self.where: new}
        return {(*self.where, key): self._for_file(key) for key in self.entries if key in edited}

    def html(self) -> markup.Markup:
        rows = shown(self.entries, self.values)
        return markup.element(
            "div", markup.element("em", self.fold.title), markup.upright(rows, label=self.fold.title)
        )

    def text(self) -> str:
        return "\n".join(
            [self.fold.title, *(f"  {label}: {value}" for label, value in shown(self.entries, self.values))]
        )

    def _for_file(self, key: str) -> Any:
        return to_file(self.entries[key], self.fields[key], self.values.get(key))

    def _held(self, key: str) -> tuple[str, ...]:
        """What a field holds, with its unit."""
        return tuple(self.fields[key].tokens())


def _name(part: str) -> str:
    """A part as people say it: "App order"."""
    kind = part.removesuffix("order")
    return kind.capitalize() if kind == part else f"{kind.capitalize()} order"


class Drafts:
    """The parts that a command works from.

    Args:
        path: The words of the command.
        seen: Ids and addresses to suggest.
        folder: The project folder.
        owner: The wallet's address, for samples.
        chain_id: Of the network in use, for what is deployed there; None when none is in use.

    Attributes:
        box: What is drawn.
    """

    def __init__(
        self,
        path: tuple[str, ...],
        seen: Seen,
        folder: Path,
        *,
        owner: str = NULL_ADDRESS,
        chain_id: int | None = None,
    ) -> None:
        self._folder, self._path = folder, path
        self._acts: list[Callable[[], None]] = []
        self.drafts = [
            Draft(part, sample(part, owner=owner, deployed=self._deployed(part, chain_id)), seen, folder)
            for part in PARTS[path]
        ]
        self._said = widgets.HTML()
        self._save = pieces.action(
            f"Write {CONFIG}", "save", self._write, help=f"only write {CONFIG}, do nothing else"
        )
        self._again = pieces.action("Read again", "refresh", self.read, help="forget what was typed here")
        self.box = widgets.VBox(
            [
                self._said,
                *(draft.box for draft in self.drafts),
                pieces.buttons(self._save, self._again),
            ],
            layout=widgets.Layout(overflow="visible"),
        )
        self.read()
        for field in self.fields:
            field.on_change(self._changed)
            field.propose(deployed_here(folder, field.item.kind, chain_id))

    @property
    def fields(self) -> list[Field]:
        return [field for draft in self.drafts for field in draft.fields.values()]

    @property
    def _is_chosen(self) -> bool:
        """Whether flags choose among the parts."""
        return self._path[0] == "order"

    @property
    def present(self) -> list[str]:
        """The parts that the file has."""
        return [draft.part for draft in self.drafts if draft.base is not None]

    def on_change(self, act: Callable[[], None]) -> None:
        self._acts.append(act)

    def read(self) -> None:
        """Show what the file holds now, and forget what was typed."""
        document, said = None, markup.Markup()
        try:
            document = jsonfile.read(self._folder / CONFIG)
            if document is None:
                said = markup.note(f"There is no {CONFIG} here yet: it is written when you press a button.")
        except IexecError as error:
            said = pieces.mistake(error)
        for draft in self.drafts:
            draft.read(document)
            if draft.base is not None or not self._is_chosen:
                draft.open_once()
        self._said.value = said
        self._changed()

    def active(self, tokens: Sequence[str]) -> list[Draft]:
        """The parts that the command will work from, as its flags say."""
        if not self._is_chosen:
            return self.drafts
        ticked = {f"{token[2:]}order" for token in tokens}
        chosen = [draft for draft in self.drafts if draft.part in ticked]
        if self._path[1] == "init":  # it writes samples itself, and keeps what is there
            return [draft for draft in chosen or self.drafts if draft.edited()]
        return chosen or [draft for draft in self.drafts if draft.base is not None or draft.edited()]

    def check(self, tokens: Sequence[str]) -> list[str]:
        """What is wrong with what the command will work from."""
        active = self.active(tokens)
        for draft in active:
            draft.open_once()
        return [problem for draft in active for problem in draft.check()]

    def save(self, tokens: Sequence[str]) -> None:
        """Write what was changed in the parts that the command will work from.

        Raises:
            ProjectError: The file has changed since it was read, and nothing is written; or it cannot be
                read or written.
        """
        self._store(self.active(tokens))

    def _store(self, drafts: Sequence[Draft]) -> None:
        def change(document: Values) -> dict[tuple[str, ...], Any]:
            changed = [
                f"{draft.part}: {', '.join(told)}"
                for draft in drafts
                if (told := draft.read(document, keep=True))
            ]
            if changed:
                raise ProjectError(
                    f"{CONFIG} has changed since this form read it",
                    details={"changed": "; ".join(changed)},
                    hint=_CHANGED,
                )
            found: dict[tuple[str, ...], Any] = {}
            for draft in drafts:
                found |= draft.changes(document)
            return found

        edit(self._folder / CONFIG, change, new=templates.PROJECT)
        document = jsonfile.read(self._folder / CONFIG)
        for draft in drafts:
            draft.read(document)
        self._said.value = markup.Markup()

    def _write(self) -> None:
        """What the button does: write, and say so."""
        drafts = [draft for draft in self.drafts if draft.edited()] or (
            self.drafts if not self._is_chosen else []
        )
        try:
            self._store(drafts)
        except IexecError as error:
            self._said.value = pieces.mistake(error)
        else:
            names = ", ".join(draft.part for draft in drafts)
            self._said.value = markup.note(
                f"{CONFIG} is written: {names}." if names else "Nothing has changed.", tone="good"
            )
        self._changed()

    def html(self) -> markup.Markup:
        return markup.join(
            *(draft.html() for draft in self.drafts if draft.base is not None or not self._is_chosen)
        )

    def text(self) -> str:
        drafts = [draft for draft in self.drafts if draft.base is not None or not self._is_chosen]
        return "\n".join(draft.text() for draft in drafts)

    def _deployed(self, part: str, chain_id: int | None) -> str | None:
        if chain_id is None or not part.endswith("order") or part == "requestorder":
            return None
        with suppress(ProjectError):
            return Project(self._folder).deployed(part.removesuffix("order"), chain_id)
        return None

    def _changed(self) -> None:
        for act in self._acts:
            act()
