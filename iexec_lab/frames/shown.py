"""Which columns of a list people read, and whether a frame is still one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.frames.figures import FIGURES_SHOWN, are_figures
from iexec_lab.frames.schemas import NRLC, OPTIONAL, SCHEMAS, columns_of, rlc_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

#: Kind -> its columns in the order of interest; a kind that is not here shows those that fit.
SHOWN: Mapping[str, tuple[str, ...]] = {
    kind: tuple(text.split())
    for kind, text in {
        "apporder": "order_hash app app_price_rlc remaining tag restricted published_at",
        "datasetorder": "order_hash dataset dataset_price_rlc remaining tag restricted published_at",
        "workerpoolorder": "order_hash workerpool workerpool_price_rlc category remaining tag published_at",
        "requestorder": "order_hash requester app workerpool_max_price_rlc remaining tag published_at",
        "deal": "deal_id started_at app workerpool workerpool_price_rlc tasks requester",
        "task": "task_id task_index status deal_id location final_deadline",
        "job": "deal_id state tasks done claimable_rlc started_at app wallet",
        "cost": "what deal_id state signed_rlc locked_rlc paid_rlc returned_rlc gas_wei",
        "task_result": "task_index status files first_lines reason",
        "log": "task_index status worker stdout stderr",
        "app": "address name owner multiaddr checksum",
        "dataset": "address name owner multiaddr checksum",
        "workerpool": "address description owner worker_stake_ratio scheduler_reward_ratio api_url",
        "receipt": "address to category amount_rlc tx_hash",
        "past_deal": "deal_id started_at app workerpool workerpool_price_rlc tasks requester",
        "past_task": "task_id task_index status deal_id finalized_at execution_seconds reward_rlc",
        "past_event": "happened_at event account amount_rlc deal_id task_id block",
        "past_transfer": "happened_at from_ to amount_rlc cause tx_hash",
        "past_order": "order_hash order_kind resource price_rlc deals first_matched_at",
        "movement": "happened_at cause amount_rlc stake_rlc locked_rlc deal_id counterparty",
        "access": "kind order_hash asset price_rlc remaining status tag",
        "found": "what id leads_to name owner happened_at",
        "listed_deal": "deal_id started_at status app workerpool task_price_rlc tasks",
        "past_app": "address name owner created_at usage_count last_used",
        "past_dataset": "address name owner created_at usage_count last_used",
        "past_workerpool": "address description owner created_at usage_count last_used",
        "task_details": "task_id task_index status initialized_at execution_seconds workers reward_rlc",
        "contribution": "task_id worker status contributed_at task_status score",
        "asset_transfer": "happened_at from_ to tx_hash",
        "combination": "fits task_price_rlc reason workerpool workerpool_price_rlc volume tag",
        "fill": "price_rlc taken cost_rlc cumulated cumulated_cost_rlc average_rlc asset",
        "best_order": "side category price_rlc remaining asset tag order_hash",
        "spread": "category ask_rlc bid_rlc mid_rlc spread_rlc ask_volume bid_volume",
        "depth_level": "side category asset price_rlc volume cumulated orders",
        "past_category": "category name description work_clock_seconds created_at",
        "category": "category name description work_clock_seconds deadline_seconds",
        **FIGURES_SHOWN,
    }.items()
}


def is_ours(frame: pd.DataFrame) -> bool:
    """Whether a frame is as a verb gave it, rows cut, filtered or sorted at most.

    ``attrs`` do not tell: pandas keeps them in ``.T``, ``describe``, ``groupby`` and ``merge`` too. So the
    columns do: all those that its kind always has, in their order, and nothing else; and the index, which
    still counts rows. Who chose some columns wants to see those.
    """
    kind: str = frame.attrs.get("kind", "")
    if "fetched_at" not in frame.attrs or not isinstance(kind, str) or not _counts_rows(frame):
        return False
    if kind not in SCHEMAS:
        return are_figures(kind, [*map(str, frame.columns)])
    known = columns_of(kind)
    optional = OPTIONAL.get(kind, set())
    optional = optional | {rlc_name(name) for name in optional if name.endswith(NRLC)}
    has = [*frame.columns]
    return [name for name in known if name in set(has) or name not in optional] == has


def _counts_rows(frame: pd.DataFrame) -> bool:
    index = frame.index
    return index.nlevels == 1 and index.name is None and index.dtype.kind == "i"


def chosen(frame: pd.DataFrame, *, wide: bool) -> list[str]:
    """The columns of a list, the most interesting first, as many as may be drawn."""
    names = [str(name) for name in frame.columns]
    if wide:
        return names
    wanted = SHOWN.get(str(frame.attrs.get("kind")), ())
    first = names[0] if names else ""
    found = [name for name in (first if each == "*" else each for each in wanted) if name in names]
    if found:
        return found
    return [name for name in names if not (name.endswith(NRLC) and rlc_name(name) in names)]
