"""What the nouns of ``lab`` have in common.

A verb is an ordinary method that returns its value. Where that is a DataFrame, a second method beside it
finds the facts and the verb draws them:

    def show(self, address=None) -> pd.DataFrame:       what people call
        return self._draw("show", self._fetch_show(address))

    def _fetch_show(self, address=None) -> dict:        what commands call, for ``--raw`` without pandas

``_FRAMES`` says how each is drawn, ``_PICKS`` which part of its facts another verb returns;
``commands/official_json.py`` has the JSON that the official CLI prints.
"""

from __future__ import annotations

from collections.abc import Sized
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from iexec_lab.client.ledger import giving_back
from iexec_lab.client.options import advising
from iexec_lab.ethereum.ahead import one_look
from iexec_lab.ethereum.sent import telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from iexec_lab.client.session import Session


class Frame(NamedTuple):
    """How facts become a DataFrame: one row of ``kind``, or those that ``rows`` takes from them."""

    kind: str | Callable[[Any], str]
    rows: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None
    one: Callable[[Any], Mapping[str, Any]] | None = None

    def draw(self, facts: Any, session: Session) -> pd.DataFrame:
        """The frame; it says where its rows are from, and how many could not be read."""
        from iexec_lab import frames

        if hasattr(facts, "draw"):  # columns, which know their kind
            drawn: pd.DataFrame = facts.draw(session)
            return drawn
        found = self.rows(facts) if self.rows else [self.one(facts) if self.one else facts]
        about = session.about()
        left_out = getattr(facts, "left_out", 0)
        if left_out:
            about["left_out"] = left_out
        total = getattr(facts, "total", None)
        if total is not None:
            about["total"] = total
        rest = total - len(found) if total is not None and isinstance(found, Sized) else 0
        more = f"{rest} more: limit={total} shows all" if rest > 0 else ""
        remark = "; ".join(filter(None, [getattr(facts, "remark", ""), more]))
        if remark:
            about["remark"] = remark
        kind = self.kind if isinstance(self.kind, str) else self.kind(facts)
        return frames.build(kind, found, single=self.rows is None, **about)


def detailed(kind: str) -> Callable[[Any], str]:
    """The kind of facts that may have ``details``: ``task``, or ``task_details``."""

    def of(facts: Any) -> str:
        row = facts if isinstance(facts, dict) else next(iter(facts), {})
        return f"{kind}_details" if "details" in row else kind

    return of


class Noun:
    """A noun of ``lab``: its verbs are its public methods; they share the session."""

    session: Session
    _FRAMES: ClassVar[Mapping[str, Frame]] = {}
    _PICKS: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def __init__(self, session: Session) -> None:
        self.session = session

    def __init_subclass__(cls) -> None:
        """Give every verb what none can forget: advice on its arguments, and what it sent when stopped."""
        super().__init_subclass__()
        cls._FRAMES = {
            name: frame
            for base in reversed(cls.__mro__)
            for name, frame in vars(base).get("_FRAMES", {}).items()
        }
        for name, member in list(vars(cls).items()):
            if isinstance(member, FunctionType) and "force" in member.__annotations__:
                member = _telling(member)  # noqa: PLW2901
                setattr(cls, name, member)
            if isinstance(member, FunctionType) and name[0] != "_":
                setattr(cls, name, advising(member))

    def _draw(self, verb: str, facts: Any) -> pd.DataFrame:
        return self._FRAMES[verb].draw(facts, self.session)

    def _value(self, verb: str, facts: Any) -> Any:
        """What the verb returns for such facts: a frame, a part of them, or themselves."""
        if verb in self._FRAMES:
            return self._draw(verb, facts)
        return self._PICKS[verb](facts) if verb in self._PICKS else facts

    def __repr__(self) -> str:
        verbs = [name for name in dir(type(self)) if name[0] != "_" and callable(getattr(type(self), name))]
        return f"<{type(self).__name__}: {', '.join(verbs)}>"


def _telling(method: FunctionType) -> Callable[..., Any]:
    @wraps(method)
    def told(*args: Any, **kwargs: Any) -> Any:
        with telling(), giving_back(), one_look():
            return method(*args, **kwargs)

    return told
