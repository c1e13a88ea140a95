from __future__ import annotations

import inspect
import pydoc

import pandas as pd

from iexec_lab.client.nouns._verb import framed, only, picked, verb


class Session:
    def about(self):
        return {"chain": "nowhere"}


class Noun:
    def __init__(self):
        self.session = Session()

    @verb()
    def double(self, number: int, *, times: int = 2) -> int:
        """Twice the number."""
        return number * times

    @verb(value=picked("address"), raw=only("address", "txHash"))
    def deploy(self) -> dict[str, str]:
        return {"address": "0xa", "txHash": "0xb", "inner": "kept back"}

    @verb(value=framed("category", lambda rows: rows), raw=lambda rows: {"all": rows})
    def list(self) -> list[dict[str, str]]:
        return [{"index": "0"}, {"index": "1"}]


def test_calling_a_verb_gives_its_value():
    assert Noun().double(2, times=3) == 6
    assert Noun().deploy() == "0xa"


def test_plain_raw_and_value_are_the_three_steps_of_a_call():
    deploy = Noun().deploy
    plain = deploy.plain()
    assert plain["inner"] == "kept back"
    assert deploy.raw(plain) == {"address": "0xa", "txHash": "0xb"}
    assert deploy.value(plain) == "0xa"


def test_a_framed_verb_gives_a_frame_that_knows_where_it_is_from():
    frame = Noun().list()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["category"]) == [0, 1]
    assert frame.attrs["chain"] == "nowhere"
    assert not frame.attrs["single"]


def test_a_verb_looks_like_a_method():
    double = Noun().double
    assert str(inspect.signature(double)) == "(number: 'int', *, times: 'int' = 2) -> 'int'"
    assert inspect.getdoc(double) == "Twice the number."
    assert double.__name__ == "double"
    assert inspect.getdoc(Noun.double) == "Twice the number."


def test_the_signature_tells_what_a_call_gives():
    noun = Noun()
    assert inspect.signature(noun.deploy).return_annotation == "str"
    assert str(inspect.signature(noun.list)) == "() -> 'pd.DataFrame'"
    assert str(inspect.signature(Noun.list)) == "(self) -> 'pd.DataFrame'"
    assert Noun.double(noun, 2, times=3) == 6


def test_help_of_a_noun_shows_its_verbs_as_functions(lab):
    shown = pydoc.render_doc(lab.category, renderer=pydoc.plaintext)
    assert "show(self, index: 'int | str') -> 'pd.DataFrame'" in shown
    assert "_Verb" not in shown


def test_a_noun_shows_its_verbs(lab):
    assert repr(lab.storage) == "<Storage: check, init, upload>"
    assert "run, " in repr(lab.app)
    assert "register" in repr(lab.ens)  # its network has none


def test_help_tells_the_name_that_people_call(lab):
    assert (lab.app.run.__name__, lab.app.run.__qualname__) == ("run", "Apps.run")
    assert "noun" not in inspect.getdoc(lab.app.run)
