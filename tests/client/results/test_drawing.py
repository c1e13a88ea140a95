"""How results look: what is inside, bounded, and nothing of it runs."""

from __future__ import annotations

import io
import json
import re
import struct
import sys
import zipfile
import zlib
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.client.results.many import Results
from iexec_lab.client.results.result import Origin, Result
from iexec_lab.crypto import encrypt_result, generate_keypair
from iexec_lab.errors import CryptoError, JobError
from iexec_lab.frames.shown import is_ours
from iexec_lab.notebook.drawing.display import to_text

TASK = "0x" + "ab" * 32
EVIL = '"><img src=x onerror=alert(1)>'
INERT = {
    *("section", "div", "span", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
    *("pre", "code", "img"),
}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width=2, height=2):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height) if width * height < 100 else b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Tags(HTMLParser):
    """What a browser makes of HTML: elements and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def drawn(value):
    """The HTML of a value, which only has elements that do nothing, and its text."""
    bundle = value._repr_mimebundle_()
    for tag, attributes in Tags(bundle["text/html"]).found:
        assert tag in INERT
        assert not [name for name in attributes if name.startswith("on")]
        assert "href" not in attributes
        if tag == "img":
            assert attributes["src"].startswith(("data:image/png;base64,", "data:image/gif;base64,"))
    assert all(line.isprintable() for line in bundle["text/plain"].split("\n"))
    return bundle["text/html"], bundle["text/plain"]


@pytest.fixture
def make(tmp_path):
    def write(files, name="result.zip", **known):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, content in files.items():
                archive.writestr(each, content)
        return Result(path, task_id=TASK, origin=Origin(**known))

    return write


def test_what_is_inside(make):
    parquet = pd.DataFrame({"a": range(1000), "b": "x"}).to_parquet()
    result = make(
        {
            "computed.json": "{}",
            "table.csv": "step,loss\n" + "".join(f"{row},0.5\n" for row in range(25)),
            "plot.png": png(),
            "metrics.json": '{"model": "ridge", "about": {"seed": 7}}',
            "rows.jsonl": '{"epoch": 1}\n{"epoch": 2, "loss": 3}\n',
            "data.parquet": parquet,
            "weights.bin": bytes(range(200)),
            "stdout.txt": "Hello\nthere\n",
        }
    )
    html, text = drawn(result)
    size, table = sum(len(result.read(name)) for name in result), len(result["table.csv"].bytes)
    assert text.split("\n")[0] == f"Result of task {TASK}: 8 files, {size / 1000:.1f} kB"
    for line in (
        "stdout.txt     text, 12 bytes",
        f"table.csv      CSV table, first 10 of 25 rows, {table} bytes",
        f"plot.png       PNG image, 2 by 2, {len(png())} bytes",
        "metrics.json   JSON, 2 names, 40 bytes",
        f"rows.jsonl     JSON lines, 2 rows, {len(result['rows.jsonl'].bytes)} bytes",
        f"data.parquet   Parquet table, first 10 of 1,000 rows, {len(parquet) / 1000:.1f} kB",
        "weights.bin    binary, 200 bytes",
        "Hello",
    ):
        assert f"\n  {line}" in text
    assert text.split("\n")[1].startswith("  stdout.txt")  # what is read without a name comes first
    assert "<td" in html
    assert ">0.5</td>" in html
    assert ">loss</th>" in html
    assert html.count("<img") == 1
    order = [html.index(f">{name}<") for name in ("stdout.txt", "table.csv", "computed.json")]
    assert order == sorted(order)


def test_numbers_end_at_the_right_edge(make):
    html, text = drawn(make({"t.csv": "day,steps,note\n2026-01-01,5,a b\n2026-01-02,1000,\n"}))
    right = {cell for cell in ("steps", "5", "1000") if f">{cell}<" in html}
    assert len(right) == 3
    for cell in ("day", "steps", "note", "2026-01-01", "5", "1000", "a b"):
        [style] = [dict(attrs)["style"] for attrs in cells_of(html, cell)]
        assert ("text-align:right" in style) == (cell in right)
        assert ("nowrap" in style) == (cell != "a b")
    assert "\n  2026-01-01      5  a b\n" in text


def cells_of(html, text):
    """The attributes of the cells that hold a text."""
    return [re.findall(r'(\S+)="([^"]*)"', found) for found in re.findall(rf"<t[dh]([^>]*)>{text}</t", html)]


def test_as_many_columns_as_there_is_room_for(make, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    head = ",".join(f"column_number_{place}" for place in range(40))
    html, text = drawn(make({"t.csv": f"{head}\n{','.join('1' * 40)}\n", "one.csv": "x" * 300 + "\n1\n"}))
    assert "1 row, 6 of 40 columns" in text
    assert html.count('scope="col"') == 7
    assert max(len(line) for line in text.split("\n")[1:]) <= 80
    row = text.split("\n")[-1]
    assert row.endswith("1  …")  # whole columns, never a part of one
    assert len(row.split()) == 5


def test_an_excel_workbook(make, monkeypatch):
    held = io.BytesIO()
    with pd.ExcelWriter(held) as writer:
        for name, rows in (("costs", 25), ("other", 1)):
            table = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=rows), "nrlc": range(rows)})
            table.to_excel(writer, sheet_name=name, index=False)
    result = make({"book.xlsx": held.getvalue()})
    html, text = drawn(result)
    assert "Excel workbook, the first of 2 sheets, first 10 rows" in text
    assert ">2026-01-01</td>" in html
    assert "\n  2026-01-10     9" in text
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    html, text = drawn(result)
    assert "Excel workbook, " in text
    assert "<table" not in html
    for data in (b"PK\3\4 no workbook", bomb()):
        assert "Excel workbook" in drawn(make({"book.xlsx": data}))[1]


def bomb():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(70 << 20))
    return held.getvalue()


def test_what_is_open(make):
    html, _ = drawn(make({"a.csv": "x\n1\n", "m.json": "{}", "z.bin": b"\0", "stdout.txt": "S"}))
    tags = [("open" in attributes) for tag, attributes in Tags(html).found if tag == "details"]
    assert tags == [True, True, False, False]  # output, table, JSON, bytes


@pytest.mark.parametrize(
    "name", ["a.html", "a.svg", "a.txt", "a.csv", "a.json", "a.jsonl", "a.md", "a.xhtml", "a.png", EVIL]
)
@pytest.mark.parametrize(
    "content", [f"<script>alert(1)</script>{EVIL}", f'<svg onload="alert(1)">{EVIL}</svg>']
)
def test_strangers_html_is_text(make, name, content):
    wrapped = {
        "a.json": json.dumps([{content: content}]),
        "a.jsonl": json.dumps({content: content}),
    }.get(name, content)
    result = make({name: wrapped, "t.json": json.dumps({content: [content, {content: content}]})})
    html, _ = drawn(result)
    assert "&lt;" in html
    drawn(result[name])
    drawn(result["t.json"])
    drawn(Results([result, result]))


def test_names_steer_nothing(make):
    name = "\x1b[2J\u202egnp.evil" + "a" * 500
    html, text = drawn(make({name: "1", "b": "2"}))
    assert "\u202e" not in html
    assert max(map(len, text.split("\n"))) < 200


class TestBounds:
    """A small part of each file is read, and little of it is drawn."""

    def test_a_bomb(self, make):
        result = make(
            {f"{place}.{kind}": bytes(5 << 20) for place in range(3) for kind in ("csv", "png", "txt")}
        )
        html, _ = drawn(result)
        assert len(html) < 20_000

    def test_only_heads_are_read(self, make, monkeypatch):
        from iexec_lab.client.results import file_drawing

        read = []
        real = file_drawing.Member.read

        def count(member, size):
            data = real(member, size)
            read.append(len(data))
            return data

        result = make({f"{place}.txt": "word " * 400_000 for place in range(40)})
        monkeypatch.setattr(file_drawing.Member, "read", count)
        html, _ = drawn(result)
        assert sum(read) < 30 * (65 << 10)
        assert len(html) < 100_000

    def test_many_files(self, make):
        html, text = drawn(make({f"{place}.txt": "x" for place in range(1000)}))
        assert "970 more files" in html
        assert "… 770 more" in html
        assert "… 980 more" in text
        assert len(html) < 100_000

    def test_pictures_have_room_for_some(self, make):
        big = png()[:-12] + chunk(b"tEXt", b"x" * 400_000) + png()[-12:]
        html, text = drawn(make({f"{place}.png": big for place in range(6)}))
        assert html.count("<img") == 2
        assert text.count("too large to be drawn here") == 4
        assert len(html) < 1_600_000

    def test_a_picture_of_billions_of_pixels(self, make):
        result = make({"a.png": png(60_000, 60_000)})
        html, text = drawn(result)
        assert "<img" not in html
        assert "60000 by 60000, too large" in text
        assert set(result.image()._repr_mimebundle_()) == {"text/plain", "text/html"}

    def test_a_wide_table(self, make):
        html, text = drawn(make({"a.csv": ",".join(map(str, range(9000))) + "\n" + "1," * 9000}))
        assert "12 of 9001 columns" in text
        assert len(html) < 10_000

    def test_a_large_tree(self, make):
        deep = json.dumps({"a": {str(place): [1, {"b": list(range(50))}] for place in range(500)}})
        html, _ = drawn(make({"a.json": deep, "b.json": "[" * 150 + "]" * 150, "c.json": "[" * 5000}))
        assert "more</div>" in html
        assert len(html) < 60_000

    def test_long_numbers_are_not_cut(self, make):
        html, text = drawn(make({"a.json": json.dumps([{"wei": 2**600}])}))
        assert "about 4.150e+180" in html
        assert "about 4.150e+180" in text


def test_a_damaged_file_says_so(make, tmp_path):
    data = bytearray(make({"a.txt": "hello " * 500, "b.txt": "fine"}).path.read_bytes())
    place = data.index(b"a.txt") + 5
    data[place : place + 20] = b"\xff" * 20
    (tmp_path / "bad.zip").write_bytes(data)
    html, text = drawn(Result(tmp_path / "bad.zip"))
    assert "a.txt  cannot be shown" in text
    assert "fine" in html
    drawn(Result(tmp_path / "bad.zip")["a.txt"])


@pytest.mark.parametrize("content", [None, b"", b"no zip at all"])
def test_what_is_no_result_is_drawn_too(tmp_path, content):
    if content is not None:
        (tmp_path / "r.zip").write_bytes(content)
    result = Result(tmp_path / "r.zip")
    html, text = drawn(result)
    assert text.startswith("Result r.zip\n  ")
    assert "r.zip" in html
    assert repr(result).startswith("<Result ")


def test_an_error_report(make):
    files = {"computed.json": '{"error-message": "APP_IMAGE_DOWNLOAD_FAILED"}', "error.txt": "no image"}
    html, text = drawn(make(files))
    assert "the app did not run: APP_IMAGE_DOWNLOAD_FAILED" in html
    assert "the app did not run: APP_IMAGE_DOWNLOAD_FAILED" in text


@pytest.fixture(scope="module")
def pair():
    return generate_keypair(2048)


class TestKeys:
    """An encrypted result opens with the key at hand, or says which one is needed."""

    OWNER, OTHER = "0x" + "Aa" * 20, "0x" + "Bb" * 20

    @pytest.fixture
    def sealed(self, make, tmp_path, pair):
        encrypt_result(make({"stdout.txt": "secret"}).path, tmp_path / "enc.zip", pair[1])

        def known(**about):
            return Result(tmp_path / "enc.zip", task_id=TASK, origin=Origin(**about))

        return known

    def test_whose_key_is_needed_and_where_it_was_looked_for(self, sealed, tmp_path):
        place = tmp_path / ".secrets" / f"{self.OWNER}_key"
        html, text = drawn(sealed(beneficiary=self.OWNER, wallet=self.OWNER, key_file=place))
        for told in (
            f"beneficiary: {self.OWNER}",
            f"looked for: {place}",
            f'decrypt("<folder>/{self.OWNER}_key")',
        ):
            assert told in text
        assert self.OWNER in html
        assert "wallet" not in text

    def test_another_wallet_is_told(self, sealed):
        _, text = drawn(sealed(beneficiary=self.OWNER, wallet=self.OTHER))
        assert f"wallet: {self.OTHER}" in text
        assert f"Only {self.OWNER} has the key, not this wallet" in text

    def test_a_key_is_given_as_text_as_file_or_with_its_folder(self, sealed, tmp_path, pair):
        folder = tmp_path / "keys"
        folder.mkdir()
        file = folder / f"{self.OWNER}_key"
        file.write_bytes(pair[0])
        result = sealed(beneficiary=self.OWNER, key_file=file)
        for key in (pair[0], pair[0].decode(), file, str(file), folder, str(folder), None):
            assert result.decrypt(key).text() == "secret"
        assert result.decrypt(key).status == result.status

    def test_a_key_that_is_not_there(self, sealed, tmp_path):
        for key, told in (
            (tmp_path / "none", "Failed to load the private key from"),
            (str(tmp_path / "none_key"), "none_key"),
            (None, "whose key was not found"),
        ):
            with pytest.raises(CryptoError, match=told):
                sealed(beneficiary=self.OWNER).decrypt(key)

    def test_a_wrong_key_says_whose_is_needed(self, sealed, tmp_path):
        (tmp_path / "wrong").write_bytes(generate_keypair(2048)[0])
        with pytest.raises(CryptoError, match="Failed to decrypt") as caught:
            sealed(beneficiary=self.OWNER).decrypt(tmp_path / "wrong")
        assert caught.value.details["beneficiary"] == self.OWNER
        assert "another beneficiary key" in caught.value.hint

    def test_no_part_of_a_key_is_repeated(self, sealed, pair):
        body = "".join(pair[0].decode().split("\n")[1:-1])
        for key in (body, body[:900], body[:60], "\n" + body):
            with pytest.raises(CryptoError) as caught:
                sealed().decrypt(key)
            assert key.strip()[:20] not in "\n".join(caught.value.lines())


class TestMany:
    """The results of many tasks are one object."""

    @pytest.fixture
    def results(self, make):
        late = JobError("Task is not completed", details={"why": "the app ended with exit code 3"})
        known = []
        for place in range(3):
            files = {"table.csv": f"x,y\n1,{place}\n2,{place}\n", "stdout.txt": f"Hello {place}"}
            known.append(make(files, f"{place}.zip", index=place, status="COMPLETED"))
        known[1] = Result(
            known[1].path.with_name("none"), task_id=TASK, origin=Origin(1, "TIMEOUT", trouble=late)
        )
        return Results(known)

    def test_a_sequence(self, results):
        assert len(results) == 3
        assert [result.task_index for result in results] == [0, 1, 2]
        assert [result.task_index for result in results[1:]] == [1, 2]
        assert [result.task_index for result in results.completed] == [0, 2]
        assert [result.error.message for result in results.failed] == ["Task is not completed"]
        assert repr(results) == "<Results of 3 tasks, 1 without a result>"

    def test_drawn_as_a_table(self, results):
        html, text = drawn(results)
        assert text.split("\n") == [
            "Results of 3 tasks, 1 without a result",
            "task  status     files                  first lines",
            "0     completed  table.csv, stdout.txt  Hello 0",
            "1     late                              the app ended with exit code 3",
            "2     completed  table.csv, stdout.txt  Hello 2",
        ]
        assert "2 completed, 1 late of 3" in html

    def test_a_terminal_has_room_for_each_line(self, results, make, monkeypatch):
        long = make({f"{'n' * 60}{place}.txt": "word " * 60 for place in range(3)}, "l.zip", index=4)
        for columns in (60, 80, 200):
            monkeypatch.setenv("COLUMNS", str(columns))
            _, text = drawn(Results([*results, long]))
            assert max(map(len, text.split("\n"))) <= columns

    def test_tables_are_stacked(self, results):
        found = results.frame("table.csv")
        expected = pd.DataFrame({"task_index": [0, 0, 2, 2], "x": [1, 2, 1, 2], "y": [0, 0, 2, 2]})
        pd.testing.assert_frame_equal(found, expected)
        assert found.attrs == {"left_out": 1}
        assert list(results[2:].frame().columns) == ["task_index", "x", "y"]
        assert results[2:].frame().attrs == {}
        assert list(results[:1].frame("table.csv", usecols=["y"])["y"]) == [0, 0]

    def test_a_column_of_the_app_is_kept(self, make):
        found = Results([make({"a.csv": "task_index,x\n7,1\n"})]).frame()
        assert found.to_dict("records") == [{"task_index": 0, "app_task_index": 7, "x": 1}]

    def test_a_task_without_the_table_is_named(self, results, make):
        several = Results([results[0], make({"b.txt": "1"}, "b.zip", index=5)])
        with pytest.raises(Exception, match="No file table") as caught:
            several.frame("table.csv")
        assert caught.value.details["task"] == 5

    def test_nothing_to_stack(self, results):
        for act in (results[1:2].frame, lambda: results[1:2].save("nowhere")):
            with pytest.raises(JobError, match="No task has a result") as caught:
                act()
            assert caught.value.details == {"why": "the app ended with exit code 3"}

    def test_a_task_without_a_result_says_why(self, results):
        for act in (
            results[1].text,
            results[1].frame,
            lambda: results[1]["x"],
            lambda: results[1].save("x.zip"),
        ):
            with pytest.raises(JobError, match="Task is not completed"):
                act()
        assert (results[1].files, results[1].encrypted, bool(results[1])) == ([], False, True)
        assert "the app ended with exit code 3" in drawn(results[1])[1]

    def test_saved_below_one_folder(self, results, tmp_path):
        folders = results.save(tmp_path / "all")
        assert folders == [tmp_path / "all" / "0", tmp_path / "all" / "2"]
        assert (folders[1] / "stdout.txt").read_text() == "Hello 2"
        assert results.save(tmp_path / "all") == folders

    def test_a_row_for_each(self, results):
        found = results.summary()
        assert list(found.columns) == ["task_index", "task_id", "status", "files", "first_lines", "reason"]
        assert list(found["files"]) == [2, 0, 2]
        assert list(found["reason"]) == ["", "the app ended with exit code 3", ""]
        found.loc[0, "first_lines"] = "Hello\nyou"
        assert "Hello ⏎ you" in to_text(found, 9, shorten=True)
        assert (is_ours(found), list(found["task_index"])) == (True, [0, 1, 2])

    def test_of_very_many_some_are_drawn_and_all_that_failed(self, results):
        many = Results([results[0]] * 120 + [results[1]] + [results[0]] * 500)
        html, text = drawn(many)
        assert "exit code 3" in text
        assert text.endswith("[570 more; .summary() has all of them]")
        assert len(html) < 60_000

    def test_many_files_are_counted_before_they_are_cut(self, make):
        result = make({f"{place}.txt": "" for place in range(1200)}, "many.zip")
        assert "1,200: 0.txt, 1.txt, 2.txt, …" in drawn(Results([result]))[1]

    def test_no_file_at_all(self, make):
        assert "job.logs()" in drawn(make({}))[0]

    def test_none(self):
        assert "no tasks" in drawn(Results([]))[0]


@given(
    files=st.dictionaries(
        st.text(min_size=1, max_size=30).filter(lambda name: name.isprintable() and "/" not in name),
        st.binary(max_size=200)
        | st.sampled_from(
            [png(), b'{"a": [1, {"b": "<"}]}', b'[{"a": 1}, {"b": 2}]', b'a,"b\n1,2', b"PAR1" * 9]
        ),
        max_size=4,
    ),
    suffix=st.sampled_from(["", ".csv", ".tsv", ".json", ".jsonl", ".png", ".parquet", ".html", ".txt"]),
)
def test_whatever_an_app_writes_is_drawn(tmp_path_factory, files, suffix):
    path = tmp_path_factory.mktemp("zip") / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name + suffix, content)
    result = Result(path)
    html, text = drawn(result)
    assert len(html) + len(text) < 200_000
    for name in result:
        drawn(result[name])
