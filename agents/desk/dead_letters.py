"""Dead letters looked at and sent again (`dueclock deadletter`): list, show, redrive.

What is sent again goes to the topic and partition that it came from, key and value untouched, with a header that names
the letter. In the same transaction a mark goes beside the letter on the dead-letter topic: which letter was sent again.
One transactional id for all redrives of a dead-letter topic: a second one fences the first, and marks are read after
the fence, so that nothing is sent twice by accident, whoever is killed when. A mark is younger than its letter and is
kept as long, so it outlives it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from agents.errors import UserError
from agents.kafka.batches import Fetched
from agents.kafka.clients import reader
from agents.kafka.log_reader import LogReader, log_reader
from agents.kafka.rights import redrive_id
from agents.kafka.topics import partitions_of
from agents.kafka.transactions import BrokerAwayError, Outbox, Transactions
from agents.settings import Settings
from agents.topic_roles import DEAD_LETTER
from schemas.dead_letters import (
    HEADER_FIELD,
    HEADER_KEY_SIZE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_REDRIVEN,
    HEADER_REDRIVEN_FROM,
    HEADER_SIZE,
    HEADER_SKIPPED_LINE,
    HEADER_TOPIC,
    UNREADABLE,
)
from schemas.headers import Origin, texts_of

LETTERS_AT_ONCE = 500
"""In one transaction."""

_SIZES = (("value", HEADER_SIZE), ("key", HEADER_KEY_SIZE))

MEANINGS = {
    "too_large": "It is larger than 65,536 bytes. Whoever sends it must send less: unknown fields are dropped anyway.",
    "not_json": "It is no UTF-8 JSON object. Mend the producer, then let it send the notification itself.",
    "unknown_type": "Its `type` is none that is known. Mend the producer, or run a dueclock that knows it.",
    "bad_field": "The field named is missing or not as the contract wants it. Mend the producer.",
    "future": "It happened more than 5 minutes after the broker took it. Mend the producer's clock, then redrive.",
    "no_calendar": "Its account has no calendar. Add its marketplace to the policy file, then redrive.",
    "calendar_not_covered": "The calendar is not complete for its date. Extend `covers` and `closed`, then redrive.",
    "too_old": "It was older than the retention when it came. Sent again it will be older still.",
    "skipped": "An operator set it aside because it stopped its partition. Redrive it with a version that can take it.",
    "matter_full": "Its matter has 256 facts: a producer repeats itself with new ids, or one matter stands for many.",
    "wrong_topic": "With `bind_types` only a topic's own types are taken. Mend the producer, or switch that off.",
    "unreadable": "Its batch or codec cannot be read; the value is the batch. Look at the producer, let it send anew.",
}
"""What each reason means, and what to do."""


class Letter(NamedTuple):
    """A dead letter. `account` is `<seller>/<marketplace>` where the bytes say it; `redriven` counts its marks.

    `whole`: what is kept is not the record as it came, but the beginning of so many bytes, or its batch; None: it is.
    """

    partition: int
    offset: int
    at_ms: int
    reason: str
    field: str | None
    origin: Origin
    skipped_line: int | None
    key: bytes | None
    value: bytes | None
    redriven: int = 0
    whole: str | None = None

    @property
    def id(self) -> str:
        """How a person names it: `<partition>:<offset>`."""
        return f"{self.partition}:{self.offset}"

    @property
    def account(self) -> str | None:
        """Whose it is, as far as its bytes say so."""
        try:
            document = orjson.loads(self.value or b"")
            return f"{document['seller_id']}/{document['marketplace_id']}"
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None


class Choice(NamedTuple):
    """Which letters are meant; what is empty leaves nothing out. `ids` as in `Letter.id`, `topics` actual names."""

    ids: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_ms: int = 0

    def includes(self, letter: Letter) -> bool:
        """Whether a letter is among them."""
        return (
            (not self.ids or letter.id in self.ids)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.origin.topic in self.topics)
            and letter.at_ms >= self.since_ms
        )


async def read_letters(settings: Settings) -> list[Letter]:
    """All dead letters that stand now, the oldest first. UserError where the topic is missing."""
    topic = settings.topic(DEAD_LETTER)
    partitions = range(await partitions_of(settings, DEAD_LETTER))
    # The end of the log, not the last decided record: a mark may stand behind a worker's open transaction.
    async with reader(settings, isolation_level="read_uncommitted") as consumer:
        ends = await LogReader(consumer).ends(TopicPartition(topic, partition) for partition in partitions)
    letters: dict[str, Letter] = {}
    marks: list[str] = []
    async with log_reader(settings) as log:
        async for records in log.records(ends):
            for record in records:
                headers = texts_of(record.headers)
                if HEADER_REDRIVEN in headers:
                    marks.append(f"{record.partition}:{headers[HEADER_REDRIVEN]}")
                elif (letter := _letter(record, headers)) is not None:
                    letters[letter.id] = letter
    for mark in marks:
        if mark in letters:
            letters[mark] = letters[mark]._replace(redriven=letters[mark].redriven + 1)
    return sorted(letters.values(), key=lambda one: (one.at_ms, one.partition, one.offset))


def _letter(record: Fetched, headers: dict[str, str]) -> Letter | None:
    """The letter that a record is; None where somebody else wrote it."""
    try:
        origin = Origin(headers[HEADER_TOPIC], int(headers[HEADER_PARTITION]), int(headers[HEADER_OFFSET]))
        line = headers.get(HEADER_SKIPPED_LINE)
        return Letter(
            record.partition,
            record.offset,
            record.timestamp,
            headers[HEADER_REASON],
            headers.get(HEADER_FIELD),
            origin,
            None if line is None else int(line),
            record.key,
            record.value,
            whole=_whole(headers),
        )
    except (KeyError, ValueError):
        return None


def _whole(headers: dict[str, str]) -> str | None:
    if headers[HEADER_REASON] == UNREADABLE:
        return "a batch that cannot be read"
    cut = [(f"a {what} of {int(headers[size]):,} bytes") for what, size in _SIZES if size in headers]
    return "only the beginning of " + " and ".join(cut) if cut else None


class Redriven(NamedTuple):
    """What a redrive did, or would do: letters sent again, those left out because they had been sent before, and those
    that no longer hold what came.
    """

    sent: list[Letter]
    left_out: list[Letter]
    not_whole: list[Letter]


async def redrive(settings: Settings, choice: Choice, *, is_again: bool, is_dry: bool) -> Redriven:
    """Send the chosen letters to where they came from; each once, unless `is_again`.

    UserError where one that is named does not exist, or another redrive has taken over.
    """
    if is_dry:
        return _sorted_out(await read_letters(settings), choice, is_again=is_again)
    transactions = Transactions(redrive_id(settings), settings)
    await transactions.start()  # from here on no earlier redrive can write
    try:
        chosen = _sorted_out(await read_letters(settings), choice, is_again=is_again)
        for start in range(0, len(chosen.sent), LETTERS_AT_ONCE):
            await transactions.write(_outbox(settings, chosen.sent[start : start + LETTERS_AT_ONCE]))
    except ProducerFenced:
        raise UserError("Another redrive was started; look at what it has done, then run this one again.") from None
    except BrokerAwayError:
        raise UserError(
            f"The Kafka at {settings.broker} went away in between; run this again: what has been sent is left out."
        ) from None
    finally:
        await transactions.stop()
    return chosen


def _sorted_out(letters: Sequence[Letter], choice: Choice, *, is_again: bool) -> Redriven:
    missing = sorted(choice.ids - {letter.id for letter in letters})
    if missing:
        raise UserError(f"There is no dead letter {missing[0]}; `dueclock deadletter list` shows those there are.", 2)
    chosen = [letter for letter in letters if choice.includes(letter)]
    not_whole = [letter for letter in chosen if letter.whole]
    named = next((letter for letter in not_whole if letter.id in choice.ids), None)
    if named is not None:
        raise UserError(
            f"The dead letter {named.id} holds {named.whole}, so it cannot be sent again; let its producer send the "
            "record anew.",
            2,
        )
    chosen = [letter for letter in chosen if not letter.whole]
    before = [] if is_again else [letter for letter in chosen if letter.redriven]
    return Redriven([letter for letter in chosen if is_again or not letter.redriven], before, not_whole)


def _outbox(settings: Settings, letters: Sequence[Letter]) -> Outbox:
    outbox = Outbox()
    topic = settings.topic(DEAD_LETTER)
    for letter in letters:
        source = Origin(topic, letter.partition, letter.offset)
        headers = [(HEADER_REDRIVEN_FROM, str(source).encode())]
        outbox.put(letter.origin.topic, letter.origin.partition, letter.key, letter.value, headers=headers)
        mark = [(HEADER_REDRIVEN, str(letter.offset).encode())]
        outbox.put(topic, letter.partition, letter.key, None, headers=mark)
    return outbox
