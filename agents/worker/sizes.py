"""What a record of ours may weigh, looked at before anything of its transaction is written.

A broker refuses a record that is too large when the rest of the transaction is on its disks already; a worker that is
started again writes all of it again, for as long as somebody starts it. So what cannot fit is said before, by its id
(the row, the event, the line or the letter), and the topic's limit is asked for again first: somebody may have raised
it. Only large records are looked at: that every topic takes one of our batches is a worker's condition for starting.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from agents.errors import UserError
from agents.kafka.transactions import Outbox, Outgoing
from agents.topic_roles import MAX_BATCH_BYTES
from schemas.dead_letters import HEADER_OFFSET, HEADER_PARTITION, HEADER_TOPIC
from schemas.headers import HEADER_LINE, Headers, texts_of

_BATCH_OVERHEAD_BYTES = 61 + 36
"""The header of a batch, and the lengths in the one record that it holds then."""
_HEADER_OVERHEAD_BYTES = 10
_SURELY_SMALL_BYTES = MAX_BATCH_BYTES - 256 * 1024
"""Of a value: keys (a dead letter's is cut at 64 KiB) and headers of ours never make up for so much."""

Largest = Callable[[Iterable[str]], Awaitable[Mapping[str, int]]]
"""`max.message.bytes` of these topics now; a topic that nobody knows is left out."""


class Sizes:
    """Knows what the topics take, as far as it was asked for."""

    def __init__(self, ask: Largest) -> None:
        self._ask = ask
        self._largest: dict[str, int] = {}

    async def require(self, outbox: Outbox) -> None:
        """UserError where a record of the outbox is larger than its topic takes."""
        large: dict[str, Outgoing] = {}
        for (topic, _), records in outbox.records.items():
            weighed = [one for one in records if one[2] is not None and len(one[2]) > _SURELY_SMALL_BYTES]
            one = max(weighed, key=_weight, default=None)
            if one is not None and _weight(one) > MAX_BATCH_BYTES:
                large[topic] = one
        if not large or not self._too_large(large):
            return
        self._largest.update(await self._ask(large))
        for topic, record in self._too_large(large).items():
            if topic in self._largest:
                raise _refused(topic, record, self._largest[topic], {number for _, number in outbox.records})

    def _too_large(self, large: Mapping[str, Outgoing]) -> dict[str, Outgoing]:
        return {topic: one for topic, one in large.items() if _weight(one) > self._largest.get(topic, MAX_BATCH_BYTES)}


def _weight(record: Outgoing) -> int:
    """The most that a record may come to, alone in its batch."""
    _, key, value, headers = record
    weight = _BATCH_OVERHEAD_BYTES + len(key or b"") + len(value or b"")
    for name, text in headers:
        weight += _HEADER_OVERHEAD_BYTES + len(name) + len(text)
    return weight


def _refused(topic: str, record: Outgoing, largest: int, numbers: set[int]) -> UserError:
    _, key, value, headers = record
    partitions = ", ".join(map(str, sorted(numbers)))
    needed = 1 << (_weight(record) - 1).bit_length()
    return UserError(
        f"Partition {partitions}: {_name(key, headers)} has {len(value or b''):,} bytes, and the topic {topic} "
        f"takes {largest:,} (max.message.bytes), so nothing of its slice was written; raise it and start the workers "
        f"again: `kafka-configs --alter --entity-type topics --entity-name {topic} --add-config "
        f"max.message.bytes={needed}`."
    )


def _name(key: bytes | None, headers: Headers) -> str:
    """What a record is, and which."""
    texts = texts_of(headers)
    if HEADER_TOPIC in texts:
        return f"the dead letter of {texts[HEADER_TOPIC]}/{texts[HEADER_PARTITION]}/{texts[HEADER_OFFSET]}"
    if "ce_id" in texts:
        event = f"{texts['ce_id']} ({texts['ce_type']} of {texts['ce_subject']}"
        return f"the event {event}, journal line {texts[HEADER_LINE]})"
    if HEADER_LINE in texts:
        return f"the journal line {texts[HEADER_LINE]}"
    return f"the state row {(key or b'').decode(errors='replace')}"
