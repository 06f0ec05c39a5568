"""Transactions of others that hang in our inputs: only what is committed is read, so all behind one waits for its end.

Journal time waits with them, and from the outside that looks like a worker that sleeps. What a fetch tells is where the
oldest open transaction of a topic partition begins; whose it is only an operator's tool asks the broker. Said once for
each that stays open for long, and once when it has ended.
"""

import logging
from typing import NamedTuple

from faust.types import TP

SAID_AFTER_S = 10.0

log = logging.getLogger("dueclock.worker")


class _Open(NamedTuple):
    offset: int
    since_s: float
    is_said: bool = False


class OpenTransactions:
    """The oldest open transaction of each topic partition, as the newest fetch tells."""

    def __init__(self) -> None:
        self._open: dict[TP, _Open] = {}

    def fetched(self, tp: TP, stable: int | None, end: int, at_s: float) -> None:
        """A fetch was answered: everything before `stable` is decided, the log ends at `end`; monotonic time."""
        known = self._open.get(tp)
        if stable is None or stable >= end:
            if known is not None:
                del self._open[tp]
                if known.is_said:
                    log.info("%s/%d: the transaction that was open at offset %d has ended", *tp, known.offset)
        elif known is None or known.offset != stable:
            self._open[tp] = _Open(stable, at_s)
        elif not known.is_said and at_s - known.since_s >= SAID_AFTER_S:
            self._open[tp] = known._replace(is_said=True)
            log.warning(
                "%s/%d: a transaction of another producer has been open at offset %d for %.0f s; what stands behind "
                "it, and journal time, wait for its end. `kafka-transactions.sh --bootstrap-server HOST:PORT "
                "describe-producers --topic %s --partition %d` names the producer, `abort` ends what hangs",
                *tp,
                stable,
                at_s - known.since_s,
                *tp,
            )
