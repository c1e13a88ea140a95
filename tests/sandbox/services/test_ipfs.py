"""Blocks on disk, the node and the gateway."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import requests
from helpers.sandbox.serving import make_context, serving
from helpers.waiting import until
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.errors import ValidationError
from iexec_lab.ipfs import hamt
from iexec_lab.ipfs.cid import Cid
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, decode_node
from iexec_lab.sandbox.services import ipfs_gateway, ipfs_node
from iexec_lab.sandbox.state.blobs import AbsentError, BlobStore
from iexec_lab.services.ipfs import Ipfs

HELLO = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
ABSENT = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"
NOWHERE = ABSENT[:-1] + "R"
EMPTY_FOLDER = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
LARGE = os.urandom(3 * CHUNK_SIZE + 17)


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "blobs")


def everything(store, *args):
    return b"".join(store.read(*args))


# -- the store ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("data", [b"", b"hello world\n", LARGE], ids=["empty", "small", "large"])
def test_what_was_added_reads_back(data, version, store, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(data)
    cid = store.add(data, version)
    assert (
        cid
        == store.add(path, version)
        == store.add(str(path), version)
        == store.add(io.BytesIO(data), version)
    )
    assert everything(store, cid) == data
    store.export(cid, tmp_path / "out" / "y")
    assert (tmp_path / "out" / "y").read_bytes() == data


def test_equal_blocks_are_stored_once(store):
    store.add(bytes(10 * CHUNK_SIZE))
    leaf_and_root = 2
    assert len([path for path in store.folder.rglob("*") if path.is_file()]) == leaf_and_root


def test_a_folder_goes_in_and_comes_out(store, tmp_path):
    source = tmp_path / "in"
    (source / "a" / "empty").mkdir(parents=True)
    (source / "a" / "b.txt").write_text("b")
    (source / "é.bin").write_bytes(LARGE)
    cid = store.add(source)
    assert everything(store, cid, "a/b.txt") == b"b"
    assert everything(store, cid, "/a//b.txt/") == b"b"
    store.export(cid, tmp_path / "out")
    assert (tmp_path / "out" / "é.bin").read_bytes() == LARGE
    assert (tmp_path / "out" / "a" / "empty").is_dir()


def test_a_pipe_is_no_file(store, tmp_path):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe")
    with pytest.raises(ValidationError, match="neither a file nor a folder"):
        store.add(tmp_path / "in")


def test_a_folder_of_many_names_is_one_folder_to_its_readers(store, tmp_path, monkeypatch):
    monkeypatch.setattr(hamt, "THRESHOLD", 1000)
    names = [f"{number}" for number in range(400, 480)]
    source = tmp_path / "in"
    source.mkdir()
    for name in names:
        (source / name).write_text(name)
    cid = store.add(source)
    assert decode_node(store.get_block(Cid.parse(cid))).kind == "shard"
    _, folder = store.resolve(cid)
    assert sorted(link.name for link in folder.links) == sorted(names)
    assert everything(store, cid, "445") == b"445"
    store.export(cid, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    with pytest.raises(AbsentError):
        store.read(cid, "700")


def test_what_is_not_there_says_so(store, tmp_path):
    folder = store.add(tmp_path / "blobs" / "incoming")
    with pytest.raises(AbsentError, match="could not find"):
        store.read(ABSENT)
    with pytest.raises(AbsentError, match='no link named "x"'):
        store.read(folder, "x")
    with pytest.raises(ValidationError, match="is a directory, not a file"):
        store.read(folder)
    with pytest.raises(ValidationError, match="invalid cid"):
        store.read("../../etc/passwd")


def test_a_damaged_block_is_absent_and_can_be_added_again(store):
    cid = store.add(b"hello world\n")
    [path] = [path for path in store.folder.rglob("*") if path.is_file()]
    path.write_bytes(b"hello")
    with pytest.raises(AbsentError):
        store.read(cid)
    assert store.add(b"hello world\n") == cid
    assert everything(store, cid) == b"hello world\n"


def test_names_that_leave_the_folder_are_not_written(store, tmp_path):
    from iexec_lab.ipfs.unixfs import build_directory

    link = store.add_link(b"x")
    for name in ("..", "../x", "a/b", ""):
        root = build_directory({name: link}, store.put_block)
        with pytest.raises(ValidationError, match="is no file name"):
            store.export(root.cid, tmp_path / "out")


@settings(max_examples=60)
@given(start=st.integers(0, len(LARGE) + 5), size=st.integers(0, CHUNK_SIZE * 2))
@pytest.mark.usefixtures("tmp_path_factory")
def test_any_part_can_be_read(start, size, tmp_path_factory):
    store = BlobStore(tmp_path_factory.getbasetemp() / "parts")
    cid = store.add(LARGE)
    assert everything(store, cid, "", start, start + size) == LARGE[start : start + size]


def test_pieces_come_without_holding_the_loop(store):
    cid = store.add(LARGE)

    async def read():
        return [piece async for piece in store.chunks(cid)]

    pieces = asyncio.run(read())
    assert b"".join(pieces) == LARGE
    assert max(map(len, pieces)) == CHUNK_SIZE


def test_a_killed_writer_leaves_only_whole_blocks(tmp_path):
    code = (
        "import sys, os\n"
        "from iexec_lab.sandbox.state.blobs import BlobStore\n"
        "store = BlobStore(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True: store.add(os.urandom(1 << 20))\n"
    )
    folder = tmp_path / "blobs"

    def blocks():
        return [path for path in folder.glob("*/*") if path.is_file() and path.parent.name != "incoming"]

    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert until(lambda: len(blocks()) >= 20, seconds=60)
        process.send_signal(signal.SIGKILL)
    store = BlobStore(folder)
    assert len(blocks()) >= 20
    for path in blocks():
        store.get_block(Cid(0, 0x70, bytes.fromhex(path.name)))
    assert everything(store, store.add(LARGE)) == LARGE


def test_abandoned_drafts_are_removed_and_young_ones_kept(tmp_path):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / "old").write_bytes(b"x")
    os.utime(incoming / "old", (0, 0))
    (incoming / "young").write_bytes(b"x")
    BlobStore(tmp_path)
    assert [path.name for path in incoming.iterdir()] == ["young"]


@pytest.mark.slow
def test_adding_a_large_file_needs_little_memory(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    code = (
        "import sys, resource\n"
        "from iexec_lab.sandbox.state.blobs import BlobStore\n"
        "store = BlobStore(sys.argv[1] + '.blobs')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "cid = store.add(sys.argv[1])\n"
        "assert sum(map(len, store.read(cid))) == 200 << 20\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30  # MB


# -- the node ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    context = make_context(tmp_path_factory.mktemp("sandbox"))
    with serving(ipfs_node.create, context) as node, serving(ipfs_gateway.create, context) as gateway:
        yield node, gateway, BlobStore(context.folder / "ipfs")


def add(node, files, **options):
    """Lines of the node's answer; files as (name, content) or (name, content, type)."""
    parts = [("file", (name, data, *kind)) for name, data, *kind in files]
    query = {name.replace("_", "-"): value for name, value in options.items()}
    answer = requests.post(f"{node}/api/v0/add", params=query, files=parts, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_file_is_added_as_the_official_sdk_adds_it(services):
    node, gateway, _ = services
    assert Ipfs(gateway, node).add(b"hello world\n") == HELLO


def test_a_file_of_many_chunks_comes_back_through_the_gateway(services, tmp_path):
    node, gateway, store = services
    cid = Ipfs(gateway, node).add(LARGE)
    assert cid == store.add(LARGE)
    Ipfs(gateway).download(f"/ipfs/{cid}", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == LARGE


def test_lines_of_an_answer(services):
    node, _, store = services
    assert add(node, [("hello.txt", b"hello world\n")]) == [
        {"Name": "hello.txt", "Hash": HELLO, "Size": "20"}
    ]
    assert add(node, [("", b"hello world\n")]) == [{"Name": HELLO, "Hash": HELLO, "Size": "20"}]
    assert add(node, [("a b+c%2Bd", b"")])[0]["Name"] == "a b c+d"
    [first, second] = add(node, [("a", b"1"), ("b", b"2")], wrap_with_directory="false")
    assert (first["Name"], second["Name"]) == ("a", "b")
    lines = add(node, [("x", LARGE)], progress="true")
    assert lines[-2] == {"Name": "x", "Bytes": len(LARGE)}
    assert lines[-1]["Hash"] == store.add(LARGE)


def test_folders_follow_their_files(services, tmp_path):
    node, _, store = services
    files = [("top%2Fb%2Fc.txt", b"c"), ("top%2Fempty", b"", "application/x-directory"), ("top%2Fa", b"a")]
    lines = add(node, files)
    assert [line["Name"] for line in lines] == ["top/b/c.txt", "top/a", "top/b", "top/empty", "top"]
    (tmp_path / "b").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "c.txt").write_text("c")
    (tmp_path / "a").write_text("a")
    assert lines[-1]["Hash"] == store.add(tmp_path)
    assert lines[3]["Hash"] == EMPTY_FOLDER


def test_a_wrapping_folder(services, tmp_path):
    node, _, store = services
    lines = add(node, [("b", b"2"), ("a", b"1")], wrap_with_directory="true", cid_version="1")
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    assert lines[-1]["Name"] == ""
    assert lines[-1]["Hash"] == store.add(tmp_path, 1)


@pytest.mark.parametrize(
    ("options", "cid"),
    [
        ({}, "QmcVbM5cMCqC9pvnGvnPMHThnJdMeqJ4oVsqRSqWkdHXky"),
        ({"cid_version": "1"}, None),
        ({"cid_version": "1", "raw_leaves": "false"}, None),
        ({"raw_leaves": "true"}, None),
    ],
)
def test_options_that_change_the_cid(services, options, cid):
    from ipfs.test_unixfs import FILES, content

    node, _, _ = services
    [line] = add(node, [("x", content(262145))], **options)
    raw = {"true": True, "false": False}.get(options.get("raw_leaves"))
    version = int(options.get("cid_version", 0))
    wanted = {"size": 262145, "version": version} | ({} if raw is None else {"raw": raw})
    [vector] = [v for v in FILES if v["input"] == wanted]
    assert line["Hash"] == vector["expected"]["cid"]
    assert cid in {None, line["Hash"]}


def test_chunks_of_another_size(services):
    node, _, store = services
    [line] = add(node, [("x", b"0123456789")], chunker="size-3")
    node_of = store.node(Cid.parse(line["Hash"]))
    assert node_of.sizes == (3, 3, 3, 1)
    assert everything(store, line["Hash"], "", 2, 8) == b"234567"


def test_only_the_hash(services):
    node, _, store = services
    data = os.urandom(100)
    [line] = add(node, [("x", data)], only_hash="true")
    with pytest.raises(AbsentError):
        store.read(line["Hash"])
    assert store.add(data) == line["Hash"]


@pytest.mark.parametrize(
    "options",
    [
        {"trickle": "true"},
        {"hash": "blake3"},
        {"chunker": "rabin"},
        {"chunker": "size-0"},
        {"chunker": "size-9999999"},
        {"cid-version": "2"},
        {"inline": "true"},
        {"nocopy": ""},
    ],
)
def test_what_would_give_another_cid_is_refused(services, options):
    answer = requests.post(f"{services[0]}/api/v0/add", params=options, files={"file": b"x"}, timeout=30)
    assert answer.status_code == 500
    assert set(answer.json()) == {"Message", "Code", "Type"}


@pytest.mark.parametrize(
    ("send", "status", "words"),
    [
        ({"data": b"x"}, 400, "file argument 'path' is required\n"),
        ({}, 400, "file argument 'path' is required\n"),
        (
            {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            400,
            "no multipart boundary param in Content-Type\n",
        ),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 500, None),
        ({"data": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 500, None),
        ({"files": {"file": ("..%2Fx", b"x")}}, 500, None),
        ({"files": {"file": ("x", b"target", "application/symlink")}}, 500, None),
        ({"files": [("file", ("a", b"1")), ("file", ("a%2Fb", b"2"))]}, 500, None),
    ],
)
def test_a_form_that_can_not_be_added_fails(services, send, status, words):
    try:
        answer = requests.post(f"{services[0]}/api/v0/add", timeout=30, **send)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return  # the first line was out already
    assert answer.status_code == status
    if words:
        assert answer.text == words
    else:
        assert answer.json()["Type"] == "error"


def call(node, name, **query):
    query = {key.replace("_", "-"): value for key, value in query.items()}
    return requests.post(f"{node}/api/v0/{name}", params=query, timeout=30)


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        *((name, "ipfs-path") for name in ("cat", "ls", "get", "pin/add", "pin/rm")),
        *((name, "cid") for name in ("block/get", "block/stat")),
        ("dag/get", "ref"),
        ("files/stat", "path"),
    ],
)
def test_a_command_needs_its_argument(services, command, argument):
    answer = call(services[0], command)
    assert (answer.status_code, answer.text) == (400, f'argument "{argument}" is required\n')
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    wrong = call(services[0], command, arg="/nonsense")
    assert (wrong.status_code, wrong.json()["Code"], wrong.json()["Type"]) == (500, 0, "error")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"offset": "x"}, "Could not convert value 'x' to type 'int64' (for option '-offset')\n"),
        ({"length": ""}, "Could not convert empty value to type 'int64' (for option '-length')\n"),
    ],
)
def test_an_option_of_another_type(services, option, words):
    answer = call(services[0], "cat", arg=HELLO, **option)
    assert (answer.status_code, answer.text) == (400, words)
    assert call(services[0], "ls", arg=EMPTY_FOLDER, stream="perhaps").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/v0/version", 405, "405 - Method Not Allowed\n"),
        ("PUT", "/api/v0/nonsense", 405, "405 - Method Not Allowed\n"),
        ("POST", "/api/v0/swarm/peers", 405, "405 - Method Not Allowed\n"),
        ("POST", "/api/v0/files/ls", 405, "405 - Method Not Allowed\n"),
        ("POST", "/api/v0/name/publish", 405, "405 - Method Not Allowed\n"),
        ("POST", "/api/v0/nonsense", 404, "404 page not found\n"),
        ("POST", "/api/v0/version/x", 404, "404 page not found\n"),
        ("POST", "/", 404, "404 page not found\n"),
        ("OPTIONS", "/api/v0/version", 204, ""),
    ],
)
def test_what_the_node_has_not(services, method, path, status, words):
    answer = requests.request(method, services[0] + path, timeout=30)
    assert (answer.status_code, answer.text) == (status, words)
    if status in {204, 405}:
        assert answer.headers["Allow"] == "OPTIONS, POST"


@pytest.fixture
def folder(services, tmp_path):
    """The CID of a folder with a small file, a large one and an empty folder."""
    place = tmp_path / "folder"
    (place / "empty").mkdir(parents=True)
    (place / "hello").write_text("hello world\n")
    (place / "large").write_bytes(LARGE)
    return services[2].add(place)


def test_a_folder_is_listed_with_types_and_sizes(services, folder):
    node, _, store = services
    rows = [
        {"Name": "empty", "Hash": EMPTY_FOLDER, "Size": 0, "Type": 1, "Target": ""},
        {"Name": "hello", "Hash": HELLO, "Size": 12, "Type": 2, "Target": ""},
        {"Name": "large", "Hash": store.add(LARGE), "Size": len(LARGE), "Type": 2, "Target": ""},
    ]
    assert call(node, "ls", arg=folder).json() == {"Objects": [{"Hash": folder, "Links": rows}]}
    path = f"/ipfs/{folder}/empty"
    both = call(node, "ls", arg=[folder, path]).json()["Objects"]
    assert both == [{"Hash": folder, "Links": rows}, {"Hash": path, "Links": []}]
    bare = call(node, "ls", arg=folder, size="false", resolve_type="false").json()["Objects"][0]["Links"]
    assert [(row["Size"], row["Type"]) for row in bare] == [(0, 0)] * 3
    lines = call(node, "ls", arg=folder, stream="true").text.splitlines()
    assert [json.loads(line)["Objects"][0]["Links"] for line in lines] == [[row] for row in rows]
    chunks = call(node, "ls", arg=store.add(LARGE)).json()["Objects"][0]["Links"]
    assert [row["Size"] for row in chunks] == [CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE, 17]


def test_a_tar_of_a_folder_or_a_file(services, folder):
    node, gateway, _ = services
    with tarfile.open(fileobj=io.BytesIO(call(node, "get", arg=folder).content)) as archive:
        names = [f"{folder}{each}" for each in ("", "/empty", "/hello", "/large")]
        assert archive.getnames() == names
        assert archive.extractfile(names[3]).read() == LARGE
    for answer in (
        call(node, "get", arg=f"/ipfs/{folder}/hello"),
        requests.get(f"{gateway}/ipfs/{folder}/hello?format=tar", timeout=30),
        get(gateway, f"/ipfs/{folder}/hello", Accept="application/x-tar"),
    ):
        assert answer.headers["Content-Type"] == "application/x-tar"
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            assert archive.extractfile("hello").read() == b"hello world\n"


def test_sizes_of_a_path(services, folder):
    node, _, store = services
    hello = {"Hash": HELLO, "Size": 12, "CumulativeSize": 20, "Blocks": 0, "Type": "file"}
    assert call(node, "files/stat", arg=f"/ipfs/{folder}/hello").json() == hello
    about = call(node, "files/stat", arg=f"/ipfs/{folder}").json()
    assert (about["Hash"], about["Type"], about["Size"], about["Blocks"]) == (folder, "directory", 0, 3)
    assert about["CumulativeSize"] > len(LARGE)
    raw = store.add(b"hello world\n", 1)
    assert call(node, "files/stat", arg=f"/ipfs/{raw}").json()["CumulativeSize"] == 12
    nothing = call(node, "files/stat", arg="/").json()
    assert (nothing["Hash"], nothing["CumulativeSize"]) == (EMPTY_FOLDER, 4)
    assert call(node, "files/stat", arg="/x").json()["Message"] == "file does not exist"
    assert call(node, "files/stat", arg="x").json()["Message"] == "paths must start with a leading slash"


def test_a_block_as_dag_json(services, folder):
    node, _, store = services
    assert call(node, "dag/get", arg=HELLO).json() == {
        "Data": {"/": {"bytes": "CAISDGhlbGxvIHdvcmxkChgM"}},
        "Links": [],
    }
    links = call(node, "dag/get", arg=folder).json()["Links"]
    assert [(link["Name"], link["Hash"]) for link in links][:2] == [
        ("empty", {"/": EMPTY_FOLDER}),
        ("hello", {"/": HELLO}),
    ]
    raw = store.add(b"hello", 1)
    assert call(node, "dag/get", arg=raw).json() == {"/": {"bytes": "aGVsbG8"}}
    block = call(node, "block/get", arg=HELLO).content
    assert call(node, "dag/get", arg=HELLO, output_codec="dag-pb").content == block
    assert call(node, "dag/get", arg=HELLO, output_codec="dag-cbor").status_code == 500


def test_pins(services, folder):
    node, _, _ = services

    def pinned(**query):
        return call(node, "pin/ls", **query).json()["Keys"]

    for cid in pinned(type="recursive"):  # of other tests
        call(node, "pin/rm", arg=cid)
    assert pinned() == {}
    not_there = call(node, "pin/ls", arg=folder)
    assert (not_there.status_code, not_there.json()["Message"]) == (500, f"path '{folder}' is not pinned")
    assert call(node, "pin/add", arg=f"/ipfs/{folder}").json() == {"Pins": [folder]}
    [line] = add(node, [("x", b"added")])
    add(node, [("y", b"unpinned")], pin="false")
    add(node, [("z", b"unstored")], only_hash="true")
    assert pinned(type="recursive") == {
        cid: {"Type": "recursive", "Name": ""} for cid in (folder, line["Hash"])
    }
    assert pinned()[HELLO] == {"Type": "indirect", "Name": ""}
    assert pinned(arg=HELLO)[HELLO]["Type"] == f"indirect through {folder}"
    assert call(node, "pin/add", arg=HELLO, recursive="false").json() == {"Pins": [HELLO]}
    assert pinned(type="direct", quiet="true") == {HELLO: {"Type": "direct", "Name": ""}}
    assert call(node, "pin/rm", arg=folder).json() == {"Pins": [folder]}
    assert call(node, "pin/rm", arg=folder).json()["Message"] == "not pinned or pinned indirectly"
    assert call(node, "pin/ls", type="some").status_code == 500
    assert call(node, "pin/add", arg=NOWHERE).status_code == 500
    wrapped = add(node, [("a", b"1"), ("b", b"2")], wrap_with_directory="true")[-1]["Hash"]
    lines = call(node, "pin/ls", type="recursive", stream="true").text.splitlines()
    assert {json.loads(each)["Cid"] for each in lines} == {line["Hash"], wrapped}


def test_the_node_has_a_name(services):
    about = call(services[0], "id").json()
    assert set(about) == {"ID", "PublicKey", "Addresses", "AgentVersion", "Protocols"}
    assert about["ID"].startswith("12D3Koo")
    assert call(services[0], "id").json() == about


def test_reading_over_the_nodes_api(services):
    node, _, store = services
    cid = store.add(LARGE)
    post = lambda name, **query: requests.post(f"{node}/api/v0/{name}", params=query, timeout=30)  # noqa: E731
    assert post("cat", arg=cid).content == LARGE
    assert post("cat", arg=f"/ipfs/{cid}", offset=5, length=7).content == LARGE[5:12]
    assert post("cat", arg=ABSENT[:-1] + "R").status_code == 500
    assert post("cat", arg=cid, offset=-1).status_code == 500
    links = post("ls", arg=cid).json()["Objects"][0]["Links"]
    assert len(links) == 4
    assert post("block/stat", arg=cid).json() == {"Key": cid, "Size": len(post("block/get", arg=cid).content)}
    assert "Version" in post("version").json()
    assert requests.get(f"{node}/api/v0/version", timeout=30).status_code == 405


# -- the gateway -------------------------------------------------------------------------------------------


def get(gateway, path, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(gateway + path, headers=named, allow_redirects=False, timeout=30)


@pytest.fixture(scope="module")
def hello(services):
    assert services[2].add(b"hello world\n") == HELLO
    return services[1]


def test_a_file_with_all_its_headers(hello):
    answer = get(hello, f"/ipfs/{HELLO}", Accept="application/zip")
    assert (answer.status_code, answer.text) == (200, "hello world\n")
    wanted = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": "12",
        "Etag": f'"{HELLO}"',
        "Cache-Control": "public, max-age=29030400, immutable",
        "X-Ipfs-Path": f"/ipfs/{HELLO}",
        "X-Ipfs-Roots": HELLO,
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": "sandbox allow-scripts allow-popups allow-downloads",
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    head = requests.head(f"{hello}/ipfs/{HELLO}", timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "12", b"")


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-4", 206, "hello", "bytes 0-4/12"),
        ("bytes=6-", 206, "world\n", "bytes 6-11/12"),
        ("bytes=-3", 206, "ld\n", "bytes 9-11/12"),
        ("bytes=-99", 206, "hello world\n", "bytes 0-11/12"),
        ("bytes=3-999", 206, "lo world\n", "bytes 3-11/12"),
        ("bytes=12-", 416, "", "bytes */12"),
        ("bytes=0-1,4-5", 200, "hello world\n", None),
        ("bytes=5-2", 200, "hello world\n", None),
        ("lines=1-2", 200, "hello world\n", None),
    ],
)
def test_parts_of_a_file(hello, asked, status, body, told):
    answer = get(hello, f"/ipfs/{HELLO}", Range=asked)
    assert (answer.status_code, answer.text, answer.headers.get("Content-Range")) == (status, body, told)


def test_a_part_of_many_chunks(services):
    _, gateway, store = services
    cid = store.add(LARGE)
    answer = get(gateway, f"/ipfs/{cid}", Range=f"bytes=100-{2 * CHUNK_SIZE}")
    assert answer.content == LARGE[100 : 2 * CHUNK_SIZE + 1]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": f'"{HELLO}"'}, 304),
        ({"If_None_Match": f'"x", W/"{HELLO}"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"x"'}, 200),
        ({"Range": "bytes=0-1", "If_Range": f'"{HELLO}"'}, 206),
        ({"Range": "bytes=0-1", "If_Range": '"x"'}, 200),
    ],
)
def test_conditions(hello, headers, status):
    assert get(hello, f"/ipfs/{HELLO}", **headers).status_code == status


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.json", b"{}", "application/json"),
        ("a.html", b"<p>", "text/html; charset=utf-8"),
        ("a.png", b"x", "image/png"),
        ("archive", b"PK\x03\x04rest", "application/zip"),
        ("image", b"\x89PNG\r\n\x1a\nrest", "image/png"),
        ("text", "é\n".encode(), "text/plain; charset=utf-8"),
        ("binary", b"\x00\x01", "application/octet-stream"),
        ("empty", b"", "text/plain; charset=utf-8"),
    ],
)
def test_content_types(services, tmp_path, name, data, kind):
    _, gateway, store = services
    (tmp_path / name).write_bytes(data)
    answer = get(gateway, f"/ipfs/{store.add(tmp_path)}/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)


def test_a_name_for_saving(hello):
    answer = get(hello, f"/ipfs/{HELLO}?filename=a%20b.json&download=true")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b.json"
    assert answer.headers["Content-Type"] == "application/json"
    assert "Content-Disposition" not in get(hello, f"/ipfs/{HELLO}").headers


def test_a_folder_is_listed_with_its_names_escaped(services, tmp_path):
    _, gateway, store = services
    (tmp_path / "<b>&\"'").write_text("x")
    (tmp_path / "sub").mkdir()
    cid = store.add(tmp_path)
    moved = get(gateway, f"/ipfs/{cid}?a=b")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/ipfs/{cid}/?a=b")
    page = get(gateway, f"/ipfs/{cid}/")
    assert page.status_code == 200
    assert "&lt;b&gt;&amp;&quot;&#x27;" in page.text
    assert 'href="%3Cb%3E%26%22%27"' in page.text
    assert "<b>" not in page.text
    assert get(gateway, f"/ipfs/{cid}/sub").headers["Location"] == f"/ipfs/{cid}/sub/"


def test_an_index_page_stands_for_its_folder(services, tmp_path):
    _, gateway, store = services
    (tmp_path / "index.html").write_text("<p>home")
    cid = store.add(tmp_path)
    page = get(gateway, f"/ipfs/{cid}/")
    assert (page.text, page.headers["Content-Type"]) == ("<p>home", "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/ipfs/foo", 400, "invalid cid"),
        ("/ipfs/QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQJ", 404, "could not find"),
        (f"/ipfs/{HELLO}/x", 404, 'no link named "x"'),
        ("/ipfs/", 404, ""),
        ("/", 404, ""),
    ],
)
def test_what_the_gateway_can_not_find(hello, path, status, words):
    answer = get(hello, path)
    assert answer.status_code == status
    assert words in answer.text


def sections(car):
    """The header of a CAR and its (CID, block) pairs."""

    def number(at):
        value = shift = 0
        while True:
            value |= (car[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not car[at - 1] & 0x80:
                return value, at

    size, at = number(0)
    header, at, found = car[at : at + size], at + size, []
    while at < len(car):
        size, at = number(at)
        long = 34 if car[at] == 0x12 else 36
        found.append((Cid.from_bytes(car[at : at + long]), car[at + long : at + size]))
        at += size
    return header, found


def test_blocks_through_the_gateway(services, folder):
    _, gateway, store = services
    raw = requests.get(f"{gateway}/ipfs/{folder}/hello?format=raw", timeout=30)
    assert raw.content == store.get_block(Cid.parse(HELLO))
    assert raw.headers["Content-Type"] == "application/vnd.ipld.raw"
    assert raw.headers["Etag"] == f'"{HELLO}.raw"'
    assert f'filename="{HELLO}.bin"' in raw.headers["Content-Disposition"]
    assert get(gateway, f"/ipfs/{HELLO}", Accept="application/vnd.ipld.raw;q=1").content == raw.content
    same = {"If-None-Match": raw.headers["Etag"], "Accept": "application/vnd.ipld.raw"}
    assert get(gateway, f"/ipfs/{HELLO}", **same).status_code == 304

    answer = requests.get(f"{gateway}/ipfs/{folder}?format=car", timeout=30)
    assert answer.headers["Content-Type"] == "application/vnd.ipld.car; version=1; order=dfs; dups=n"
    header, blocks = sections(answer.content)
    assert bytes(Cid.parse(folder)) in header
    assert [str(cid) for cid, _ in blocks][:3] == [folder, EMPTY_FOLDER, HELLO]
    assert len(blocks) == 4 + 4
    assert all(store.get_block(cid) == block for cid, block in blocks)
    for query, count in (("dag-scope=block", 1), ("dag-scope=entity", 1), ("dag-scope=all", 8)):
        car = requests.get(f"{gateway}/ipfs/{folder}?format=car&{query}", timeout=30)
        assert len(sections(car.content)[1]) == count
    header, blocks = sections(requests.get(f"{gateway}/ipfs/{folder}/hello?format=car", timeout=30).content)
    assert bytes(Cid.parse(folder)) in header
    assert [str(cid) for cid, _ in blocks] == [folder, HELLO]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("?format=dag-json", {}, 406),
        ("?format=cbor", {}, 406),
        ("", {"Accept": "application/vnd.ipld.dag-cbor"}, 406),
        ("?format=nonsense", {}, 400),
        ("?format=car&dag-scope=some", {}, 400),
        ("?format=", {}, 200),
        ("", {"Accept": "application/json, */*"}, 200),
        ("", {"Accept": "application/zip"}, 200),
        ("?format=raw", {"Accept": "application/x-tar"}, 200),
    ],
)
def test_other_formats(hello, path, headers, status):
    assert get(hello, f"/ipfs/{HELLO}{path}", **headers).status_code == status
    answer = requests.head(f"{hello}/ipfs/{HELLO}{path}", headers=headers, timeout=30)
    assert (answer.status_code, answer.content) == (status, b"")


def test_formats_of_what_is_not_there(hello):
    for kind in ("raw", "car", "tar"):
        assert get(hello, f"/ipfs/{NOWHERE}?format={kind}").status_code == 404
        assert get(hello, f"/ipfs/nonsense?format={kind}").status_code == 400
        assert get(hello, f"/ipfs/{HELLO}/x?format={kind}").status_code == 404


@pytest.mark.parametrize(("method", "path", "status"), [("POST", f"/ipfs/{HELLO}", 405), ("GET", "/", 404)])
def test_what_the_gateway_does_not_do(hello, method, path, status):
    answer = requests.request(method, hello + path, timeout=30)
    assert answer.status_code == status
    words = {404: "404 page not found\n", 405: "Method POST not allowed: read only access\n"}
    assert answer.text == words[status]


def test_a_browser_may_ask(hello, services):
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "HEAD"}
    answer = requests.options(f"{hello}/ipfs/{HELLO}", headers=asked, timeout=30)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, asked["Origin"])
    asked = {
        **asked,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = requests.options(f"{services[0]}/api/v0/add", headers=asked, timeout=30)
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"


def test_a_node_and_a_store_of_one_folder_see_each_other(services):
    node, _, store = services
    data = os.urandom(50)
    assert everything(store, add(node, [("x", data)])[0]["Hash"]) == data
    assert Path(store.folder).is_dir()
