"""What is wrong with a value, told while it is typed: no network, only what the value itself says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from iexec_lab.errors import IexecError, ValidationError
from iexec_lab.protocol.javascript import loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
ADDRESSES: Final = frozenset({"address", "user", "app", "dataset", "workerpool"})
HASHES: Final = frozenset({"apporder", "datasetorder", "workerpoolorder", "requestorder", "deal", "task"})
UNITS: Final = {"amount": ("nRLC", "RLC"), "ether": ("wei", "gwei", "ether")}
"""Units of an amount, the smallest first."""
_MOMENTS = {"--since", "--until", "--used-since"}


def problem_of(kind: str, word: str, *, name: str = "", unit: str = "", folder: Path | None = None) -> str:
    """What is wrong with a word of a kind (those of ``commands/tree.py``); empty when nothing is.

    Args:
        kind: What it should be.
        word: What was typed.
        name: The option it is for.
        unit: The unit of an amount.
        folder: The project folder, for files.
    """
    check = _check_moment if name in _MOMENTS else _CHECKS.get(kind)
    try:
        if kind in UNITS:
            _check_amount(kind, word, unit)
        elif kind == "file" and name != "--wallet-file":
            _check_file(word, folder)
        elif check is not None:
            check(word)
    except IexecError as error:
        return error.message
    except ValueError as error:
        return str(error)
    return ""


def _check_amount(kind: str, word: str, unit: str) -> None:
    from iexec_lab.units import parse_ether, parse_rlc

    if kind == "ether":
        parse_ether([word, unit or "ether"])
    else:
        parse_rlc([word, unit or "nRLC"])


def _check_address(text: str) -> None:
    if text == "deployed" or text.endswith(".eth") or text.isdecimal():
        return
    if not _ADDRESS.fullmatch(text):
        digits = len(text) - 2
        so_far = f"; these are {digits}" if text.startswith("0x") and digits else ""
        raise ValueError(f"an address is 0x and 40 hexadecimal digits{so_far}")
    from iexec_lab.protocol import to_address

    try:
        to_address(text)
    except ValidationError:
        raise ValueError("capital and small letters do not fit: a letter may be wrong") from None


def _check_hash(text: str) -> None:
    if not _HASH.fullmatch(text):
        raise ValueError("an id is 0x and 64 hexadecimal digits")


def _check_integer(text: str) -> None:
    if not (text.isdecimal() and text.isascii()):
        raise ValueError("digits only")


def _check_json(text: str) -> None:
    try:
        loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None


def _check_tag(text: str) -> None:
    from iexec_lab.protocol import encode_tag

    if not text.startswith("0x"):
        encode_tag(text)
    elif not _HASH.fullmatch(text):
        raise ValueError("a tag is words such as tee,scone, or 0x and 64 hexadecimal digits")


def _check_url(text: str) -> None:
    if not all(re.match(r"https?://[^/]", part) for part in text.split(",")):
        raise ValueError("a URL starts with http:// or https://")


def _check_checksum(text: str) -> None:
    if not _HASH.fullmatch(text):
        raise ValueError("a checksum is 0x and 64 hexadecimal digits")


def _check_params(text: str) -> None:
    if text.startswith("{"):
        _check_json(text)


def _check_multiaddr(text: str) -> None:
    from iexec_lab.protocol import encode_multiaddr

    encode_multiaddr(text)


def _check_file(text: str, folder: Path | None) -> None:
    from pathlib import Path

    from iexec_lab.regular_files import is_file

    if not is_file((folder or Path()) / Path(text).expanduser()):
        raise ValueError("no such file")


def _check_moment(text: str) -> None:
    from iexec_lab.protocol import to_moment

    to_moment(text)


_CHECKS: dict[str, Callable[[str], None]] = {
    **dict.fromkeys(ADDRESSES, _check_address),
    **dict.fromkeys(HASHES, _check_hash),
    **dict.fromkeys(("integer", "category"), _check_integer),
    "json": _check_json,
    "tag": _check_tag,
    "url": _check_url,
    "multiaddr": _check_multiaddr,
    "checksum": _check_checksum,
    "params": _check_params,
}
