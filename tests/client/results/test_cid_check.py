from __future__ import annotations

import hashlib
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iexec_lab.client.results import cid_check
from iexec_lab.client.results.download import download_result, fetch_result
from iexec_lab.client.results.result import Result
from iexec_lab.errors import IpfsError
from iexec_lab.ipfs.cid import RAW, Cid
from iexec_lab.ipfs.unixfs import CHUNK_SIZE, FileBuilder

SIZES = st.one_of(
    st.integers(0, 2000), st.sampled_from([CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE + 5])
)


def matches(path, address):
    with path.open("rb") as file:
        return cid_check.matches(file, address)


def address(data, *, version=0, raw=None):
    """The address that the sandbox's node, which is tested against kubo's, gives the data."""
    builder = FileBuilder(lambda _cid, _block: None, version=version, raw_leaves=raw)
    builder.write(data)
    return f"/ipfs/{builder.finish().cid}"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    SIZES, st.binary(min_size=1, max_size=8), st.sampled_from([0, 1]), st.sampled_from([None, True, False])
)
def test_the_right_file_matches_and_no_other(tmp_path, size, seed, version, raw):
    data = (seed * (size // len(seed) + 1))[:size]
    path = tmp_path / "file"
    path.write_bytes(data)
    wanted = address(data, version=version, raw=raw)
    assert matches(path, wanted) is True
    path.write_bytes(data + b"!")
    assert matches(path, wanted) is False


def test_a_tree_of_several_levels(tmp_path):
    data = bytes(range(256)) * 1024 * 180
    (tmp_path / "file").write_bytes(data)
    assert matches(tmp_path / "file", address(data)) is True


def test_known_addresses(tmp_path):
    """What ``ipfs add`` gives for these."""
    for text, cid in (
        (b"hello world\n", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"),
        (b"", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
    ):
        (tmp_path / "file").write_bytes(text)
        assert matches(tmp_path / "file", f"/ipfs/{cid}") is True


def test_a_raw_block(tmp_path):
    (tmp_path / "file").write_bytes(b"raw")
    cid = Cid(1, RAW, hashlib.sha256(b"raw").digest())
    assert matches(tmp_path / "file", f"/ipfs/{cid}") is True
    assert matches(tmp_path / "file", f"/ipfs/{Cid(1, RAW, bytes(32))}") is False


@pytest.mark.parametrize(
    "where", ["/ipfs/no-cid", "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o/a", "/x/y"]
)
def test_addresses_that_say_nothing_about_the_bytes(tmp_path, where):
    (tmp_path / "file").write_bytes(b"")
    assert matches(tmp_path / "file", where) is None


class TestResult:
    @pytest.fixture
    def job(self, lab, hello):
        return lab.app.run(hello, args="checked", watch=True)

    @pytest.fixture
    def liar(self, lab, monkeypatch):
        """A gateway that gives something else."""

        def download(_location, target, **_options):
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("a.txt", "something else")

        monkeypatch.setattr(lab.session.ipfs, "download", download)

    def test_a_lying_gateway_is_found_out(self, job, liar, tmp_path):
        with pytest.raises(IpfsError, match="The gateway served other content than /ipfs/Qm") as caught:
            job.result()
        assert "verify=False" in caught.value.hint
        assert job.result(verify=False).text() == "something else"
        assert list(tmp_path.glob(".*")) == []

    def test_every_way_to_a_result_checks_it_unless_told_not_to(self, lab, job, liar, tmp_path):
        [view] = job.status().tasks
        owner = job.deals[0].deal.beneficiary
        ways = [
            job.result,
            lambda **options: job.results(**options)[0],
            lambda **options: lab.task.result(view.task_id, **options),
            lambda **options: fetch_result(lab.session, view, owner, **options),
            lambda **options: Result(download_result(lab.session, view, tmp_path / "r.zip", **options)),
        ]
        for way in ways:
            for options in ({}, {"verify": True}):
                with pytest.raises(IpfsError, match="The gateway served other content than /ipfs/Qm"):
                    way(**options)
            assert way(verify=False).text() == "something else"

    def test_a_download_that_is_shown_is_checked(self, lab, job, liar):
        with pytest.raises(IpfsError, match="The gateway served other content than /ipfs/Qm"):
            lab.task.show(job.task_ids[0], download="shown")
        assert not (lab.session.folder / "shown.zip").exists()

    def test_a_result_is_downloaded_once(self, lab, job, monkeypatch):
        first = job.result()
        monkeypatch.setattr(lab.session.ipfs, "download", lambda *_args, **_more: pytest.fail("not again"))
        assert job.result().path == first.path

    def test_a_damaged_copy_is_downloaded_again(self, job):
        path = job.result().path
        path.write_bytes(b"damaged")
        assert job.result().text().startswith("Hello, checked!")
        assert json.dumps(job.result().files)
