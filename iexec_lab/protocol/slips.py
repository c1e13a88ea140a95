"""What a wrong value looks like, and what to write instead: advice for errors about single values.

A slip is told from its look alone; nothing is asked.
"""

from __future__ import annotations

import re
from typing import Any, Final

from iexec_lab.protocol.javascript import to_text

_DIGITS: Final = re.compile(r"(0[xX])?[0-9a-fA-F]+")
_NAME: Final = re.compile(r"\$?[A-Za-z_]\w*")
_URL: Final = re.compile(r"[a-z]+://")
_CID: Final = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}|ba[a-z2-7]{50,}")
_LEFT_OUT: Final = ("...", "…")
_YOUR_DEALS: Final = "iexec-lab jobs lists your deals."
_IMAGE: Final = re.compile(r"[\w.-]+(/[\w.-]+)+(:[\w.-]+)?|[\w.-]+:[\w.-]+")


def address_hint(value: Any) -> str:
    """Advice on a value that is no address."""
    text = to_text(value).strip()
    digits = _hex_digits(text)
    if digits == 64:
        return (
            "This has 64 digits, as the id of a deal or task, the hash of an order, or a private key; "
            "an address has 40 digits after 0x."
        )
    if digits is not None and text[:2].lower() == "0x":
        return f"An address has 40 hexadecimal digits after 0x; this has {digits}."
    if text.endswith(_LEFT_OUT):
        return (
            f"{text[:20]} stands for an address: iexec-lab app deploy gives one, iexec-lab app show shows it."
        )
    return (
        _variable(text)
        or _stray_digit(text, 40)
        or _kept_at(text)
        or ("This network has no ENS: give the address itself." if text.endswith(".eth") else "")
        or "An address is 0x and 40 hexadecimal digits. A value that has spaces is put in quotes."
    )


def id_hint(value: Any, listed: str = _YOUR_DEALS) -> str:
    """Advice on a value that is no id or hash of 32 bytes; ``listed`` says where such ones are listed."""
    text = to_text(value).strip()
    digits = _hex_digits(text)
    if digits == 40:
        return (
            "This is an address. The id of a deal or task, or the hash of an order, has 64 digits after 0x: "
            f"{listed}"
        )
    if digits == 64:
        return "Write 0x before it."
    if digits is not None and text[:2].lower() == "0x":
        return f"It has 64 hexadecimal digits after 0x; this has {digits}."
    if text.endswith(_LEFT_OUT):
        return f"{text[:20]} stands for an id or a hash: {listed}"
    return _variable(text) or _stray_digit(text, 64) or f"It is 0x and 64 hexadecimal digits: {listed}"


def checksum_hint(value: Any) -> str:
    """Advice on a value that is no checksum."""
    text = to_text(value).strip()
    name, colon, digest = text.partition(":")
    if colon and _hex_digits(digest) == 64:
        return f"Write 0x in place of {name}: as in 0x{digest[:4]}..."
    if _hex_digits(text) == 64:
        return "Write 0x before the digest."
    return "A checksum is 0x and the 64 digits of the image's digest, or of the file's SHA-256."


def number_hint(value: Any) -> str:
    """Advice on a value that is no whole number."""
    text = to_text(value).strip()
    if text.startswith("-"):
        return "Give a whole number that is not negative."
    if re.fullmatch(r"[0-9]+([.,][0-9]+)+", text):
        return "Give a whole number, without comma or point."
    return _variable(text) or "Give a whole number."


def _hex_digits(text: str) -> int | None:
    """How many hexadecimal digits the text has after 0x; None when it is something else."""
    if _DIGITS.fullmatch(text) is None:
        return None
    return len(text) - (2 if text[:2].lower() == "0x" else 0)


def _stray_digit(text: str, wanted: int) -> str:
    if text[:2].lower() != "0x" or len(text) < wanted // 2:
        return ""
    stray = next((char for char in text[2:] if char not in "0123456789abcdefABCDEF"), None)
    return f"{stray!r} is no hexadecimal digit: the digits are 0 to 9 and a to f." if stray else ""


def _variable(text: str) -> str:
    """Advice on a variable that was not put in: ``$app`` or ``{app}``."""
    if text.startswith("{") and text.endswith("}"):
        return "Braces stand for a variable in a notebook only: type the value itself."
    if text.startswith("$") and _NAME.fullmatch(text):
        return f"In a notebook {{{text[1:]}}} puts in the variable {text[1:]}."
    return ""


def _kept_at(text: str) -> str:
    """Advice on the place of an image or a file, where its address on the chain belongs."""
    if _URL.match(text) or _CID.search(text) or _IMAGE.fullmatch(text):
        return (
            "This is where something is stored. What was deployed has an address on the chain: "
            "iexec-lab app deploy and iexec-lab dataset deploy print it."
        )
    return ""
