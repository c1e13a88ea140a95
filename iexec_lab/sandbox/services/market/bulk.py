"""Many orders published at once, for ``sandbox populate``: no login, since each order bears its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.services.market.kinds import KINDS
from iexec_lab.sandbox.services.market.refusals import Refusal
from iexec_lab.sandbox.services.market.schemas import read_order

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from iexec_lab.sandbox.services.market.feed import Feed
    from iexec_lab.sandbox.services.market.publishing import Publisher
    from iexec_lab.sandbox.services.market.watcher import Watcher


def bulk_publisher(
    publisher: Publisher, watcher: Watcher, feed: Feed, lock: asyncio.Lock
) -> Callable[[Sequence[tuple[str, Any]], int], Awaitable[list[str]]]:
    """``await publish([(kind, signed order), ...], unix_time)``: the hashes of those that are new here.

    The market's rules are those of its other publishers.

    Raises:
        ValidationError: in the market's words, why it refuses one of them.
    """

    async def publish(orders: Sequence[tuple[str, Any]], at: int) -> list[str]:
        await watcher.caught_up()  # an order that is filled there makes room for another
        try:
            read = [(KINDS[name], read_order(KINDS[name], {"order": order})) for name, order in orders]
            async with lock:
                hashes, messages = await publisher.publish_many(read, at)
        except Refusal as refusal:
            raise ValidationError(refusal.message) from refusal
        except KeyError as error:
            raise ValidationError(f"{error} is no kind of order") from error
        await feed.send(messages)
        return hashes

    return publish
