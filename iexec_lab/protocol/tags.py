"""Tags: 256 bits that say what a task needs, and how the tag of a deal is made.

Bit 0 asks for an enclave, bits 1 to 3 name its framework, bit 8 asks for a GPU. Which frameworks are accepted
depends on the SDK: 8.22.5 has scone and gramine, 9.0.1 has tdx only; ``frameworks`` chooses the rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ValidationError
from iexec_lab.frameworks import TEE_FRAMEWORKS
from iexec_lab.protocol.constants import NULL_BYTES32
from iexec_lab.protocol.javascript import to_text
from iexec_lab.protocol.values import to_bytes32

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TAG_BITS: Final[Mapping[str, int]] = {"tee": 0, "scone": 1, "gramine": 2, "tdx": 3, "gpu": 8}

#: What SDK 9 adds to the tag of every order it makes: tee and tdx.
TDX_TAG: Final = f"0x{0b1001:064x}"

_TAG: Final = re.compile(r"0x[0-9a-f]{64}")
_NAMES: Final = {bit: name for name, bit in TAG_BITS.items()}
_FRAMEWORK_BITS: Final = sum(1 << TAG_BITS[name] for name in TEE_FRAMEWORKS)
_ALL_BITS: Final = 2**256 - 1


def encode_tag(names: str | Iterable[str], *, frameworks: Sequence[str] = TEE_FRAMEWORKS) -> str:
    """The tag of a list of names, or of names joined by commas; ``""`` is ignored.

    Raises:
        ValidationError: ``Unknown tag <name>``.
    """
    if not isinstance(names, str | list | tuple | set | frozenset) and not hasattr(names, "__next__"):
        raise ValidationError(f"{to_text(names)} is not a valid tag. Invalid tag")
    bits = 0
    for name in names.split(",") if isinstance(names, str) else names:
        if name == "":
            continue
        if not isinstance(name, str) or not _is_known(name, frameworks):
            raise ValidationError(f"Unknown tag {to_text(name)}", hint=f"tags are {', '.join(TAG_BITS)}")
        bits |= 1 << TAG_BITS[name]
    return _to_hex(bits)


def decode_tag(tag: str, *, frameworks: Sequence[str] = TEE_FRAMEWORKS) -> list[str]:
    """Names of the bits that are set, lowest bit first.

    Raises:
        ValidationError: ``Unknown bit <n> in tag``, ``tag must be bytes32 hex string``.
    """
    names = []
    for bit in _set_bits(_to_int(tag)):
        name = tag_name(bit, frameworks=frameworks)
        if isinstance(name, int):
            raise ValidationError(f"Unknown bit {bit} in tag")
        names.append(name)
    return names


def tag_name(bit: int, *, frameworks: Sequence[str] = TEE_FRAMEWORKS) -> str | int:
    """The name of a bit, or the bit itself when it has none."""
    name = _NAMES.get(bit)
    return name if name is not None and _is_known(name, frameworks) else bit


def sum_tags(*tags: str, width: int = 256) -> str:
    """Bitwise or of tags. SDK 8.22.5 uses the low 255 bits only: ``width=255``."""
    bits = 0
    for tag in tags:
        bits |= _to_int(tag)
    return _to_hex(bits & (_ALL_BITS >> (256 - width)))


def strip_framework(tag: str) -> str:
    """The tag without the bits that name a TEE framework."""
    return _to_hex(_to_int(tag) & ~_FRAMEWORK_BITS)


def missing_bits(tag: str, required: str) -> list[int]:
    """Bits of ``required`` that ``tag`` lacks, lowest first."""
    return _set_bits(_to_int(required, "requiredTag") & ~_to_int(tag))


def missing_tags(tag: str, required: str) -> list[str]:
    """Names (or bit numbers as text) of the bits of ``required`` that ``tag`` lacks."""
    return [str(tag_name(bit)) for bit in missing_bits(tag, required)]


def is_tag_within(tag: str, least: str = NULL_BYTES32, most: str | None = None) -> bool:
    """True when a search with this minimal and maximal tag finds the tag.

    Args:
        tag: 32 bytes as 0x text, as are the others.
        least: Bits that must be set.
        most: Bits that may be set; None allows all.
    """
    return not missing_bits(tag, least) and (most is None or not missing_bits(most, tag))


def has_tag(tag: str, name: str) -> bool:
    """True when the bit of that name is set."""
    return bool(_to_int(tag) >> TAG_BITS[name] & 1)


def tee_framework(tag: str, *, frameworks: Sequence[str] = TEE_FRAMEWORKS) -> str | None:
    """The TEE framework that the tag names, if any."""
    bits = _to_int(tag)
    return next((name for name in frameworks if bits >> TAG_BITS[name] & 1), None)


def to_tag(value: Any, *, frameworks: Sequence[str] = TEE_FRAMEWORKS) -> str:
    """A tag in any form (names, comma list, 0x text, 32 bytes) as bytes32; its meaning is not checked.

    Raises:
        ValidationError: ``<value> is not a valid tag. <why>`` or ``tag must be bytes32 hex string``.
    """
    if isinstance(value, bytes | bytearray):
        return to_bytes32(value)
    if isinstance(value, str) and value[:2].lower() == "0x":
        return _to_hex(_to_int(value.lower()))
    if not isinstance(value, str | list | tuple):
        raise ValidationError(f"{to_text(value)} is not a valid tag. Invalid tag")
    try:
        return encode_tag(value, frameworks=frameworks)
    except ValidationError as error:
        raise ValidationError(
            f"{to_text(value)} is not a valid tag. {error.message}", hint=error.hint
        ) from None


def check_tag(
    value: Any,
    *,
    frameworks: Sequence[str] = TEE_FRAMEWORKS,
    allow_agnostic: bool = False,
    ignore_legacy: bool = False,
) -> str:
    """The tag as bytes32, after a check that its TEE bits make sense.

    Args:
        value: Any accepted form of a tag.
        frameworks: The TEE frameworks that may be named.
        allow_agnostic: Accept ``tee`` without a framework, as in dataset orders, request orders and searches.
        ignore_legacy: Accept bits of frameworks that are no longer accepted, as in dataset orders of SDK 9.

    Raises:
        ValidationError: the value is not a tag, or its TEE bits contradict each other.
    """
    tag = to_tag(value, frameworks=frameworks)
    bits = int(tag, 16)
    active = [name for name in frameworks if bits >> TAG_BITS[name] & 1]
    # tdx is not legacy: an SDK without it does not know the bit and lets it pass.
    legacy = [name for name in ("gramine", "scone") if name not in frameworks and bits >> TAG_BITS[name] & 1]
    if legacy and not ignore_legacy:
        raise ValidationError(f"Unsupported legacy TEE framework tag ({', '.join(map(repr, legacy))})")
    choice = "|".join(map(repr, frameworks))
    if not bits & 1:
        if active:
            raise ValidationError(
                f"'{active[0]}' tag must be used with 'tee' tag", hint=f"Name both: tee,{active[0]}"
            )
    elif not active and not allow_agnostic:
        framework = "tdx" if "tdx" in frameworks else frameworks[0]
        raise ValidationError(
            f"'tee' tag must be used with a tee framework ({choice})", hint=f"Name both: tee,{framework}"
        )
    elif len(active) > 1:
        raise ValidationError(
            f"tee framework tags are exclusive ({choice})", hint=f"Keep one: tee,{active[0]}"
        )
    return tag


def deal_tag(app_tag: str, dataset_tag: str, request_tag: str) -> str:
    """The tag that the hub (6.1.0) stores in a deal: all that app, dataset and request ask for."""
    return sum_tags(app_tag, dataset_tag, request_tag)


def check_deal_tag(
    app_tag: str, dataset_tag: str, request_tag: str, *, frameworks: Sequence[str] = TEE_FRAMEWORKS
) -> str:
    """The tag that a deal of these orders needs, after a check that it makes sense.

    With tdx the framework of a dataset order does not count (SDK 8.23 and later); SDK 9, which has only tdx,
    requires tdx in every deal.

    Raises:
        ValidationError: ``Matching order would produce an invalid deal tag. <why>`` and SDK 9's own sentence.
    """
    if "tdx" in frameworks:
        dataset_tag = strip_framework(dataset_tag)
    try:
        tag = check_tag(sum_tags(app_tag, dataset_tag, request_tag), frameworks=frameworks)
    except ValidationError as error:
        message = f"Matching order would produce an invalid deal tag. {error.message}"
        raise ValidationError(message, hint=error.hint) from None
    if tuple(frameworks) == ("tdx",) and not (has_tag(tag, "tee") and has_tag(tag, "tdx")):
        raise ValidationError(
            "Resulting deal tag must have both [tee] and [tdx] tags active. "
            "Matching orders have incompatible tags."
        )
    return tag


def _is_known(name: str, frameworks: Sequence[str]) -> bool:
    # Every SDK names scone and gramine, accepted or not; only those that accept tdx name it.
    return name in TAG_BITS and (name != "tdx" or name in frameworks)


def _set_bits(bits: int) -> list[int]:
    return [bit for bit in range(bits.bit_length()) if bits >> bit & 1]


def _to_int(tag: str, name: str = "tag") -> int:
    if not isinstance(tag, str) or _TAG.fullmatch(tag) is None:
        raise ValidationError(f"{name} must be bytes32 hex string")
    return int(tag, 16)


def _to_hex(bits: int) -> str:
    return f"0x{bits:064x}"
