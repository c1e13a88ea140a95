"""Apps, datasets, workerpools and categories as the registries and the hub take them.

Each function turns the object of a project file into the arguments of the creating call, in order. Fields
are checked from last to first, as in the SDK, so that of several mistakes the same one is named.

Ours for the same reason as ``params``: messages and precedence of the SDK's yup schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.javascript import to_text, type_error
from iexec_lab.protocol.mrenclave import encode_mrenclave
from iexec_lab.protocol.multiaddr import encode_multiaddr
from iexec_lab.protocol.slips import checksum_hint
from iexec_lab.protocol.values import to_address, to_bytes32, to_uint256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Value = TypeVar("Value")

#: The only type an app can have.
APP_TYPE: Final = "DOCKER"


def app_arguments(
    app: Any, *, frameworks: Sequence[str] = TEE_FRAMEWORKS
) -> tuple[str, str, str, bytes, bytes, bytes]:
    """``createApp``: owner, name, type, multiaddr, checksum, mrenclave.

    Raises:
        ValidationError: a field is missing or cannot be right.
    """
    fields = _object(app)
    mrenclave = encode_mrenclave(fields.get("mrenclave"), frameworks=frameworks, path="mrenclave")
    checksum = _required(fields, "checksum", _checksum)
    multiaddr = _required(fields, "multiaddr", encode_multiaddr)
    kind = _required(fields, "type", _app_type)
    name = _text(fields, "name")
    return _required(fields, "owner", to_address), name, kind, multiaddr, checksum, mrenclave


def dataset_arguments(dataset: Any) -> tuple[str, str, bytes, bytes]:
    """``createDataset``: owner, name, multiaddr, checksum.

    Raises:
        ValidationError: a field is missing or cannot be right.
    """
    fields = _object(dataset)
    checksum = _required(fields, "checksum", _checksum)
    multiaddr = _required(fields, "multiaddr", encode_multiaddr)
    name = _text(fields, "name")
    return _required(fields, "owner", to_address), name, multiaddr, checksum


def workerpool_arguments(workerpool: Any) -> tuple[str, str]:
    """``createWorkerpool``: owner, description.

    Raises:
        ValidationError: a field is missing or cannot be right.
    """
    fields = _object(workerpool)
    description = _text(fields, "description")
    return _required(fields, "owner", to_address), description


def category_arguments(category: Any) -> tuple[str, str, int]:
    """``createCategory``: name, description, seconds of the work clock.

    Raises:
        ValidationError: a field is missing or cannot be right.
    """
    fields = _object(category)
    seconds = _required(fields, "workClockTimeRef", to_uint256)
    description = _text(fields, "description")
    return _text(fields, "name"), description, seconds


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        raise ValidationError("this cannot be null")
    if not isinstance(value, dict):
        raise type_error("this", "object", value)
    return value


def _required(fields: dict[str, Any], name: str, read: Callable[[Any], Value]) -> Value:
    if fields.get(name) is None:
        raise ValidationError(f"{name} is a required field")
    return read(fields[name])


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None or value == "":
        raise ValidationError(f"{name} is a required field")
    if isinstance(value, dict | list | tuple):
        raise type_error(name, "string", value)
    text = to_text(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{name} must be valid Unicode text") from None
    return text


def _app_type(value: Any) -> str:
    if value != APP_TYPE:
        raise ValidationError(f"{to_text(value)} is not a valid type", hint=f"the type is {APP_TYPE}")
    return APP_TYPE


def _checksum(value: Any) -> bytes:
    try:
        return bytes.fromhex(to_bytes32(value)[2:])
    except ValidationError as error:
        raise ValidationError(error.message, hint=checksum_hint(value)) from None
