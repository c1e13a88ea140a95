from __future__ import annotations

import inspect
import pydoc
import typing
from types import SimpleNamespace

import pandas as pd
import pytest

from iexec_lab.client.iexec import IExec
from iexec_lab.client.nouns._noun import Frame, Noun
from iexec_lab.client.nouns._table import NOUNS
from iexec_lab.commands.official_json import fetch
from iexec_lab.errors import IexecError
from iexec_lab.ethereum.sent import Interrupted, note_signed


class Things(Noun):
    _FRAMES: typing.ClassVar = {"list": Frame("category", lambda rows: rows)}

    def double(self, number: int, *, times: int = 2) -> int:
        """Twice the number."""
        return number * times

    def list(self) -> pd.DataFrame:
        return self._draw("list", self._fetch_list())

    def _fetch_list(self):
        return [{"index": "0"}, {"index": "1"}]

    def pay(self, ends_with: BaseException, *, force: bool = False) -> None:
        note_signed("0xsent")
        raise ends_with


class More(Things):
    _FRAMES: typing.ClassVar = {"show": Frame("category")}


@pytest.fixture
def things():
    return More(SimpleNamespace(about=lambda: {"chain": "nowhere"}))


def verbs():
    """``(noun, name)`` of every verb there is."""
    lab = IExec(SimpleNamespace())
    for noun in NOUNS:
        for name, member in inspect.getmembers(type(getattr(lab, noun)), callable):
            if not name.startswith("_"):
                yield pytest.param(member, id=f"{noun}.{name}")


def test_a_frame_knows_where_it_is_from(things):
    frame = things.list()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["category"]) == [0, 1]
    assert frame.attrs["chain"] == "nowhere"
    assert not frame.attrs["single"]


def test_a_noun_has_the_frames_of_its_base_too(things):
    assert set(things._FRAMES) == {"list", "show"}


def test_an_answer_is_facts_until_it_is_drawn(things):
    answer = fetch(SimpleNamespace(things=things), "things.list")
    assert answer.facts == [{"index": "0"}, {"index": "1"}]
    assert list(answer.to_value()["category"]) == [0, 1]
    assert fetch(SimpleNamespace(things=things), "things.double", 4).to_value() == 8


def test_a_verb_that_sends_tells_what_it_sent_when_it_is_stopped(things):
    with pytest.raises(Interrupted, match="0xsent"):
        things.pay(KeyboardInterrupt())
    with pytest.raises(IexecError) as raised:
        things.pay(IexecError("no"))
    assert "0xsent" in raised.value.details["sent before"]


@pytest.mark.parametrize("verb", list(verbs()))
def test_hints_of_a_verb_can_be_looked_up(verb):
    hints = typing.get_type_hints(verb)
    assert "return" in hints
    assert set(hints) - {"return"} <= set(inspect.signature(verb).parameters)


@pytest.mark.parametrize("verb", list(verbs()))
def test_a_verb_has_a_page_and_a_source(verb):
    assert inspect.getdoc(verb)
    assert inspect.getsourcefile(verb).endswith(".py")
    assert f"def {verb.__name__}(" in "".join(inspect.getsourcelines(verb)[0])


def test_help_of_a_noun_shows_its_verbs_as_functions(lab):
    shown = pydoc.render_doc(lab.category, renderer=pydoc.plaintext)
    assert "show(self, index: 'int | str') -> 'pd.DataFrame'" in shown
    assert "_fetch" not in shown


def test_a_noun_shows_its_verbs(lab):
    assert repr(lab.storage) == "<Storage: check, init, upload>"
    assert "run, " in repr(lab.app)
    assert "register" in repr(lab.ens)  # its network has none


def test_a_noun_is_made_once(lab):
    assert lab.app is lab.app
    assert lab.secrets is lab.requester
    assert lab.hub is lab.category
    with pytest.raises(AttributeError):
        lab.apps  # noqa: B018
