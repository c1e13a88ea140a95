"""The parts of ``iexec.json`` as fields: how each value is shown to people and written for the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from iexec_lab.commands.tree import Option
from iexec_lab.project import templates
from iexec_lab.protocol import NULL_ADDRESS, decode_tag, encode_tag
from iexec_lab.spelling import in_rlc
from iexec_lab.units import parse_rlc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iexec_lab.notebook.forms.fields import Field

_MUCH: Final = 1_000_000
"""nRLC; prices from here on are shown in RLC."""


class Entry(NamedTuple):
    """One value of a part.

    Attributes:
        key: Its key in the file.
        kind: Of the command tree; "multiaddr", "checksum" and "params" besides.
        label: What it is called.
        help: One sentence.
        anybody: An empty field is the null address.
        needed: It must not be empty.
        choices: The words that are allowed.
        long: It has a row of its own.
    """

    key: str
    kind: str
    label: str
    help: str
    anybody: bool = False
    needed: bool = True
    choices: tuple[str, ...] = ()
    long: bool = False

    @property
    def option(self) -> Option:
        """The same as a declaration, for a field."""
        return Option(f"--{self.key}", self.kind, self.help, choices=self.choices)


_NAME = Entry("name", "text", "Name", "on chain, for good: it can never be changed")
_OWNER = Entry("owner", "user", "Owner", "whose it is: only the owner can sell it or give it away")
_CHECKSUM = Entry(
    "checksum", "checksum", "Checksum", "0x and 64 digits: of the image, or of the encrypted file"
)
_TAG = Entry("tag", "tag", "Tag", "what it needs or has, such as tee,scone; empty for nothing", needed=False)
_VOLUME = Entry("volume", "integer", "Volume", "for how many tasks it is good")
_CATEGORY = Entry("category", "category", "Category", "how long a task may take: see %iexec category list")
_TRUST = Entry("trust", "integer", "Trust", "how sure a result must be; 0 for one worker's word")


def _price(kind: str) -> Entry:
    return Entry(f"{kind}price", "amount", "Price", "of a task")


def _only(kind: str) -> Entry:
    whom = {"requester": "user"}.get(kind, kind)
    name = f"Only for {kind}"
    return Entry(f"{kind}restrict", whom, name, "empty: anybody", anybody=True, needed=False)


def _offer(kind: str, *terms: Entry) -> tuple[Entry, ...]:
    others = [other for other in ("app", "dataset", "workerpool", "requester") if other != kind]
    asset = Entry(kind, kind, kind.capitalize(), f"the {kind} that is sold")
    return (asset, _price(kind), *terms, *(_only(other) for other in others))


def _wish(kind: str, *, needed: bool = False) -> tuple[Entry, Entry]:
    help_ = (
        f"the {kind} to use"
        if needed
        else f"the {kind} to use; empty: {'none' if kind == 'dataset' else 'any'}"
    )
    most = Entry(f"{kind}maxprice", "amount", f"Most for {kind}", "of a task")
    return Entry(kind, kind, kind.capitalize(), help_, anybody=not needed, needed=needed), most


ENTRIES: Final[dict[str, tuple[Entry, ...]]] = {
    "app": (
        _NAME,
        Entry("type", "text", "Type", "how it is run", choices=("DOCKER",)),
        Entry("multiaddr", "multiaddr", "Image", "where its image is: registry, name and version"),
        _OWNER,
        _CHECKSUM,
        Entry(
            "mrenclave",
            "json",
            "Enclave",
            "of an app for an enclave: framework, version, fingerprint",
            needed=False,
        ),
    ),
    "dataset": (
        _NAME,
        _OWNER,
        Entry(
            "multiaddr", "multiaddr", "File", "where the encrypted file is: /ipfs/..., or a URL", long=True
        ),
        _CHECKSUM,
    ),
    "workerpool": (
        Entry("description", "text", "Description", "on chain, for good: it can never be changed"),
        _OWNER,
    ),
    "category": (
        Entry("name", "text", "Name", "such as XXL"),
        Entry("description", "text", "Description", "what it is for"),
        Entry(
            "workClockTimeRef",
            "integer",
            "Time",
            "seconds that a task of it may take, in a tenth of the deadline",
        ),
    ),
    "apporder": _offer("app", _VOLUME, _TAG),
    "datasetorder": _offer("dataset", _VOLUME, _TAG),
    "workerpoolorder": _offer("workerpool", _CATEGORY, _VOLUME, _TRUST, _TAG),
    "requestorder": (
        *_wish("app", needed=True),
        *_wish("dataset"),
        *_wish("workerpool"),
        _CATEGORY,
        _VOLUME._replace(help="how many tasks"),
        _TRUST,
        _TAG,
        Entry(
            "params",
            "params",
            "Parameters",
            "of the app: an object, or the words for its command line",
            needed=False,
        ),
        Entry("beneficiary", "user", "Beneficiary", "who can decrypt the result"),
        Entry(
            "callback",
            "address",
            "Callback",
            "a contract that gets the result; empty: none",
            anybody=True,
            needed=False,
        ),
        Entry("requester", "user", "Requester", "who pays"),
    ),
}


def place(part: str) -> tuple[str, ...]:
    """Where a part stands in the file."""
    return ("order", part) if part.endswith("order") else (part,)


def sample(part: str, *, owner: str, deployed: str | None = None) -> dict[str, Any]:
    """What ``<noun> init`` and ``order init`` write."""
    if part == "category":
        return templates.category()
    if not part.endswith("order"):
        return templates.resource(part, owner)
    return templates.order(part, resource=deployed or NULL_ADDRESS, user=owner)


def to_field(entry: Entry, value: Any) -> str:
    """A value of the file as it is typed into its field."""
    if value is None:
        return ""
    if entry.kind == "amount":
        text = str(value)
        if not text.isdecimal():
            return text
        number = int(text)
        return "0 RLC" if not number else in_rlc(number) if number >= _MUCH else f"{number} nRLC"
    if entry.kind == "tag":
        words = value if isinstance(value, list) else _words(value)
        return ",".join(map(str, words))
    if isinstance(value, (dict, list)):
        return json.dumps(value, indent=2, ensure_ascii=False)
    text = str(value)
    return "" if text == NULL_ADDRESS else text


def to_file(entry: Entry, field: Field, before: Any) -> Any:
    """What a field holds, as the file has it; of the same JSON type as what was there.

    Raises:
        ValidationError: it is none; a form checks it first.
    """
    text = field.value
    if entry.kind == "amount":
        unit = field.tokens()[-1] if text else "nRLC"
        return _number(parse_rlc([text or "0", unit]), before)
    if entry.kind in {"integer", "category"}:
        return _number(int(text), before)
    if entry.kind == "tag":
        words = [word.strip() for word in text.split(",") if word.strip()]
        return encode_tag(words) if isinstance(before, str) and before.startswith("0x") else words
    if entry.kind == "json" or (entry.kind == "params" and text.startswith("{")):
        return json.loads(text) if text else ""
    return NULL_ADDRESS if not text and entry.kind in _ADDRESSES else text


_ADDRESSES: Final = {"user", "app", "dataset", "workerpool", "address"}


def _words(value: Any) -> list[str]:
    text = str(value)
    return decode_tag(text) if text.startswith("0x") else text.split(",")


def _number(value: int, before: Any) -> int | str:
    """A number as the file had one: JSON knows numbers and texts, and both are allowed there."""
    return value if isinstance(before, int) and not isinstance(before, bool) else str(value)


def shown(entries: Mapping[str, Entry], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and values, to be read."""
    told = []
    for key, entry in entries.items():
        text = to_field(entry, values.get(key))
        told.append((entry.label, text or ("anybody" if key.endswith("restrict") else "none")))
    return told
