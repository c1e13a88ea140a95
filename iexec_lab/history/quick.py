"""Pages of deals and tasks from a subgraph's answer to Arrow, column by column, without an object per value.

``graph_rows`` says the same for single rows, and is asked whenever a page holds anything unusual: the tests
compare the two.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from iexec_lab.history import graph_values as v
from iexec_lab.history import quick_values as q
from iexec_lab.history.arrow_pages import schema
from iexec_lab.history.graph_rows import MOST_NESTED, STATUS
from iexec_lab.history.quick_values import Unusual, need
from iexec_lab.protocol.states import FINAL_RATIO

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINK = pa.struct([("id", pa.string())])
_ROW = [("id", pa.string()), ("timestamp", pa.string()), ("transaction", _LINK)]
_DEAL_TEXTS = (
    *("id", "startTime", "trust", "tag", "params", "botFirst", "botSize", "completedTasksCount"),
    *("claimedTasksCount", "appPrice", "datasetPrice", "workerpoolPrice", "workerStake"),
    "schedulerRewardRatio",
)
_DEAL_LINKS = (
    *("app", "dataset", "workerpool", "appOwner", "datasetOwner", "workerpoolOwner", "requester"),
    *("beneficiary", "callback", "sponsor", "apporder", "datasetorder", "workerpoolorder", "requestorder"),
)
_TASK_TEXTS = (
    *("id", "index", "status", "results", "resultDigest", "resultsCallback", "consensus"),
    *("contributionDeadline", "revealDeadline", "finalDeadline"),
)


@cache
def _form(table: str) -> pa.Schema:
    """The form of an answer."""
    if table == "deals":
        held = pa.struct(
            [
                *((name, pa.string()) for name in _DEAL_TEXTS),
                *((name, _LINK) for name in _DEAL_LINKS),
                ("category", pa.struct([("id", pa.string()), ("workClockTimeRef", pa.string())])),
            ]
        )
        rows = pa.struct([*_ROW, ("deal", held)])
    else:
        paid = pa.list_(pa.struct([("value", pa.string())]))
        step = pa.struct(
            [
                *((name, pa.string()) for name in ("__typename", "id", "timestamp")),
                ("worker", _LINK),
            ]
        )
        links = ("app", "dataset", "workerpool", "category")
        held = pa.struct(
            [
                *((name, pa.string()) for name in _TASK_TEXTS),
                ("requester", _LINK),
                ("deal", pa.struct([("id", pa.string()), *((name, _LINK) for name in links)])),
                ("events", pa.list_(step)),
                ("rewards", paid),
                ("seizes", paid),
            ]
        )
        rows = pa.struct([*_ROW, ("task", held)])
    return pa.schema([("data", pa.struct([("rows", pa.list_(rows))]))])


class Columns:
    """A page whose rows are in order; see ``Quick``."""

    def __init__(self, batch: pa.RecordBatch, times: pa.Array) -> None:
        self._batch, self._times = batch, times
        self.times: Sequence[int] = times.to_pylist()

    def pick(self, last: int | None) -> pa.RecordBatch:
        """Its rows; without those of the last second, if that is given."""
        return self._batch if last is None else self._batch.filter(pc.not_equal(self._times, last))


def read(table: str, body: bytes) -> Columns | None:
    """The page in an answer; None when it has to be read row by row."""
    if b'"errors"' in body:
        return None
    try:
        body.decode()  # Arrow does not look whether text is text
        answer = pyarrow.json.read_json(
            pa.BufferReader(body),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=_form(table), unexpected_field_behavior="ignore"
            ),
        )
        if answer.num_rows != 1:
            return None
        rows = _field(answer.column("data").chunk(0), "rows")
        if rows.null_count:
            return None
        return _page(table, rows.flatten())
    except (Unusual, UnicodeDecodeError, pa.ArrowException, pa.ArrowInvalid):
        return None


def _field(held: pa.Array, *path: str) -> pa.Array:
    """A field of a column of objects, missing where the object is."""
    if isinstance(held, pa.ChunkedArray):
        held = held.combine_chunks()
    for name in path:
        held = pc.struct_field(held, name)
    return held


def _link(held: pa.Array, *path: str) -> pa.Array:
    """The id of a linked object, which may be missing as a whole."""
    found = _field(held, *path)
    ids = _field(found, "id")
    need(ids.null_count == found.null_count)
    return ids


def _page(table: str, rows: pa.Array) -> Columns:
    if rows.null_count:
        raise Unusual
    times = q.count(_field(rows, "timestamp"))
    blocks, indices = q.position(_field(rows, "id"))
    columns = {
        **(_deals(rows, times) if table == "deals" else _tasks(rows, times)),
        "block": blocks,
        "log_index": indices,
        "tx_hash": q.word(_field(rows, "transaction", "id")),
    }
    twins = {
        name.replace("_nrlc", "_rlc"): q.in_rlc(column)
        for name, column in columns.items()
        if name.endswith("_nrlc")
    }
    form = schema(table)
    batch = pa.RecordBatch.from_arrays([{**columns, **twins}[name] for name in form.names], schema=form)
    keys = pa.RecordBatch.from_arrays([times, blocks, indices], ["time", "block", "log"])
    order = pc.sort_indices(keys, [("time", "ascending"), ("block", "ascending"), ("log", "ascending")])
    if not _is_counting(order):
        batch, keys = batch.take(order), keys.take(order)
    spots = np.stack([column.to_numpy() for column in keys.columns])
    if spots.shape[1] > 1 and (spots[:, 1:] == spots[:, :-1]).all(axis=0).any():
        raise Unusual  # a row that is there twice
    return Columns(batch, keys.column(0))


def _is_counting(order: pa.Array) -> bool:
    return bool((order.to_numpy() == np.arange(len(order))).all())


def _deals(rows: pa.Array, times: pa.Array) -> dict[str, pa.Array]:
    deals = _field(rows, "deal")
    held = {name: _field(deals, name) for name in _DEAL_TEXTS}
    links = {name: _link(deals, name) for name in _DEAL_LINKS}
    need(pc.equal(q.count(held["startTime"]), times)) if len(times) else None
    dataset, params = q.anyone(links["dataset"]), q.whole(held["params"])
    seconds = q.count(_field(deals, "category", "workClockTimeRef"))
    need((pc.max(seconds).as_py() or 0) < v.LATEST)
    return {
        "deal_id": q.word(held["id"]),
        "started_at": q.moment(times),
        "app": q.address(links["app"]),
        "app_price_nrlc": q.rlc(held["appPrice"]),
        "dataset": dataset,
        "dataset_price_nrlc": q.rlc(held["datasetPrice"]),
        "workerpool": q.address(links["workerpool"]),
        "workerpool_price_nrlc": q.rlc(held["workerpoolPrice"]),
        "category": q.count(_field(deals, "category", "id")),
        "tasks": q.count(held["botSize"]),
        "completed": q.count(held["completedTasksCount"]),
        "claimed": q.count(held["claimedTasksCount"]),
        "requester": q.address(links["requester"]),
        "beneficiary": q.address(links["beneficiary"]),
        "callback": q.anyone(links["callback"]),
        "sponsor": q.anyone(links["sponsor"]),
        "app_owner": q.address(links["appOwner"]),
        "dataset_owner": q.anyone(links["datasetOwner"]),
        "workerpool_owner": q.address(links["workerpoolOwner"]),
        "trust": q.count(held["trust"]),
        "tag": q.tag(q.word(held["tag"])),
        "tag_hex": held["tag"],
        "params": params,
        "bulk": _bulk(dataset, params),
        "first_index": q.count(held["botFirst"]),
        "worker_stake_nrlc": q.count(held["workerStake"]).cast(q.NRLC),
        "scheduler_reward_ratio": q.count(held["schedulerRewardRatio"]),
        "final_deadline": q.moment(pc.add(times, pc.multiply(seconds, FINAL_RATIO))),
        "apporder_hash": q.word(links["apporder"]),
        "datasetorder_hash": pc.if_else(
            pc.is_null(dataset), pa.scalar(None, pa.string()), _words(links["datasetorder"])
        ),
        "workerpoolorder_hash": q.word(links["workerpoolorder"]),
        "requestorder_hash": q.word(links["requestorder"]),
    }


def _words(column: pa.Array) -> pa.Array:
    q.word(column.drop_null())
    return column


def _bulk(dataset: pa.Array, params: pa.Array) -> pa.Array:
    named = pc.and_(pc.is_null(dataset), pc.match_substring(params, "bulk_cid"))
    if not pc.any(named).as_py():
        return named
    return pa.array(
        [
            maybe and v.is_bulk(None, text)
            for maybe, text in zip(named.to_pylist(), params.to_pylist(), strict=True)
        ]
    )


def _tasks(rows: pa.Array, times: pa.Array) -> dict[str, pa.Array]:
    tasks = _field(rows, "task")
    held = {name: _field(tasks, name) for name in _TASK_TEXTS}
    steps = _Steps(_field(tasks, "events"), len(times))
    finalized = steps.only("TaskFinalize")
    for name in ("contributionDeadline", "finalDeadline"):
        q.whole(held[name])
    lasted = pc.subtract(finalized, times)
    if (pc.min(lasted).as_py() or 0) < 0:
        raise Unusual
    return {
        "task_id": q.word(held["id"]),
        "deal_id": q.word(_field(tasks, "deal", "id")),
        "task_index": q.count(held["index"]),
        "status": q.distinct(q.whole(held["status"]), _status),
        "initialized_at": q.moment(times),
        "contributed_at": q.moment(steps.edge("TaskContribute", first=True)),
        "revealed_at": q.moment(steps.edge("TaskReveal", first=False)),
        "finalized_at": q.moment(finalized),
        "claimed_at": q.moment(steps.only("TaskClaimed")),
        "execution_seconds": lasted,
        "contribution_deadline": _moments(held["contributionDeadline"]),
        "reveal_deadline": q.optional_moment(held["revealDeadline"]),
        "final_deadline": _moments(held["finalDeadline"]),
        "workers": steps.workers(),
        "reward_nrlc": _sums(_field(tasks, "rewards"), len(times)),
        "seized_nrlc": _sums(_field(tasks, "seizes"), len(times)),
        "consensus": q.word_or_none(held["consensus"]),
        "result_digest": q.word_or_none(held["resultDigest"]),
        "results": q.each(held["results"], v.readable),
        "callback_result": q.each(held["resultsCallback"], v.hexadecimal),
        "app": q.address(_field(tasks, "deal", "app", "id")),
        "dataset": q.anyone(_link(tasks, "deal", "dataset")),
        "workerpool": q.address(_field(tasks, "deal", "workerpool", "id")),
        "requester": q.address(_field(tasks, "requester", "id")),
        "category": q.count(_field(tasks, "deal", "category", "id")),
    }


def _moments(column: pa.Array) -> pa.Array:
    return q.moment(q.count(column))


def _status(name: str) -> str:
    if name not in STATUS:
        raise ValueError(name)
    return STATUS[name]


class _Steps:
    """The events of the tasks of a page."""

    def __init__(self, lists: pa.Array, size: int) -> None:
        q.whole(lists)
        need((pc.max(pc.list_value_length(lists)).as_py() or 0) < MOST_NESTED)
        held = lists.flatten()
        self._size = size
        self._of = lists.value_parent_indices().to_numpy()
        self._kinds = q.whole(_field(held, "__typename"))
        self._workers, self._ids = _field(held, "worker", "id"), _field(held, "id")
        self._times = q.count(_field(held, "timestamp"))
        q.moment(self._times)

    def _mask(self, kind: str) -> Any:
        return pc.equal(self._kinds, kind).to_numpy(zero_copy_only=False)

    def edge(self, kind: str, *, first: bool) -> pa.Array:
        """Seconds of the first, or the last, event of a kind of each task."""
        mask = self._mask(kind)
        found = np.full(self._size, np.iinfo(np.int64).max if first else -1)
        lower = np.minimum if first else np.maximum
        lower.at(found, self._of[mask], self._times.to_numpy()[mask])
        missing = np.bincount(self._of[mask], minlength=self._size) == 0
        return pa.array(found, pa.int64(), mask=missing)

    def only(self, kind: str) -> pa.Array:
        """Seconds of what happens once."""
        if (np.bincount(self._of[self._mask(kind)], minlength=self._size) > 1).any():
            raise Unusual
        return self.edge(kind, first=True)

    def workers(self) -> pa.Array:
        """Who contributed, in the order of the chain."""
        mask = self._mask("TaskContribute")
        of = self._of[mask]
        kept = pa.array(mask)
        blocks, indices = q.position(self._ids.filter(kept))
        order = np.lexsort((indices.to_numpy(), blocks.to_numpy(), of))
        names = q.address(self._workers.filter(kept)).take(pa.array(order))
        ends = np.concatenate(([0], np.bincount(of, minlength=self._size).cumsum()))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), names)


def _sums(lists: pa.Array, size: int) -> pa.Array:
    """What was paid, or taken, for each task, nRLC."""
    q.whole(lists)
    need((pc.max(pc.list_value_length(lists)).as_py() or 0) < MOST_NESTED)
    amounts = q.rlc(_field(lists.flatten(), "value")).cast(pa.int64()).to_numpy()
    if len(amounts) and amounts.max() >= 2**52:
        raise Unusual
    found = np.zeros(size, np.int64)
    np.add.at(found, lists.value_parent_indices().to_numpy(), amounts)
    return pa.array(found).cast(q.NRLC)
