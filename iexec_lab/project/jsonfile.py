"""Reading and writing one JSON file: strict messages, JavaScript's key order, no half-written file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ProjectError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.javascript import check_shape
from iexec_lab.regular_files import DOCUMENT, possible, read_regular, real, unwritable_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import NoReturn

    Document = dict[str, Any]

_MAX_ARRAY_INDEX = 2**32 - 2  # JavaScript lists keys that are array indices first, ascending
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_HALF = re.compile("[\ud800-\udfff]")  # half of a pair, which no encoding can write
_ROOM = 512  # more than a command adds to a file


def dumps(value: Any) -> str:
    """The text that ``JSON.stringify(value, null, 2)`` returns."""
    text = json.dumps(_in_js_order(value), indent=2, ensure_ascii=False)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _in_js_order(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_in_js_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    indices = sorted((key for key in value if _is_index(key)), key=int)
    keys = [*indices, *(key for key in value if not _is_index(key))]
    return {key: _in_js_order(value[key]) for key in keys}


def _is_index(key: str) -> bool:
    return _INDEX.fullmatch(key) is not None and int(key) <= _MAX_ARRAY_INDEX


def read(path: Path) -> Document | None:
    """The object in the file; None when there is no file.

    Raises:
        ProjectError: not readable, not JSON (with line and column), or not an object.
    """
    try:
        text = read_regular(path, DOCUMENT).decode("utf-8-sig")  # some editors put a byte-order mark first
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise ProjectError(
            f"{type(error).__name__}: {reason} in {plain(path.name)}",
            details={"file": path},
            hint="Save it as UTF-8." if isinstance(error, UnicodeDecodeError) else None,
        ) from error

    def refuse(word: str) -> NoReturn:
        raise json.JSONDecodeError(f"{word} is not JSON", text, max(text.find(word), 0))

    try:
        check_shape(text.encode(errors="surrogatepass"))
        value = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ProjectError(
            f"SyntaxError: {error.msg} (line {error.lineno}, column {error.colno}) in {path.name}",
            details={"file": path},
            hint="JSON has no comments, no trailing commas and double quotes only.",
        ) from error
    except ValueError as error:  # nested too deep, or a number of thousands of digits
        raise ProjectError(f"SyntaxError: {error} in {path.name}", details={"file": path}) from error
    if not isinstance(value, dict):
        shown = plain(json.dumps(value), 60)
        kind = "this must be a `object` type, but the final value was"
        raise ProjectError(
            f"ValidationError: {kind}: `{shown}`. in {path.name}",
            details={"file": path},
        )
    return value


def write(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace the file in one step; without ``mode`` it keeps its mode, or gets the umask's when new."""
    with _draft(path, text, mode) as (temporary, target):
        temporary.replace(target)


def check_writable(path: Path) -> None:
    """Check that the file can be written and the disk is not full, before it must be written.

    Raises:
        ProjectError: it cannot.
    """
    try:
        size = min(path.stat().st_size, DOCUMENT)
    except (OSError, ValueError):
        size = 0
    with _draft(path, " " * (size + _ROOM), None):
        pass


@contextlib.contextmanager
def _draft(path: Path, text: str, mode: int | None) -> Iterator[tuple[Path, Path]]:
    """The text in a new file beside its target, gone at the end; failures become ``ProjectError``."""
    temporary = None
    try:
        target = real(path)
        temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}")
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = mode if mode is not None else _mode_of(target)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if kept is None else 0o600
        )
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if kept is not None:
            temporary.chmod(kept)
        yield temporary, target
    except OSError as error:
        raise ProjectError(
            f"Cannot write {path.name}: {error.strerror}",
            details={"file": path},
            hint=unwritable_hint(error, path.absolute().parent),
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None


def update(path: Path, change: Callable[[Document], None]) -> Document:
    """Read, change and write under a lock, so that two commands in one folder lose nothing."""
    with locked(path.parent):
        document = read(path) or {}
        change(document)
        write(path, dumps(document))
    return document


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes the files of the folder meanwhile."""
    if os.name == "nt":  # no folder can be opened there, and no file is held: see ``hold``
        yield
        return
    try:
        descriptor = os.open(possible(folder), os.O_RDONLY)
    except OSError as error:
        raise ProjectError(
            f"Cannot open the project folder: {error.strerror}", details={"folder": folder}
        ) from error
    try:
        hold(descriptor)
        yield
    finally:
        os.close(descriptor)


def hold(descriptor: int) -> None:
    """Wait until nobody else holds what is open, and hold it; that ends with the descriptor."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock; one user rarely runs two commands at once there
        return
    with contextlib.suppress(OSError):  # some network file systems have no locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
