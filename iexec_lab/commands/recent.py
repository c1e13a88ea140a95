"""Ids and addresses that went through this session, for completion."""

from __future__ import annotations

import re
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_RESOURCES = ("app", "dataset", "workerpool")
_ORDERS = ("apporder", "datasetorder", "workerpoolorder", "requestorder")
_KINDS = {
    **{name: name for name in _RESOURCES},
    **dict.fromkeys(("requester", "beneficiary", "owner", "signer", "wallet", "from", "to"), "user"),
    "dealid": "deal",
    "taskid": "task",
    "tasks": "task",
}
_BOOKS = {"appOrders": "app", "datasetOrders": "dataset", "workerpoolOrders": "workerpool"}
_NULL = "0x" + 40 * "0"


class Seen:
    """What was shown, by kind (the kinds of ``tree``), newest first."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, None]] = {}

    def add(self, kind: str, value: str) -> None:
        values = self._values.setdefault(kind, {})
        values.pop(value, None)
        values[value] = None

    def of(self, kind: str) -> list[str]:
        """Values of a kind; ``address`` means every address."""
        kinds = (*_RESOURCES, "user") if kind == "address" else (kind,)
        return [value for name in kinds for value in reversed(self._values.get(name, {}))]

    def learn(self, raw: Any, noun: str) -> None:
        """Remember what a command's ``--raw`` answer names."""
        self._learn(raw, noun, noun)

    def _learn(self, value: Any, key: str, noun: str) -> None:
        if isinstance(value, dict):
            noun = _BOOKS.get(key, key.removesuffix("order") if key in _ORDERS else noun)
            for name, item in value.items():
                self._learn(item, key if name == "pointer" else name, noun)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._learn(item, key, _BOOKS.get(key, noun))
        elif isinstance(value, str):
            self._learn_text(value, key, noun)

    def _learn_text(self, value: str, key: str, noun: str) -> None:
        if _ADDRESS.fullmatch(value) and value != _NULL:
            owner = noun if noun in _RESOURCES else "user"
            kind = owner if key == "address" else _KINDS.get(key)
            if kind:
                self.add(kind, value)
        elif _HASH.fullmatch(value):
            if key in {"orderHash", "unpublished"}:
                self.add(f"{noun}order" if noun in _RESOURCES else "requestorder", value)
            elif key in _KINDS:
                self.add(_KINDS[key], value)
