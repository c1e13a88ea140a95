"""The tables of history: one schema whatever the source.

The names and kinds are those of ``frames``; a page of a source holds the same columns as raw values: nRLC as
``int``, moments as seconds since 1970, addresses in any case, hashes in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final[Mapping[str, str]] = {
    "past_deal": """deal_id:hash started_at:time app:address app_price_nrlc:nrlc dataset:anyone
        dataset_price_nrlc:nrlc workerpool:address workerpool_price_nrlc:nrlc category:count tasks:count
        completed:count claimed:count requester:address beneficiary:address callback:anyone sponsor:anyone
        app_owner:address dataset_owner:anyone workerpool_owner:address trust:count tag:tag=tag_hex
        tag_hex:hash params:text bulk:flag first_index:count worker_stake_nrlc:nrlc
        scheduler_reward_ratio:count final_deadline:time apporder_hash:hash datasetorder_hash:word
        workerpoolorder_hash:hash requestorder_hash:hash block:count log_index:count tx_hash:hash""",
    "past_task": """task_id:hash deal_id:hash task_index:count status:task_status initialized_at:time
        contributed_at:time revealed_at:time finalized_at:time claimed_at:time execution_seconds:count
        contribution_deadline:time reveal_deadline:time final_deadline:time workers:object reward_nrlc:nrlc
        seized_nrlc:nrlc consensus:word result_digest:word results:text callback_result:text app:address
        dataset:anyone workerpool:address requester:address category:count block:count log_index:count
        tx_hash:hash""",
    "past_event": """at:time event:text deal_id:word task_id:word account:anyone to:anyone amount_nrlc:nrlc
        block:count log_index:count tx_hash:hash""",
    "past_transfer": """at:time from_:anyone to:anyone amount_nrlc:nrlc cause:text block:count
        log_index:count tx_hash:hash""",
    "past_order": """order_hash:hash order_kind:text resource:anyone price_nrlc:nrlc deals:count tasks:count
        first_matched_at:time last_matched_at:time""",
    "past_app": """address:address name:text type:text owner:address created_at:time usage_count:count
        last_used:time multiaddr:text checksum:hash mrenclave:text transfers:count tx_hash:hash""",
    "past_dataset": """address:address name:text owner:address created_at:time usage_count:count
        last_used:time multiaddr:text checksum:word transfers:count tx_hash:hash""",
    "past_workerpool": """address:address description:text owner:address created_at:time usage_count:count
        last_used:time worker_stake_ratio:count scheduler_reward_ratio:count transfers:count tx_hash:hash""",
    "past_category": """category:count name:text description:text work_clock_seconds:count
        created_at:time""",
}
"""Kind of frame -> its columns.

deals: ``tasks`` is how many the deal pays for, prices are for one task, ``completed`` and ``claimed`` count
its tasks that ended so far; ``bulk`` says that its parameters name a bulk of datasets.
tasks: those initialised; ``contributed_at`` is the first contribution, ``revealed_at`` the last reveal,
``reward_nrlc`` and ``seized_nrlc`` the sums over everybody, ``results`` the text on chain.
events: ``account`` is whose event it is (worker, workerpool, sender, payer), ``to`` who received.
transfers: of staked RLC; ``from_`` is missing for a deposit, ``to`` for a withdrawal.
orders: those that were matched at least once; the price is what was paid for one task, and ``resource`` the
requester of a request order, which has no price.
"""

TABLES: Final[Mapping[str, str]] = {
    "deals": "past_deal",
    "tasks": "past_task",
    "events": "past_event",
    "transfers": "past_transfer",
    "orders": "past_order",
    "apps": "past_app",
    "datasets": "past_dataset",
    "workerpools": "past_workerpool",
    "categories": "past_category",
}
"""Name of a table -> kind of its frame."""

MOMENT: Final[Mapping[str, str]] = {
    "deals": "started_at",
    "tasks": "initialized_at",
    "events": "at",
    "transfers": "at",
    "orders": "first_matched_at",
    "apps": "created_at",
    "datasets": "created_at",
    "workerpools": "created_at",
    "categories": "created_at",
}
"""Name of a table -> the column that ``start`` and ``end`` look at, and that rows are ordered by."""

DECODED: Final = frozenset({"tag"})
"""Columns that frames make from another one; pages do not have them."""


def columns(table: str) -> tuple[str, ...]:
    """Names of the columns of a page of this table."""
    words = (word.partition(":")[0] for word in TEXT[TABLES[table]].split())
    return tuple(name for name in words if name not in DECODED)
