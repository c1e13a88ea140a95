"""Bulks: one request over many datasets, whose orders are documents on IPFS instead of data on chain.

Each task of a bulk takes one slice, a JSON array of dataset orders. The root document is the JSON array of
the slices' CIDs; its own CID goes into the request's parameters as ``bulk_cid``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.constants import DATASET_INFINITE_VOLUME
from iexec_lab.protocol.javascript import dumps, loads, print_value, type_error
from iexec_lab.protocol.orders import DatasetOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_DATASETS_PER_TASK: Final = 100


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk whose documents are on IPFS: the CID of its root, and the orders of each task."""

    cid: str
    slices: tuple[tuple[DatasetOrder, ...], ...]

    @property
    def orders(self) -> list[DatasetOrder]:
        """The orders of all tasks."""
        return [order for orders in self.slices for order in orders]


def bulk_cid(params: str) -> str | None:
    """The CID of a deal's bulk, by its parameters; None where they name none."""
    try:
        found = loads(params)
    except ValueError:
        return None
    cid = found.get("bulk_cid") if isinstance(found, dict) else None
    return cid if isinstance(cid, str) and cid else None


def read_root(text: bytes) -> list[str]:
    """The CIDs of the slices.

    Raises:
        ValidationError: It is not the root document of a bulk.
    """
    cids = _array(text)
    if not all(isinstance(cid, str) for cid in cids):
        raise ValidationError("This is not the root of a bulk: it is not an array of CIDs")
    return cids


def read_slice(text: bytes) -> tuple[DatasetOrder, ...]:
    """The orders of one task.

    Raises:
        ValidationError: They are not signed dataset orders.
    """
    return tuple(DatasetOrder.from_json(order, stage="signed", frameworks=None) for order in _array(text))


def _array(text: bytes) -> list[Any]:
    try:
        found = loads(text)
    except ValueError as error:
        raise ValidationError("This is not a document of a bulk: it is not JSON") from error
    if not isinstance(found, list):
        raise ValidationError("This is not a document of a bulk: it is not an array")
    return found


def check_bulk_order(
    order: DatasetOrder | dict[str, Any], *, frameworks: Sequence[str] = TEE_FRAMEWORKS
) -> dict[str, Any]:
    """A dataset order as it goes into a slice: signed, free, and usable any number of times.

    An object in normal form keeps its key order; any other is rebuilt backwards, as the SDK does.

    Raises:
        ValidationError: the order cannot be used in a bulk.
    """
    given = order.to_json() if isinstance(order, DatasetOrder) else order

    def check(name: str, value: Any) -> None:
        # SDK 8.22.0 made orders with one less; 8.22.1 and later accept them.
        if name == "volume" and value < DATASET_INFINITE_VOLUME - 1:
            raise _not_for_bulk(name, given, f"DATASET_INFINITE_VOLUME ({DATASET_INFINITE_VOLUME})")
        if name == "datasetprice" and value != 0:
            raise _not_for_bulk(name, given, "0")

    checked = DatasetOrder.from_json(given, stage="signed", frameworks=frameworks, check=check)
    normal = checked.to_json()
    return given if given == normal else dict(reversed(normal.items()))


def bulk_slices(
    orders: Iterable[DatasetOrder | dict[str, Any]],
    max_per_task: int = MAX_DATASETS_PER_TASK,
    *,
    frameworks: Sequence[str] = TEE_FRAMEWORKS,
) -> list[str]:
    """The slice documents, each for one task.

    Args:
        orders: Signed dataset orders, free and of boundless volume; objects or their JSON.
        max_per_task: Orders in a slice, 1 to 100.
        frameworks: TEE frameworks that tags may name.

    Raises:
        ValidationError: no orders, one of them cannot be used, or the slice size is not 1 to 100.
    """
    if isinstance(max_per_task, bool) or not isinstance(max_per_task, int):
        raise type_error("maxDatasetPerTask", "number", max_per_task)
    if max_per_task < 1:
        raise ValidationError("maxDatasetPerTask must be greater than or equal to 1")
    if max_per_task > MAX_DATASETS_PER_TASK:
        raise ValidationError(f"maxDatasetPerTask must be less than or equal to {MAX_DATASETS_PER_TASK}")
    if isinstance(orders, str | bytes | dict) or not hasattr(orders, "__iter__"):
        raise type_error("datasetorders", "array", orders)
    checked = [check_bulk_order(order, frameworks=frameworks) for order in orders]
    if not checked:
        raise ValidationError("datasetorders field must have at least 1 items")
    return [dumps(checked[i : i + max_per_task]) for i in range(0, len(checked), max_per_task)]


def bulk_root(slice_cids: Sequence[str]) -> str:
    """The root document of slices that are on IPFS."""
    return dumps(list(slice_cids))


def _not_for_bulk(name: str, order: dict[str, Any], expected: str) -> ValidationError:
    shown = print_value(order[name], quotes=False)
    return ValidationError(
        f"{name} ({shown}) is not valid for bulk datasetorder expected {expected}",
        details={"dataset": order.get("dataset")},
        hint="Bulks use free orders of unlimited volume: iexec-lab orderbook dataset any --bulk-only.",
    )
