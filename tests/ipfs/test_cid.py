from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ipfs.cid import DAG_PB, RAW, Cid

HELLO = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"  # "hello world\n"
# The same identifier in the bases that gateways take, as the multiformats package for JavaScript writes them.
HELLO_V1 = "bafybeicg2rebjoofv4kbyovkw7af3rpiitvnl6i7ckcywaq6xjcxnc2mby"
HELLO_BASE36 = "k2jmtxt4nv2kx0qz1ncwpjwzdixb27xsgqxk7kgho4nnmjceustvi80e"
HELLO_BASE58 = "zdj7WaCPMsy3FP2whSwpFXHjDEaTVmjnddYSn5W2Gdn4aEZFj"
HELLO_BASE16 = "f0170122046d44814b9c5af141c3aaab7c05dc5e844ead5f91f12858b021eba45768b4c0e"


def test_all_forms_of_one_identifier():
    first = Cid.parse(HELLO)
    assert (first.version, first.codec, str(first)) == (0, DAG_PB, HELLO)
    for text in (HELLO_V1, HELLO_BASE36, HELLO_BASE58, HELLO_BASE16, HELLO_V1.upper(), HELLO_BASE16.upper()):
        cid = Cid.parse(text)
        assert (cid.version, cid.digest) == (1, first.digest)
        assert str(cid) == HELLO_V1


def test_a_raw_block_has_no_version_0():
    cid = Cid.of(b"", version=0, codec=RAW)
    assert str(cid) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert cid.version == 1


@given(st.binary(max_size=64), st.sampled_from([(0, DAG_PB), (1, DAG_PB), (1, RAW)]))
def test_text_and_bytes_read_back(block, kind):
    version, codec = kind
    cid = Cid.of(block, version=version, codec=codec)
    assert cid.digest == hashlib.sha256(block).digest()
    assert Cid.parse(str(cid)) == cid
    assert Cid.from_bytes(bytes(cid)) == cid


@given(st.binary(min_size=32, max_size=32))
def test_leading_zeros_survive_every_base(digest):
    cid = Cid(0, DAG_PB, digest)
    assert Cid.parse(str(cid)) == cid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "Qm",
        "foo",
        "b0",
        "z0",
        "kZ",
        "é" * 46,
        HELLO[:-1] + "0",
        HELLO[:-1],
        HELLO + "x",
        "f" + "0" * 72,
        "b" + "a" * 500,
        "bafyreigh2akiscaildc",
        "m" + "A" * 48,
        HELLO_BASE16[:-2],
        "f01551114" + "00" * 20,
    ],
)
def test_what_is_no_cid_is_refused(text):
    with pytest.raises(ValidationError, match="invalid cid"):
        Cid.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_cid_or_refused(text):
    with suppress(ValidationError):
        cid = Cid.parse(text)
        assert Cid.parse(str(cid)) == Cid.from_bytes(bytes(cid)) == cid
        assert len(cid.digest) == 32
