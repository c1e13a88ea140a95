"""That something happened on a market, for those who then look for themselves what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from iexec_lab.errors import IexecError

if TYPE_CHECKING:
    from iexec_lab.client.session import Session

_AT_ONCE: Final = 2_000


class News:
    """The market's feed as a bell.

    Args:
        session: Whose market.
        topic: ``deals`` or ``orders``.

    Attributes:
        is_open: Whether there is a feed now; where there is none, or it was cut, one looks now and then.
    """

    def __init__(self, session: Session, topic: str) -> None:
        self._session, self._topic = session, topic
        self._feed: Any = None
        self.join()

    @property
    def is_open(self) -> bool:
        return self._feed is not None

    def join(self) -> None:
        """Try to hear it, where it is not heard already."""
        from iexec_lab.services.market_feed import Feed

        if self._feed is None:
            try:
                market = self._session.market
                self._feed = Feed(market.url, market.chain_id, self._topic, timeout=self._session.timeout)
            except IexecError:  # no market, no library, no feed, or no answer: one looks
                self._feed = None

    def heard(self, wait: float) -> int:
        """How many things were told within ``wait`` seconds; a cut, which may hide some, counts as one."""
        from iexec_lab.services.market_feed import FeedCutError

        if self._feed is None:
            return 0
        count = 0
        try:
            while count < _AT_ONCE and self._feed.get(0.0 if count else wait) is not None:
                count += 1
        except FeedCutError:
            self.close()
            return count + 1
        return count

    def close(self) -> None:
        """Leave the feed."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None
