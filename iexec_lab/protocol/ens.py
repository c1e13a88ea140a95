"""Names of the Ethereum Name Service: which ones are valid, and their hashes (EIP-137).

Ours because web3's ``ens`` loads the tables of ENSIP-15: 6 times the import time of this whole room, and
107 MB of memory instead of 14. Here only names that are not plain ASCII pay for that.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.hashing import keccak
from iexec_lab.protocol.imports import keeping_recursion_limit
from iexec_lab.protocol.javascript import type_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Where ``ens register`` puts names, by kind.
DEFAULT_DOMAINS: Final = {
    "wallet": "users.iexec.eth",
    "app": "apps.iexec.eth",
    "dataset": "datasets.iexec.eth",
    "workerpool": "pools.iexec.eth",
}

#: Text record with the address of a workerpool's API.
WORKERPOOL_URL_KEY: Final = "iexec:workerpool-api:url"

# ENSIP-15 for ASCII labels: underscores only in front, no two hyphens at places 3 and 4.
_ASCII_LABEL: Final = re.compile(r"(?!..--)(?=.)_*[a-z0-9$-]*")


def check_label(label: Any) -> str:
    """A single label, such as ``me`` in ``me.users.iexec.eth``.

    Raises:
        ValidationError: ``<label> is not a valid ENS label (<why>)``.
    """
    if not isinstance(label, str):
        raise type_error("this", "string", label)
    _check(label, "label")
    if "." in label:
        raise _invalid(label, "label", "cannot have `.`")
    return label


def check_domain(domain: Any) -> str:
    """A name with any number of labels.

    Raises:
        ValidationError: ``<domain> is not a valid ENS domain (<why>)``.
    """
    if not isinstance(domain, str):
        raise type_error("this", "string", domain)
    if "" in domain.split("."):
        raise _invalid(domain, "domain", "cannot have empty labels")
    _check(domain, "domain")
    return domain


def namehash(name: str) -> str:
    """The node of a name, 32 bytes as 0x text; the empty name is the root.

    Raises:
        ValidationError: the name has characters that ENS does not accept.
    """
    normal = normalize_name(name) if name else ""
    if normal is None:
        raise _invalid(name, "domain", "cannot contain unsupported characters")
    node = bytes(32)
    for label in reversed(normal.split(".") if normal else []):
        node = keccak(node + keccak(label.encode()))
    return "0x" + node.hex()


def labelhash(label: str) -> str:
    """Hash of a label, its id at registrars."""
    return "0x" + keccak(label.encode()).hex()


def normalize_name(name: str) -> str | None:
    """The name as ENS compares it (ENSIP-15); None when it is not valid."""
    if name.isascii() and "'" not in name:
        lower = name.lower()
        return lower if all(map(_ASCII_LABEL.fullmatch, lower.split("."))) else None
    with keeping_recursion_limit():
        normalize, refusal = _ensip15()
    try:
        normal = str(normalize(name).as_text)
    except (refusal, ValueError):
        return None
    # web3 accepts a label of ignored characters only, which is an empty one.
    return normal if all(normal.split(".")) else None


@cache
def _ensip15() -> tuple[Callable[[str], Any], type[Exception]]:
    """web3's normalisation with the standard's tables, and the error that it raises.

    web3 8.0.0 hands lists of characters to pyunormalize, which since version 18 takes text only.
    """
    import pyunormalize
    from ens import _normalization
    from ens.exceptions import InvalidName

    def compose(characters: Iterable[str]) -> str:
        return str(pyunormalize.NFC("".join(characters)))

    _normalization.NFC = compose
    return _normalization.normalize_name_ensip15, InvalidName


def _check(name: str, what: str) -> None:
    if normalize_name(name) is None:
        raise _invalid(name, what, "cannot contain unsupported characters")
    if name != name.lower():
        raise _invalid(name, what, "cannot contain uppercase characters")


def _invalid(value: str, what: str, why: str) -> ValidationError:
    return ValidationError(f"{value} is not a valid ENS {what} ({what} {why})")
