"""What the public explorer shows, page by page, is a column or a verb here."""

from __future__ import annotations

from operator import attrgetter

import pytest

from iexec_lab.client.iexec import connect
from iexec_lab.commands import tree
from iexec_lab.frames import columns_of

LISTS = {
    "listed_deal": {
        "Deal": "deal_id",
        "App": "app",
        "Workerpool": "workerpool",
        "Dataset": "dataset",
        "Datasets bulk": "bulk",
        "Time": "started_at",
        "Success": ("completed", "tasks", "status"),
        "Price": "task_price_nrlc",
        "not shown": (
            *("requester", "beneficiary", "callback", "category", "trust", "claimed", "final_deadline"),
            *("app_price_nrlc", "dataset_price_nrlc", "workerpool_price_nrlc"),
        ),
    },
    "past_task": {
        "Task": "task_id",
        "Status": "status",
        "Deadline": "final_deadline",
        "not shown": ("task_index", "requester", "app", "dataset", "workerpool", "category"),
    },
    "past_app": {
        "Address": "address",
        "Name": "name",
        "Owner": "owner",
        "Time": "created_at",
        "TxHash": "tx_hash",
        "Most pertinent": ("usage_count", "last_used"),
        "not shown": ("type", "multiaddr", "checksum", "mrenclave"),
    },
    "past_dataset": {
        "Dataset": "address",
        "Name": "name",
        "Owner": "owner",
        "Time": "created_at",
        "TxHash": "tx_hash",
    },
    "past_workerpool": {
        "Workerpool": "address",
        "Description": "description",
        "Owner": "owner",
        "Time": "created_at",
        "TxHash": "tx_hash",
        "not shown": ("worker_stake_ratio", "scheduler_reward_ratio", "usage_count", "last_used"),
    },
}
PAGES = {
    "deal_details": {
        "Dealid": "deal_id",
        "Category": ("category", "category_name", "category_seconds"),
        "Tag": "tag",
        "App": ("app", "app_name", "app_price_nrlc"),
        "Dataset": ("dataset", "dataset_name", "dataset_price_nrlc", "bulk"),
        "Workerpool": ("workerpool", "workerpool_description", "workerpool_price_nrlc"),
        "parties": ("requester", "beneficiary", "callback"),
        "Trust": "trust",
        "Params": "params",
        "Status": ("status", "completed", "claimed", "tasks"),
        "Start time": "started_at",
        "Deadline": "final_deadline",
    },
    "task_details": {
        "Taskid": "task_id",
        "Dealid": "deal_id",
        "Category": ("category", "category_name"),
        "Tag": "tag",
        "resources": ("app", "dataset", "workerpool"),
        "parties": ("requester", "beneficiary", "callback"),
        "Status": "status",
        "Result": ("storage", "location"),
        "Callback data": "callback_result",
        "Result digest": "result_digest",
        "Deadline": "final_deadline",
        "Contribution deadline": "contribution_deadline",
        "DATASETS": "datasets",
        "Events": ("initialized_at", "contributed_at", "revealed_at", "finalized_at", "claimed_at"),
        "more": ("execution_seconds", "workers", "reward_nrlc", "seized_nrlc"),
    },
    "app_details": {
        "DETAILS": ("address", "name", "owner", "created_at", "multiaddr", "checksum", "mrenclave"),
        "Transfers": "transfers",
        "ACCESS": "open_orders",
    },
    "dataset_details": {
        "DETAILS": ("address", "name", "owner", "created_at", "multiaddr", "checksum", "transfers"),
        "ACCESS": "open_orders",
    },
    "workerpool_details": {
        "DETAILS": ("address", "description", "owner", "created_at", "transfers"),
        "ACCESS": "open_orders",
        "more": ("worker_stake_ratio", "scheduler_reward_ratio", "success_percent"),
    },
    "account_details": {
        "head": ("address", "stake_nrlc", "locked_nrlc"),
        "OVERVIEW": ("apps", "datasets", "workerpools", "contributions", "score"),
        "REQUESTS": ("tasks", "deals", "beneficiary_deals"),
    },
    "contribution": {"Task": "task_id", "Time": "contributed_at", "Status": "status"},
    "past_event": {"Events": ("event", "tx_hash", "happened_at", "account", "amount_nrlc")},
    "asset_transfer": {"Transfers": ("from_", "to", "happened_at", "tx_hash")},
}


@pytest.mark.parametrize("kind", [*LISTS, *PAGES])
def test_every_column_of_the_explorer(kind):
    ours = set(columns_of(kind))
    for theirs, names in (LISTS.get(kind) or PAGES[kind]).items():
        for name in (names,) if isinstance(names, str) else names:
            assert name in ours, theirs


VERBS = (
    *(f"{noun}.list" for noun in ("deal", "task", "app", "dataset", "workerpool", "category", "order")),
    *(f"{noun}.show" for noun in ("deal", "task", "app", "dataset", "workerpool", "category", "account")),
    *(f"{noun}.deals" for noun in ("deal", "app", "dataset", "workerpool")),
    *(f"{noun}.transfers" for noun in ("app", "dataset", "workerpool")),
    *("deal.events", "deal.tasks", "task.events", "task.contributions", "account.contributions", "search"),
)


def test_every_page_of_the_explorer_is_a_verb_and_a_command():
    lab = connect("arbitrum-sepolia-testnet", "new")
    for verb in VERBS:
        assert callable(attrgetter(verb)(lab))
        command, _ = tree.find(verb.split("."))
        assert command is not None, verb


@pytest.mark.parametrize("noun", ["deal", "task", "app", "dataset", "workerpool", "account"])
def test_pages_have_details_in_all_faces(noun):
    import inspect

    lab = connect("arbitrum-sepolia-testnet", "new")
    command, _ = tree.find([noun, "show"])
    assert command.option("--details") is not None
    assert inspect.signature(getattr(lab, noun).show).parameters["details"].default is False
