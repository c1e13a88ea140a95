"""The default workerpool's offers, published like any seller's."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from iexec_lab.errors import ChainError, SandboxError
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol import NULL_ADDRESS, NULL_BYTES32, WorkerpoolOrder, encode_tag, login_token
from iexec_lab.services.auth import MARKET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iexec_lab.sandbox.context import Context

log = logging.getLogger(__name__)

PRICE = 100_000_000
"""nRLC for a task of category 0; category n costs n + 1 times as much."""
VOLUME = 1_000_000
"""Tasks of one order; the owner's stake of a new sandbox covers 30 % of all of them several times."""
TAGS = (NULL_BYTES32, *(encode_tag(["tee", name]) for name in ("tdx", "scone", "gramine")))
MOST_ORDERS = 48
"""The market lets a wallet have 50 open orders of a kind."""
_CHECK_SECONDS = 60
_RETRY_SECONDS = 0.5
_START_SECONDS = 10
_PASSING = (ChainError, SandboxError, aiohttp.ClientError, OSError, ValueError)
"""What may go wrong for a while: a time-out is an OSError, an answer that is no JSON a ValueError."""


class StandingOrders:
    """One open order for each category and TEE framework, with ``trust`` as the highest trust served."""

    def __init__(self, context: Context, trust: int) -> None:
        self._context = context
        self._owner = context.accounts.scheduler
        self._trust = trust
        self._url = context.urls["market"]

    async def publish_at_start(self) -> None:
        """Publish what is missing if the market can be reached; otherwise ``keep`` will."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self.publish_missing()
        except _PASSING as error:
            log.warning("standing orders: %s", error)

    async def keep(self, categories_changed: asyncio.Event) -> None:
        """Publish what is missing, now and whenever orders were used up or categories added."""
        while True:
            categories_changed.clear()
            try:
                await self.publish_missing()
            except _PASSING as error:
                log.warning("standing orders: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(categories_changed.wait(), _CHECK_SECONDS)

    async def publish_missing(self) -> int:
        """Publish an order for each pair of category and tag that has none; how many there were.

        Raises:
            SandboxError: the market refused one.
        """
        count = await self._context.chain.call(self._context.hub, HUB.countCategory)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(self._url, timeout=timeout) as session:
            offered = await self._offered(session)
            missing = [pair for pair in _pairs(count) if pair not in offered]
            for category, tag in missing[: MOST_ORDERS - len(offered)]:
                await self._publish(session, self._order(category, tag))
        return len(missing)

    def _order(self, category: int, tag: str) -> WorkerpoolOrder:
        order = WorkerpoolOrder(
            workerpool=self._context.workerpool,
            workerpoolprice=PRICE * (category + 1),
            volume=VOLUME,
            tag=tag,
            category=category,
            trust=self._trust,
            apprestrict=NULL_ADDRESS,
            datasetrestrict=NULL_ADDRESS,
            requesterrestrict=NULL_ADDRESS,
        )
        return order.sign(self._context.domain, self._owner.signer)

    async def _offered(self, session: aiohttp.ClientSession) -> set[tuple[int, str]]:
        """Category and tag of every open order of ours."""
        query = {
            "chainId": str(self._context.chain_id),
            "workerpool": self._context.workerpool,
            "pageSize": "1000",
            "pageIndex": "0",
            **dict.fromkeys(("app", "dataset", "requester"), "any"),
        }
        async with session.get("/workerpoolorders", params=query) as response:
            answer = await _json(response)
        return {(int(item["order"]["category"]), item["order"]["tag"]) for item in answer["orders"]}

    async def _publish(self, session: aiohttp.ClientSession, order: WorkerpoolOrder) -> None:
        query = {"chainId": str(self._context.chain_id)}
        async with session.get("/challenge", params={**query, "address": self._owner.address}) as response:
            challenge = await _json(response)
            token = login_token(challenge, self._owner.signer, name=MARKET, chain_id=self._context.chain_id)
        numbers = ("workerpoolprice", "volume", "category", "trust")
        body = {**order.to_json(), **{name: getattr(order, name) for name in numbers}}
        headers = {"Authorization": token}
        async with session.post(
            "/workerpoolorders", params=query, json={"order": body}, headers=headers
        ) as response:
            await _json(response)


def _pairs(categories: int) -> Iterator[tuple[int, str]]:
    return ((category, tag) for category in range(categories) for tag in TAGS)


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    answer: dict[str, Any] = await response.json(content_type=None)
    if not answer.get("ok"):
        raise SandboxError(f"the market said {response.status}: {answer.get('error')}")
    return answer
