"""The columns of what is computed from an order book."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOK: Mapping[str, str] = {
    "depth_level": """side:text category:count asset:anyone price_nrlc:nrlc=price volume:tally
        cumulated:tally orders:count""",
    "best_order": """side:text category:count asset:address tag:tag price_nrlc:nrlc=price remaining:count
        volume:tally orders:count trust:count order_hash:hash=orderHash tag_hex:hash=tag""",
    "spread": """category:count ask_nrlc:nrlc=ask bid_nrlc:nrlc=bid mid_nrlc:nrlc=mid
        spread_nrlc:total=spread ask_volume:count=askVolume bid_volume:count=bidVolume
        ask_order_hash:hash=askHash bid_order_hash:hash=bidHash""",
    "combination": """fits:flag task_price_nrlc:total=price app_price_nrlc:nrlc=appPrice
        dataset_price_nrlc:nrlc=datasetPrice workerpool_price_nrlc:nrlc=workerpoolPrice volume:count
        workerpool:address category:count trust:count tag:tag reason:text restrictions:text app:address
        dataset:anyone apporder_hash:word=apporderHash datasetorder_hash:word=datasetorderHash
        workerpoolorder_hash:word=workerpoolorderHash tag_hex:hash=tag""",
    "fill": """price_nrlc:total=price taken:count cost_nrlc:total=cost cumulated:tally
        cumulated_cost_nrlc:total=cumulatedCost average_rlc:ratio=average unfilled:tally asset:address
        category:count trust:count tag:tag remaining:count order_hash:word=orderHash
        app_price_nrlc:nrlc=appPrice dataset_price_nrlc:nrlc=datasetPrice
        workerpool_price_nrlc:nrlc=workerpoolPrice apporder_hash:word=apporderHash
        datasetorder_hash:word=datasetorderHash tag_hex:hash=tag""",
}

BOOK_OPTIONAL: Mapping[str, set[str]] = {
    "depth_level": {"category", "asset"},
    "best_order": {"category", "trust"},
    "combination": {"dataset", "dataset_price_nrlc", "datasetorder_hash"},
    "fill": {
        *("category", "trust", "app_price_nrlc", "dataset_price_nrlc", "workerpool_price_nrlc"),
        *("apporder_hash", "datasetorder_hash"),
    },
}
"""Columns that only some of these frames have."""
