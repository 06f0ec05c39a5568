"""Unread: what a generation of inputs still holds when it is followed by the next goes on to that one.

A record is sent on whatever it says; a repeat is no second fact, so it may be sent again. What no input of the next
generation can take becomes a dead letter of this one, as a worker would have made it, once however often this runs:
what cannot be read, is too large there, says nothing at all, or was named by an operator (`--skip-line`). A damaged log
ends it with its place and the flag that goes past it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from agents.desk.dead_letters import read_letters
from agents.errors import COULD_NOT_RUN, UserError
from agents.kafka.batches import Fetched, Unreadable
from agents.kafka.clients import failures_of, writer
from agents.kafka.log_cursor import log_cursor
from agents.kafka.skipped import Skipped
from agents.kafka.topics import partitions_of
from agents.kafka.transactions import Outbox, transactions_of
from agents.settings import Settings
from agents.topic_roles import DEAD_LETTER, READ_TOPICS
from schemas.dead_letters import SKIPPED, UNREADABLE, FoundReason, LiveReason, Rejected, dead_letter_headers, letter_of
from schemas.headers import Origin
from streams.partitioner import partition_of

_LARGEST_BYTES = 64 * 1024 * 1024
"""Of a record that is sent on: what an input topic took, its successor is to be asked for, not our own client."""


class Passed(NamedTuple):
    """Unread records: so many were sent on, so many set aside as dead letters."""

    sent_on: int
    set_aside: int


async def pass_on(
    old: Settings,
    new: Settings,
    positions: Mapping[int, Mapping[str, int]],
    skipped: Skipped,
    tell: Callable[[str], None],
) -> Passed:
    """Send what stands behind these positions of each old partition to the inputs of the next generation."""
    with failures_of(new):
        count = await partitions_of(new, *READ_TOPICS)
    sent_on = set_aside = 0

    def refuse(records: list[Any]) -> None:
        for record in records:
            if isinstance(record, Unreadable) and record.is_damaged and not skipped.names(record):
                raise _damaged(record)

    # No number for each record, which is what a broker knows repeats by: behind one that it refuses none would fit.
    sending = writer(new, enable_idempotence=False, acks="all", max_request_size=_LARGEST_BYTES)
    async with log_cursor(old, refuse=refuse) as cursor, sending as producer:
        letters = _Letters(old)
        for logical in READ_TOPICS:
            source, target = old.topic(logical), new.topic(logical)
            for number in range(await partitions_of(old, logical)):
                await cursor.start(source, number, from_offset=positions.get(number, {}).get(source, 0))
                while records := await cursor.batch():
                    with failures_of(new):
                        refused = await _send_on(producer, target, records, number, count, skipped)
                    if refused:
                        await letters.put(number, refused)
                    sent_on, set_aside = sent_on + len(records) - len(refused), set_aside + len(refused)
                    tell(f"{sent_on:,} unread records sent on")
    return Passed(sent_on, set_aside)


_Reason = FoundReason | LiveReason


async def _send_on(
    producer: AIOKafkaProducer, target: str, records: list[Fetched], number: int, count: int, skipped: Skipped
) -> list[tuple[Fetched, _Reason]]:
    """Send records of an old partition on. Returns those that cannot be, each with its reason."""
    refused: list[tuple[Fetched, _Reason]] = []
    sent = []
    for record in records:
        reason = _set_aside_for(record, skipped)
        if reason is not None:
            refused.append((record, reason))
            continue
        home = partition_of(record.key, count) if record.key else number % count
        try:
            future = await producer.send(target, record.value, record.key, home, headers=list(record.headers))
        except MessageSizeTooLargeError:
            refused.append((record, "too_large"))
        else:
            sent.append((record, future))
    for record, future in sent:
        try:
            await future
        except MessageSizeTooLargeError:
            refused.append((record, "too_large"))
    return refused


def _set_aside_for(record: Fetched, skipped: Skipped) -> _Reason | None:
    """Why a record is not even tried; None where it is."""
    if skipped.names(record):
        return SKIPPED
    if isinstance(record, Unreadable):
        return UNREADABLE
    if record.key is None and record.value is None:  # no client of ours can send it, and it says nothing
        return "not_json"
    return None


class _Letters:
    """The dead letters of the old generation; where one stands already, there is no second."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic(DEAD_LETTER)
        self._known: set[Origin] | None = None

    async def put(self, number: int, refused: list[tuple[Fetched, _Reason]]) -> None:
        """Write the letters of records of one partition, all or none."""
        if self._known is None:
            self._known = {letter.origin for letter in await read_letters(self._settings)}
        outbox = Outbox()
        for record, reason in refused:
            origin = Origin(record.topic, record.partition, record.offset)
            if origin not in self._known:
                headers = dead_letter_headers(Rejected(reason, None), **origin._asdict())
                letter = letter_of(record.key, record.value)
                outbox.put(self._topic, number, letter.key, letter.value, headers=[*headers, *letter.headers])
        if outbox:
            producer = transactions_of(self._settings, number)
            try:
                await producer.start()
                await producer.write(outbox)
            finally:
                await producer.stop()


def _damaged(record: Unreadable) -> UserError:
    """The log does not hold what its producer sent: another copy may, so it is not run over unasked."""
    return UserError(
        f"The unread input record {record.where} cannot be read, for {record.why}: a broker's disk is damaged there; "
        "have the partition led by a replica that is whole and run the same command again, or, to go on without it, "
        f"with `--skip-line {record.where}`.",
        COULD_NOT_RUN,
    )
