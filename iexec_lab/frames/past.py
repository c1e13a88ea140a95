"""The columns of the market's past, one schema whatever the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PAST: Mapping[str, str] = {
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
    "past_event": """happened_at:time event:text deal_id:word task_id:word account:anyone to:anyone
        amount_nrlc:nrlc block:count log_index:count tx_hash:hash""",
    "past_transfer": """happened_at:time from_:anyone to:anyone amount_nrlc:nrlc cause:text block:count
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
