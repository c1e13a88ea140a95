"""The files of a result, put into a folder that may hold others: nothing there is replaced or hidden."""

from __future__ import annotations

import filecmp
import tempfile
from pathlib import Path

from iexec_lab.crypto import extract_archive
from iexec_lab.crypto.streams import os_errors
from iexec_lab.errors import CryptoError
from iexec_lab.regular_files import exists


def save_into(archive: Path, folder: Path, *, private: bool, overwrite: bool) -> list[Path]:
    """Unpack all files of a zip; return their paths. What is there already with the same content stays.

    Args:
        archive: The zip, a stranger's.
        folder: Made here, or there already.
        private: Whether the files are for their owner only.
        overwrite: Replace files of the same name.

    Raises:
        CryptoError: A file of that name has another content, a name is hidden or leads elsewhere through a
            link, or it cannot be written. Then no file was written.
    """
    if not exists(folder):
        return extract_archive(archive, folder, private=private)
    with (
        os_errors(f"cannot write {folder}"),
        tempfile.TemporaryDirectory(prefix=".iexec-lab-", dir=folder) as place,
    ):
        inside = Path(place) / "files"
        files = [path.relative_to(inside) for path in extract_archive(archive, inside, private=private)]
        moved = [name for name in files if _is_wanted(inside, folder, name, overwrite=overwrite)]
        for name in moved:
            (folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
            (inside / name).replace(folder / name)
    return [folder / name for name in files]


def _is_wanted(inside: Path, folder: Path, name: Path, *, overwrite: bool) -> bool:
    """Whether a file is to be moved; it need not be when it is there already.

    Raises:
        CryptoError: It must not.
    """
    target = folder / name
    if any(part.startswith(".") for part in name.parts):
        # .git/hooks and the like are run without being asked for.
        raise CryptoError(
            f"{str(name)!a} is a hidden file: it is not put into a folder that others use",
            hint="Name a folder that does not exist yet.",
        )
    for above in target.parents:
        if above == folder:
            break
        if above.is_symlink():
            raise CryptoError(
                f"{above} is a link, which leads out of the folder", hint="Name another folder."
            )
        if exists(above) and not above.is_dir():
            raise CryptoError(f"{above} is there already, and no folder", hint="Name another folder.")
    if not exists(target):
        return True
    if target.is_file() and not target.is_symlink():
        if filecmp.cmp(inside / name, target, shallow=False):
            return False
        if overwrite:
            return True
    raise CryptoError(
        f"{target} is there already, with other content",
        hint="Name a new folder, or replace files with overwrite=True.",
    )
