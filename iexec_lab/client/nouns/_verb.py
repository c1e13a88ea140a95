"""A verb: one method that people call for its value and commands call for its plain answer.

class Account:
    @verb(value=framed("account"))
    def show(self, address=None): ...

lab.account.show()             the value: here a DataFrame
p = lab.account.show.plain()   what the method returned; nothing but the method ran
lab.account.show.raw(p)        the same as the JSON object that the official CLI prints, without ``ok``
lab.account.show.value(p)      the value again
"""

from __future__ import annotations

from functools import update_wrapper
from inspect import Signature, signature
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from iexec_lab.ethereum.sent import telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from iexec_lab.client.session import Session


P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Noun:
    """A noun of ``lab``: what its verbs share is the session."""

    session: Session

    def __init__(self, session: Session) -> None:
        self.session = session

    def __repr__(self) -> str:
        members = {name: getattr(type(self), name) for name in dir(type(self)) if name[0] != "_"}
        verbs = [name for name, member in members.items() if isinstance(member, _Verb | FunctionType)]
        return f"<{type(self).__name__}: {', '.join(verbs)}>"


class Verb(Protocol[P, T, V_co]):
    """A verb of one noun, as the caller sees it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V_co: ...

    def plain(self, *args: P.args, **kwargs: P.kwargs) -> T: ...

    def raw(self, plain: T) -> dict[str, Any]: ...

    def value(self, plain: T) -> V_co: ...


class _Verb(Generic[S, P, T, V]):
    """The descriptor in the class; it hands out a function with the four faces above."""

    def __init__(
        self,
        method: Callable[Concatenate[S, P], T],
        value: Callable[[Any, T], V],
        raw: Callable[[T], dict[str, Any]],
    ) -> None:
        self.method, self.value, self.raw = method, value, raw
        self.__doc__ = method.__doc__
        self.__name__ = method.__name__
        self.__signature__ = _signature(method, value)
        self.bound_signature = _without_first(self.__signature__)

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name

    def __call__(self, noun: S, *args: P.args, **kwargs: P.kwargs) -> V:
        """As any function of a class; ``help(Apps)`` shows as functions what can be called."""
        return self.__get__(noun, type(noun))(*args, **kwargs)

    @overload
    def __get__(self, noun: None, owner: type) -> _Verb[S, P, T, V]: ...

    @overload
    def __get__(self, noun: S, owner: type) -> Verb[P, T, V]: ...

    def __get__(self, noun: S | None, owner: type) -> Any:
        if noun is None:
            return self
        method = self.method.__get__(noun, owner)

        def plain(*args: P.args, **kwargs: P.kwargs) -> T:
            with telling():
                return cast("T", method(*args, **kwargs))

        def call(*args: P.args, **kwargs: P.kwargs) -> V:
            return self.value(noun, plain(*args, **kwargs))

        update_wrapper(plain, method)
        update_wrapper(call, method)
        call.__name__, call.__module__ = self.__name__, owner.__module__
        call.__qualname__ = f"{owner.__qualname__}.{self.__name__}"
        faces = {"plain": plain, "raw": self.raw, "value": lambda answer: self.value(noun, answer)}
        vars(call).update(faces, __signature__=self.bound_signature)
        return call


def _signature(method: Callable[..., Any], value: Callable[..., Any]) -> Signature:
    """That of the method; what comes back is what ``value`` makes of the method's answer."""
    found = signature(method)
    if value is _itself:
        return found
    return found.replace(return_annotation=value.__annotations__.get("return", Signature.empty))


def _without_first(found: Signature) -> Signature:
    return found.replace(parameters=list(found.parameters.values())[1:])


def _itself(_noun: Any, plain: T) -> T:
    return plain


def _as_raw(plain: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", plain)


@overload
def verb(
    *, raw: Callable[[Any], dict[str, Any]] = ...
) -> Callable[[Callable[Concatenate[S, P], T]], _Verb[S, P, T, T]]: ...


@overload
def verb(
    *, value: Callable[[Any, Any], V], raw: Callable[[Any], dict[str, Any]] = ...
) -> Callable[[Callable[Concatenate[S, P], T]], _Verb[S, P, T, V]]: ...


def verb(*, value: Any = _itself, raw: Any = _as_raw) -> Any:
    """Make a method a verb.

    Args:
        value: From the noun and the method's plain answer to what people get; by default the answer itself.
        raw: From the plain answer to the official JSON; by default the answer is that object.
    """
    return lambda method: _Verb(method, value, raw)


def framed(
    kind: str,
    rows: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None,
    *,
    one: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Callable[[Any, Any], pd.DataFrame]:
    """A value drawn as a frame of that kind.

    Its rows are ``rows(plain)``; without them it is one thing, ``one(plain)`` or the answer itself.
    """

    def draw(noun: Noun, plain: Any) -> pd.DataFrame:
        from iexec_lab import frames

        found = rows(plain) if rows else [one(plain) if one else plain]
        about = noun.session.about()
        left_out = getattr(plain, "left_out", 0)
        if left_out:
            about["left_out"] = left_out
        return frames.build(kind, found, single=rows is None, **about)

    return draw


def picked(key: str) -> Callable[[Any, Any], str]:
    """A value that is one text of the plain answer."""

    def pick(_noun: Any, plain: Mapping[str, str]) -> str:
        return plain[key]

    return pick


def only(*keys: str) -> Callable[[Any], dict[str, Any]]:
    """An official JSON that is these fields of the plain answer, those it has."""
    return lambda plain: {key: plain[key] for key in keys if key in plain}
