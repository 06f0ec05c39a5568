"""Histories as a worker would have written them: journal and events, in memory, in files, and on a real broker.

The notifications are those of the golden cases; a test may meddle with the records before they are written.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.journal.snapshots import journal_folder
from agents.kafka.log_cursor import log_cursor
from agents.settings import Settings
from schemas.codec import canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import Origin, journal_headers
from schemas.notifications import Body, Notification, PolicyActivated, StateSealed, TimeTick
from schemas.registry import INPUT_TOPIC_OF, OUTPUT_TOPICS
from streams import logic
from streams.engine import Line, new_state, step
from streams.partitioner import partition_of
from streams.routing import account_key
from streams.sealing import next_link, record_digest, state_digest
from streams.sla_event import SlaEvent
from tests.cli.command import GOLDEN
from tests.kafka_fixtures import Outgoing, produce
from tests.zones import activation

OUTPUTS = tuple(topic.name for topic in OUTPUT_TOPICS)
POLICIES = (GOLDEN / "policies.toml").read_text()
BREACH = "02-weekend-breach-late-refund"
HOLIDAY = "03-holiday-monday-last-millisecond"
GOLDEN_ACCOUNT = "A3GOLDEN/ATVPDKIKX0DER"
PARTITIONS = 2
HOME = partition_of(GOLDEN_ACCOUNT.encode(), PARTITIONS)


def journal_of(settings: Settings) -> str:
    """What a store calls the journal of these settings."""

    async def asked() -> str:
        topic = settings.topic("sla-journal")
        async with log_cursor(settings) as cursor:
            return journal_folder(topic, await cursor.topic_id(topic))

    return asyncio.run(asked())


class Sent(NamedTuple):
    """An event and the line that brought it."""

    line: int
    event: SlaEvent
    digest: str


class History:
    """One partition's journal, and the events that follow from it."""

    def __init__(self, partition: int = HOME, policies: str = POLICIES, release: str = "") -> None:
        self.partition = partition
        self.state = new_state(partition)
        self.lines: list[Line] = []
        self.events: list[Sent] = []
        self.taken: dict[str, int] = {}
        self.add(activation(policies, release), 0)

    def add(self, body: Body, journal_ms: int) -> History:
        """One more line."""
        line = Line(len(self.lines) + 1, max(journal_ms, self.state.journal_ms), body)
        events = step(self.state, line)
        self.lines.append(line)
        self.events.extend(Sent(line.number, event, self.state.digest) for event in events)
        return self

    def tell(self, case: str) -> History:
        """The notifications of a golden case; an activation in it as a worker of this machine would write it."""
        for raw in (GOLDEN / case / "notifications.jsonl").read_bytes().splitlines():
            decoded = decode_notification(raw, from_file=True)
            assert isinstance(decoded, Decoded), decoded
            body = decoded.body
            if isinstance(body, PolicyActivated) and body.zones is None:
                body = activation(body.toml)
            own_ms = decoded.journaled_ms or decoded.arrived_ms
            if isinstance(body, PolicyActivated) and body.zones is None:
                body = activation(body.toml)
            self.add(body, own_ms or (body.occurred_ms if isinstance(body, Notification) else 0))
        return self

    def wait_until(self, journal_ms: int) -> History:
        """A tick."""
        return self.add(TimeTick(), journal_ms)

    def seal(self, settings: Settings, **wrong: Any) -> History:
        """A seal of what has been told so far; its journal begins at offset 0. `wrong`: fields that are not so."""
        journal = b""
        for record in self.journal_records(settings):
            digest = record_digest(record.timestamp_ms or 0, record.key, record.value, record.headers)
            journal = next_link(journal, digest)
        said = {
            "line": len(self.lines),
            "offset": len(self.lines) - 1,
            "state": state_digest(self.state).hex(),
            "journal": journal.hex(),
            "logic": self.state.logic,
        }
        return self.add(StateSealed(**{**said, **wrong}), self.state.journal_ms)

    def journal_file(self, path: Path) -> Path:
        """The journal as `dueclock journal export` writes it."""
        path.write_bytes(
            b"".join(
                canonical_json({**json.loads(journal_value(one.body)), "journaled_at": format_instant(one.journal_ms)})
                + b"\n"
                for one in self.lines
            )
        )
        return path

    def events_file(self, path: Path) -> Path:
        """The events, one a line."""
        path.write_bytes(b"".join(one.event.value + b"\n" for one in self.events))
        return path

    def journal_records(self, settings: Settings) -> list[Outgoing]:
        """The journal as records."""
        self.taken.clear()
        return [self._journal_record(settings, line) for line in self.lines]

    def _journal_record(self, settings: Settings, line: Line) -> Outgoing:
        key, origin = str(self.partition), None
        if isinstance(line.body, Notification):
            key = account_key(line.body)
            topic = settings.topic(INPUT_TOPIC_OF[str(line.body.__struct_config__.tag)])
            origin = Origin(topic, self.partition, self.taken.get(topic, -1) + 1)
            self.taken[topic] = origin.offset
        return Outgoing(
            settings.topic("sla-journal"),
            journal_value(line.body),
            key=key.encode(),
            partition=self.partition,
            timestamp_ms=line.journal_ms,
            headers=tuple(journal_headers(line.number, origin)),
        )

    def event_records(self, settings: Settings) -> list[Outgoing]:
        """The events as records."""
        return [
            Outgoing(
                settings.topic(event.topic),
                event.value,
                key=event.account.encode(),
                partition=self.partition,
                headers=tuple(event.headers(line, digest, logic.NEWEST)),
            )
            for line, event, digest in self.events
        ]

    def write(self, settings: Settings) -> None:
        """Write all of it to the broker."""
        write(settings, self.journal_records(settings), self.event_records(settings))


def write(settings: Settings, *records: Sequence[Outgoing]) -> None:
    """Write records in order."""
    asyncio.run(produce(settings.broker, [record for some in records for record in some]))
