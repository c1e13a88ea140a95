"""ENS names: what may be one, and the node that the registry knows it by.

Wording follows the official SDK 8. Names must be in the form that ENS normalisation (ENSIP-15) would give.
"""

from __future__ import annotations

import unicodedata

from iexec_lab.errors import ValidationError
from iexec_lab.protocol.hashing import keccak


def check_label(label: str) -> str:
    """A label as it is.

    Raises:
        ValidationError: ENS would not take it.
    """
    for wrong, why in (
        (label == "", "label cannot be empty"),
        ("." in label, "label cannot have `.`"),
        (label != label.lower(), "label cannot contain uppercase characters"),
        (not _supported(label), "label cannot contain unsupported characters"),
    ):
        if wrong:
            raise ValidationError(f"{label} is not a valid ENS label ({why})")
    return label


def check_domain(domain: str) -> str:
    """A domain or whole name as it is.

    Raises:
        ValidationError: ENS would not take it.
    """
    labels = domain.split(".")
    for wrong, why in (
        (not all(labels), "domain cannot have empty labels"),
        (domain != domain.lower(), "domain cannot contain uppercase characters"),
        (not all(map(_supported, labels)), "domain cannot contain unsupported characters"),
    ):
        if wrong:
            raise ValidationError(f"{domain} is not a valid ENS domain ({why})")
    return domain


def _supported(label: str) -> bool:
    """Letters, marks, digits, hyphens, composed; underscores at the start only; no ``--`` in 3rd place."""
    body = label.lstrip("_")
    return (
        unicodedata.is_normalized("NFC", label)
        and label[2:4] != "--"
        and all(char == "-" or unicodedata.category(char)[0] in "LMN" or _is_symbol(char) for char in body)
    )


def _is_symbol(char: str) -> bool:
    """Emoji and the like, which ENS allows."""
    return unicodedata.category(char) in {"So", "Sk"} or char in "\u200d\ufe0f"


def label_hash(label: str) -> bytes:
    return keccak(label.encode())


def name_hash(name: str) -> bytes:
    """EIP-137: the node of a name, 32 bytes."""
    node = bytes(32)
    for label in reversed(name.split(".")) if name else ():
        node = keccak(node + label_hash(label))
    return node


def reverse_name(address: str) -> str:
    """The name under which an address says its own."""
    return f"{address[2:].lower()}.addr.reverse"
