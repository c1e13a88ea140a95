from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.state.apps import Apps, normalise
from iexec_lab.sandbox.state.images import check_image

DIGEST = "sha256:" + "0123456789abcdef" * 4
ALNUM = st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True)
COMPONENT = st.builds(
    "".join,
    st.tuples(
        ALNUM,
        st.lists(
            st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), ALNUM).map("".join), max_size=3
        ).map("".join),
    ),
)
DOMAIN = st.sampled_from(
    ["localhost:5000", "registry.example", "Registry.Example:443", "[::1]:5000", "127.0.0.1:5000"]
)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)


@st.composite
def references(draw):
    """Image references, put together from the rules of the grammar."""
    parts = [draw(DOMAIN)] if draw(st.booleans()) else []
    name = "/".join(parts + draw(st.lists(COMPONENT, min_size=1, max_size=4)))
    tag = ":" + draw(TAG) if draw(st.booleans()) else ""
    return name + tag + ("@" + DIGEST if draw(st.booleans()) else "")


@pytest.mark.parametrize(
    "image",
    [
        "a",
        "me/app",
        "me/app:1.0",
        "docker.io/iexechub/python-hello-world:8.0.10-sconify-5.7.5-v9",
        f"registry.hub.docker.com/x/y@{DIGEST}",
        f"localhost:5000/a__b/c---d/e.f:T@{DIGEST}",
        "a" * 255,
        "a:" + "b" * 128,
    ],
)
def test_names_that_docker_takes(image):
    assert check_image(image) == image


@pytest.mark.parametrize(
    "image",
    [
        "",
        "-v",
        "--privileged",
        "-v/:/host",
        "--volume=/:/host",
        "-",
        "--",
        "me/-app",
        "-me/app",
        "me/app:-1",
        "-registry.example/me/app",
        "me/app@--help",
        "Me/App",
        "me//app",
        "/me/app",
        "me/app/",
        "me/app:",
        "me/app@",
        "me/app@sha256:12",
        "me/app:1:2",
        "me app",
        "me/app\n",
        "me/app\n-v",
        "me/app\0",
        "me/app;id",
        "me/app$(id)",
        "../app",
        "me/..",
        "\uff4de/app",
        "me/app:\u0661",
        "http://me/app",
        "a" * 256,
        "a:" + "b" * 129,
        "a" * 64,
        "0" * 64,
        "x/" * 2000 + "x",
    ],
)
def test_other_texts_are_refused(image):
    with pytest.raises(ValidationError, match="is not an image name") as caught:
        check_image(image)
    assert len(str(caught.value)) < 1000


@given(references())
def test_every_name_the_grammar_makes_is_taken(image):
    assert check_image(image) == image


@given(references(), st.data())
def test_a_name_with_a_stranger_in_it_is_refused(image, data):
    at = data.draw(st.integers(0, len(image)))
    stranger = data.draw(st.sampled_from(list(" \t\n\r\0=,;'\"\\$`|&<>(){}*?!#%~^+é")))
    with pytest.raises(ValidationError):
        check_image(image[:at] + stranger + image[at:])
    with pytest.raises(ValidationError):
        check_image("-" + image)


@given(st.text() | st.from_regex(r"[-a-z0-9./:@_]{0,40}", fullmatch=True))
def test_what_is_taken_can_be_no_option_and_two_words_of_no_line(text):
    try:
        image = check_image(text)
    except ValidationError:
        return
    assert re.fullmatch(r"[A-Za-z0-9\[][A-Za-z0-9\[\]._:/@+-]*", image)


@pytest.mark.parametrize("image", ["--privileged", "-v /:/host", "Me/App"])
def test_a_bad_name_is_neither_registered_nor_looked_for(tmp_path, image):
    apps = Apps(tmp_path / "apps")
    (tmp_path / "app.py").touch()
    for work in (partial(apps.add, folder=tmp_path), apps.find, apps.remove):
        with pytest.raises(ValidationError, match="is not an image name"):
            work(image)


def test_docker_hub_needs_no_name():
    assert normalise(" docker.io/library/python:3 ") == "python:3"
