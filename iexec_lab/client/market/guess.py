"""What a text that somebody pasted may be: addresses, ids, a number, a name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final, NamedTuple

from iexec_lab.errors import ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.protocol.slips import address_hint, id_hint

MOST: Final = 8
"""Ids and addresses of one text that are looked up."""
_LONGEST: Final = 10_000
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?([0-9a-fA-F]{64}|[0-9a-fA-F]{40})(?![0-9A-Za-z])",
)
_CUT: Final = re.compile(r"(?<![0-9A-Za-z])(0[xX][0-9a-fA-F]{2,39})(?:\.{2,3}|…)([0-9a-fA-F]*)")
_DIGITS: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{30,80}")
_CID: Final = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}|ba[a-z2-7]{50,}")
_NUMBER: Final = re.compile(r"#?([0-9]{1,18})")
_QUOTES: Final = "\"'`<>()[]{},;"


class Guess(NamedTuple):
    """What a text may be; ``slip`` says what is wrong with something that is nearly an id or an address."""

    text: str
    addresses: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    number: int | None = None
    is_block: bool = False
    name: str = ""
    slip: str = ""


def guess(given: Any) -> Guess:
    """What a text may be; spaces, quotes, letters in any case and a missing 0x do no harm.

    Raises:
        ValidationError: There is no text.
    """
    text = _cleaned(given)
    if not text:
        raise ValidationError(
            "Nothing to search for", hint="Give an address, an id, a hash, a number or a part of a name."
        )
    found = _HEX.findall(text) or _HEX.findall(re.sub(r"\s+", "", text))
    digits = list(dict.fromkeys(map(str.lower, found)))[:MOST]
    if digits:
        return Guess(
            text,
            addresses=tuple("0x" + each for each in digits if len(each) == 40),
            words=tuple("0x" + each for each in digits if len(each) == 64),
        )
    number = _NUMBER.fullmatch(text)
    cid = _CID.search(text)
    name = cid[0] if cid else text
    return Guess(
        text,
        number=int(number[1]) if number else None,
        is_block=bool(number) and text[0] == "#",
        name=name,
        slip=_slip(text),
    )


def _cleaned(given: Any) -> str:
    text = given if isinstance(given, str) else str(given) if given is not None else ""
    text = unicodedata.normalize("NFKC", text[:_LONGEST].encode("utf-8", "replace").decode())
    # What has no width is pasted unseen.
    text = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text if not _unseen(char))
    return text.strip().strip(_QUOTES).strip()


def _unseen(char: str) -> bool:
    return unicodedata.category(char) == "Cf"


def _slip(text: str) -> str:
    """Advice on a text that looks like an id or an address and is none."""
    if cut := _CUT.search(text):
        return f"{plain(cut[0], 40)} is shortened: give all of it, as --wide and --raw show it."
    squeezed = re.sub(r"\s+", "", text)
    if _DIGITS.fullmatch(squeezed):
        return address_hint(squeezed) if len(squeezed) < 52 else id_hint(squeezed, "iexec-lab deal list.")
    return ""
