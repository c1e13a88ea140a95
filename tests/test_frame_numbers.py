"""One can compute with frames, and no figure is ever wrong."""

from __future__ import annotations

import itertools
import math
import operator
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.frames import SCHEMAS, columns_of, from_columns
from iexec_lab.frames.whole import WholeArray

UNLIMITED = 2**53 - 1
ABSURD = [0, 1, 2**31, UNLIMITED, 2**63 - 1, 2**64, 2**256 - 1]
WHOLE = {"u256", "nrlc", "wei", "count"}


def exact_columns(kind):
    return [column.name for column in SCHEMAS[kind] if column.kind in WHOLE]


def frame_of(kind, values):
    """A frame whose exact columns hold these values, each column from another one on."""
    columns = {
        name: [values[(place + row) % len(values)] for row in range(len(values))]
        for place, name in enumerate(exact_columns(kind))
    }
    return from_columns(kind, columns)


def held(column):
    return [None if pd.isna(value) else value for value in column]


def applied(op, left, right):
    pairs = zip(held(left), held(right), strict=True)
    return [None if a is None or b is None else op(a, b) for a, b in pairs]


VALUES = st.lists(st.none() | st.sampled_from(ABSURD) | st.integers(0, 2**256 - 1), min_size=1, max_size=5)


@pytest.mark.parametrize("kind", [kind for kind in SCHEMAS if exact_columns(kind)])
@settings(max_examples=3)
@given(values=VALUES | st.lists(st.none() | st.integers(0, 2**63 - 1), min_size=1, max_size=5))
def test_sums_and_products_of_any_two_columns_are_exact(kind, values):
    frame = frame_of(kind, values)
    names = [name for name in exact_columns(kind) if name in frame and frame[name].notna().any()]
    for name in names:
        whole = [value for value in held(frame[name]) if value is not None]
        assert all(type(value) is int for value in frame[name] if not pd.isna(value))
        assert frame[name].sum() == sum(whole)
        assert list(frame.groupby(lambda _: 0)[name].sum()) == [sum(whole)]
        rising = frame[name] if frame[name].dtype == "Int64" else frame[name].dropna()
        known = [0 if value is None else value for value in held(rising)]
        assert held(rising.cumsum().dropna()) == [
            total
            for total, value in zip(itertools.accumulate(known), held(rising), strict=True)
            if value is not None
        ]
        assert held(-frame[name].dropna()) == [-value for value in whole]
    for left, right in itertools.product(names, repeat=2):
        for op in (operator.mul, operator.add, operator.sub):
            assert held(op(frame[left], frame[right])) == applied(op, frame[left], frame[right])


def counts(values=(UNLIMITED,) * 2000):
    return from_columns(
        "requestorder",
        {"volume": values, "trust": values, "tag_hex": ["0x" + "0" * 64] * len(values)},
    )


def test_counts_are_int64_and_their_sums_python_s():
    frame = counts()
    assert (str(frame["volume"].dtype), frame["volume"].dtype) == ("Int64", "Int64")
    assert frame["volume"].dtype == pd.Int64Dtype() == frame["volume"].dtype
    total = 2000 * UNLIMITED
    assert total > 2**63
    by_tag = frame.groupby("tag")
    assert [
        frame["volume"].sum(),
        sum(frame["volume"]),
        np.sum(frame["volume"]),
        frame["volume"].cumsum().iloc[-1],
        np.cumsum(frame["volume"]).iloc[-1],
        frame[["volume", "trust"]].sum()["trust"],
        frame.agg({"volume": "sum"})["volume"],
        by_tag["volume"].sum().iloc[0],
        by_tag["volume"].cumsum().iloc[-1],
        by_tag[["volume", "trust"]].sum().iloc[0, 1],
        by_tag["volume"].transform("sum").iloc[0],
        by_tag.agg({"volume": "sum"}).iloc[0, 0],
        frame.pivot_table(index="tag", values="volume", aggfunc="sum").iloc[0, 0],
    ] == [total] * 13


def test_products_of_counts():
    frame, square = counts(), UNLIMITED**2
    plain = pd.Series([UNLIMITED] * 2000)
    top = frame.groupby("tag")[["volume", "trust"]].max()
    for product in [
        frame["volume"] * frame["trust"],
        frame["volume"] * UNLIMITED,
        UNLIMITED * frame["volume"],
        frame["volume"] * plain,
        plain * frame["volume"],
        plain.astype("Int64") * frame["volume"],
        frame["volume"] ** 2,
        np.square(frame["volume"]),
        frame.eval("volume * trust"),
        (frame[["volume"]] * frame[["volume"]])["volume"],
        frame[["volume"]].mul(frame["trust"], axis=0)["volume"],
        frame.head(1).apply(lambda row: row["volume"] * row["trust"], axis=1),
        top["volume"] * top["trust"],
        pd.concat([frame[["tag"]], frame]).iloc[2000:]["volume"] * UNLIMITED,
        frame[["volume"]].T.T["volume"] * UNLIMITED,
        frame[["volume", "trust"]].stack() * UNLIMITED,  # noqa: PD013
        frame["volume"].to_numpy() * frame["trust"].to_numpy(),
        frame["volume"].shift().dropna() * UNLIMITED,
        pickle.loads(pickle.dumps(frame))["volume"] * UNLIMITED,
        (frame["volume"] - 1 + 1) * UNLIMITED,
    ]:
        assert set(product) == {square}
    assert frame["volume"] @ frame["trust"] == frame["volume"].dot(frame["trust"]) == 2000 * square
    assert frame["volume"].iloc[0] * frame["trust"].max() == square
    assert (frame["volume"] * frame["trust"]).sum() == 2000 * square
    assert frame["volume"].head(3).prod() == UNLIMITED**3
    assert held(frame["volume"].head(3).cumprod()) == [UNLIMITED**n for n in (1, 2, 3)]
    assert list(frame.head(3).groupby("tag")["volume"].prod()) == [UNLIMITED**3]


def test_a_product_that_nobody_can_read_is_an_error():
    for absurd in (lambda c: c.prod(), lambda c: c.cumprod(), lambda c: c**10_000):
        with pytest.raises(OverflowError, match="compute with floats"):
            absurd(counts()["volume"])


def test_small_counts_stay_int64():
    volume = counts([1, None, 3])["volume"]
    for result in (volume + 1, volume * volume, volume.cumsum(), volume // 2, -volume, volume**2):
        assert result.dtype == "Int64"
    assert volume.sum(skipna=False) is pd.NA
    assert volume.sum(min_count=3) is pd.NA
    assert (volume / 2).dtype == "Float64"
    assert type(volume.iloc[0]) is type(volume.max()) is int


def test_missing_counts():
    frame = counts([UNLIMITED, None] * 1000)
    assert frame["volume"].sum() == 1000 * UNLIMITED
    assert frame["volume"].sum(skipna=False) is pd.NA
    assert held(frame["volume"] * frame["trust"])[:2] == [UNLIMITED**2, None]
    assert held(frame["volume"].cumsum())[:3] == [UNLIMITED, None, 2 * UNLIMITED]
    assert list(frame.groupby("tag")["volume"].sum()) == [1000 * UNLIMITED]
    grouped = frame.groupby([row % 2 for row in range(2000)])["volume"]
    assert held(grouped.sum(min_count=1)) == [1000 * UNLIMITED, None]


SOME = {
    0: [],
    1: [5],
    7: [UNLIMITED, 0, None, 3, 3, 1, 2],
}


def some(kind, count):
    """A frame with ``count`` rows, some values missing; every column of time, text and flags too."""
    values = SOME[count]
    columns = {}
    for column in SCHEMAS[kind]:
        if column.kind in WHOLE:
            columns[column.name] = values
        elif column.kind == "time":
            columns[column.name] = [None if value is None else 1_790_000_000 + value % 9 for value in values]
        elif column.kind == "flag":
            columns[column.name] = [None if value is None else value > 2 for value in values]
        elif column.kind in {"text", "hash"}:
            columns[column.name] = [None if value is None else f"word {value}" for value in values]
    return from_columns(kind, columns, chain="sandbox")


@pytest.mark.parametrize("count", SOME)
@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_analysts_do_works_on_every_frame(kind, count):
    frame = some(kind, count)
    kept = dict(frame.dtypes)
    for same in (
        frame.copy(),
        pickle.loads(pickle.dumps(frame)),
        frame.head(3),
        frame[frame.index >= 0],
        pd.concat([frame, frame]),
        pd.concat([some(kind, 0), frame, frame]),
        frame.sort_index(ascending=False),
    ):
        assert dict(same.dtypes) == kept
    assert frame.head(3).attrs == frame.copy().attrs == pickle.loads(pickle.dumps(frame)).attrs == frame.attrs
    assert pd.concat([frame, frame]).attrs == frame.attrs  # of frames of different moments pandas keeps none
    numbers = [name for name in frame if str(frame[name].dtype) in {"Int64", "float64"}]
    assert all(
        name.removesuffix("_nrlc") + "_rlc" in numbers or name == "rlc_nrlc"
        for name in frame
        if name.endswith("_nrlc")
    )
    if len(frame.columns) and count:
        frame.describe(include="all")
    for name in numbers:
        assert len(frame.nsmallest(2, name)) == len(frame.nlargest(2, name)) == min(2, count)
        assert frame.sort_values(name).attrs["kind"] == kind
        assert math.isclose(frame[name].sum(), sum(value for value in frame[name] if not pd.isna(value)))
        if count:
            assert frame.describe()[name]["count"] == frame[name].notna().sum()
    for key in frame.columns[:1]:
        grouped = frame.groupby(key, observed=True)
        assert list(grouped[numbers].sum().columns) == numbers
        merged = frame.merge(frame[[key]].drop_duplicates(), on=key, how="left")
        assert dict(merged.dtypes) == kept


@pytest.mark.slow  # matplotlib takes a second
@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.filterwarnings("ignore:Warning. converting a masked element to nan")
@pytest.mark.filterwarnings("ignore:Attempting to set identical")
def test_every_frame_with_numbers_is_drawn(count):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    for kind in SCHEMAS:
        frame = some(kind, count)
        numbers = [
            name
            for name in frame
            if str(frame[name].dtype) in {"Int64", "float64"} and frame[name].notna().any()
        ]
        if numbers:
            frame[numbers].plot()
            frame.plot.scatter(numbers[0], numbers[-1])
            plt.close("all")


#: Attributes of a DataFrame in pandas 2.2 that later ones have not.
OLDER = {"applymap", "backfill", "bool", "first", "last", "pad", "swapaxes", "to_gbq"}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_no_column_has_the_name_of_an_attribute(kind):
    assert not {*dir(pd.DataFrame), *OLDER} & {*columns_of(kind)}
    assert all(name.isidentifier() or name == "from" for name in columns_of(kind))


def test_a_large_array_for_numpy_has_python_s_numbers():
    assert counts([1, 2])["volume"].to_numpy().dtype == np.int64
    assert np.asarray(counts([1, UNLIMITED])["volume"]).dtype == object
    assert counts([1, UNLIMITED])["volume"].to_numpy("float64").dtype == np.float64
    assert isinstance(counts()["volume"].array, WholeArray)
