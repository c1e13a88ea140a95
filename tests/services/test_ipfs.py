from __future__ import annotations

import io
import json

import pytest
from helpers.faulty_server import (
    Clock,
    FaultyServer,
    Reply,
    cut,
    drip,
    drop,
    endless,
    garbage,
    healthy,
    status,
)
from helpers.mutated import mutated
from helpers.replay import vectors
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, ConfigurationError, CryptoError, IpfsError, ValidationError
from iexec_lab.ipfs.unixfs import FileBuilder
from iexec_lab.protocol.bulk import bulk_root, bulk_slices
from iexec_lab.services.ipfs import Ipfs, _added

CID = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
LOCATION = f"/ipfs/{CID}"
CONTENT = bytes(range(256)) * 2000


def content(_request):
    return Reply(200, CONTENT, (("Content-Type", "application/zip"),))


def test_a_result_is_downloaded_as_by_the_official_sdk(tmp_path):
    seen = []
    target = tmp_path / "result.zip"
    with FaultyServer(answer=content) as server:
        size = Ipfs(server.url + "/base").download(LOCATION, target, progress=lambda *step: seen.append(step))
    assert target.read_bytes() == CONTENT
    assert size == len(CONTENT)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    [request] = server.requests
    assert (request.method, request.path, request.headers["Accept"]) == ("GET", LOCATION, "application/zip")


def test_a_location_without_slash_starts_at_the_root(tmp_path):
    with FaultyServer(answer=content) as server:
        Ipfs(server.url).download(f"ipfs/{CID}/a b.txt", tmp_path / "x")
    assert server.requests[0].path == f"/ipfs/{CID}/a%20b.txt"


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/x", "//127.0.0.1:9/x", "file:///etc/hostname", "", "?x"]
)
def test_a_location_elsewhere_is_refused(location, tmp_path):
    with pytest.raises(ValidationError, match="is not a location on an IPFS gateway"):
        Ipfs("http://127.0.0.1:9").download(location, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_can_not_be_is_not_believed(tmp_path):
    page = Reply(200, b"", (("Content-Length", "9" * 5000), ("Connection", "close")))

    def endless_length(exchange):
        exchange.start(page)
        exchange.handler.wfile.write(b"hello")
        exchange.hang_up()

    with FaultyServer(always=endless_length) as server:
        assert Ipfs(server.url).download(LOCATION, tmp_path / "x") == 5


@pytest.mark.parametrize("location", ["/ipfs/\ud800", "//["])
def test_a_location_that_no_address_can_hold_is_refused(location, tmp_path):
    with pytest.raises(ValidationError):
        Ipfs("http://127.0.0.1:9").download(location, tmp_path / "x")


@pytest.mark.parametrize("kind", ["path", "file"])
def test_a_download_that_breaks_is_begun_anew(kind, tmp_path):
    path = tmp_path / "x"
    with FaultyServer(answer=content).plan(cut(1000), drop, status(502)) as server:
        ipfs = Ipfs(server.url)
        ipfs._gateway.retries = 3
        if kind == "path":
            ipfs.download(LOCATION, path)
        else:
            with path.open("wb") as file:
                ipfs.download(LOCATION, file)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (cut(1000), IpfsError, "IPFS gateway error: Connection to {} failed with a network error"),
        (status(500), IpfsError, "IPFS gateway error: Server at {} encountered an internal error"),
        (status(404), ApiError, "Failed to download from {}: API error: 404 Not Found"),
    ],
    ids=["cut", "500", "404"],
)
def test_a_download_that_fails_leaves_what_was_there(fault, error, words, tmp_path):
    target = tmp_path / "x"
    target.write_text("before")
    with FaultyServer(answer=content, always=fault) as server, pytest.raises(error) as caught:
        Ipfs(server.url).download(LOCATION, target)
    assert caught.value.message == words.format(server.url)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert target.read_text() == "before"


def test_an_endless_download_is_given_up(tmp_path):
    with FaultyServer(always=endless(b"")) as server, pytest.raises(IpfsError) as caught:
        Ipfs(server.url).download(LOCATION, tmp_path / "x", max_bytes=1 << 20)
    assert caught.value.details["cause"] == "the answer has more than 1048576 bytes"
    assert list(tmp_path.iterdir()) == []


def test_a_download_announced_too_large_is_not_begun(tmp_path):
    with FaultyServer(answer=content) as server, pytest.raises(ApiError, match="the most allowed is 1000"):
        Ipfs(server.url).download(LOCATION, tmp_path / "x", max_bytes=1000)


def test_a_download_that_trickles_is_given_up(tmp_path):
    with FaultyServer(always=drip(3600)) as server, pytest.raises(IpfsError) as caught:
        Ipfs(server.url, timeout=0.5).download(LOCATION, tmp_path / "x")
    assert caught.value.details["cause"] == "no whole answer in time"


@pytest.mark.parametrize(("rate", "good"), [(32 << 10, True), (8 << 10, False)])
def test_a_download_that_moves_may_take_longer_than_the_time_out(tmp_path, monkeypatch, rate, good):
    clock = Clock()
    monkeypatch.setattr("iexec_lab.services.http.time", clock)
    monkeypatch.setattr("iexec_lab.http_deadline.time", clock)

    def take_time(done, _total):
        clock.ahead = done / rate

    with FaultyServer(answer=lambda _: Reply(200, bytes(2 << 20))) as server:
        ipfs = Ipfs(server.url, timeout=30)
        if good:
            assert ipfs.download(LOCATION, tmp_path / "x", progress=take_time) == 2 << 20
            assert clock.ahead > 2 * 30
        else:
            with pytest.raises(IpfsError) as caught:
                ipfs.download(LOCATION, tmp_path / "x", progress=take_time)
            assert caught.value.details["cause"] == "no whole answer in time"


def test_a_place_that_can_not_be_written_is_told(tmp_path):
    with FaultyServer(answer=content) as server, pytest.raises(CryptoError, match="cannot write"):
        Ipfs(server.url).download(LOCATION, tmp_path / "no" / "x")


class Node:
    """Takes uploads as kubo does, and gives them out."""

    def __init__(self, given_out=True):
        self.given_out = given_out
        self.uploads = []

    def __call__(self, request):
        if request.method == "HEAD":
            return Reply(200 if self.given_out else 404)
        boundary = request.headers["Content-Type"].partition("boundary=")[2]
        head, _, rest = request.body.partition(b"\r\n\r\n")
        assert head.startswith(b"--" + boundary.encode())
        self.uploads.append(rest.removesuffix(f"\r\n--{boundary}--\r\n".encode()))
        name = f"Qm{len(self.uploads):044d}"
        lines = [{"Name": "x", "Bytes": 1}, {"Name": name, "Hash": name, "Size": "1"}]
        return Reply(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.fixture
def node():
    """Uploads go in chunks, which the plain server does not read: it gets them whole."""
    node = Node()

    def read_chunks(exchange):
        rfile, body = exchange.handler.rfile, b""
        if exchange.request.headers.get("Transfer-Encoding") == "chunked":
            while size := int(rfile.readline(), 16):
                body += rfile.read(size)
                rfile.readline()
            rfile.readline()
            exchange.request.body = body
        exchange.send(exchange.forward())

    with FaultyServer(answer=node, always=read_chunks) as server:
        node.server = server
        yield node


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "empty"])
def test_a_file_is_uploaded_as_by_the_official_sdk(kind, node, tmp_path):
    data = b"" if kind == "empty" else CONTENT * 5
    path = tmp_path / "x"
    path.write_bytes(data)
    source = {"path": path, "file": io.BytesIO(data)}.get(kind, data)
    cid = Ipfs(node.server.url, node.server.url).add(source)
    assert node.uploads == [data]
    upload, check = node.server.requests
    assert (upload.method, upload.path) == ("POST", "/api/v0/add?progress=false&stream-channels=true")
    assert (check.method, check.path) == ("HEAD", f"/ipfs/{cid}")


def test_an_upload_that_the_gateway_does_not_have_is_an_error(node):
    node.given_out = False
    url = node.server.url
    with pytest.raises(ApiError, match=f"Failed to load uploaded file at {url}/ipfs/Qm"):
        Ipfs(url, url).add(b"x")
    assert Ipfs(url, url).add(b"x", check=False).startswith("Qm")


@pytest.mark.parametrize("answer", ["", "null", "{}", '{"Hash": 1}', '{"Hash": "../x"}', "<html>"])
def test_an_upload_without_a_cid_is_an_error(answer):
    with FaultyServer(always=garbage(answer)) as server, pytest.raises(ApiError, match="Failed to upload"):
        Ipfs(server.url, server.url).add(b"x")


def test_a_file_that_can_not_be_read_and_a_node_that_is_not_there(tmp_path):
    with pytest.raises(CryptoError, match="cannot read"):
        Ipfs("http://127.0.0.1:9", "http://127.0.0.1:9").add(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="No IPFS node"):
        Ipfs("http://127.0.0.1:9").add(b"x")


def test_a_cid_is_checked_before_it_is_part_of_an_address():
    with pytest.raises(ValidationError):
        Ipfs("http://127.0.0.1:9").exists("../../api")


def test_the_documents_of_a_bulk_are_those_of_the_official_sdk(node):
    [vector] = [v.values[0] for v in vectors("bulk") if v.id == "ok"]
    ipfs = Ipfs(node.server.url, node.server.url)
    slices = [ipfs.add(document.encode()) for document in bulk_slices([vector["input"]["order"]])]
    ipfs.add(bulk_root(slices).encode())
    assert [upload.decode() for upload in node.uploads] == [vector["expected"]["slice"], json.dumps(slices)]


def stored(size):
    """A file as kubo holds it: its CID and the block of its root."""
    blocks = {}
    builder = FileBuilder(blocks.__setitem__)
    builder.write(bytes(size))
    root = builder.finish().cid
    return root, blocks[root]


def gateway(block, reply):
    """Gives the root block to whom it is asked from, else does as ``reply`` does."""

    def fault(exchange):
        if "format=raw" not in exchange.request.path:
            reply(exchange)
        elif block is None:
            exchange.send(Reply(406, b"no such format", ()))
        else:
            exchange.send(Reply(200, block, (("Content-Type", "application/vnd.ipld.raw"),)))

    return fault


def test_an_endless_download_ends_with_the_time_out_when_nobody_knows_its_size(tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("iexec_lab.services.http.time", clock)
    monkeypatch.setattr("iexec_lab.http_deadline.time", clock)

    def a_second_for_each_mebibyte(done, _total):
        clock.ahead = done / (1 << 20)

    with FaultyServer(always=gateway(None, endless(b""))) as server, pytest.raises(IpfsError) as caught:
        Ipfs(server.url, timeout=2).download(LOCATION, tmp_path / "x", progress=a_second_for_each_mebibyte)
    assert caught.value.details["cause"] == "no whole answer in time"
    assert clock.ahead < 10
    assert list(tmp_path.iterdir()) == []


def test_a_fast_endless_download_ends_at_a_size_when_nobody_knows_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("iexec_lab.services.ipfs.UNSIZED", 1 << 20)
    with FaultyServer(always=gateway(None, endless(b""))) as server, pytest.raises(IpfsError) as caught:
        Ipfs(server.url).download(LOCATION, tmp_path / "x")
    assert caught.value.details["cause"] == "the answer has more than 1048576 bytes"


@pytest.mark.parametrize("size", [0, 5, 262_144, 262_145, 1_000_000])
def test_an_endless_download_ends_where_the_file_behind_the_cid_does(size, tmp_path):
    cid, block = stored(size)
    with FaultyServer(always=gateway(block, endless(b""))) as server, pytest.raises(IpfsError) as caught:
        Ipfs(server.url).download(f"/ipfs/{cid}", tmp_path / "x")
    assert caught.value.details["cause"] == f"the answer has more than {size} bytes"


def test_a_download_without_a_length_is_read_whole(tmp_path):
    cid, block = stored(1_000_000)

    def chunked(exchange):
        exchange.handler.close_connection = True
        exchange.start(Reply())
        exchange.handler.wfile.write(bytes(1_000_000))

    with FaultyServer(always=gateway(block, chunked)) as server:
        assert Ipfs(server.url).download(f"/ipfs/{cid}", tmp_path / "x") == 1_000_000


def test_a_length_is_compared_with_what_the_cid_stands_for(tmp_path, monkeypatch):
    monkeypatch.setattr("iexec_lab.services.ipfs.UNSIZED", 1000)
    cid, block = stored(5000)

    def lying(exchange):
        exchange.send(Reply(200, b"", ()), length=4 << 30)

    with FaultyServer(always=gateway(block, lying)) as server, pytest.raises(ApiError) as caught:
        Ipfs(server.url).download(f"/ipfs/{cid}", tmp_path / "x")
    said = f"The gateway announces {4 << 30} bytes for /ipfs/{cid}, but its CID stands for 5000"
    assert caught.value.message == said


@pytest.mark.parametrize("block", [None, b"", b"something else", b"\x0a\xff\xff"])
def test_a_root_block_that_is_none_is_not_believed(block, tmp_path, monkeypatch):
    monkeypatch.setattr("iexec_lab.services.ipfs.UNSIZED", 1000)
    with FaultyServer(answer=content, always=gateway(block, healthy)) as server:
        assert Ipfs(server.url).download(LOCATION, tmp_path / "x") == len(CONTENT)


@given(
    body=st.one_of(
        st.binary(max_size=80),
        mutated({"Name": "file-0", "Hash": CID, "Size": "12"}).map(json.dumps).map(str.encode),
    )
)
def test_what_a_node_says_of_an_upload_is_a_cid_or_nothing(body):
    found = _added(body)
    assert found is None or found.isalnum()
