"""A library that is missing is named as pip calls it; one that is broken is not called missing."""

from __future__ import annotations

import importlib
import sys
import zipfile

import pytest

from iexec_lab.client.results.result import Result
from iexec_lab.errors import LibraryError
from iexec_lab.frames import build, to_arrow, to_parquet
from iexec_lab.libraries import needing
from iexec_lab.plots import depth
from iexec_lab.protocol import signatures

BROKEN = {
    "import no_such_part": "ModuleNotFoundError: No module named 'no_such_part'",
    "raise ImportError('libarrow.so.1800: cannot open')": "ImportError: libarrow.so.1800: cannot open",
    "raise ValueError('numpy.dtype size changed')": "ValueError: numpy.dtype size changed",
}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Puts a module in the place of a library."""

    def replace(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()

    return replace


@pytest.fixture
def result(tmp_path):
    with zipfile.ZipFile(tmp_path / "result.zip", "w") as made:
        made.writestr("table.parquet", b"PAR1")
    return Result(tmp_path / "result.zip")


USES = {
    "Arrow": ("pyarrow", lambda _: to_arrow(build("account", []))),
    "A Parquet file": ("pyarrow", lambda result: result.table()),
    "A picture": ("matplotlib", lambda _: depth().figure()),
}


def refusal(act):
    with pytest.raises(LibraryError) as caught:
        act()
    return caught.value


@pytest.mark.parametrize("what", USES)
@pytest.mark.parametrize(("code", "told"), BROKEN.items(), ids=BROKEN.values())
def test_a_broken_library_is_told_with_its_own_words(put, result, what, code, told):
    name, use = USES[what]
    put(name, code)
    error = refusal(lambda: use(result))
    assert error.message == f"{what} needs {name}, which is installed and cannot be imported"
    assert error.details["error"] == told
    assert f"pip install --upgrade {name}" in error.hint


@pytest.mark.parametrize("what", USES)
def test_a_missing_library_is_named_as_pip_calls_it(monkeypatch, result, what):
    name, use = USES[what]
    monkeypatch.setitem(sys.modules, name, None)
    error = refusal(lambda: use(result))
    assert error.message == f"{what} needs {name}"
    assert error.hint == f"Run: pip install {name}"


def test_parquet_needs_pyarrow_too(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert (
        refusal(lambda: to_parquet(build("account", []), tmp_path / "x")).hint == "Run: pip install pyarrow"
    )


def test_the_name_of_the_package_may_differ():
    def act():
        with needing("A test", "no_such_module", "no-such-package"):
            import no_such_module  # noqa: F401

    assert refusal(act).hint == "Run: pip install no-such-package"


def test_a_broken_coincurve_is_told_once_and_pure_python_signs(put):
    put("coincurve", "raise ImportError('libsecp256k1 is for another machine')")
    signatures.curve.cache_clear()
    try:
        with pytest.warns(UserWarning, match="coincurve cannot be imported.*another machine"):
            assert signatures.key_address(b"\1" * 32).startswith("0x")
    finally:
        signatures.curve.cache_clear()
