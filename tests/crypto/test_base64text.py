from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.crypto.base64text import decode_base64, decode_base64_chunks, encode_base64_chunks


def cut(data, places):
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [memoryview(data)[a:b] for a, b in pairwise(ends)]


@given(st.binary(), st.lists(st.integers(0, 60)))
def test_pieces_give_the_same_as_the_whole(data, places):
    text = b"".join(encode_base64_chunks(cut(data, places)))
    assert text == base64.b64encode(data)
    assert b"".join(decode_base64_chunks(cut(text, places))) == data == decode_base64(text)


# What Buffer.from(text, "base64") gives in Node.
@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVs\nbG8=\n", b"hello"),
        (b"_-__", b"\xff\xef\xff"),
        (b"a G!V\x00s", b"hel"),
        (b"aGVs=bG8=", b"hel"),
        (b"a", b""),
        (b"", b""),
        (b"aG", b"h"),
        (b"aGVsb", b"hel"),
        (b"=aGVs", b""),
    ],
)
def test_stray_text(text, data):
    assert decode_base64(text) == data


@given(st.binary(), st.lists(st.integers(0, 60)))
def test_anything_is_read(text, places):
    assert b"".join(decode_base64_chunks(cut(text, places))) == decode_base64(text)
