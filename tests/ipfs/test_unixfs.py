"""Blocks and CIDs against what an independent implementation gives, and against a slow one in ten lines."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from helpers.places import VECTORS
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ipfs import hamt
from iexec_lab.ipfs.cid import DAG_PB, RAW, Cid
from iexec_lab.ipfs.links import Link
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, FileBuilder, build_directory, decode_node, encode_node

pytestmark = pytest.mark.slow

FILES = json.loads((VECTORS / "unixfs.json").read_text())["vectors"]
PERIOD = bytes((i * 31 + (i >> 8)) & 0xFF for i in range(65536))


def content(size):
    return (PERIOD * (size // 65536 + 1))[:size]


def build(data, **options):
    blocks = {}
    builder = FileBuilder(blocks.__setitem__, **options)
    builder.write(data)
    return builder.finish(), blocks


def name_of(vector):
    given = vector["input"]
    return "-".join(f"{key}={value}" for key, value in given.items() if key != "files")


@pytest.mark.parametrize("vector", [v for v in FILES if "size" in v["input"]], ids=name_of)
def test_a_file_has_the_cid_kubo_gives(vector):
    asked = vector["input"]
    link, _ = build(
        content(asked["size"]),
        version=asked["version"],
        raw_leaves=asked.get("raw"),
        chunk_size=asked.get("chunk", CHUNK_SIZE),
    )
    assert (str(link.cid), link.tsize) == (vector["expected"]["cid"], vector["expected"]["size"])


@pytest.mark.parametrize("vector", [v for v in FILES if "files" in v["input"]])
def test_a_folder_has_the_cid_kubo_gives(vector):
    version = vector["input"]["version"]
    tree = {}
    for path, size in vector["input"]["files"]:
        *above, name = path.split("/")
        here = tree
        for step in above:
            here = here.setdefault(step, {})
        here[name] = {} if size < 0 else build(content(size), version=version)[0]
    seen = {}

    def walk(folder, path):
        links = {}
        for name, child in folder.items():
            below = f"{path}/{name}".strip("/")
            links[name] = child if isinstance(child, Link) else walk(child, below)
            seen[below] = links[name]
        return build_directory(links, lambda cid, block: None, version)

    seen[""] = walk(tree, "")
    for path, (cid, size) in vector["expected"].items():
        assert (str(seen[path].cid), seen[path].tsize) == (cid, size), path


@pytest.mark.parametrize("vector", [v for v in FILES if "many" in v["input"]])
def test_a_folder_too_large_for_a_block_has_the_cid_kubo_gives(vector):
    version = vector["input"]["version"]
    count, pattern = vector["input"]["many"]
    files = [build(content(size), version=version)[0] for size in range(7)]
    links = {pattern.format(i): files[i % 7] for i in range(count)}
    link = build_directory(links, lambda cid, block: None, version)
    assert (str(link.cid), link.tsize) == (vector["expected"]["cid"], vector["expected"]["size"])


def test_names_with_one_hash_can_not_be_told_apart(monkeypatch):
    monkeypatch.setattr(hamt, "murmur3", lambda data: bytes(8))
    with pytest.raises(ValidationError, match="too deep"):
        hamt.shard([build(b"")[0]._replace(name=name) for name in "ab"])


@pytest.mark.parametrize(
    ("data", "cid"),
    [
        (b"", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (b"hello world\n", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"),
    ],
)
def test_well_known_files(data, cid):
    assert str(build(data)[0].cid) == cid


def test_the_well_known_empty_folder():
    link = build_directory({}, lambda cid, block: None)
    assert str(link.cid) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def naive(data, chunk, links, version):
    """The same tree level by level, from lists: (CID, size of all blocks, size of the content)."""
    level = []
    for at in range(0, max(len(data), 1), chunk):
        part = data[at : at + chunk]
        inner = (
            b"\x08\x02" + (b"\x12" + varint(len(part)) + part if part else b"") + b"\x18" + varint(len(part))
        )
        block = part if version else b"\x0a" + varint(len(inner)) + inner
        level.append(
            (Cid.of(block, version=version, codec=RAW if version else DAG_PB), len(block), len(part))
        )
    while len(level) > 1:
        above = []
        for at in range(0, len(level), links):
            group = level[at : at + links]
            inner = b"\x08\x02\x18" + varint(sum(size for _, _, size in group))
            inner += b"".join(b"\x20" + varint(size) for _, _, size in group)
            block = encode_node([Link(cid, tsize) for cid, tsize, _ in group], inner)
            tsize = len(block) + sum(tsize for _, tsize, _ in group)
            above.append((Cid.of(block, version=version), tsize, sum(size for _, _, size in group)))
        level = above
    return level[0]


@given(
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=5),
    chunk=st.integers(1, 50),
    links=st.integers(2, 5),
    version=st.sampled_from([0, 1]),
)
def test_any_tree_equals_the_slow_one_however_its_bytes_come(data, cuts, chunk, links, version):
    blocks = {}
    builder = FileBuilder(blocks.__setitem__, version, chunk_size=chunk, max_links=links)
    edges = [0, *sorted(cuts), len(data)]
    for start, stop in pairwise(edges):
        builder.write(data[start:stop])
    root = builder.finish()
    assert tuple(root[:3]) == naive(data, chunk, links, version)
    assert root.tsize >= sum(len(block) for block in blocks.values())
    assert all(Cid.of(block, version=cid.version, codec=cid.codec) == cid for cid, block in blocks.items())


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.binary(max_size=20), max_size=8))
def test_a_folder_reads_back_sorted(files):
    blocks = {}
    links = {name: build(data)[0] for name, data in files.items()}
    root = build_directory(links, blocks.__setitem__)
    node = decode_node(blocks[root.cid])
    assert node.kind == "directory"
    assert [(link.name, link.cid, link.tsize) for link in node.links] == [
        (name, links[name].cid, links[name].tsize) for name in sorted(links, key=str.encode)
    ]


@given(st.binary(max_size=100))
def test_any_bytes_are_a_node_or_refused(block):
    with suppress(TypeError, ValueError):
        node = decode_node(block)
        assert node.kind in {"raw", "directory", "file", "metadata", "symlink", "hamt-sharded-directory"}
        assert node.data in block
        assert all(len(link.cid.digest) == 32 for link in node.links)
