"""Frames of figures of the past: how their columns follow each other, and which of them people read.

Their columns depend on what was asked for (by which party, which quantiles), so a pattern says what they are.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTED = "deals tasks completed failed unfinished success_rate volume_nrlc spent_nrlc sponsored_nrlc"
_PARTY = (
    "(app|dataset|workerpool|requester|payer|beneficiary|category|app_owner|dataset_owner|workerpool_owner)"
)

FIGURES: Final[Mapping[str, str]] = {
    "per_period": f"starts_at {_COUNTED}",
    "per_party": f"{_PARTY} {_COUNTED}",
    "prices_per_period": """starts_at category open_nrlc high_nrlc low_nrlc close_nrlc average_nrlc
        median_nrlc deals tasks volume_nrlc""",
    "waits": rf"{_PARTY} tasks fastest_seconds( p\S+_seconds)* slowest_seconds",
    "success": f"{_PARTY} tasks completed failed late running success_rate failure_rate",
    "late_deals": r"deal_id \S.* payer final_deadline late_seconds tasks late claimable_nrlc",
    "earnings": "account role tasks earned_nrlc lost_nrlc",
    "concentration": r"of parties total( top_\d+_share)* herfindahl gini",
    "staked_per_period": "starts_at deposited_nrlc withdrawn_nrlc staked_nrlc",
}
"""Kind of frame -> a pattern of its columns in their order, twins left out."""

FIGURES_SHOWN: Final[Mapping[str, str]] = {
    "per_period": "starts_at deals tasks completed failed volume_rlc spent_rlc",
    "per_party": "* deals tasks completed failed success_rate spent_rlc",
    "prices_per_period": "starts_at category open_rlc high_rlc low_rlc close_rlc tasks",
    "success": "* tasks completed failed late running success_rate",
    "late_deals": "deal_id workerpool payer final_deadline tasks late claimable_rlc",
    "concentration": "of parties total top_1_share top_3_share herfindahl gini",
}
"""Kind of frame -> its columns in the order of interest; ``*`` is the first one."""


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    twins = re.sub(r"(\w+)_nrlc", r"\1_rlc \1_nrlc", " ".join(FIGURES[kind].split()))
    return re.compile(twins)


def are_figures(kind: str, columns: list[str]) -> bool:
    """Whether these are all the columns of such a frame, in their order, and nothing else."""
    return kind in FIGURES and _pattern(kind).fullmatch(" ".join(columns)) is not None
