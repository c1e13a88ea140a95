"""What a requester wants to run, read from the options of ``run_options.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from iexec_lab.client.what_is import to_category
from iexec_lab.errors import ValidationError
from iexec_lab.networks import TDX_TAG
from iexec_lab.protocol import (
    NULL_ADDRESS,
    NULL_BYTES32,
    canonical_params,
    has_tag,
    strip_framework,
    sum_tags,
    to_tag,
    to_uint256,
)
from iexec_lab.protocol.javascript import loads, to_text, type_error
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iexec_lab.client.session import Session
    from iexec_lab.protocol.bulk import Bulk

    Secrets = Mapping[Any, str] | Sequence[str]


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The wish in protocol form; prices are the most that a task may cost in nRLC, None for any price."""

    app: str
    dataset: str = NULL_ADDRESS
    workerpool: str = NULL_ADDRESS
    params: dict[str, Any] = field(default_factory=dict)
    category: int | None = None
    tag: str | None = None
    trust: int = 0
    callback: str = NULL_ADDRESS
    beneficiary: str | None = None
    volume: int = 1
    app_price: int | None = None
    dataset_price: int | None = None
    workerpool_price: int | None = None
    bulk: Bulk | None = None

    @classmethod
    def read(cls, session: Session, app: str, options: Mapping[str, Any]) -> Self:
        """Check and normalise all of ``ExecutionOptions`` except those that the verb itself reads.

        Raises:
            ValidationError: One of them is not valid.
        """
        left = dict(options)
        take = left.pop
        params = _base(take("params"))
        bulk = take("bulk")
        volume = _volume(take("volume"), bulk)
        params |= dict(
            _params(
                take("args"),
                take("input_files"),
                take("secret"),
                take("storage_provider"),
                encrypt_result=take("encrypt_result"),
            )
        )
        if bulk is not None:
            params["bulk_cid"] = bulk.cid
        canonical_params(params, tag=TDX_TAG)  # values only: whether an enclave is needed is checked later
        address = session.to_address
        request = cls(
            app=address(app),
            dataset=address(take("dataset") or NULL_ADDRESS),
            workerpool=address(take("workerpool") or NULL_ADDRESS),
            params=params,
            category=_unless_none(partial(to_category, session), take("category")),
            tag=_unless_none(partial(to_tag, frameworks=session.network.frameworks), take("tag")),
            trust=to_uint256(take("trust")),
            callback=address(take("callback") or NULL_ADDRESS),
            beneficiary=_unless_none(address, take("beneficiary")),
            volume=volume,
            app_price=_unless_none(parse_rlc, take("app_price")),
            dataset_price=_unless_none(parse_rlc, take("dataset_price")),
            workerpool_price=_unless_none(parse_rlc, take("workerpool_price")),
            bulk=bulk,
        )
        if bulk is not None and request.dataset != NULL_ADDRESS:
            raise ValidationError(
                "A bulk and a dataset exclude each other",
                details={"dataset": request.dataset, "bulk": bulk.cid},
                hint="Put the dataset into the bulk: iexec-lab dataset prepare-bulk.",
            )
        if left:
            raise TypeError(f"declared as options, and nothing reads them: {', '.join(left)}")
        return request

    @property
    def resources(self) -> dict[str, str]:
        """Kind -> address of what is named."""
        named = {"app": self.app, "dataset": self.dataset, "workerpool": self.workerpool}
        return {kind: address for kind, address in named.items() if address != NULL_ADDRESS}

    @property
    def bulk_tag(self) -> str:
        """What all datasets of the bulk need; the framework of a dataset order does not count."""
        orders = self.bulk.orders if self.bulk is not None else []
        return sum_tags(NULL_BYTES32, *(strip_framework(order.tag) for order in orders))

    @property
    def wants_enclave(self) -> str | None:
        """Why the parameters need a TEE; None when they do not."""
        if self.params.get("iexec_result_encryption") in {True, "true"}:
            return "the result is encrypted"
        if self.bulk is not None and has_tag(self.bulk_tag, "tee"):
            return "datasets of the bulk are confidential"
        return "secrets are used" if self.params.get("iexec_secrets") else None


def _volume(given: Any, bulk: Bulk | None) -> int:
    """How many tasks: as asked for, else one for each slice of the bulk, else one."""
    most = len(bulk.slices) if bulk is not None else None
    volume = to_uint256((most or 1) if given is None else given)
    if volume < 1:
        raise ValidationError(
            "volume must be greater than or equal to 1",
            hint="It is the number of tasks; leave it out for one.",
        )
    if most is not None and volume > most:
        raise ValidationError(
            f"volume must be less than or equal to {most}, the tasks that the bulk is made for",
            details={"volume": volume},
        )
    return volume


def _unless_none(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)


def _base(params: Any) -> dict[str, Any]:
    """The object given as ``params``, or as its JSON text."""
    value = params or {}
    if isinstance(params, str):
        try:
            value = loads(params)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        raise ValidationError(
            f"{to_text(params)} is not a valid params, must be a json",
            hint='An object, such as {"iexec_args": "hello"}.',
        )
    return dict(value)


def _params(
    args: str | None,
    input_files: str | Sequence[str] | None,
    secret: Secrets | None,
    storage_provider: str | None,
    *,
    encrypt_result: bool,
) -> Iterator[tuple[str, Any]]:
    """Keys of ``params`` that have an option of their own, in the order of the official CLI: it is signed."""
    if args is not None:
        yield "iexec_args", args
    if input_files is not None:
        yield (
            "iexec_input_files",
            input_files.split(",") if isinstance(input_files, str) else input_files,
        )
    if secret:
        yield "iexec_secrets", _secrets(secret)
    if storage_provider is not None:
        yield "iexec_result_storage_provider", storage_provider
    if encrypt_result:
        yield "iexec_result_encryption", True


def _secrets(secret: Secrets) -> dict[str, str]:
    """``{1: "login"}``, ``["1=login"]`` or ``"1=login"`` as the object that goes into the parameters."""
    if not isinstance(secret, str | Mapping | Iterable):
        raise type_error("secret", "object", secret)
    pairs = (
        [(str(key), "=", name) for key, name in secret.items()]
        if hasattr(secret, "items")
        else [str(word).partition("=") for word in ([secret] if isinstance(secret, str) else secret)]
    )
    for key, equals, name in pairs:
        if not equals:
            raise ValidationError(
                f"'{key}' is not a valid secret mapping syntax "
                "(must be <appSecretKey>=<requesterSecretName>)",
                hint="As in --secret 1=name; iexec-lab requester push-secret name stores it before.",
            )
        if not re.fullmatch(r"[1-9]\d*", key):
            raise ValidationError(
                "requester secret mapping keys must be strictly positive integers",
                details={"secret": f"{key}={name}"},
            )
    return {key: name for key, _, name in pairs}
