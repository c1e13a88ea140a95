"""``iexec.json`` and the files it is about: what is filled in, and what is still the sample's.

``dataset encrypt`` knows the checksum and ``storage upload`` the address, so nobody copies them by hand. Both
have done their work when they get here: what goes wrong with ``iexec.json`` is told, not raised.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import ProjectError, ValidationError
from iexec_lab.project import jsonfile, templates
from iexec_lab.project.files import CONFIG, Project
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, to_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SAMPLE: Final = templates.resource("dataset", NULL_ADDRESS)
_POOL: Final = templates.resource("workerpool", NULL_ADDRESS)
_UPLOADS = ("/ipfs/", "/p2p/")


def fill_encrypted(folder: Path | str, made: Mapping[str, str]) -> str | None:
    """Write the checksum of an encrypted file, and a name for the sample's; a sentence about it.

    Args:
        folder: The project folder.
        made: One of the ``encryptedFiles`` of ``encrypt_folder``: the one whose key is ``dataset.key``.
    """

    def change(entry: dict[str, Any]) -> None:
        entry["checksum"] = made["checksum"]
        if entry.get("name") == _SAMPLE["name"]:
            entry["name"] = Path(made["original"]).name

    file = shlex.quote(_short(made["encrypted"], folder))
    return _filled(
        folder,
        change,
        f"{CONFIG} has its checksum. Next: iexec-lab storage upload {file} fills in multiaddr.",
    )


def fill_uploaded(folder: Path | str, path: Path | str, multiaddr: str) -> str | None:
    """Write where the dataset of ``iexec.json`` is now, if the file is that dataset; a sentence about it."""
    from iexec_lab.crypto import file_checksum

    entry = _entry(folder)
    checksum, before = entry.get("checksum"), entry.get("multiaddr")
    is_ours = before in (None, "") or (isinstance(before, str) and before.startswith(_UPLOADS))
    if not isinstance(checksum, str) or checksum == NULL_BYTES32 or not is_ours or before == multiaddr:
        return None
    if file_checksum(path) != checksum.lower():
        return None
    return _filled(
        folder,
        lambda found: found.update(multiaddr=multiaddr),
        f"{CONFIG} has its multiaddr. Next: iexec-lab dataset deploy.",
    )


def _entry(folder: Path | str) -> dict[str, Any]:
    try:
        entry = (jsonfile.read(Path(folder) / CONFIG) or {}).get("dataset")
    except ProjectError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _filled(folder: Path | str, change: Callable[[dict[str, Any]], None], said: str) -> str | None:
    """Change the dataset of ``iexec.json``; None where there is none."""
    if not Project(folder).has(CONFIG):
        return None

    def changed(document: dict[str, Any]) -> None:
        if isinstance(document.get("dataset"), dict):
            change(document["dataset"])

    try:
        if not (jsonfile.read(Path(folder) / CONFIG) or {}).get("dataset"):
            return None
        jsonfile.update(Path(folder) / CONFIG, changed)
    except ProjectError as error:
        return f"{CONFIG} stays as it was: {error.message}."
    return said


def _short(path: str, folder: Path | str) -> str:
    """The path as it is typed in the project folder."""
    try:
        return str(Path(path).relative_to(Path(folder).absolute()))
    except ValueError:
        return path


def remarks(kind: str, values: Mapping[str, Any], wallet: str) -> Iterator[str]:
    """What somebody should know before an app, dataset or workerpool is deployed as ``iexec.json`` has it."""
    owner = _owner(values)
    if owner != NULL_ADDRESS != wallet and owner not in (None, wallet):
        yield (
            f"The owner in {CONFIG} is {owner}, not this wallet ({wallet}): "
            f"the {kind} will be theirs, and only they can sell it."
        )
    if kind == "dataset" and is_sample(values):
        yield (
            f"The dataset in {CONFIG} is the sample, not a file of yours: "
            "iexec-lab dataset publish-file <file> encrypts, uploads, deploys and sells one."
        )
    elif kind in {"app", "dataset"} and values.get("checksum") == NULL_BYTES32:
        what = "the file that its multiaddr gives is" if kind == "dataset" else "its image is"
        yield f"The checksum in {CONFIG} is zero: nobody can tell whether {what} yours."
    if kind == "dataset" and values.get("name") == _SAMPLE["name"] and not is_sample(values):
        yield f'The name in {CONFIG} is still "{_SAMPLE["name"]}"; it can never be changed.'
    if kind == "workerpool" and values.get("description") == _POOL["description"]:
        yield f'The description in {CONFIG} is still "{_POOL["description"]}"; it can never be changed.'


def is_sample(values: Mapping[str, Any]) -> bool:
    """Whether a dataset is the file of the template."""
    return values.get("multiaddr") == _SAMPLE["multiaddr"] and values.get("checksum") == NULL_BYTES32


def refusal(kind: str, values: Mapping[str, Any]) -> ValidationError | None:
    """The error of a dataset that nobody could ever use: the checksum of one file, where another one is."""
    if kind != "dataset" or values.get("multiaddr") != _SAMPLE["multiaddr"] or is_sample(values):
        return None
    return ValidationError(
        f"The dataset in {CONFIG} has a checksum of its own, but still the sample's multiaddr",
        details={"multiaddr": _SAMPLE["multiaddr"], "checksum": values.get("checksum")},
        hint="Upload the encrypted file, which fills in multiaddr: iexec-lab storage upload "
        "datasets/encrypted/<file>.enc. --force deploys it as it is.",
    )


def _owner(values: Mapping[str, Any]) -> str | None:
    try:
        return to_address(values.get("owner"))
    except ValidationError:
        return None  # a name, or a mistake that the deployment tells
