"""Numbers and names that the protocol fixes."""

from __future__ import annotations

from typing import Final

NULL_ADDRESS: Final = "0x" + "00" * 20
NULL_BYTES: Final = "0x"
NULL_BYTES32: Final = "0x" + "00" * 32
MAX_UINT256: Final = 2**256 - 1

#: Volume that makes a dataset order usable in bulks: the largest integer a JavaScript number holds exactly.
DATASET_INFINITE_VOLUME: Final = 2**53 - 1

#: Operations of ``manage…Order`` on the hub.
SIGN: Final = 0
CLOSE: Final = 1
