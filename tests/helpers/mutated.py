"""Real answers, spoilt: what a hostile or broken service could say instead.

``@given(answer=mutated(REAL))`` in a test; ``pytest --hypothesis-profile=long`` tries 10,000 of each.
"""

from __future__ import annotations

from copy import deepcopy

from helpers.strategies import ADDRESSES, BYTES32, JSON
from hypothesis import strategies as st

#: What parsers stumble over: other types, huge and negative numbers, text that is no text.
AWKWARD = st.sampled_from([
    *(None, True, False, 0, -1, 1.5, float("inf"), float("nan"), 10**12, 2**63, 2**256, 10**400, -(10**400)),
    *("", " ", "0x", "0x0", "-1", "1e999", "NaN", "9" * 5000, "0x" + "f" * 5000, "\ud800", "\x00", "\x1b[2J"),
    *("a" * 200_000, "null", "١٢", "1_000", "0x" + "00" * 20, "0x" + "ff" * 32, "2026-13-45T99:99:99Z"),
    *([], {}, [[]], [None], {"": None}, [[[[[[]]]]]], {"length": 10**9}),
])  # fmt: skip
ANYTHING = AWKWARD | JSON | ADDRESSES | BYTES32


def paths(value, path=()):
    """Where something stands in a JSON value: every key and index, the value itself included."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from paths(held, (*path, key))


@st.composite
def mutated(draw, *real, changes=3):
    """One of the real answers with one to ``changes`` places replaced, removed or doubled."""
    answer = deepcopy(draw(st.sampled_from(real)))
    for _ in range(draw(st.integers(1, changes))):
        path = draw(st.sampled_from(list(paths(answer))))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                answer = deepcopy(draw(ANYTHING))
            continue
        *way, last = path
        holder = answer
        for key in way:
            holder = holder[key]
        what = draw(st.sampled_from(["replace", "replace", "remove", "double"]))
        if what == "replace":
            holder[last] = deepcopy(draw(ANYTHING))
        elif what == "remove":
            del holder[last]
        elif isinstance(holder, list):
            holder.append(deepcopy(holder[last]))
        else:
            holder[f"{last}2"] = deepcopy(holder[last])
    return answer
