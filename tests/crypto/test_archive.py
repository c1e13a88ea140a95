from __future__ import annotations

import io
import os
import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.crypto import (
    ArchiveLimits,
    extract_archive,
    open_archive,
    write_folder,
)
from iexec_lab.crypto.archive import (
    DEFAULT_LIMITS,
    Member,
    TooMuchError,
    _Wary,
    check_members,
    check_size,
)
from iexec_lab.errors import CryptoError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make(entries, compression=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return target.getvalue()


def link(name, goal):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, goal


def test_an_archive_is_unpacked(tmp_path):
    data = make([("a.txt", b"a"), ("b/", b""), ("b/c.txt", b"c"), ("empty/", b"")])
    told = []
    paths = extract_archive(data, tmp_path / "out", progress=lambda *now: told.append(now))
    assert paths == [tmp_path / "out" / "a.txt", tmp_path / "out" / "b" / "c.txt"]
    assert [path.read_bytes() for path in paths] == [b"a", b"c"]
    assert (tmp_path / "out" / "empty").is_dir()
    assert told[-1] == (2, 2)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/x",
        "//x",
        "a//b",
        "./x",
        "a/./b",
        "..",
        ".",
        "C:/x",
        "c:x",
        "a\\..\\x",
        "a\x00b",
        "",
    ],
)
def test_entries_that_lead_out_are_refused(tmp_path, name):
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    data = make([("good.txt", b"x"), (info, b"evil")])
    if name == "a\x00b":  # the zip module cuts names there when it reads them
        data = make([("good.txt", b"x"), ("a_b", b"evil")]).replace(b"a_b", b"a\x00b")
    with pytest.raises(CryptoError, match="an entry outside of its folder"):
        extract_archive(data, tmp_path / "out")
    assert names(tmp_path) == []


def test_links_and_devices_are_refused(tmp_path):
    fifo = zipfile.ZipInfo("pipe")
    fifo.external_attr = (stat.S_IFIFO | 0o644) << 16
    for entries in ([link("x", b"/etc/passwd")], [link("x", b".."), ("x/y", b"")], [(fifo, b"")]):
        with pytest.raises(CryptoError, match="a symbolic link or device"):
            extract_archive(make(entries), tmp_path / "out")
    assert names(tmp_path) == []


def test_bombs_are_refused(tmp_path):
    bomb = make([(f"{i}", bytes(1_000_000)) for i in range(20)])
    for limits, problem in (
        (ArchiveLimits(max_bytes=10_000_000), "unpacks to too much"),
        (ArchiveLimits(max_files=10), "too many entries"),
        (ArchiveLimits(max_ratio=100, free_bytes=1_000_000), "suspiciously much"),
    ):
        with pytest.raises(CryptoError, match=problem) as caught:
            extract_archive(bomb, tmp_path / "out", limits=limits)
        assert caught.value.details
    assert names(tmp_path) == []
    assert len(extract_archive(bomb, tmp_path / "out")) == 20


def test_declared_sizes_are_not_believed(tmp_path):
    """An entry that says it has 100 bytes and unpacks to a million."""
    data = bytearray(make([("x", bytes(1_000_000))]))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        offset = archive.start_dir
    for place in (offset + 24, 22):
        data[place : place + 4] = (100).to_bytes(4, "little")
    with pytest.raises(CryptoError):
        extract_archive(bytes(data), tmp_path / "out")
    assert names(tmp_path) == []


def test_entries_that_are_in_each_others_way(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = make([("x", b"1"), ("x", b"2")])
    with pytest.raises(CryptoError, match="the same entry twice"):
        extract_archive(twice, tmp_path / "out")
    with pytest.raises(CryptoError, match="cannot write"):
        extract_archive(make([("x", b"1"), ("x/y", b"2")]), tmp_path / "out")
    assert names(tmp_path) == []


def test_archives_with_a_password_are_refused(tmp_path):
    data = bytearray(make([("x", b"1")]))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + place] |= 1
    with pytest.raises(CryptoError, match="a password"):
        extract_archive(bytes(data), tmp_path / "out")


def test_damaged_archives_are_refused(tmp_path):
    good = make([("x", os.urandom(1000))], zipfile.ZIP_STORED)
    flipped = bytearray(good)
    flipped[100] ^= 1
    for data in (b"", b"no zip", good[:-30], bytes(flipped)):
        with pytest.raises(CryptoError, match="the zip archive is damaged"):
            extract_archive(data, tmp_path / "out")
    with pytest.raises(CryptoError, match="cannot read"):
        extract_archive(tmp_path / "none.zip", tmp_path / "out")
    assert names(tmp_path) == []


def test_what_is_there_is_kept_or_replaced_whole(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    extract_archive(make([("a", b"1")]), out)
    with pytest.raises(CryptoError, match="already exists and is not empty"):
        extract_archive(make([("b", b"2")]), out)
    with pytest.raises(CryptoError):
        extract_archive(b"no zip", out, overwrite=True)
    assert names(out) == ["a"]
    extract_archive(make([("b", b"2")]), out, overwrite=True)
    assert names(out) == ["b"]
    assert names(tmp_path) == ["out"]


def test_a_target_that_is_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine")
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    extract_archive(make([("a", b"1")]), tmp_path / "out", overwrite=True)
    assert (tmp_path / "elsewhere" / "file").read_text() == "mine"
    assert not (tmp_path / "out").is_symlink()


def test_stopping_half_way_leaves_nothing_behind(tmp_path):
    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_archive(make([("a", b"1"), ("b", b"2")]), tmp_path / "out", progress=stop)
    assert names(tmp_path) == []


def test_one_entry_can_be_read(tmp_path):
    with open_archive(make([("a", b"hello")])) as archive:
        [info] = check_members(archive)
        member = Member(archive, info)
        assert (member.read(2), member.read()) == (b"he", b"llo")


def test_a_folder_comes_back(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "x").write_bytes(os.urandom(100_000))
    (tmp_path / "in" / "empty").mkdir()
    data = b"".join(map(bytes, write_folder(tmp_path / "in")))
    extract_archive(data, tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "x").read_bytes() == (tmp_path / "in" / "sub" / "x").read_bytes()
    assert (tmp_path / "out" / "empty").is_dir()


def test_so_much_of_a_table_of_contents_is_read_at_once():
    data = io.BytesIO(bytes(20 << 20))
    wary = _Wary(data)
    assert len(wary.read(16 << 20)) == 16 << 20
    data.seek(0)
    assert len(wary.read()) == 16 << 20
    for count in ((16 << 20) + 1, -2):
        with pytest.raises(CryptoError, match="too many entries") as caught:
            wary.read(count)
        assert caught.value.details == {"table": f"{count} bytes"}


class TestLimits:
    """Each limit is the last that passes."""

    @pytest.mark.parametrize(
        ("size", "packed", "limits", "problem"),
        [
            (100, 1, {"max_bytes": 100}, None),
            (101, 100, {"max_bytes": 100}, "unpacks to too much"),
            (200, 20, {"max_ratio": 10, "free_bytes": 100}, None),
            (201, 20, {"max_ratio": 10, "free_bytes": 100}, "unpacks to suspiciously much"),
            (100, 1, {"max_ratio": 10, "free_bytes": 100}, None),
            (101, 1, {"max_ratio": 10, "free_bytes": 100}, "unpacks to suspiciously much"),
            (10, 0, {"max_ratio": 10, "free_bytes": 0}, None),
            (11, 0, {"max_ratio": 10, "free_bytes": 0}, "unpacks to suspiciously much"),
        ],
    )
    def test_sizes(self, size, packed, limits, problem):
        if problem is None:
            check_size(size, packed, ArchiveLimits(**limits))
        else:
            with pytest.raises(TooMuchError, match=problem):
                check_size(size, packed, ArchiveLimits(**limits))

    def test_numbers_of_entries(self, tmp_path):
        data = make([("a", b""), ("b", b"")])
        assert len(extract_archive(data, tmp_path / "out", limits=ArchiveLimits(max_files=2))) == 2
        with pytest.raises(CryptoError, match="too many entries") as caught:
            extract_archive(data, tmp_path / "no", limits=ArchiveLimits(max_files=1))
        assert caught.value.details == {"entries": 2}

    def test_the_usual_ones(self):
        assert ArchiveLimits() == DEFAULT_LIMITS == ArchiveLimits(10**10, 10**5, 200, 10**8)

    def test_the_bytes_of_one_entry(self):
        with open_archive(make([("a", b"hello")])) as archive:
            [info] = check_members(archive)
            assert Member(archive, info).read_all(5) == b"hello"
            with pytest.raises(TooMuchError, match="unpacks to too much") as caught:
                Member(archive, info).read_all(4)
            assert caught.value.details == {"limit": "4 bytes"}
            for count in (2 << 20, 1 << 20):
                assert Member(archive, info).read(count) == b"hello"


def test_files_are_for_everybody_unless_they_are_private(tmp_path):
    before = os.umask(0o022)
    try:
        extract_archive(make([("a/b", b"1")]), tmp_path / "out")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) for name in ("", "a", "a/b")]
    assert modes == [0o755, 0o755, 0o644]


GOOD = make([("a/b.txt", b"hello" * 20), ("c", b"x")])
CONTENTS = ([], [b"x"], [b"hello" * 20], [b"hello" * 20, b"x"])


@given(st.data())
@settings(max_examples=100)
def test_any_damage_is_refused_or_harmless(tmp_path_factory, data):
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("zip")
    try:
        paths = extract_archive(bytes(damaged), folder / "out")
    except CryptoError:
        assert names(folder) == []
    else:
        found = [path for path in (folder / "out").rglob("*") if path.is_file()]
        assert sorted(found) == sorted(paths)
        # Every entry has a checksum: what comes out is what went in, if under another name.
        assert sorted(path.read_bytes() for path in found) in CONTENTS
    assert names(folder) in ([], ["out"])


def test_entries_that_share_bytes_are_refused(tmp_path):
    """The bomb that needs no nesting: many entries of the table of contents name one piece of data."""
    data = bytearray(make([(f"{i}", b"x" * 500) for i in range(3)], zipfile.ZIP_STORED))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        place = archive.start_dir
    first = data[place + 42 : place + 46]
    second = data.index(b"PK\1\2", place + 4)
    data[second + 42 : second + 46] = first
    with pytest.raises(CryptoError, match="overlap"):
        extract_archive(bytes(data), tmp_path / "out")
    assert names(tmp_path) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_than_deflate_are_not_unpacked(tmp_path, method):
    with pytest.raises(CryptoError, match="uses a compression that is not supported"):
        extract_archive(make([("x", b"y" * 1000)], method), tmp_path / "out")
    assert names(tmp_path) == []


def test_a_table_of_contents_of_gigabytes_is_not_read():
    data = bytearray(make([("x", b"1")]))
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 16] = (3 << 30).to_bytes(4, "little")  # so long the table is said to be
    for spoilt in (bytes(data), bytes(data) + b"\0" * 10):
        with pytest.raises(CryptoError), open_archive(spoilt):
            pass


def test_a_private_archive_gives_private_files(tmp_path):
    extract_archive(make([("a/b", b"1"), ("c", b"2")]), tmp_path / "out", private=True)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out", tmp_path / "out" / "c")] == [
        0o700,
        0o600,
    ]


@pytest.mark.parametrize("folder", ["a" * 5000, "a\0b", "\ud800", "/dev/null/x"])
def test_a_folder_that_can_not_be(folder):
    with pytest.raises(CryptoError):
        extract_archive(make([("x", b"1")]), folder)
