"""``%iexec`` and ``%%iexec``.

df = %iexec orderbook workerpool --category 0
%iexec app run {app} --args "hello {name}"
%%iexec app run {app} -o job
--args "hello"          # more options of that command, one or more per line
--watch
%%iexec
app init                # one command per line, in order, until one fails
app deploy
"""

from __future__ import annotations

import traceback
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, HasTraits, Int, TraitError, Unicode
from traitlets.config.loader import LazyConfigValue

from iexec_lab import __version__, doors
from iexec_lab.client.jobs.detached import Detached
from iexec_lab.commands import followup, parser, tree
from iexec_lab.commands.context import Context
from iexec_lab.commands.first_page import first_page
from iexec_lab.commands.outcome import carry_out
from iexec_lab.commands.recent import Seen
from iexec_lab.errors import IexecError, UsageError, ValidationError, in_notebook
from iexec_lab.notebook import typed_secrets
from iexec_lab.notebook.assigning import KeepsTheJob
from iexec_lab.notebook.beside import as_typed, beside
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.drawing.display import RawAnswer, show_wide
from iexec_lab.notebook.drawing.objects import as_value
from iexec_lab.notebook.face import NotebookFace
from iexec_lab.notebook.history import forget_input
from iexec_lab.notebook.manual import page
from iexec_lab.notebook.variables import expand, forgotten_braces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from iexec_lab.commands.tree import Command

_PROGRAMS = ("iexec", "iexec-lab")
_SHOW_NOTHING = ";"
"""IPython's mark at the end of a line or cell."""


@magics_class
class IexecMagics(Magics):
    """The iExec marketplace; ``%iexec --help`` lists the commands."""

    default_chain = Unicode(
        "", help="Network when neither a command nor connect names one, before that of chain.json."
    ).tag(config=True)
    confirm = Bool(True, help="Ask before RLC of value is spent and before files are replaced.").tag(
        config=True
    )
    progress = Bool(True, help="Show the progress of long work.").tag(config=True)
    max_rows = Int(40, min=1, help="Rows of a frame that are drawn.").tag(config=True)
    shorten = Bool(True, help="Shorten addresses and hashes in lists.").tag(config=True)
    wide = Bool(False, help="Show all columns of lists.").tag(config=True)
    traceback = Bool(False, help="Show whole tracebacks of iExec errors.").tag(config=True)

    def __init__(self, shell: InteractiveShell, **kwargs: Any) -> None:
        super().__init__(shell, **kwargs)
        self._shell = shell
        self.seen = Seen()
        self.cells = KeepsTheJob()
        self._is_drawn = True
        kernel = getattr(shell, "kernel", None) is not None
        self.face = NotebookFace(self, kernel=kernel, draw=self._form)
        self.context = Context(self.face, folder=Path(), fallback="sandbox", lasting=True)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def iexec(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Run a command; ``page`` is what people read."""
        names = {**self._shell.user_ns, **(local_ns or {})}
        try:
            try:
                # IPython's own decorator for this reads the line as Python, and fails at what is none.
                is_silent = _is_silent(line if cell is None else cell)
                self._is_drawn = not is_silent and (cell is not None or line not in self.cells.undrawn)
                value = self._run(line, cell, names)
            except UsageError:
                # A slip of the pen beside a secret must not leave it in the notebook, nor quote it.
                typed_secrets.refuse_what_looks_like_one(f"{line}\n{cell or ''}")
                raise
            else:
                return None if is_silent else value
        except typed_secrets.TypedSecretError as found:
            forgotten = forget_input(self._shell, found.secret, found.what)
            raise found.refusal(forgotten=forgotten) from None
        except IexecError as error:
            if self.traceback:
                error._render_traceback_ = partial(traceback.format_exception, error)  # type: ignore[method-assign]
            raise
        finally:
            self._is_drawn = True  # a form draws its own

    iexec.__doc__ = page()

    def _form(self, name: str) -> Any:
        from iexec_lab.notebook.forms.opening import form

        context = self.context
        return form(name, self.execute, seen=self.seen, folder=context.folder, lab=lambda: context.opened)

    def _run(self, line: str, cell: str | None, names: Mapping[str, Any]) -> Any:
        line = line.rstrip().removesuffix(_SHOW_NOTHING)
        head = [token for tokens in split(line) for token in tokens]
        words, target = _take_output(head)
        self._is_drawn = self._is_drawn and target is None
        try:
            value = self._value(words, cell, names)
        except (IexecError, KeyboardInterrupt) as left:
            job = getattr(left, "job", None)
            if target is not None and job is not None:
                self._shell.user_ns[target] = job
            raise
        if target is None:
            return value
        self._shell.user_ns[target] = value
        return None

    def _value(self, words: list[str], cell: str | None, names: Mapping[str, Any]) -> Any:
        if cell is None:
            return self._execute_tokens(words, names)
        if words:
            body = [token for tokens in split(cell) for token in tokens]
            return self._execute_tokens([*words, *body], names)
        return self._run_lines(split(cell), names)

    def _run_lines(self, lines: list[list[str]], names: Mapping[str, Any]) -> Any:
        """Commands in order; values before the last are displayed, the last one is the cell's."""
        value = None
        for position, tokens in enumerate(lines):
            if position and value is not None:
                _display(value)
            value = self._execute_tokens(tokens, {**names, **self._shell.user_ns})
        return value

    def _execute_tokens(self, tokens: list[str], names: Mapping[str, Any]) -> Any:
        values = [expand(token, names) for token in tokens]
        if tokens and tokens[0] in _PROGRAMS:
            tokens, values = tokens[1:], values[1:]
        typed_secrets.refuse(tokens, values)
        try:
            return self.execute(values)
        except ValidationError as error:
            error.hint = forgotten_braces(error.message, tokens, names) or error.hint
            raise

    def execute(self, words: Sequence[Any]) -> Any:
        """Run one command given as words; return its Python value.

        Raises:
            IexecError: the command failed.
        """
        with followup.recording() as sent:
            try:
                return self._carry_out(words)
            except IexecError as error:
                followup.tell(error, sent, words)
                if error.hint:
                    error.hint = _here(error.hint)
                raise
            except Detached:
                raise
            except KeyboardInterrupt as stop:
                if not sent:
                    raise
                left = followup.Interrupted(sent, _here(followup.where_to_look(words)))
                left.job = getattr(stop, "job", None)
                raise left from None

    def _carry_out(self, words: Sequence[Any]) -> Any:
        if "help" in [word for word in words[:2] if isinstance(word, str)]:
            words = [*(word for word in words if word != "help"), "--help"]
        if not words:
            return first_page(self.context, notebook=True)
        command, taken = tree.find(words)
        if command is None or parser.wants_help(words[taken:]):
            print(_help(command, words, taken))  # noqa: T201 - the answer is text
            return None
        args = parser.parse(command, words[taken:])
        self.context.default = self.default_chain or None
        self.face.quiet = args.raw or args.quiet
        self.context.unattended = args.raw
        outcome = carry_out(command.handler, self.context, args)
        self.seen.learn(dict(outcome.raw), command.path[0])
        if args.raw:
            return _raw(outcome)
        value = outcome.value
        said = beside(outcome.said if self._is_drawn else outcome.line, value)
        if said:
            self.face.remark(_here(said))
        return as_value(as_typed(show_wide(value) if args.wide else value))


def _raw(outcome: Any) -> RawAnswer:
    if outcome.error is not None:
        raise outcome.error
    return RawAnswer(ok=True, **outcome.raw)


def _display(value: Any) -> None:
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]


def _help(command: Command | None, words: Sequence[Any], taken: int) -> str:
    if command is not None:
        return _here(parser.help_text(command))
    if list(words[:1]) in (["--version"], ["-V"]):
        return __version__
    if words[taken:] and not parser.wants_help(words[taken:]):
        raise UsageError(f"unknown option '{words[taken]}'", hint="Put options after the command.")
    return _here(parser.overview([str(word) for word in words[:taken]]))


def _here(text: str) -> str:
    """Command lines in a text, as they are typed in a notebook."""
    return in_notebook(text)


def _is_silent(text: str) -> bool:
    return text.rstrip().endswith(_SHOW_NOTHING)


def _take_output(tokens: list[str]) -> tuple[list[str], str | None]:
    """Take ``-o NAME`` out of the tokens."""
    if "-o" not in tokens:
        return tokens, None
    at = tokens.index("-o")
    name = tokens[at + 1] if at + 1 < len(tokens) else ""
    if not name.isidentifier():
        raise UsageError("-o needs the name of a variable", usage="%%iexec <command> -o NAME")
    return [*tokens[:at], *tokens[at + 2 :]], name


_loaded: dict[int, list[Callable[[], None]]] = {}


def load(shell: InteractiveShell) -> None:
    """Add the magics, completion and drawing to a shell."""
    from iexec_lab.notebook import assigning, completion, input_transformers
    from iexec_lab.notebook.drawing import display, objects

    _forget_wrong_settings(shell)
    magics = IexecMagics(shell)
    shell.register_magics(magics)
    _loaded[id(shell)] = [
        partial(_remove, shell.configurables, magics),
        display.install(shell, magics),
        objects.install(shell),
        _tell_connection(magics),
        completion.install(shell, magics.seen, lambda: magics.context.folder),
        input_transformers.install(shell),
        assigning.install(shell, magics.cells),
    ]


def _forget_wrong_settings(shell: InteractiveShell) -> None:
    """A wrong value, refused by ``%config`` but kept by the shell, would stop us from loading."""
    section = shell.config.get(IexecMagics.__name__, {})
    for name, trait in IexecMagics.class_traits(config=True).items():
        try:
            if name in section and not isinstance(section[name], LazyConfigValue):
                trait._validate(_Anything(), section[name])  # noqa: SLF001 - there is no public way
        except TraitError as error:
            warnings.warn(f"IexecMagics.{name} = {section.pop(name)!r} is ignored: {error}", stacklevel=2)


def _tell_connection(magics: IexecMagics) -> Callable[[], None]:
    """Let Python code know what this notebook is connected to and shows; call the result to stop."""

    def ask() -> Any:
        return magics.context.connected

    shown = magics.face.progress
    doors.connections.append(ask)
    doors.working.append(shown)

    def forget() -> None:
        doors.connections.remove(ask)
        doors.working.remove(shown)

    return forget


def _remove(items: list[Any], item: Any) -> None:
    items.remove(item)


class _Anything(HasTraits):
    """An object to validate a setting on."""


def unload(shell: InteractiveShell) -> None:
    """Remove what ``load`` added."""
    for remove in _loaded.pop(id(shell), []):
        remove()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("iexec", None)
