"""The terminal face: one command, one answer, exit code 0 or 1.

Answers go to standard output, everything else to standard error. ``--raw`` prints one line of JSON, shaped
like the official CLI's: the answer with ``ok: true`` on standard output, or a failure with ``ok: false`` on
standard error.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from iexec_lab import __version__, doors
from iexec_lab.commands import parser, tree
from iexec_lab.errors import AbortedError, IexecError, UsageError, in_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iexec_lab.commands.outcome import Outcome
    from iexec_lab.commands.tree import Command

_OFFICIAL_PROGRAM = "iexec"
_ANY_WIDTH = 10**9
_ORDERS_SHOWN = 100
# Exit codes of programs that a signal ended, as shells report them: 128 plus its number.
_INTERRUPTED, _TERMINATED = 130, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with in_terminal():
            code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left, as in `| head`
        _redirect(sys.stdout, os.devnull)
        return 1
    except KeyboardInterrupt as stop:
        print(f"\n{stop or 'Interrupted.'}", file=sys.stderr)
        return _INTERRUPTED
    return code


def _run(words: list[str]) -> int:
    if words and words[0] in {"--version", "-V"}:
        print(__version__)
        return 0
    if words and words[0] == tree.COMPLETE:
        from iexec_lab.commands.nouns.shell import answer

        line = words[1] if len(words) > 1 else ""
        print("\n".join(answer(line, with_help=tree.WITH_HELP in words[2:])))
        return 0
    is_raw = "--raw" in (words[: words.index("--")] if "--" in words else words)
    try:
        if "help" in words[:2]:
            return _help([*(word for word in words if word != "help"), "--help"])
        command, taken = tree.find(words)
        if command is None or parser.wants_help(words[taken:]):
            return _help(words)
        args = parser.parse(command, words[taken:])
    except IexecError as error:
        told = isinstance(error, UsageError) and not is_raw
        return _misused(error) if told else _fail(error, words, is_raw=is_raw)
    return _answer(command, args, words, is_raw=args.raw)


def _answer(command: Command, args: Any, words: list[str], *, is_raw: bool) -> int:
    """Carry out a command and print its answer; when it is stopped before, tell what it has sent."""
    from iexec_lab.commands import followup

    with followup.recording() as sent, _terminable():
        try:
            code = _tell(_carry_out(command, args), is_raw=is_raw, is_wide=args.wide)
            sys.stdout.flush()
        except IexecError as error:
            followup.tell(error, sent, words)
            return _fail(error, words, is_raw=is_raw, tx_hash=followup.hash_of(error, sent))
        except BrokenPipeError:
            if not sent:
                raise
            _redirect(sys.stdout, os.devnull)
            left = AbortedError("Nobody reads the output any more.")
            followup.tell(left, sent, words, stopped=True)
            return _fail_somewhere(left, words, is_raw=is_raw, tx_hash=followup.hash_of(left, sent))
        except KeyboardInterrupt as stop:
            left = followup.stopped(stop, sent, words)
            _fail_somewhere(left, words, is_raw=is_raw, tx_hash=followup.hash_of(left, sent))
            return _TERMINATED if isinstance(stop, _Terminated) else _INTERRUPTED
        return code


class _Terminated(KeyboardInterrupt):
    """The signal that `timeout` and service managers send; handled like Ctrl-C."""


@contextmanager
def _terminable() -> Iterator[None]:
    """In this block SIGTERM ends the command in order, instead of killing it without a word."""
    import signal
    from threading import current_thread, main_thread

    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        raise _Terminated("Terminated.")

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _redirect(stream: TextIO, path: str) -> None:
    """Send what is written to a stream elsewhere; what it has buffered is dropped."""
    for target in (os.devnull, path):
        file = os.open(target, os.O_WRONLY)
        os.dup2(file, stream.fileno())
        os.close(file)
        stream.flush()


def _help(words: list[str]) -> int:
    """Print help: on standard output when asked for, on standard error after an unfinished command."""
    command, taken = tree.find(words)
    if command is not None:
        print(parser.help_text(command), end="")
        return 0
    asked = parser.wants_help(words)
    if not asked and len(words) > taken:
        line = " ".join([tree.PROGRAM, *words[:taken]])
        raise UsageError(f"unknown option '{words[taken]}'", usage=f"{line} <command> [options]")
    text = parser.overview(words[:taken]) if words else _first_page()
    print(text, end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 1


def _first_page() -> str:
    """What to do first, of a line that says nothing."""
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.first_page import first_page
    from iexec_lab.commands.terminal import Terminal

    return f"{first_page(Context(Terminal())).text()}\n"


def _carry_out(command: Command, args: Any) -> Outcome:
    from iexec_lab.commands.context import Context
    from iexec_lab.commands.outcome import carry_out
    from iexec_lab.commands.terminal import Terminal

    face = Terminal(quiet=args.raw or args.quiet, style=_style(sys.stderr))
    # A person sits where both ends are terminals; the official CLI's scripts expect no question elsewhere.
    piped = not sys.stdout.isatty()
    context = Context(face, rows=_ORDERS_SHOWN, unattended=args.raw or piped or _is_ci())
    with doors.showing(doors.Unseen()) if face.quiet else nullcontext():
        return carry_out(command.handler, context, args)


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def _style(stream: TextIO) -> Any:
    from iexec_lab.commands.text import Style

    return Style(
        colours=stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def _tell(outcome: Outcome, *, is_raw: bool, is_wide: bool) -> int:
    failed = bool(outcome.failed) and not outcome.shows
    if is_raw:
        answer = {"ok": not failed, **outcome.raw}
        if failed and "failedTasks" not in outcome.raw:
            answer["fail"] = list(outcome.failed)
        print(_json(answer), file=sys.stderr if failed else sys.stdout)
    else:
        _print(outcome, is_wide=is_wide)
    return int(failed)


def _print(outcome: Outcome, *, is_wide: bool) -> None:
    from iexec_lab.commands.readable import readable
    from iexec_lab.commands.terminal import safe_lines
    from iexec_lab.commands.text import render, safe
    from iexec_lab.looks import GREEN, RED

    style = _style(sys.stdout)
    if outcome.line:
        print(style.paint(GREEN, "✔ ") + safe_lines(outcome.line))
    shown = readable(_unsaid(outcome)) if outcome.shown is None else outcome.shown
    text = render(shown, style, width=_ANY_WIDTH if is_wide else _width())
    if text:
        print(text)
    for sentence in outcome.failed:
        print(_style(sys.stderr).paint(RED, "✖ ") + safe(sentence), file=sys.stderr)
    error = outcome.error
    if isinstance(error, IexecError) and outcome.failed == (error.message,):
        print(safe_lines("\n".join(error.lines()[1:])), file=sys.stderr)
    elif isinstance(error, IexecError):
        advice = [line for line in error.lines() if line.startswith("  → ")]
        print(*map(safe_lines, advice), sep="\n", end="\n" * bool(advice), file=sys.stderr)


def _unsaid(outcome: Outcome) -> dict[str, Any]:
    """The answer without what the line above it says already."""
    from iexec_lab.units import format_rlc

    told = {word.strip('.,:;()"') for word in outcome.line.split()}
    amount = str(outcome.raw.get("amount", ""))
    if amount.isdecimal() and format_rlc(int(amount)) in told:  # in RLC there
        told.add(amount)
    return {name: value for name, value in outcome.raw.items() if str(value) not in told}


def _width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 10_000


def _misused(error: IexecError) -> int:
    """Tell what is wrong with a line as the official CLI's parser does: scripts look for it."""
    from iexec_lab.commands.terminal import safe_lines

    hint = error.hint or ""
    near = hint.startswith("Did you mean")
    lines = [f"error: {error.message}", *([f"({hint})"] if near else [])]
    usage = getattr(error, "usage", None)
    lines += ["", f"Usage: {usage}"] if usage else []
    lines += [f"  → {hint}"] if hint and not near else []
    print(safe_lines("\n".join(lines)), file=sys.stderr)
    return 1


def _fail(error: IexecError, words: list[str], *, is_raw: bool, tx_hash: str | None = None) -> int:
    if is_raw:
        named = {"name": error.official_name, "message": error.message}
        if tx_hash:
            named["txHash"] = tx_hash
        print(_json({"ok": False, "command": _typed(words), "error": named}), file=sys.stderr)
        return 1
    from iexec_lab.commands.terminal import safe_lines
    from iexec_lab.looks import RED

    first, *rest = error.lines()
    style = _style(sys.stderr)
    print(style.paint(RED, "✖ ") + safe_lines(first.partition(": ")[2]), file=sys.stderr)
    for line in rest:
        print(safe_lines(line), file=sys.stderr)
    if isinstance(error, UsageError) and error.usage:
        print(f"  Usage: {error.usage}", file=sys.stderr)
    return 1


def _fail_somewhere(error: IexecError, words: list[str], *, is_raw: bool, tx_hash: str | None) -> int:
    """As ``_fail``; on the terminal itself when both outputs are closed, as in ``2>&1 | head``."""
    try:
        return _fail(error, words, is_raw=is_raw, tx_hash=tx_hash)
    except BrokenPipeError:
        try:
            _redirect(sys.stderr, "/dev/tty")
        except OSError:  # there is none: nobody is left to tell
            return 1
        return _fail(error, words, is_raw=is_raw, tx_hash=tx_hash)


def _typed(words: list[str]) -> str:
    """The command as typed, with the official program name: what the official CLI puts into ``command``."""
    try:
        _, taken = tree.find(words)
    except UsageError:  # no such command: what stands before the first option
        taken = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join([_OFFICIAL_PROGRAM, *words[:taken]])


def _json(value: Any) -> str:
    """One line of JSON; what no terminal should get (C1 controls, bidirectional marks) is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else "".join(map(_harmless, text))


def _harmless(char: str) -> str:
    if char.isprintable():
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
