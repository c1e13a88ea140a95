"""Options of verbs, each declared once.

The docstrings of verbs, the terminal, the magic, forms, completion and the command reference come from here:

class RunOptions(TypedDict, total=False):
    trust: Annotated[int, Opt("integer", "minimum trust", default=0)]

@takes(RunOptions)
def run(self, app: str, **options: Unpack[RunOptions]) -> Job: ...

Type checkers read the class; ``takes`` writes its options into signature, hints and docstring, and refuses
others. ``commands/options.py`` makes command-line options from the same declarations.
"""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from functools import cache, wraps
from types import FunctionType, NoneType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

AMOUNT_FORMS = '1500000000 (nRLC), ``"1.5 RLC"`` or ``["1.5", "RLC"]``'
"""How an amount of RLC is written in Python, for ``Opt.python``."""

F = TypeVar("F", bound="Callable[..., Any]")

_STAND_IN = r"(?m)^( *)\*\*(?:options|filters): .*\n"  # compiled where verbs are made: --help makes none


class Opt(NamedTuple):
    """What people need to know about one option besides its name and type.

    Attributes:
        kind: What its value is: one of the kinds of ``commands/tree.py``.
        help: One line, for all faces.
        python: What only Python accepts or needs to know: added to the docstring.
        line: The same for the command line: added to its help.
        default: Its value when it is not given.
        shows: What the command line calls its value.
        variadic: Takes several words on the command line.
        python_only: The command line does not have it.
    """

    kind: str
    help: str
    python: str = ""
    line: str = ""
    default: Any = None
    shows: str = ""
    variadic: bool = False
    python_only: bool = False


def either(words: Iterable[str]) -> str:
    """Words that a value may be, as help names them: completion and forms propose what is in quotes."""
    *first, last = (f'"{word}"' for word in words)
    return f"{', '.join(first)} or {last}" if first else last


@cache
def declared(options: type) -> Mapping[str, Opt]:
    """The options of such a class by name, in the order of the class."""
    hints = get_type_hints(options, include_extras=True)
    without = [name for name, hint in hints.items() if get_origin(hint) is not Annotated]
    if without:
        raise TypeError(f"{options.__name__}: no Opt for {', '.join(without)}")
    return {name: get_args(hint)[1] for name, hint in hints.items()}


def on_a_line(options: type) -> Mapping[str, Opt]:
    """Those of them that the command line has too."""
    return {name: opt for name, opt in declared(options).items() if not opt.python_only}


def with_defaults(options: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of such a class: those given, else the defaults."""
    return {name: opt.default for name, opt in declared(options).items()} | dict(given)


def takes(options: type, **defaults: Any) -> Callable[[F], F]:
    """Replace the ``**options`` of a method with those of a class; the method gets all of them.

    Args:
        options: The ``TypedDict`` that declares them.
        **defaults: Defaults that differ for this method.
    """
    known, types = declared(options), get_type_hints(options)
    unless_given = with_defaults(options, defaults)

    def decorate(method: F) -> F:
        assert isinstance(method, FunctionType)
        own = inspect.signature(method)
        named = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]

        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            for name in kwargs:
                if name not in known and name not in own.parameters:
                    raise TypeError(_unknown(method.__name__, name, [*own.parameters, *known]))
            return method(*args, **unless_given | kwargs)

        more = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=unless_given[name],
                annotation=_written(types[name]),
            )
            for name in known
        ]
        vars(called)["__signature__"] = own.replace(parameters=[*named, *more])
        hints = {name: hint for name, hint in method.__annotations__.items() if name not in _STARS}
        returned = {"return": hints.pop("return")} if "return" in hints else {}
        called.__annotations__ = hints | types | returned
        called.__doc__ = re.sub(_STAND_IN, lambda found: _described(known, found[1]), method.__doc__ or "")
        return called  # type: ignore[return-value]

    return decorate


def advising(method: F) -> F:
    """The method; an argument that it does not take is answered with the one that was meant."""
    assert isinstance(method, FunctionType)

    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except TypeError:
            known = inspect.signature(method).parameters  # not read before: every import would pay for it
            strange = [name for name in kwargs if name not in known]
            if not strange or any(each.kind is each.VAR_KEYWORD for each in known.values()):
                raise
            raise TypeError(_unknown(method.__name__, strange[0], [*known][1:])) from None

    return called  # type: ignore[return-value]


_SYNONYMS = {"since": ("start",), "until": ("end",), "start": ("since",), "end": ("until",)}
_STARS = {"options", "filters"}


def _unknown(verb: str, name: str, known: list[str]) -> str:
    near = [word for word in _SYNONYMS.get(name, ()) if word in known] or get_close_matches(name, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f"{verb}() has no option {name!r}{hint}"


def _written(hint: Any) -> str:
    """A type as written in source code: ``str | None``."""
    if hint is NoneType:
        return "None"
    return (
        hint.__name__
        if isinstance(hint, type)
        else str(hint).replace("typing.", "").replace("collections.abc.", "")
    )


def _described(known: Mapping[str, Opt], indent: str) -> str:
    lines = []
    for name, opt in known.items():
        text = f"{opt.help[0].upper()}{opt.help[1:]}"
        if opt.python:
            text = f"{text}: {opt.python}"
        lines.append(f"{indent}{name}: {text}.\n")
    return "".join(lines)
