"""The schemas: from protocol objects to DataFrames.

A frame is built from a table of column -> kind, never by guessing, and has the same columns when it is empty.
Amounts and uint256 are Python ``int`` in object columns, times are UTC, addresses EIP-55, hashes lower case.
``frame.attrs`` says where the rows come from: ``kind``, ``chain``, ``chain_id``, ``contract``,
``fetched_at``, ``single`` when the one row is best drawn upright, ``left_out``, how many rows of a service
were not what was asked for, and ``remark``, a sentence that belongs below.

Ours because pandas guesses: beside a missing value 2**53 + 1 became the float 9007199254740992.0, and
2**62 + 2**62 as int64 summed to -9223372036854775808 without a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from iexec_lab.errors import ValidationError
from iexec_lab.libraries import needing
from iexec_lab.plain_text import plain
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    TASK_STATUSES,
    decode_tag,
    to_address,
    to_moment,
    to_number,
)
from iexec_lab.protocol.states import COMPLETED, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    import pandas as pd
    import pyarrow as pa


class Column(NamedTuple):
    """A column: its name, its kind (a key of KINDS), and where a row holds the value (``app.price``)."""

    name: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of a kind are read and stored; ``dtype`` None: text, up to pandas' version."""

    read: Callable[[Any], Any]
    dtype: str | None
    categories: Sequence[str] | None = None


def _anyone(value: Any) -> str | None:
    if value == NULL_ADDRESS:
        return None
    address = to_address(value)
    return None if address == NULL_ADDRESS else address


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    # Half of a surrogate pair is not text: neither Arrow nor a terminal takes it.
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _hash(value: Any) -> str:
    return value.lower() if isinstance(value, str) and value.isascii() else _text(value).lower()


def _word(value: Any) -> str | None:
    text = _hash(value)
    return None if text == NULL_BYTES32 else text


def _count(value: Any) -> int:
    number = to_number(value)
    if number >= 2**63:
        raise ValidationError(f"{plain(value, 80)} is too large for a count")
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError(f"{plain(value, 80)} is neither true nor false")
    return value


def _one_of(names: Sequence[str]) -> Callable[[Any], str | None]:
    """Reads a status; an unknown one is missing."""
    known = {name: name for name in names}
    return known.get


def _tag(value: Any) -> list[str] | None:
    """The words of a tag; None for a tag with bits that have no name."""
    words = _tag_words(value)
    return None if words is None else list(words)


@lru_cache(maxsize=256)
def _tag_words(value: str) -> tuple[str, ...] | None:
    try:
        return tuple(sorted(decode_tag(value)))
    except ValidationError:
        return None


_ORDER_STATUSES = ("open", "filled", "canceled", "dead")
_TASK_STATUSES = (*TASK_STATUSES[:COMPLETED], TIMEOUT, *TASK_STATUSES[COMPLETED:])

KINDS: Mapping[str, Kind] = {
    "u256": Kind(to_number, "object"),
    "nrlc": Kind(to_number, "object"),
    "wei": Kind(to_number, "object"),
    "count": Kind(_count, "Int64"),
    "flag": Kind(_flag, "boolean"),
    "text": Kind(_text, None),
    "address": Kind(to_address, None),
    "anyone": Kind(_anyone, None),
    "hash": Kind(_hash, None),
    "word": Kind(_word, None),
    "tag": Kind(_tag, "object"),
    "object": Kind(lambda value: value, "object"),
    "time": Kind(to_moment, "datetime64[us, UTC]"),
    "order_status": Kind(_one_of(_ORDER_STATUSES), "category", _ORDER_STATUSES),
    "task_status": Kind(_one_of(_TASK_STATUSES), "category", _TASK_STATUSES),
}
"""Missing is None in object columns, pandas' NA elsewhere; ``anyone`` and ``word`` read zero as missing."""


_INTEGERS: Final[set[Callable[[Any], Any]]] = {to_number, _count}


def _columns(text: str) -> tuple[Column, ...]:
    """``name:kind=path`` words; the path is the name where it is left out."""
    columns = []
    for word in text.split():
        name, _, rest = word.partition(":")
        kind, _, path = rest.partition("=")
        columns.append(Column(name, kind, path or name))
    return tuple(columns)


_PUBLISHED = """
    remaining:u256 volume:u256=order.volume status:order_status signer:address
    published_at:time=publicationTimestamp"""

SCHEMAS: Mapping[str, tuple[Column, ...]] = {
    name: _columns(text)
    for name, text in {
        "account": "address:address stake_nrlc:nrlc=balance.stake locked_nrlc:nrlc=balance.locked",
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
            work_clock_seconds:count=category.workClockTimeRef""",
        "apporder": f"""order_hash:hash=orderHash app:address=order.app app_price_nrlc:nrlc=order.appprice
            {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            dataset_restrict:anyone=order.datasetrestrict workerpool_restrict:anyone=order.workerpoolrestrict
            requester_restrict:anyone=order.requesterrestrict deals:object""",
        "datasetorder": f"""order_hash:hash=orderHash dataset:address=order.dataset
            dataset_price_nrlc:nrlc=order.datasetprice {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            app_restrict:anyone=order.apprestrict workerpool_restrict:anyone=order.workerpoolrestrict
            requester_restrict:anyone=order.requesterrestrict bulk:flag deals:object""",
        "workerpoolorder": f"""order_hash:hash=orderHash workerpool:address=order.workerpool
            workerpool_price_nrlc:nrlc=order.workerpoolprice category:count=order.category
            trust:count=order.trust {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            app_restrict:anyone=order.apprestrict dataset_restrict:anyone=order.datasetrestrict
            requester_restrict:anyone=order.requesterrestrict deals:object""",
        "requestorder": f"""order_hash:hash=orderHash requester:address=order.requester app:address=order.app
            app_max_price_nrlc:nrlc=order.appmaxprice dataset:anyone=order.dataset
            dataset_max_price_nrlc:nrlc=order.datasetmaxprice workerpool:anyone=order.workerpool
            workerpool_max_price_nrlc:nrlc=order.workerpoolmaxprice category:count=order.category
            trust:count=order.trust {_PUBLISHED} tag:tag=order.tag tag_hex:hash=order.tag
            beneficiary:address=order.beneficiary callback:anyone=order.callback params:text=order.params
            deals:object""",
        "deal": """deal_id:hash=dealid app:address=app.pointer dataset:anyone=dataset.pointer
            workerpool:address=workerpool.pointer app_price_nrlc:nrlc=app.price
            dataset_price_nrlc:nrlc=dataset.price workerpool_price_nrlc:nrlc=workerpool.price
            app_owner:address=app.owner dataset_owner:anyone=dataset.owner
            workerpool_owner:address=workerpool.owner category:count trust:count tag:tag tag_hex:hash=tag
            requester:address beneficiary:address callback:anyone params:text first_index:count=botFirst
            size:count=botSize worker_stake_nrlc:nrlc=workerStake
            scheduler_reward_ratio:count=schedulerRewardRatio sponsor:anyone started_at:time=startTime
            final_deadline:time=finalTime tasks:object completed:count=completedTasksCount
            failed:count=failedTasksCount""",
        "task": """task_id:hash=taskid deal_id:hash=dealid index:count=idx status:task_status=statusName
            timed_out:flag=taskTimedOut storage:text=results.storage location:text=results.location
            contribution_deadline:time=contributionDeadline reveal_deadline:time=revealDeadline
            final_deadline:time=finalDeadline consensus:word=consensusValue result_digest:word=resultDigest
            reveals:count=revealCounter winners:count=winnerCounter contributors:object
            callback_result:text=resultsCallback datasets:object""",
        "job": """deal_id:hash=dealid app:address=app.pointer dataset:anyone=dataset.pointer
            workerpool:address=workerpool.pointer category:count size:count=botSize state:text done:count
            failed:count running:count claimable_nrlc:nrlc=claimable started_at:time=startTime
            final_deadline:time=finalTime""",
        "log": "task_id:hash=taskid index:count worker:address stdout:text stderr:text",
        "encrypted_file": "original:text encrypted:text key_file:text=key checksum:hash",
        "published_file": """dataset:address=address order_hash:hash=orderHash price_nrlc:nrlc=price cid:text
            checksum:hash key_file:text=key done:text skipped:text""",
        "key_file": """private_key_file:text=privateKeyFile public_key_file:text=publicKeyFile
            folder:text=secretPath""",
        "claim": "deal_id:hash index:count task_id:hash tx_hash:hash",
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
        "image": "image:text folder:text",
        "setting": "name:text value:text",
        "estimate": """volume:u256 cost_nrlc:nrlc=total sponsored_nrlc:nrlc=sponsored
            task_cost_nrlc:nrlc=perTask""",
        "run_plan": """app:address dataset:address workerpool:text app_price_nrlc:nrlc dataset_price_nrlc:nrlc
            workerpool_price_nrlc:nrlc tasks:u256 deals:count cost_nrlc:nrlc cost_wei:wei
            stake_left_nrlc:nrlc category:count
            longest_run_seconds:u256 deadline_seconds:u256 tag:text params:text voucher:address
            sponsored_nrlc:nrlc notes:text network:text""",
        "sweep": """from:address to:address amount_nrlc:nrlc amount_wei:wei rlc_tx_hash:hash=sendERC20TxHash
            coin_tx_hash:hash=sendNativeTxHash errors:object""",
        "bridge": """from:address to:address amount_nrlc:nrlc send_tx_hash:hash=sendTxHash
            receive_tx_hash:hash=receiveTxHash""",
        "plan": """action:text network:text real_value:flag cost_nrlc:nrlc cost_wei:wei to:address
            spender:address bridge:address requester:address app:address dataset:address workerpool:address
            app_price_nrlc:nrlc dataset_price_nrlc:nrlc workerpool_price_nrlc:nrlc tasks:u256
            deadline_seconds:u256 amount_nrlc:nrlc amount_wei:wei stake_left_nrlc:nrlc
            wallet_left_nrlc:nrlc""",
    }.items()
}

#: Columns that not every row of a kind has: shown when at least one row has a value.
_OPTIONAL = {
    "wallet": {"ether_wei", "ens", "private_key", "public_key"},
    "receipt": {"address", "to", "amount_nrlc", "amount_wei", "category"},
    "app": {"ens"},
    "dataset": {"ens"},
    "workerpool": {"ens"},
    **{kind: {"deals"} for kind in ("apporder", "datasetorder", "workerpoolorder", "requestorder")},
    "deal": {"sponsor", "tasks", "completed", "failed"},
    "name": {"register_tx_hash", "set_resolver_tx_hash", "set_addr_tx_hash", "set_name_tx_hash"},
    "network": {"rlc", "native"},
    "run_plan": {"dataset", "voucher", "sponsored_nrlc", "notes", "cost_wei", "stake_left_nrlc"},
    "plan": {
        *("to", "spender", "bridge", "requester", "app", "dataset", "workerpool", "app_price_nrlc"),
        *("dataset_price_nrlc", "workerpool_price_nrlc", "tasks", "deadline_seconds", "amount_nrlc"),
        *("amount_wei", "stake_left_nrlc", "wallet_left_nrlc", "cost_wei"),
    },
    "sweep": {"amount_nrlc", "amount_wei", "rlc_tx_hash", "coin_tx_hash", "errors"},
    "bridge": {"receive_tx_hash"},
}


def build(
    kind: str, rows: Iterable[Mapping[str, Any]], *, single: bool = False, **attrs: Any
) -> pd.DataFrame:
    """A frame of the schema ``kind``.

    Args:
        kind: A key of SCHEMAS.
        rows: Objects as the official SDK, the market API or the contracts shape them.
        single: The one row is a whole object, best drawn upright.
        attrs: Added to ``frame.attrs``.

    Raises:
        ValidationError: A value does not fit its column.
    """
    import pandas as pd

    held = list(rows)
    optional = _OPTIONAL.get(kind, set())
    series = {}
    for column in SCHEMAS[kind]:
        values = _values(held, column)
        if column.name in optional and all(value is None for value in values):
            continue
        series[column.name] = _series(values, KINDS[column.kind])
    frame = pd.DataFrame(series)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about: dict[Any, Any] = {"kind": kind, "single": single, "fetched_at": now, **attrs}
    frame.attrs = about
    return frame


def _values(rows: Sequence[Mapping[str, Any]], column: Column) -> list[Any]:
    """A column's values.

    Raises:
        ValidationError: One of them cannot be read; no other error is raised, whatever a row holds.
    """
    read = KINDS[column.kind].read
    first, *rest = column.path.split(".")
    try:
        values = [row.get(first) for row in rows]
        for part in rest:
            values = [None if value is None else value.get(part) for value in values]
        if read in _INTEGERS and _are_small(values):
            return values
        return [None if value is None else read(value) for value in values]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = plain(error.message) if isinstance(error, ValidationError) else "a value of another kind"
        raise ValidationError(f"{column.name} cannot be read: {why}") from None


def _are_small(values: Sequence[Any]) -> bool:
    """Whether all are small integers, which need no reading: most lists are."""
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**63


def _series(values: list[Any], kind: Kind) -> pd.Series[Any]:
    import pandas as pd

    if kind.categories is not None:
        return pd.Series(pd.Categorical(values, categories=list(kind.categories), ordered=True))
    if kind.dtype is None:
        # pandas 3 has a text dtype of its own; before it, text is object.
        dtype: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
        return pd.Series(values, dtype="object").astype(dtype)
    exact: Any = kind.dtype
    if kind.dtype.startswith("datetime"):
        moments = pd.to_datetime(pd.Series(values, dtype="object"), utc=True)
        return moments.astype(exact)
    return cast("pd.Series[Any]", pd.Series(values, dtype=exact))


def sum_exact(values: Iterable[Any]) -> int:
    """The sum of integers, missing ones left out, exact at any size."""
    return sum(int(value) for value in values if value is not None and value == value)  # noqa: PLR0124


def as_rlc(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy with ``..._rlc`` columns of Decimal beside the ``..._nrlc`` ones (1 RLC = 1e9 nRLC)."""
    import pandas as pd

    shown = frame.copy()
    for name in map(str, frame.columns):
        if name.endswith("_nrlc"):
            rlc = [None if value is None else Decimal(value).scaleb(-9) for value in frame[name]]
            place = list(shown.columns).index(name) + 1
            shown.insert(
                place, f"{name.removesuffix('_nrlc')}_rlc", pd.Series(rlc, frame.index, dtype="object")
            )
    return shown


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """An Arrow table; unbounded integers become decimal text, so that nothing overflows.

    Raises:
        LibraryError: pyarrow is not installed.
    """
    import pandas as pd

    with needing("Arrow", "pyarrow"):
        import pyarrow as pa
    kinds = {column.name: column.kind for column in SCHEMAS.get(frame.attrs.get("kind", ""), ())}
    plain = frame.copy()

    def put(name: Any, convert: Callable[[Any], str | None]) -> None:
        # A frame that was sorted or filtered has an index of its own, and pandas would align by it.
        plain[name] = pd.Series([convert(value) for value in frame[name]], frame.index, dtype="object")

    for name in frame.columns:
        kind = kinds.get(str(name))
        if kind in {"u256", "nrlc", "wei"}:
            put(name, lambda value: None if value is None else str(value))
        elif kind == "object":
            put(name, _plain_json)
        elif isinstance(frame[name].dtype, pd.CategoricalDtype):
            plain[name] = frame[name].astype("object")
    return pa.Table.from_pandas(plain, preserve_index=False)


def _plain_json(value: Any) -> str | None:
    import json

    return None if value is None else json.dumps(value, default=str)


def to_parquet(frame: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write ``to_arrow(frame)`` as a Parquet file.

    Raises:
        LibraryError: pyarrow is not installed.
    """
    table = to_arrow(frame)
    import pyarrow.parquet as pq

    pq.write_table(table, path)
