"""Enclave configuration of an app: the ``mrenclave`` bytes on chain, UTF-8 of a JSON object.

SDK 8 checks the object; SDK 9, which no longer has enclaves with such a configuration, takes any text.

Ours because messages and precedence are those of the SDK's yup schema, to the letter (16 vectors in
``tests/vectors/mrenclave.json``); with a Python schema library each message would be rewritten all the same.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.constants import DATASET_INFINITE_VOLUME
from iexec_lab.protocol.javascript import dumps, loads, print_value, type_error

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS: Final = ("framework", "version", "fingerprint", "entrypoint", "heapSize")
_DECIMAL: Final = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|Infinity)")
_PREFIXED: Final = re.compile(r"0x[0-9a-f]+|0o[0-7]+|0b[01]+", re.IGNORECASE)


def encode_mrenclave(
    value: Any = None, *, frameworks: Sequence[str] = TEE_FRAMEWORKS, path: str = "this"
) -> bytes:
    """The bytes to store: an object as JSON in its own key order, text unchanged, no bytes for None.

    Args:
        value: An object, its JSON text or bytes, or None.
        frameworks: Frameworks that may be configured; ``("tdx",)`` gives the rules of SDK 9.
        path: What errors call the value.

    Raises:
        ValidationError: a key is missing, unknown or invalid.
    """
    not_valid = f"{path} is not a valid mrenclave"
    if value is None or value == "":
        return b""
    if tuple(frameworks) == ("tdx",):
        if not isinstance(value, str):
            raise ValidationError(not_valid, hint="SDK 9 takes no enclave configuration")
        return _utf8(value, not_valid)
    if isinstance(value, dict | list):
        check_mrenclave(value, frameworks=frameworks, path=path)
        return dumps(value).encode()
    if not isinstance(value, str | bytes | bytearray):
        raise ValidationError(not_valid)
    if not value:
        return b""
    try:
        data = value.encode() if isinstance(value, str) else bytes(value)
        parsed = loads(data.decode())
    except ValueError:
        raise ValidationError(not_valid, hint="it must be the JSON of an object") from None
    check_mrenclave(parsed, frameworks=frameworks, path=path)
    return data


def _utf8(text: str, not_valid: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValidationError(not_valid, hint="it must be valid Unicode text") from None


def decode_mrenclave(data: bytes) -> dict[str, Any] | str | None:
    """The stored configuration; its text when it is not a JSON object, None when there are no bytes."""
    if not data:
        return None
    text = data.decode(errors="replace")
    try:
        value = loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def check_mrenclave(value: Any, *, frameworks: Sequence[str] = TEE_FRAMEWORKS, path: str = "this") -> None:
    """Refuse an enclave configuration that no worker could start.

    Args:
        value: The configuration, an object.
        frameworks: Frameworks that may be configured.
        path: What errors call the value.

    Raises:
        ValidationError: in the SDK's words.
    """
    if not isinstance(value, dict):
        if value is None:
            raise ValidationError(f"{path} is not a valid mrenclave")
        raise type_error("this", "object", value)
    unknown = [str(key) for key in value if key not in _KEYS]
    if unknown:
        raise ValidationError(f'Unknown key "{", ".join(unknown)}" in mrenclave')
    if "framework" not in value:
        raise ValidationError("framework is a required field")
    framework = value["framework"]
    if not isinstance(framework, str | int | float):
        raise ValidationError(f"{path} is not a valid mrenclave")
    name = str(framework).lower()
    if name not in frameworks:
        hint = f"frameworks are {', '.join(frameworks)}"
        raise ValidationError("framework is not a valid TEE framework", hint=hint)
    if name == "scone":
        _check_heap_size(value.get("heapSize"))
        _check_text("entrypoint", value.get("entrypoint"))
    else:
        for key in ("heapSize", "entrypoint"):
            if key in value:
                problem = (
                    f"{key} cannot be null" if value[key] is None else f'Unknown key "{key}" in mrenclave'
                )
                raise ValidationError(problem)
    _check_text("fingerprint", value.get("fingerprint"))
    _check_text("version", value.get("version"))


def _check_text(key: str, value: Any) -> None:
    if value is None or value == "":
        raise ValidationError(f"{key} is a required field")
    if isinstance(value, dict | list):
        raise type_error(key, "string", value)


def _check_heap_size(value: Any) -> None:
    key = "heapSize"
    if value is None:
        raise ValidationError(f"{key} is a required field")
    size = _to_number(value)
    if size is None:
        raise ValidationError(
            f"{key} must be a `number` type, but the final value was: `NaN` "
            f"(cast from the value `{print_value(value)}`)."
        )
    if isinstance(size, float) and not size.is_integer():  # infinities are not integers either
        raise ValidationError(f"{key} must be an integer")
    if size < 0:
        raise ValidationError(f"{key} must be greater than or equal to 0")
    if size > DATASET_INFINITE_VOLUME:
        raise ValidationError(f"{key} must be less than or equal to {DATASET_INFINITE_VOLUME}")


def _to_number(value: Any) -> float | None:
    """The value as JavaScript casts it to a number; None for NaN."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    text = "".join(value.split()) if isinstance(value, str) else ""
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    return float(text) if _DECIMAL.fullmatch(text) else None
