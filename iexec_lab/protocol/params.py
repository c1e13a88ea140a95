"""Parameters of a request: which keys there are, what they may hold, and the one text that is hashed.

``canonical_params`` makes the text of a new request: values are cast, unknown keys dropped, defaults added.
``check_params`` checks an existing request, which may need no change.

Ours because wording, casts and precedence are those of the SDK's yup schema, which walks the keys backwards
(62 vectors in ``tests/vectors/params.json``); a Python schema library casts otherwise, and each message would
be rewritten all the same. ``sdk`` chooses between 8.22.5 and 9.0.1 where they differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.cid import is_cid
from iexec_lab.protocol.constants import NULL_ADDRESS, NULL_BYTES32
from iexec_lab.protocol.javascript import dumps, loads, to_text, type_error
from iexec_lab.protocol.tags import has_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Sdk = Literal[8, 9]

PARAM_KEYS: Final = (
    "iexec_args",
    "iexec_input_files",
    "bulk_cid",
    "iexec_result_encryption",
    "iexec_result_storage_provider",
    "iexec_secrets",
    "iexec_result_storage_proxy",
)
#: Where results can be kept, in each SDK's order.
STORAGE_PROVIDERS: Final[Mapping[int, tuple[str, ...]]] = {8: ("ipfs", "dropbox"), 9: ("dropbox", "ipfs")}

_ABSENT: Final = object()
_URL: Final = re.compile(r"https?://")
_POSITIVE: Final = re.compile(r"[1-9][0-9]*")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def canonical_params(
    params: Any = None, *, tag: str = NULL_BYTES32, callback: str = NULL_ADDRESS, sdk: Sdk = 8
) -> str:
    """The text that a request order gets for these parameters.

    Args:
        params: An object, its JSON text, or plain text, which becomes ``iexec_args``.
        tag: The order's tag; secrets, and storage other than IPFS, need its TEE bit.
        callback: The order's callback: with one, no storage provider is needed.
        sdk: 8 knows ``iexec_result_storage_proxy``, 9 drops it.

    Raises:
        ValidationError: a value is invalid.
    """
    return dumps(_validate(_parse({} if params is None else params), tag, callback, sdk, strict=False))


def check_params(
    params: Any, *, tag: str = NULL_BYTES32, callback: str = NULL_ADDRESS, sdk: Sdk = 8
) -> dict[str, Any]:
    """The parameters of an existing request as an object; they must need no change.

    Args:
        params: An object or its JSON text.
        tag: The order's tag.
        callback: The order's callback: with one, no storage provider is needed.
        sdk: As for ``canonical_params``.

    Raises:
        ValidationError: an unknown key, a value of another type, no storage provider where one is needed.
    """
    return _validate(_parse(params), tag, callback, sdk, strict=True)


def read_params(text: str) -> dict[str, Any]:
    """The parameters of a deal, whatever it holds; text that is not a JSON object is ``iexec_args``."""
    try:
        value = loads(text)
    except ValueError:
        return {"iexec_args": text}
    return value if isinstance(value, dict) else {"iexec_args": text}


def _parse(params: Any) -> dict[str, Any]:
    value = params
    if isinstance(params, str):
        try:
            value = loads(params)
        except ValueError:
            value = {"iexec_args": params}
    if value is None:
        raise ValidationError("this cannot be null")
    if not isinstance(value, dict):
        raise type_error("this", "object", value)
    return {to_text(key): item for key, item in value.items()}


def _validate(params: dict[str, Any], tag: str, callback: str, sdk: Sdk, *, strict: bool) -> dict[str, Any]:
    known = PARAM_KEYS if sdk == 8 else PARAM_KEYS[:-1]
    unknown = [key for key in params if key not in known]
    if strict and unknown:
        raise ValidationError(f'Unknown key "{", ".join(unknown)}" in params')
    context = _Context(
        is_tee=has_tag(tag, "tee"), is_callback=callback != NULL_ADDRESS, sdk=sdk, strict=strict
    )
    checked: dict[str, Any] = {}
    for key in reversed(known):
        value = _CHECKS[key](params.get(key, _ABSENT), context)
        if value is not _ABSENT:
            checked[key] = value
    # An object that needed no change keeps the order of its keys; a rebuilt one has them backwards.
    unchanged = len(checked) == len(params) and all(
        key in checked and type(checked[key]) is type(item) and checked[key] == item
        for key, item in params.items()
    )
    return params if unchanged else checked


class _Context:
    __slots__ = ("is_callback", "is_tee", "sdk", "strict")

    def __init__(self, *, is_tee: bool, is_callback: bool, sdk: Sdk, strict: bool) -> None:
        self.is_tee = is_tee
        self.is_callback = is_callback
        self.sdk = sdk
        self.strict = strict


def _text(key: str, value: Any, context: _Context) -> Any:
    """The value as text; numbers and booleans are cast unless ``strict``."""
    if value is None:
        raise ValidationError(f"{key} cannot be null")
    if value is _ABSENT or isinstance(value, str):
        return value
    if context.strict or isinstance(value, dict | list | tuple):
        raise type_error(key, "string", value)
    return to_text(value)


def _args(value: Any, context: _Context) -> Any:
    return _text("iexec_args", value, context)


def _proxy(value: Any, context: _Context) -> Any:
    key = "iexec_result_storage_proxy"
    text = value if value is None else _text(key, value, context)
    if isinstance(text, str):
        _check_url(key, text)
    return text


def _bulk_cid(value: Any, context: _Context) -> Any:
    if value is _ABSENT:
        return value
    if context.strict and isinstance(value, int | float):
        raise type_error("bulk_cid", "string", value)
    text = to_text(value) if isinstance(value, int | float) else value
    if not is_cid(text):
        raise ValidationError(f"{to_text(value)} is not a valid CID")
    return text


def _input_files(value: Any, context: _Context) -> Any:
    key = "iexec_input_files"
    if value is None:
        raise ValidationError(f"{key} cannot be null")
    if value is _ABSENT:
        return value
    if isinstance(value, str) and not context.strict:
        value = value.split(",")
    if not isinstance(value, list | tuple):
        raise type_error(key, "array", value)
    for position, item in enumerate(value):
        if context.strict and item is not None and not isinstance(item, str):
            raise type_error(f"{key}[{position}]", "string", item)
        _check_url(f"{key}[{position}]", item)
    return list(value)


def _encryption(value: Any, context: _Context) -> Any:
    key = "iexec_result_encryption"
    if value is None:
        raise ValidationError(f"{key} cannot be null")
    if value is _ABSENT or isinstance(value, bool):
        return value
    cast = (
        None
        if context.strict or isinstance(value, dict | list | tuple)
        else _BOOLEANS.get(to_text(value).lower())
    )
    if cast is None:
        raise type_error(key, "boolean", value)
    return cast


def _provider(value: Any, context: _Context) -> Any:
    key = "iexec_result_storage_provider"
    if context.is_callback:
        return value if value is None else _text(key, value, context)
    if value is _ABSENT and not context.strict:
        return "ipfs"
    if value is _ABSENT or value is None:
        raise ValidationError(f"{key} is a required field")
    text = _text(key, value, context)
    if context.is_tee:
        providers = STORAGE_PROVIDERS[context.sdk]
        if text not in providers:
            raise ValidationError(
                f'{key} "{text}" is not a valid storage provider, '
                f"use one of the supported providers ({', '.join(providers)})"
            )
    elif text != "ipfs":
        raise ValidationError(
            f'{key} "{text}" is not supported for non TEE tasks use supported storage provider ipfs',
            hint="other storage than IPFS needs a TEE tag",
        )
    return text


def _secrets(value: Any, context: _Context) -> Any:
    key = "iexec_secrets"
    if value is _ABSENT:
        return value
    if value is None:
        raise ValidationError(f"{key} cannot be null")
    if not context.is_tee:
        raise ValidationError(
            f"{key} is not supported for non TEE tasks", hint="requester secrets need a TEE tag"
        )
    if not isinstance(value, dict):
        raise type_error(key, "object", value)
    names = {to_text(index): name for index, name in value.items()}
    if not all(index.isascii() and _POSITIVE.fullmatch(index) for index in names):
        raise ValidationError(f"{key} mapping keys must be strictly positive integers")
    if not all(isinstance(name, str) for name in names.values()):
        raise ValidationError(f"{key} mapping names must be strings")
    return names


def _check_url(path: str, value: Any) -> None:
    if not isinstance(value, str) or _URL.match(value) is None:
        hint = "Give a URL that begins with http; iexec-lab storage upload <file> puts it on IPFS."
        raise ValidationError(f'{path} "{to_text(value)}" is not a valid URL', hint=hint)


_CHECKS: Final[Mapping[str, Callable[[Any, _Context], Any]]] = {
    "iexec_args": _args,
    "iexec_input_files": _input_files,
    "bulk_cid": _bulk_cid,
    "iexec_result_encryption": _encryption,
    "iexec_result_storage_provider": _provider,
    "iexec_secrets": _secrets,
    "iexec_result_storage_proxy": _proxy,
}
