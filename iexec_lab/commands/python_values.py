"""Python values among the words of a command, as ``%iexec deal show {job}`` has them."""

from __future__ import annotations

import operator
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from iexec_lab.errors import UsageError

if TYPE_CHECKING:
    from iexec_lab.commands.tree import Argument, Option

_MANY = (list, tuple)


def as_word(value: Any) -> str | None:
    """The value as somebody would type it, None for what cannot be typed: a job, a frame, a dict."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, PathLike):
        return str(fspath(value))
    if isinstance(value, (bytes, bytearray)):
        return f"0x{value.hex()}"
    try:
        return str(value if isinstance(value, bool) else operator.index(value))
    except TypeError:
        pass
    is_number = hasattr(value, "__float__") and not getattr(value, "shape", ())
    return _number(value) if is_number else None


def _number(value: Any) -> str:
    from decimal import Decimal

    return format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")


def fitting(item: Argument | Option, value: Any) -> Any:
    """What an item reads from an object.

    Raises:
        UsageError: an object of this kind is not accepted here.
    """
    from iexec_lab.client.iexec import IExec
    from iexec_lab.client.jobs.job import Job

    if isinstance(value, Job) and item.kind in {"deal", "task"}:
        return _one_id(item, value)
    if isinstance(value, IExec) and item.kind == "chain":
        return value if item.shown == "[network]" else value.session.network.name
    if isinstance(value, dict) and item.kind == "json":
        return value
    if isinstance(value, _MANY) and item.kind == "url":
        return ",".join(map(str, value))
    raise UsageError(
        f"{item.shown} cannot be a {type(value).__name__}",
        hint=f"Take one value of it, as in {{frame.{item.dest}[0]}}.",
    )


def fitting_all(item: Argument | Option, values: list[Any]) -> list[str]:
    """The words of an option that takes several: lists among them are taken apart.

    Raises:
        UsageError: an object that cannot be typed.
    """
    words: list[str] = []
    for value in values:
        for part in _parts(item, value):
            word = as_word(part)
            words.append(fitting(item, part) if word is None else word)
    return words


def _parts(item: Argument | Option, value: Any) -> Any:
    """What a list holds; for orders also what a frame, a column or a row of the order book does."""
    if isinstance(value, _MANY):
        return value
    if not item.kind.endswith("order") and item.kind != "bulk":
        return [value]
    if isinstance(value, dict):
        return [value[key] for key in ("cid", "order_hash", "orderHash") if key in value][:1] or [value]
    if hasattr(value, "columns") and "order_hash" in value.columns:
        return list(value["order_hash"])
    if hasattr(value, "iloc") and not hasattr(value, "columns"):
        return [value["order_hash"]] if "order_hash" in value.index else list(value)
    return [value]


def _one_id(item: Argument | Option, job: Any) -> str:
    ids = job.deal_ids if item.kind == "deal" else job.task_ids
    if len(ids) > 1:
        raise UsageError(
            f"The job has {len(ids)} {item.kind}s, but {item.shown} takes one",
            hint=f"Take one: {{job.{item.kind}_ids[0]}}.",
        )
    return str(ids[0])
