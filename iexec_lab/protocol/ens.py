"""Names of the Ethereum Name Service: which ones are valid, and their hashes (EIP-137)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.hashing import keccak

#: Where ``ens register`` puts names, by what is named.
DEFAULT_DOMAINS: Final = {
    "wallet": "users.iexec.eth",
    "app": "apps.iexec.eth",
    "dataset": "datasets.iexec.eth",
    "workerpool": "pools.iexec.eth",
}

#: Text record with the address of a workerpool's API.
WORKERPOOL_URL_KEY: Final = "iexec:workerpool-api:url"

# ASCII labels by the normalisation of ENSIP-15: underscores only in front, no hyphens at places 3 and 4.
_ASCII_LABEL: Final = re.compile(r"(?!..--)(?=.)_*[a-z0-9$'-]*")
_LETTERS: Final = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc"})
_NO_SCRIPT: Final = frozenset({"Nd", "So"})
_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO"})


def check_label(label: str) -> str:
    """A single label, such as ``me`` in ``me.users.iexec.eth``.

    Raises:
        ValidationError: ``<label> is not a valid ENS label (<why>)``.
    """
    if "." in label:
        raise _invalid(label, "label", "cannot have `.`")
    if normalize_name(label) is None:
        raise _invalid(label, "label", "cannot contain unsupported characters")
    if label != label.lower():
        raise _invalid(label, "label", "cannot contain uppercase characters")
    return label


def check_domain(domain: str) -> str:
    """A name with any number of labels.

    Raises:
        ValidationError: ``<domain> is not a valid ENS domain (<why>)``.
    """
    if "" in domain.split("."):
        raise _invalid(domain, "domain", "cannot have empty labels")
    if normalize_name(domain) is None:
        raise _invalid(domain, "domain", "cannot contain unsupported characters")
    if domain != domain.lower():
        raise _invalid(domain, "domain", "cannot contain uppercase characters")
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
    """Hash of a label, which registrars use as its id."""
    return "0x" + keccak(label.encode()).hex()


def normalize_name(name: str) -> str | None:
    """The name as ENS compares it (ENSIP-15), None when it is not accepted.

    ASCII follows the standard. Of the rest of Unicode only names that need no change pass: lower-case
    letters of one script in composed form, digits, and single emoji. The standard's tables would let some
    more through.
    """
    lower = name.lower()
    labels = [_normalize_label(label) for label in lower.split(".")]
    return None if None in labels else ".".join(label for label in labels if label is not None)


def _normalize_label(label: str) -> str | None:
    if label.isascii():
        return label.replace("'", "\u2019") if _ASCII_LABEL.fullmatch(label) else None
    if unicodedata.normalize("NFKC", label.casefold()) != label or "_" in label.lstrip("_"):
        return None
    scripts = set()
    for char in label:
        category = unicodedata.category(char)
        if category in _LETTERS:
            scripts.add(unicodedata.name(char, "").partition(" ")[0])
        elif category not in _NO_SCRIPT and char not in "-_$":
            return None
    return label if len(scripts - {"COMBINING"}) <= 1 or scripts <= _EAST_ASIAN else None


def _invalid(value: str, what: str, why: str) -> ValidationError:
    return ValidationError(f"{value} is not a valid ENS {what} ({what} {why})")
