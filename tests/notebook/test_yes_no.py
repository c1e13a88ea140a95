"""Questions with buttons, answered as a page does."""

from __future__ import annotations

import json

import ipywidgets as widgets
import pytest

from iexec_lab.errors import AbortedError
from iexec_lab.notebook import yes_no
from iexec_lab.notebook.face import NotebookFace


@pytest.fixture
def page(monkeypatch):
    """Answers with the acts that a test puts in; what is drawn is kept."""
    acts, drawn = [], []

    def serve(_comms, done, _seconds):
        typed, cancel, go_on = drawn[-1].children[1].children
        for act in acts:
            act(typed, cancel, go_on)
        return done()

    monkeypatch.setattr(yes_no, "display", drawn.append)
    monkeypatch.setattr(yes_no, "serve", serve)
    monkeypatch.setattr(yes_no, "is_needed", lambda: True)
    return acts


def type_it(typed, _cancel, _go_on):
    typed.value = "hush"
    assert "hush" not in json.dumps(widgets.Widget.get_manager_state(), default=str)


def press_enter(typed, _cancel, _go_on):
    typed._handle_custom_msg({"event": "submit"}, [])


def test_in_a_form_a_password_is_asked_for_by_a_field_and_leaves_the_page(page):
    face = NotebookFace(None, kernel=True, draw=str)
    page += [type_it, lambda _typed, _cancel, go_on: go_on.click()]
    assert face.secret("Password of the wallet") == "hush"
    page[:] = [press_enter, type_it]  # a page may tell of the key before the text
    assert face.secret("Password of the wallet") == "hush"


def test_cancelled_or_not_answered_is_an_error_without_the_secret(page):
    page += [type_it, lambda _typed, cancel, _go_on: cancel.click()]
    with pytest.raises(AbortedError, match="No answer: Password"):
        yes_no.ask_secret("Password")
    page[:] = [type_it]
    with pytest.raises(AbortedError, match="within 600 s") as caught:
        yes_no.ask_secret("Password")
    assert "hush" not in repr(caught.value)
