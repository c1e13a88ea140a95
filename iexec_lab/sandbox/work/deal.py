"""A deal as the workerpool sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iexec_lab.ethereum.contracts import APP, HUB
from iexec_lab.protocol import (
    NULL_ADDRESS,
    Category,
    Deal,
    has_tag,
    read_params,
    task_id,
    tee_framework,
)
from iexec_lab.protocol.multiaddr import decode_multiaddr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iexec_lab.sandbox.chain.client import Chain

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class DealTerms:
    """What a deal asks for; ``time_limit`` in seconds, ``params`` are whatever the requester wrote."""

    id: str
    deal: Deal
    image: str
    time_limit: int
    params: Mapping[str, Any]

    def tasks(self) -> dict[int, str]:
        """Index to task id."""
        return {index: task_id(self.id, index) for index in self.deal.indices}

    @property
    def tee(self) -> bool:
        return has_tag(self.deal.tag, "tee")

    @property
    def framework(self) -> str | None:
        return tee_framework(self.deal.tag)

    @property
    def callback(self) -> str | None:
        """Contract that is given the result, if any."""
        return self.deal.callback if self.deal.callback != NULL_ADDRESS else None

    @property
    def dataset(self) -> str | None:
        return self.deal.dataset.pointer if self.deal.dataset.pointer != NULL_ADDRESS else None

    @property
    def arguments(self) -> str:
        value = self.params.get("iexec_args", "")
        return value if isinstance(value, str) else "" if value is None else str(value)

    @property
    def input_files(self) -> list[str]:
        value = self.params.get("iexec_input_files") or []
        return [str(url) for url in value] if isinstance(value, list) else str(value).split(",")

    @property
    def bulk_cid(self) -> str | None:
        """Content id of the list of bulk slices; a deal with a dataset has no bulk."""
        value = self.params.get("bulk_cid")
        return str(value) if value and not self.dataset else None

    @property
    def encrypts_result(self) -> bool:
        return self.params.get("iexec_result_encryption") in (True, "true")

    @property
    def wants_dropbox(self) -> bool:
        return self.params.get("iexec_result_storage_provider") == "dropbox" and not self.callback

    def secret_names(self) -> Iterator[tuple[int, str]]:
        """Number and name of each requester secret; what is no positive number is left out."""
        names = self.params.get("iexec_secrets")
        for key, name in names.items() if isinstance(names, dict) else ():
            if _NUMBER.fullmatch(str(key)) and int(key) > 0 and isinstance(name, str):
                yield int(key), name


async def load_terms(chain: Chain, hub: str, deal_id: str) -> DealTerms:
    """Read everything about a deal; CallError when the node does not answer."""
    deal = Deal.from_abi(await chain.call(hub, HUB.viewDeal, bytes.fromhex(deal_id[2:])))
    category, image = await chain.calls(
        [(hub, HUB.viewCategory, (deal.category,)), (deal.app.pointer, APP.m_appMultiaddr, ())]
    )
    return DealTerms(
        id=deal_id,
        deal=deal,
        image=decode_multiaddr(image),
        time_limit=Category.from_abi(category).work_clock_time_ref,
        params=read_params(deal.params),
    )
