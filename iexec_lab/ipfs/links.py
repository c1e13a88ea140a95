"""Links between the blocks of a file or a folder (dag-pb)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from iexec_lab.ipfs.cid import Cid


class Link(NamedTuple):
    """A child; ``tsize`` is the size of all its blocks, ``filesize`` the size of its content, in bytes."""

    cid: Cid
    tsize: int
    filesize: int = 0
    name: str = ""
