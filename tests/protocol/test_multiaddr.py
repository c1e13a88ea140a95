from __future__ import annotations

import pytest
from helpers.strategies import TEXT
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import decode_multiaddr, encode_multiaddr, is_cid
from iexec_lab.protocol.cid import base58_decode, base58_encode, parse_cid, read_varint, write_varint

V0 = "QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ"
V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"

# Texts, what @multiformats/multiaddr 13 makes of them, and how it reads that.
MULTIADDRS = [
    ("", "", "/"),
    ("/", "", "/"),
    ("/ip4/1.2.3.4/tcp/80", "0401020304060050", None),
    ("//ip4/1.2.3.4/", "0401020304", "/ip4/1.2.3.4"),
    ("/ip6/::1/udp/53", "290000000000000000000000000000000191020035", None),
    ("/ip6/::ffff:1.2.3.4", "2900000000000000000000ffff01020304", "/ip6/::ffff:102:304"),
    ("/ip6/1:0:0:2::", "2900010000000000020000000000000000", None),
    ("/dns4/ex.com/tcp/443/https", "360665782e636f6d0601bbbb03", None),
    ("/http", "e003", None),
    ("/unix/a%2Fb", "900303612f62", None),
    ("/onion/aaimaq4ygg2iegci:80", "bc030010c0439831b48218480050", None),
    (
        "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234",
        "bd03adadec040be047f9658668b11a504f3155001f231a37f54c4476c07fb4cc139ed7e30304d2",
        None,
    ),
    ("/p2p/QmX", "a50303013852", None),
    ("/ipfs/1aaa", "a503040001b93f", "/p2p/1aaa"),
    ("/p2p-circuit", "a202", None),
    ("/ipcidr/24", "2b18", None),
    ("/ip6zone/eth0", "2a0465746830", None),
    ("/memory/x", "89060178", None),
    (
        "/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ",
        "d203221220241f96b80cf18a52e3818d8c340a0c23bdc24224c0f62bfd5a96e291feda5ebd",
        None,
    ),
    ("/http-path/a%2Fb", "e103042f612f62", None),
    ("/dns4/\u00e9", "3602c3a9", None),
    ("/ip4/1.2.3.4/udp/9/quic-v1/webtransport", "040102030491020009cd03d103", None),
    ("/sctp/5", "84010005", None),
]
#: Almost multiaddrs: stored as text.
TEXTS = [
    "iexechub/python-hello-world:8.0.4", "https://example.com/data set.enc", "h\u00e9llo", "/foo/bar", "/tcp",
    "/ip4/1.2.3/tcp/80", "/ip4/01.2.3.4", "/ip6/::1/udp/053", "/tcp/70000", "/tcp/-1", "/ip4//tcp",
    "/unix/%zz", "/ipfs/Qm0", "/ipfs/z" + V0,
    "/ipcidr/300", "/onion/abc:80", "/certhash/x", "/webrtc-direct/certhash/x",
    "80/tcp", "5foo", "/ip6/fe80::1%eth0",
]  # fmt: skip


@pytest.mark.parametrize(("text", "stored", "back"), MULTIADDRS)
def test_multiaddrs_are_stored_in_their_binary_form(text, stored, back):
    assert encode_multiaddr(text).hex() == stored
    assert decode_multiaddr(bytes.fromhex(stored)) == (back or text)


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_stored_as_they_are(text):
    assert encode_multiaddr(text) == text.encode()
    assert decode_multiaddr(text.encode()) == text


def test_content_on_ipfs():
    for cid, shown in ((V0, V0), (V1, "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR")):
        data = encode_multiaddr(f"/ipfs/{cid}")
        assert data == b"\xa5\x03\x22" + parse_cid(cid).multihash
        assert decode_multiaddr(data) == f"/p2p/{shown}"


def test_bytes_are_taken_as_they_are():
    assert encode_multiaddr(b"\xff\x00") == b"\xff\x00"
    assert decode_multiaddr(b"\xff") == "\ufffd"
    assert decode_multiaddr(bytes.fromhex("0401020304ff")) == "\x04\x01\x02\x03\x04\ufffd"


@pytest.mark.parametrize("value", [5, None, [], {}, "\ud800"])
def test_what_can_not_be_stored(value):
    with pytest.raises(ValidationError, match="is not a valid multiaddr"):
        encode_multiaddr(value)


@given(TEXT | st.from_regex(r"(/(ip4|tcp|dns|p2p|unix|\d{1,3})){0,4}", fullmatch=True))
def test_any_text_can_be_stored_and_shown(text):
    data = encode_multiaddr(text)
    assert encode_multiaddr(decode_multiaddr(data)) in {data, decode_multiaddr(data).encode()}


@given(st.binary(max_size=40))
def test_any_bytes_can_be_shown(data):
    assert isinstance(decode_multiaddr(data), str)


@given(st.binary(max_size=40))
def test_base58(data):
    assert base58_decode(base58_encode(data)) == data


@given(st.integers(0, 2**63 - 1), st.binary(max_size=3))
def test_varints(number, rest):
    assert read_varint(write_varint(number) + rest) == (number, rest)


def test_content_identifiers():
    digest = bytes.fromhex("7237a7f4091a74ae95514890fa86a2e8a36037c350ea71c06a34c8cbe25a5057")
    assert parse_cid(V0) == (0, 0x70, b"\x12\x20" + digest)
    assert parse_cid(V1)[:2] == (1, 0x70)
    assert parse_cid("bafkqaaa") == (1, 0x55, b"\0\0")
    assert parse_cid("k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8").codec == 0x72


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "Q",
        "Qm",
        "nope",
        " " + V1,
        V1.upper(),
        "z" + V0,
        V1[:-1] + "j",
        V1 + "a",
        "f0155",
        V0[:-1],
        "b" * 9999,
        "Q0",
    ],
)
def test_what_is_no_identifier(text):
    assert not is_cid(text)
    with pytest.raises(ValueError, match=r"\w"):
        parse_cid(text)


@given(
    st.none() | st.integers() | TEXT | TEXT.map(lambda text: "b" + text) | TEXT.map(lambda text: "Qm" + text)
)
def test_anything_is_an_identifier_or_not(value):
    assert is_cid(value) in {True, False}


@pytest.mark.parametrize("protocol", ["tcp", "udp", "dccp", "sctp"])
def test_ports(protocol):
    for port in (0, 1, 65535):
        data = encode_multiaddr(f"/{protocol}/{port}")
        assert data.endswith(port.to_bytes(2, "big"))
        assert decode_multiaddr(data) == f"/{protocol}/{port}"
    for port in ("65536", "-1", "x"):  # no multiaddr, so text
        assert encode_multiaddr(f"/{protocol}/{port}") == f"/{protocol}/{port}".encode()


@pytest.mark.parametrize("number", [0, 1, 127, 128, 129, 255, 256, 16383, 16384, 16385, 2**21, 2**63 - 1])
def test_numbers_of_a_multiaddr(number):
    data = write_varint(number)
    assert len(data) == max((number.bit_length() + 6) // 7, 1)
    assert [byte >> 7 for byte in data] == [1] * (len(data) - 1) + [0]
    assert read_varint(data + b"rest") == (number, b"rest")
    for cut in range(len(data)):
        with pytest.raises(ValueError, match="not a varint"):
            read_varint(data[:cut])


def test_a_number_has_nine_bytes_at_most():
    assert read_varint(b"\xff" * 8 + b"\x7f") == (2**63 - 1, b"")
    with pytest.raises(ValueError, match="not a varint"):
        read_varint(b"\xff" * 9 + b"\x01")
