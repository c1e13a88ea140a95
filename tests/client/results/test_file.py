"""A file of a result: as a table of each kind, by its name, saved."""

from __future__ import annotations

import io
import sys
import zipfile

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from iexec_lab.client.results.missing_file import near
from iexec_lab.client.results.result import Result
from iexec_lab.errors import CryptoError, LibraryError, ObjectNotFoundError

TABLE = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
BIG = 2**200


@pytest.fixture
def make(tmp_path):
    def write(files):
        path = tmp_path / "result.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return Result(path, task_id="0xabc")

    return write


def excel(**options):
    held = io.BytesIO()
    TABLE.to_excel(held, index=False, **options)
    return held.getvalue()


WRITERS = {
    "a.csv": lambda: TABLE.to_csv(index=False),
    "a.tsv": lambda: TABLE.to_csv(index=False, sep="\t"),
    "A.JSON": lambda: TABLE.to_json(orient="records"),
    "a.jsonl": lambda: TABLE.to_json(orient="records", lines=True),
    "a.ndjson": lambda: TABLE.to_json(orient="records", lines=True),
    "a.parquet": TABLE.to_parquet,
    "no-suffix": TABLE.to_parquet,
    "a.xlsx": excel,
    "folder/a": lambda: TABLE.to_csv(index=False),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_of_each_kind(make, name):
    result = make({name: WRITERS[name](), "computed.json": "{}", "note.txt": ""})
    for found in (result.frame(name), result.table(name), result[name].frame()):
        pd.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    if name.endswith((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".xlsx")):
        assert len(result.frame()) == 2


def test_options_go_to_pandas(make):
    result = make({"a.csv": "x;y\n1;2\n", "a.tsv": "x|y\n1|2\n", "a.xlsx": excel(sheet_name="costs")})
    assert list(result.frame("a.csv", sep=";").columns) == ["x", "y"]
    assert list(result["a.tsv"].frame(delimiter="|").columns) == ["x", "y"]
    assert len(result.frame("a.xlsx", sheet_name="costs")) == 2
    with pytest.raises(CryptoError, match="is not a table"):
        result.frame("a.xlsx", sheet_name="none")


WRITTEN = {
    "a.csv": ("x;y\n1;a\n2;b\n", {"sep": ";"}),
    "b.csv": ("x\ty\n1\ta\n2\tb\n", {"sep": "\t"}),
    "c.csv": ("x|y\n1|a\n2|b\n", {"sep": "|"}),
    "d.tsv": ("x;y\n1;a\n2;b\n", {"sep": ";"}),
    "e.csv": ("x,y\n1,a\n2,b\n", {}),
    "f.txt": ("x;y\n1;a\n2;b\n", {"sep": ";"}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_separates_cells_is_found(make, name):
    text, told = WRITTEN[name]
    found = make({name: text}).frame(name)
    pd.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    assert found.attrs == told


@pytest.mark.parametrize(
    "text", ["a;b,c;d\n1;2,3;4\n", "one column\n1;2\n3\n", "x\n1;2\n3;4\n", "a;b\n1;2\n3\n"]
)
def test_nothing_is_guessed_about_separators(make, text):
    found = make({"a.csv": text}).frame()
    pd.testing.assert_frame_equal(found, pd.read_csv(io.StringIO(text)))
    assert not found.attrs


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
def test_letters_of_the_west(make, encoding):
    text = "ville;prix\nGenève;1\nZürich;2\n" + ("\x81;3\n" if encoding == "latin-1" else "")
    result = make({"a.csv": text.encode(encoding)})
    found = result.frame()
    assert found["ville"].tolist()[:2] == ["Genève", "Zürich"]
    assert found.attrs == {"sep": ";"} | ({} if encoding.startswith("utf-8") else {"encoding": encoding})
    shown = result["a.csv"]._repr_mimebundle_()["text/plain"]
    assert "Genève" in shown
    assert "parted by semicolons" in shown
    assert ("read as" in shown) == (not encoding.startswith("utf-8"))
    with pytest.raises(CryptoError, match="is not a table"):
        make({"a.csv": "x\nè\n".encode("latin-1")}).frame(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("result.txt", "Hello, you\n", None),
        ("stdout.txt", "done\n", "nothing separates its cells"),
        ("plot.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "PNG image"),
        ("data", bytes(range(256)), "binary"),
        ("empty.txt", "", "nothing separates"),
    ],
)
def test_what_is_no_table(make, name, content, why):
    result = make({name: content, "table.csv": "x\n1\n"})
    if why is None:
        assert list(result.frame(name).columns) == ["Hello", " you"]
        return
    with pytest.raises(CryptoError, match=f"{name} is not a table: .*{why}") as caught:
        result.frame(name)
    assert caught.value.hint == "Use .text() or .read(). Tables here: table.csv."


def test_one_column_is_read_when_asked_for(make):
    assert make({"a.txt": "x\n1\n2\n"}).frame("a.txt", sep=",")["x"].tolist() == [1, 2]
    assert make({"a.txt": "1\n2\n"}).frame("a.txt", header=None)[0].tolist() == [1, 2]


def test_one_of_several_tables(make):
    result = make({"a.csv": "x\n1\n", "b.csv": "x\n2\n", "stdout.txt": "done"})
    with pytest.raises(ObjectNotFoundError, match="has 2 tables: which one") as caught:
        result.frame()
    assert caught.value.hint == "Name one of: a.csv, b.csv."
    declared = '{"deterministic-output-path": "/iexec_out/b.csv"}'
    assert make({"a.csv": "x\n1\n", "b.csv": "x\n2\n", "computed.json": declared}).frame()["x"].item() == 2
    assert make({"a.json": '[{"x": 3}]', "computed.json": "{}", "stdout.txt": ""}).frame()["x"].item() == 3


def test_a_picture_by_what_it_is(make):
    png = b"\x89PNG\r\n\x1a\n" + bytes(40)
    result = make({"plot": png, "a.txt": "a", "b.svg": "<svg onload='x'/>"})
    assert "image/png" in result.image("plot")._repr_mimebundle_()
    for name in ("a.txt", "b.svg"):
        with pytest.raises(CryptoError, match="is not a picture that can be drawn"):
            result.image(name)
    with pytest.raises(ObjectNotFoundError, match="2 pictures"):
        make({"a.png": png, "b.png": png}).image()


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", f'[{{"wei": {BIG}}}]'), ("a.jsonl", f'{{"wei": {BIG}}}\n')]
)
def test_amounts_on_chain_are_exact(make, name, text):
    assert make({name: text}).frame(name)["wei"].tolist() == [BIG]


@pytest.mark.parametrize(
    ("name", "library", "what"),
    [
        ("a.parquet", "pyarrow", "A Parquet file"),
        ("a.xlsx", "openpyxl", "An Excel file"),
        ("a.xls", "xlrd", "An Excel file"),
    ],
)
def test_a_library_that_is_missing(make, monkeypatch, name, library, what):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LibraryError, match=f"{what} needs {library}") as caught:
        make({name: b"PK"}).frame(name)
    assert caught.value.hint == f"Run: pip install {library}"


def test_an_excel_file_that_is_a_bomb(make):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(70 << 20))
    for data in (held.getvalue(), b"PK\3\4 no zip", b"nothing"):
        with pytest.raises(CryptoError, match="is not a table"):
            make({"a.xlsx": data}).frame()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tabel.csv", "table.csv"),
        ("TABLE.CSV", "table.csv"),
        ("notes.txt", "more/notes.txt"),
        ("out/table.csv", "table.csv"),
        ("plots.png", "plot.png"),
        ("zzz", None),
        ("", None),
        ("t" * 10**6, None),
    ],
)
def test_the_name_that_was_meant(make, typed, meant):
    names = ["computed.json", "table.csv", "more/notes.txt", "plot.png"]
    assert near(typed, names) == meant
    result = make(dict.fromkeys(names, ""))
    with pytest.raises(ObjectNotFoundError, match="No file ") as caught:
        result[typed]
    assert caught.value.hint.startswith(f'Did you mean "{meant}"?' if meant else "Files: computed.json")
    assert typed not in result


def test_strangers_names_do_not_cost_long(make):
    result = make({f"{'a' * 200}{place}": "" for place in range(5000)})
    with pytest.raises(ObjectNotFoundError) as caught:
        result["b" * 10_000]
    assert len("\n".join(caught.value.lines())) < 2_000


def test_as_a_mapping_of_names(make):
    result = make({"a.txt": "A", "b/c.txt": "C"})
    assert (list(result), len(result)) == (["a.txt", "b/c.txt"], 2)
    assert ("a.txt" in result, "x" in result) == (True, False)
    file = result["b/c.txt"]
    assert (file.name, file.size, file.bytes, file.text()) == ("b/c.txt", 1, b"C", "C")
    assert repr(file) == "<ResultFile b/c.txt, 1 byte>"
    assert bool(make({}))


def test_names_are_completed(make):
    shell = InteractiveShell()
    shell.user_ns["r"] = make({"table.csv": "", "two words.txt": "", "\x1b[2J": ""})
    with provisionalcompleter():
        found = {each.text for each in shell.Completer.completions('r["', 3)}
    assert {text.rstrip('"]') for text in found} >= {"table.csv", "two words.txt"}
    assert not any("\x1b" in text for text in found)


class TestSave:
    def test_one_file(self, make, tmp_path):
        file = make({"a/b.txt": "B"})["a/b.txt"]
        (tmp_path / "there").mkdir()
        assert file.save(tmp_path / "there") == tmp_path / "there" / "b.txt"
        assert file.save(tmp_path / "new" / "x.txt").read_text() == "B"

    @pytest.mark.parametrize("name", ["a/..", "..", "a\\b", "c:d"])
    def test_a_name_that_leads_elsewhere(self, tmp_path, make, name):
        result = make({name: "1"})
        for each in result:
            with pytest.raises(CryptoError):
                result[each].save(tmp_path)

    def test_a_folder_gets_the_files_and_a_name_with_a_suffix_the_zip(self, make, tmp_path):
        result = make({"a/b.txt": "B", "c.txt": "C"})
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "mine").write_text("mine")
        for name in ("there", "new", "new"):
            folder = result.save(tmp_path / name)
            assert (folder / "a" / "b.txt").read_text() == "B"
        assert (tmp_path / "there" / "mine").read_text() == "mine"
        assert sorted(each.name for each in (tmp_path / "there").iterdir()) == ["a", "c.txt", "mine"]
        assert zipfile.is_zipfile(result.save(tmp_path / "r.zip"))
        (tmp_path / "old").write_text("a zip, once")
        assert zipfile.is_zipfile(result.save(tmp_path / "old"))

    def test_nothing_is_replaced(self, make, tmp_path):
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "c.txt").write_text("mine")
        result = make({"b.txt": "B", "c.txt": "C"})
        with pytest.raises(CryptoError, match=r"c.txt is there already, with other content") as caught:
            result.save(tmp_path / "there")
        assert "overwrite=True" in caught.value.hint
        assert [each.name for each in (tmp_path / "there").iterdir()] == ["c.txt"]
        result.save(tmp_path / "there", overwrite=True)
        assert (tmp_path / "there" / "c.txt").read_text() == "C"

    @pytest.mark.parametrize("name", [".git/hooks/pre-commit", "a/.bashrc", ".env"])
    def test_nothing_hidden_comes_into_a_folder_that_others_use(self, make, tmp_path, name):
        (tmp_path / "there").mkdir()
        with pytest.raises(CryptoError, match="is a hidden file"):
            make({"a.txt": "", name: ""}).save(tmp_path / "there", overwrite=True)
        assert [*(tmp_path / "there").iterdir()] == []
        assert make({name: ""}).save(tmp_path / "new").is_dir()

    @pytest.mark.parametrize("name", ["link/x", "file/x", "link"])
    def test_no_link_is_followed(self, make, tmp_path, name):
        there, out = tmp_path / "there", tmp_path / "out"
        there.mkdir()
        out.mkdir()
        (there / "link").symlink_to(out)
        (there / "file").write_text("")
        with pytest.raises(CryptoError):
            make({name: "1"}).save(there, overwrite=True)
        assert [*out.iterdir()] == []

    @pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
    def test_nothing_leaves_the_folder(self, make, tmp_path, name):
        (tmp_path / "there").mkdir()
        for folder in ("there", "new"):
            with pytest.raises(CryptoError, match="outside of its folder"):
                make({name: "1"}).save(tmp_path / folder)
