"""Values for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

#: Anything a service could answer.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
UINT256 = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
BYTES32 = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def objects(names):
    """Objects with some of these keys, and anything inside."""
    return st.dictionaries(
        st.sampled_from(names) | st.text(max_size=3), JSON | ADDRESSES | BYTES32, max_size=len(names)
    )
