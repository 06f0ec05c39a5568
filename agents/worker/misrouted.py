"""Misrouted notifications: those that stand on another partition than their account's (architecture.md).

Their producer used another key, or another number of partitions. They are sent on under the account's key to the
partition of `sla-repartition` where that account is kept, in the same transaction in which they are finished: known
fields alone, as in the journal, since what is unknown may be personal. Nothing is decided about them here: admission is
for whoever keeps the account.
"""

import logging

from agents.kafka.transactions import Outbox
from agents.worker.slices import Record, origin_of
from schemas.decoding import journal_value
from schemas.headers import HEADER_ORIGIN
from schemas.notifications import Notification
from streams.partitioner import partition_of

log = logging.getLogger("dueclock.misrouted")
MOST_REMEMBERED = 100_000


class Router:
    """Knows which partition an account is at home in, and sends on what came to another."""

    def __init__(self, repartition_topic: str, partitions: int) -> None:
        self.partitions = partitions
        self._topic = repartition_topic
        self._home: dict[str, int] = {}
        self._warned_of: set[str] = set()

    def home_of(self, account: str) -> int:
        """The partition that keeps an account."""
        home = self._home.get(account)
        if home is None:
            if len(self._home) >= MOST_REMEMBERED:
                self._home.clear()
            home = self._home[account] = partition_of(account.encode(), self.partitions)
        return home

    def send_on(self, record: Record, body: Notification, account: str, outbox: Outbox) -> None:
        """Put what a record holds on its way to where its account is kept; said once for each topic."""
        origin, home = origin_of(record), self.home_of(account)
        headers = [(HEADER_ORIGIN, str(origin).encode())]
        outbox.put(self._topic, home, account.encode(), journal_value(body), headers=headers)
        if origin.topic not in self._warned_of:
            self._warned_of.add(origin.topic)
            log.warning(
                "%s has notifications under another key than <seller_id>/<marketplace_id> "
                "(first at partition %d, offset %d, at home in %d); they are sent on through %s",
                *origin,
                home,
                self._topic,
            )
