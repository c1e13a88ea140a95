"""Which roots a node of IPFS is told to keep. Nothing is ever dropped here: pins are only remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iexec_lab.ipfs.cid import Cid

if TYPE_CHECKING:
    from pathlib import Path

RECURSIVE, DIRECT = "recursive", "direct"


class Pins:
    """A folder of empty files, each named by a CID and the kind of its pin; for any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, cid: Cid, kind: str = RECURSIVE) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in (RECURSIVE, DIRECT):
            (self._folder / f"{cid}.{other}").unlink(missing_ok=True)
        (self._folder / f"{cid}.{kind}").touch()

    def remove(self, cid: Cid) -> bool:
        """Forget a pin; False when there was none."""
        there = [self._folder / f"{cid}.{kind}" for kind in (RECURSIVE, DIRECT)]
        found = [path for path in there if path.exists()]
        for path in found:
            path.unlink(missing_ok=True)
        return bool(found)

    def all(self) -> dict[Cid, str]:
        """Every pin with its kind."""
        if not self._folder.is_dir():
            return {}
        named = sorted(path.name.split(".") for path in self._folder.iterdir())
        return {Cid.parse(name): kind for name, kind in named}
