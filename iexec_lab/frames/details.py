"""Columns of lists and of ``show`` with details, beside those that a kind has anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.frames.past import PAST

if TYPE_CHECKING:
    from collections.abc import Mapping

DECODED = """args:text input_files:object secrets:object storage:text encrypted:flag bulk_cid:text"""
"""What parameters say, for a schema that has ``params`` before them."""

LISTED: Mapping[str, str] = {
    "listed_deal": f"{PAST['past_deal']} status:text task_price_nrlc:nrlc {DECODED}",
    "asset_transfer": """happened_at:time address:address from_:anyone to:anyone block:count log_index:count
        tx_hash:hash""",
    "contribution": """task_id:hash worker:address status:text contributed_at:time task_status:task_status
        score:count result_hash:word deal_id:hash tx_hash:hash""",
}
"""Kind of frame -> its columns.

deals: ``status`` is running, completed, claimable or failed; ``task_price_nrlc`` is what one task costs, the
three prices together. contributions: ``status`` is CONTRIBUTED, PROVED or REJECTED;
``score`` is the worker's of today.
"""

_USED = """created_at:time=details.created_at usage_count:count=details.usage_count
    last_used:time=details.last_used transfers:count=details.transfers
    open_orders:count=details.open_orders tx_hash:hash=details.tx_hash"""
_TIMES = "initialized_at contributed_at revealed_at finalized_at claimed_at"

DETAILS: Mapping[str, str] = {
    "deal": """task_price_nrlc:nrlc=details.task_price_nrlc status:text=details.status
        app_name:text=details.app_name dataset_name:text=details.dataset_name
        workerpool_description:text=details.workerpool_description
        category_name:text=details.category_name category_seconds:count=details.category_seconds
        claimed:count=details.claimed bulk:flag=details.bulk
        apporder_hash:hash=details.apporder_hash datasetorder_hash:word=details.datasetorder_hash
        workerpoolorder_hash:hash=details.workerpoolorder_hash
        requestorder_hash:hash=details.requestorder_hash block:count=details.block
        tx_hash:hash=details.tx_hash""",
    "task": f"""{" ".join(f"{name}:time=details.{name}" for name in _TIMES.split())}
        execution_seconds:count=details.execution_seconds workers:object=details.workers
        reward_nrlc:nrlc=details.reward_nrlc seized_nrlc:nrlc=details.seized_nrlc
        app:address=details.app dataset:anyone=details.dataset workerpool:address=details.workerpool
        requester:address=details.requester beneficiary:address=details.beneficiary
        callback:anyone=details.callback category:count=details.category
        category_name:text=details.category_name tag:tag=details.tag_hex tag_hex:hash=details.tag_hex
        block:count=details.block tx_hash:hash=details.tx_hash""",
    "app": _USED,
    "dataset": _USED,
    "workerpool": f"""{_USED} deals:count=details.deals tasks:count=details.tasks
        completed:count=details.completed claimed:count=details.claimed
        success_percent:share=details.success""",
    "account": """apps:count=details.apps datasets:count=details.datasets
        workerpools:count=details.workerpools score:count=details.score
        contributions:count=details.contributions accurate:count=details.accurate
        faulty:count=details.faulty deals:count=details.deals
        beneficiary_deals:count=details.beneficiary_deals tasks:count=details.tasks""",
}
"""Kind of frame -> the columns that ``details`` add; the kind with them is ``<kind>_details``."""
