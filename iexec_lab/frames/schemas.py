"""The columns of every kind of frame: name, kind of value, and where a row holds it.

Units are in the names (``..._nrlc``, ``..._wei``, ``..._seconds``). No column is called like an attribute of
a DataFrame: ``deals.size`` is pandas' own, so a deal has ``tasks``. An amount is one column here,
``..._nrlc``; its twin in RLC is made with the frame. What parameters say (``args`` ... ``bulk_cid``) and
``restricted`` are read from the columns ``params`` and ``..._restrict``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from iexec_lab.frames.book import BOOK, BOOK_OPTIONAL
from iexec_lab.frames.details import DECODED, DETAILS, LISTED
from iexec_lab.frames.past import PAST

if TYPE_CHECKING:
    from collections.abc import Mapping


NRLC: Final = "_nrlc"
"""How the names of exact amounts end; the twin in RLC ends with ``_rlc``."""


class Column(NamedTuple):
    """A column: its name, its kind (a key of KINDS), and where a row holds the value (``app.price``)."""

    name: str
    kind: str
    path: str


def _columns(text: str) -> tuple[Column, ...]:
    """``name:kind=path`` words; the path is the name where it is left out."""
    columns = []
    for word in text.split():
        name, _, rest = word.partition(":")
        kind, _, path = rest.partition("=")
        columns.append(Column(name, kind, path or name))
    return tuple(columns)


_PUBLISHED = """
    remaining:count volume:count=order.volume status:order_status signer:address
    published_at:time=publicationTimestamp"""

_WHOLE = "salt:hash signature:hash deals:object"

SCHEMAS: Mapping[str, tuple[Column, ...]] = {
    name: _columns(text)
    for name, text in {
        "account": "address:address stake_nrlc:nrlc=balance.stake locked_nrlc:nrlc=balance.locked",
        "movement": """happened_at:time=timestamp cause:text role:text amount_nrlc:nrlc=amount
            stake_nrlc:nrlc=stake locked_nrlc:nrlc=locked deal_id:hash=dealid task_id:hash=taskid
            asset:address
            counterparty:address stake_change_nrlc:nrlc=stakeChange locked_change_nrlc:nrlc=lockedChange
            block:count=blockNumber log_index:count=logIndex tx_hash:hash=transactionHash""",
        "access": """kind:text order_hash:hash=orderHash asset:address price_nrlc:nrlc=price
            remaining:count volume:count status:order_status tag:tag tag_hex:hash=tag category:count
            trust:count dataset:anyone app_restrict:anyone=apprestrict dataset_restrict:anyone=datasetrestrict
            workerpool_restrict:anyone=workerpoolrestrict requester_restrict:anyone=requesterrestrict
            signer:address published_at:time=publicationTimestamp bulk:flag""",
        "found": """what:text id:text name:text owner:address happened_at:time=timestamp leads_to:text=leadsTo
            details:object""",
        "wallet": """address:address ether_wei:wei=balance.wei rlc_nrlc:nrlc=balance.nRLC ens:text
            private_key:text=wallet.privateKey public_key:text=wallet.publicKey""",
        "receipt": """address:address to:address amount_nrlc:nrlc amount_wei:wei category:count=catid
            tx_hash:hash=txHash""",
        "funding": "address:address rlc_nrlc:nrlc=nRLC ether_wei:wei=wei",
        "app": """address:address owner:address=app.owner name:text=app.appName type:text=app.appType
            multiaddr:text=app.appMultiaddr checksum:hash=app.appChecksum mrenclave:text=app.appMREnclave
            registry:address=app.registry ens:text""",
        "dataset": """address:address owner:address=dataset.owner name:text=dataset.datasetName
            multiaddr:text=dataset.datasetMultiaddr checksum:word=dataset.datasetChecksum
            registry:address=dataset.registry ens:text""",
        "workerpool": """address:address owner:address=workerpool.owner
            description:text=workerpool.workerpoolDescription
            worker_stake_ratio:count=workerpool.workerStakeRatioPolicy
            scheduler_reward_ratio:count=workerpool.schedulerRewardRatioPolicy
            registry:address=workerpool.registry api_url:text=apiUrl ens:text""",
        "category": """category:count=index name:text=category.name description:text=category.description
            work_clock_seconds:count=category.workClockTimeRef deadline_seconds:count=deadline""",
        "apporder": f"""order_hash:hash=orderHash app:address=order.app app_price_nrlc:nrlc=order.appprice
            {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            dataset_restrict:anyone=order.datasetrestrict workerpool_restrict:anyone=order.workerpoolrestrict
            requester_restrict:anyone=order.requesterrestrict restricted:text
            {_WHOLE}""",
        "datasetorder": f"""order_hash:hash=orderHash dataset:address=order.dataset
            dataset_price_nrlc:nrlc=order.datasetprice {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            app_restrict:anyone=order.apprestrict workerpool_restrict:anyone=order.workerpoolrestrict
            requester_restrict:anyone=order.requesterrestrict restricted:text bulk:flag
            {_WHOLE}""",
        "workerpoolorder": f"""order_hash:hash=orderHash workerpool:address=order.workerpool
            workerpool_price_nrlc:nrlc=order.workerpoolprice category:count=order.category
            trust:count=order.trust {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            app_restrict:anyone=order.apprestrict dataset_restrict:anyone=order.datasetrestrict
            requester_restrict:anyone=order.requesterrestrict restricted:text
            {_WHOLE}""",
        "requestorder": f"""order_hash:hash=orderHash requester:address=order.requester app:address=order.app
            app_max_price_nrlc:nrlc=order.appmaxprice dataset:anyone=order.dataset
            dataset_max_price_nrlc:nrlc=order.datasetmaxprice workerpool:anyone=order.workerpool
            workerpool_max_price_nrlc:nrlc=order.workerpoolmaxprice category:count=order.category
            trust:count=order.trust {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            beneficiary:address=order.beneficiary callback:anyone=order.callback params:text=order.params
            {DECODED} {_WHOLE}""",
        "deal": f"""deal_id:hash=dealid app:address=app.pointer dataset:anyone=dataset.pointer
            workerpool:address=workerpool.pointer app_price_nrlc:nrlc=app.price
            dataset_price_nrlc:nrlc=dataset.price workerpool_price_nrlc:nrlc=workerpool.price
            app_owner:address=app.owner dataset_owner:anyone=dataset.owner
            workerpool_owner:address=workerpool.owner category:count trust:count tag:tag tag_hex:hash=tag
            requester:address beneficiary:address callback:anyone params:text {DECODED}
            first_index:count=botFirst
            tasks:count=botSize worker_stake_nrlc:nrlc=workerStake
            scheduler_reward_ratio:count=schedulerRewardRatio sponsor:anyone started_at:time=startTime
            final_deadline:time=finalTime task_ids:object=tasks completed:count=completedTasksCount
            failed:count=failedTasksCount""",
        "task": """task_id:hash=taskid deal_id:hash=dealid task_index:count=idx status:task_status=statusName
            timed_out:flag=taskTimedOut storage:text=results.storage location:text=results.location
            contribution_deadline:time=contributionDeadline reveal_deadline:time=revealDeadline
            final_deadline:time=finalDeadline consensus:word=consensusValue result_digest:word=resultDigest
            reveals:count=revealCounter winners:count=winnerCounter contributors:object
            callback_result:text=resultsCallback datasets:object""",
        "job": """deal_id:hash=dealid app:address=app.pointer dataset:anyone=dataset.pointer
            workerpool:address=workerpool.pointer category:count tasks:count=botSize state:text done:count
            failed:count running:count claimable_nrlc:nrlc=claimable started_at:time=startTime
            final_deadline:time=finalTime wallet:address=requester wallet_is:text=walletIs""",
        "cost": """what:text deal_id:hash=dealid state:text tasks:count ended:count signed_nrlc:nrlc=signed
            locked_nrlc:nrlc=locked paid_nrlc:nrlc=paid returned_nrlc:nrlc=returned gas_wei:wei=gas
            wallet:address happened_at:time=timestamp tx_hash:hash=txHash deal_ids:object=dealids""",
        "log": """task_id:hash=taskid task_index:count=index status:text=statusName worker:address stdout:text
            stderr:text""",
        "task_result": """task_index:count=index task_id:text=taskid status:text files:count
            first_lines:text=lines reason:text""",
        "encrypted_file": "original:text encrypted:text key_file:text=key checksum:hash",
        "published_file": """dataset:address=address order_hash:hash=orderHash price_nrlc:nrlc=price cid:text
            checksum:hash key_file:text=key done:text skipped:text""",
        "key_file": """private_key_file:text=privateKeyFile public_key_file:text=publicKeyFile
            folder:text=secretPath""",
        "claim": "deal_id:hash task_index:count=index task_id:hash tx_hash:hash",
        "voucher": """address:address owner:address type:u256 balance_nrlc:nrlc=balance
            expires_at:time=expirationTimestamp allowance_nrlc:nrlc=allowanceAmount
            sponsored_apps:object=sponsoredApps sponsored_datasets:object=sponsoredDatasets
            sponsored_workerpools:object=sponsoredWorkerpools
            authorized_accounts:object=authorizedAccounts""",
        "name": """name:text address:address register_tx_hash:hash=registerTxHash
            set_resolver_tx_hash:hash=setResolverTxHash set_addr_tx_hash:hash=setAddrTxHash
            set_name_tx_hash:hash=setNameTxHash""",
        "network": """host:text poco_version:text=pocoVersion hub:address=hubAddress rlc:address=rlcAddress
            app_registry:address=appRegistryAddress dataset_registry:address=datasetRegistryAddress
            workerpool_registry:address=workerpoolRegistryAddress native:flag=useNative""",
        "recording": """folder:text list:text listed:count changes:count gaps:count files:count
            began_at:time=beganAt ended_at:time=endedAt""",
        "image": "image:text folder:text",
        "setting": "name:text value:text",
        "estimate": """volume:count cost_nrlc:nrlc=total sponsored_nrlc:nrlc=sponsored
            task_cost_nrlc:nrlc=perTask""",
        "run_plan": """app:address dataset:address workerpool:text app_price_nrlc:nrlc dataset_price_nrlc:nrlc
            workerpool_price_nrlc:nrlc tasks:count deals:count cost_nrlc:nrlc cost_wei:wei
            stake_left_nrlc:nrlc category:count
            longest_run_seconds:count deadline_seconds:count tag:words params:text voucher:address
            sponsored_nrlc:nrlc notes:text network:text""",
        "sweep": """from:address to:address amount_nrlc:nrlc amount_wei:wei rlc_tx_hash:hash=sendERC20TxHash
            coin_tx_hash:hash=sendNativeTxHash errors:object""",
        "bridge": """from:address to:address amount_nrlc:nrlc send_tx_hash:hash=sendTxHash
            receive_tx_hash:hash=receiveTxHash""",
        "plan": """action:text network:text real_value:flag cost_nrlc:nrlc cost_wei:wei to:address
            spender:address bridge:address requester:address app:address dataset:address workerpool:address
            app_price_nrlc:nrlc dataset_price_nrlc:nrlc workerpool_price_nrlc:nrlc tasks:count
            deadline_seconds:count amount_nrlc:nrlc amount_wei:wei stake_left_nrlc:nrlc
            wallet_left_nrlc:nrlc notes:text""",
        **PAST,
        **LISTED,
        **BOOK,
    }.items()
}
SCHEMAS = {
    **SCHEMAS,
    **{f"{kind}_details": (*SCHEMAS[kind], *_columns(text)) for kind, text in DETAILS.items()},
}

#: Columns that not every row of a kind has: shown when at least one row has a value.
OPTIONAL: Mapping[str, set[str]] = {
    "wallet": {"ether_wei", "ens", "private_key", "public_key"},
    "receipt": {"address", "to", "amount_nrlc", "amount_wei", "category"},
    "app": {"ens"},
    "dataset": {"ens"},
    "workerpool": {"ens"},
    **{
        kind: {"deals", "salt", "signature"}
        for kind in ("apporder", "datasetorder", "workerpoolorder", "requestorder")
    },
    "deal": {"sponsor", "task_ids", "completed", "failed"},
    "job": {"wallet_is"},
    "name": {"register_tx_hash", "set_resolver_tx_hash", "set_addr_tx_hash", "set_name_tx_hash"},
    "network": {"rlc", "native"},
    "run_plan": {"dataset", "voucher", "sponsored_nrlc", "notes", "cost_wei", "stake_left_nrlc"},
    "plan": {
        *("to", "spender", "bridge", "requester", "app", "dataset", "workerpool", "app_price_nrlc"),
        *("dataset_price_nrlc", "workerpool_price_nrlc", "tasks", "deadline_seconds", "amount_nrlc"),
        *("amount_wei", "stake_left_nrlc", "wallet_left_nrlc", "cost_wei", "notes"),
    },
    "sweep": {"amount_nrlc", "amount_wei", "rlc_tx_hash", "coin_tx_hash", "errors"},
    "bridge": {"receive_tx_hash"},
    "log": {"status"},
    **BOOK_OPTIONAL,
}


def rlc_name(name: str) -> str:
    """The twin of a column of exact amounts: ``price_nrlc`` -> ``price_rlc``, ``rlc_nrlc`` -> ``rlc``."""
    stem = name.removesuffix(NRLC)
    return stem if stem == "rlc" else f"{stem}_rlc"


def columns_of(kind: str) -> tuple[str, ...]:
    """The names of all columns of a kind, twins and optional ones too, in the order of a frame."""
    names: list[str] = []
    for column in SCHEMAS[kind]:
        names += [rlc_name(column.name)] if column.name.endswith(NRLC) else []
        names.append(column.name)
    return tuple(names)
