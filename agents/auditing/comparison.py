"""What the journal calls for against what stands on the output topics of one partition, byte for byte.

Each event is compared with its topic, key, value and headers. Those that are equal and in their place are passed over
(`count_equal`) and forgotten at once; of the others only ids and digests are kept, so memory grows with what is
awaited, not with what was read. Pure: records come in, findings come out.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from agents.journal.records import Record
from schemas.answers.findings import Finding
from schemas.headers import Header, Headers
from streams.sla_event import SlaEvent

OfLine = tuple[Header, Headers]
"""What the headers of all events of a line share: the line's own, and those of who judged it."""
CalledFor = tuple[int, SlaEvent, OfLine | None]
"""An event that a line calls for: the line's number, the event, what its line's headers share; None where values alone
are known."""
KINDS: Final = ("missing", "extra", "different", "repeated", "order", "journal")
"""`order`: an event stands behind one that it should precede. `journal`: a line that no worker wrote so."""
_PARTS: Final = ("value", "key", "headers")


class Sent(NamedTuple):
    """An event as a record."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] | None
    """None where only values are known: events from a file."""

    @staticmethod
    def of(event: SlaEvent, of_line: OfLine | None) -> "Sent":
        """The record that an event is sent as."""
        if of_line is None:
            return Sent(None, event.value, None)
        return Sent(event.account.encode(), event.value, tuple(event.headed(*of_line)))


class Found(NamedTuple):
    """A record of an output topic."""

    line: int | None
    offset: int
    sent: Sent


def count_equal(called_for: Sequence[CalledFor], records: Sequence[Record]) -> int:
    """How many of these records, from the first on, are those that these events are sent as, one after the other."""
    count = 0
    for (_, event, of_line), record in zip(called_for, records, strict=False):
        if (
            of_line is None
            or record.value != event.value
            or record.key != event.account.encode()
            or list(record.headers) != event.headed(*of_line)
        ):
            break
        count += 1
    return count


class _Awaited(NamedTuple):
    """An expected event that has not been seen yet."""

    place: int
    line: int
    event_type: str
    digests: tuple[bytes, ...]


class _Stray(NamedTuple):
    """A record that nothing called for yet."""

    line: int | None
    offset: int
    names: tuple[str, ...]


class Comparison:
    """One partition being compared."""

    def __init__(self, partition: int, topics: Sequence[str], *, is_order_known: bool = True) -> None:
        self.partition = partition
        self.topics = tuple(topics)
        self.findings: list[Finding] = []
        self.events = dict.fromkeys(topics, 0)
        self.gone = 0
        self._is_order_known = is_order_known
        self._expected = dict.fromkeys(topics, 0)
        self._newest = dict.fromkeys(topics, -1)
        self._awaited: dict[tuple[str, str], _Awaited] = {}
        self._strays: dict[tuple[str, str], list[_Stray]] = {}

    @property
    def awaited(self) -> int:
        """Expected events that have not been seen yet."""
        return len(self._awaited)

    def is_awaited(self, topic: str, sent: Sent) -> bool:
        """Whether a record with this id is expected and has not been seen yet."""
        return any((topic, name) in self._awaited for name in names_of(sent))

    def count_passed(self, topic: str, count: int) -> None:
        """So many of the events that some lines call for were found equal and in their place."""
        if count:
            self._expected[topic] += count
            self.events[topic] += count
            self._newest[topic] = self._expected[topic] - 1

    def hold(self, topic: str, called_for: Sequence[CalledFor], found: list[Found]) -> None:
        """Take in the events that some lines call for and the records that bear these lines' numbers."""
        first = self._expected[topic]
        self._expected[topic] += len(called_for)
        self.events[topic] += len(found)
        for index, (line, event, of_line) in enumerate(called_for, first):
            self._awaited[topic, event.output_id] = _Awaited(index, line, event.type, _digests(Sent.of(event, of_line)))
        for record in found:
            self._match(topic, record)

    def _match(self, topic: str, record: Found) -> None:
        digests = _digests(record.sent)
        names = names_of(record.sent)
        for name in names:
            awaited = self._awaited.pop((topic, name), None)
            if awaited is None:
                continue
            parts = _parts(awaited.digests, digests)
            if parts:
                sentence = f"{awaited.event_type} differs from what the journal calls for in its {' and '.join(parts)}"
                self._find("different", topic, awaited.line, record.offset, name, sentence)
            elif self._is_order_known and awaited.place < self._newest[topic]:
                sentence = f"{awaited.event_type} stands behind an event that it should precede"
                self._find("order", topic, awaited.line, record.offset, name, sentence)
            self._newest[topic] = max(self._newest[topic], awaited.place)
            return
        self._strays.setdefault((topic, names[0] if names else ""), []).append(
            _Stray(record.line, record.offset, tuple(names))
        )

    def drop_before(self, topic: str, line: int) -> None:
        """Retention has taken the records of this topic before this line's: nobody can look for them."""
        for name in [name for name, awaited in self._awaited.items() if name[0] == topic and awaited.line < line]:
            del self._awaited[name]
            self.gone += 1

    @property
    def left(self) -> tuple[dict[tuple[str, str], _Awaited], dict[tuple[str, str], list[_Stray]]]:
        """What is missing so far, and what nothing called for so far, each by topic and id."""
        return self._awaited, self._strays

    def take_in(self, other: "Comparison") -> bool:
        """What was found of the lines behind these. False where that would not be what one comparison of all finds.

        So it is where a record of an expected event stands elsewhere than among those of its own lines.
        """
        self.findings += other.findings
        self.events = {topic: count + other.events[topic] for topic, count in self.events.items()}
        awaited, strays = other.left
        is_apart = (self._awaited.keys() | _ids(self._strays)).isdisjoint(awaited.keys() | _ids(strays))
        self._awaited.update(awaited)
        for place, some in strays.items():
            self._strays.setdefault(place, []).extend(some)
        return is_apart

    def is_in_place(self) -> bool:
        """Whether no record that nothing called for bears the id of an event that is missing on its topic."""
        return self._awaited.keys().isdisjoint(_ids(self._strays))

    def strays(self) -> dict[str, set[str]]:
        """The ids of records that nothing called for, by topic: extra, or repeated."""
        ids: dict[str, set[str]] = {}
        for topic, name in self._strays:
            ids.setdefault(topic, set()).add(name)
        return ids

    def close(self, first_offsets: dict[tuple[str, str], int]) -> None:
        """Say what is left. `first_offsets`: where each stray's id stands first in its topic."""
        elsewhere = {name: topic for topic, name in self._strays if name}
        for (topic, name), awaited in self._awaited.items():
            sentence = f"{awaited.event_type} is not on the topic"
            if name in elsewhere:
                sentence += f"; it stands on {elsewhere[name]}"
            self._find("missing", topic, awaited.line, None, name, sentence)
        for (topic, name), strays in self._strays.items():
            for stray in strays:
                first = first_offsets.get((topic, name), stray.offset)
                if first < stray.offset:
                    sentence = f"it stands at offset {first} already"
                    self._find("repeated", topic, stray.line, stray.offset, name, sentence)
                else:
                    self._find(
                        "extra", topic, stray.line, stray.offset, name or None, "the journal does not call for it"
                    )
        self.findings.sort(key=_place)

    def _find(
        self, kind: str, topic: str, line: int | None, offset: int | None, output_id: str | None, sentence: str
    ) -> None:
        self.findings.append(Finding(kind, self.partition, topic, line, offset, output_id, sentence))


def _ids(strays: dict[tuple[str, str], list[_Stray]]) -> set[tuple[str, str]]:
    """Topic and id of these records, of either id where they have two."""
    return {(topic, name) for (topic, _), some in strays.items() for stray in some for name in stray.names}


def names_of(sent: Sent) -> list[str]:
    """The output ids that a record goes by: of its value and of its `ce_id`, which are one unless somebody meddled."""
    names: list[str] = []
    try:
        event = orjson.loads(sent.value or b"")
        if isinstance(event, dict) and isinstance(event.get("output_id"), str):
            names.append(event["output_id"])
    except orjson.JSONDecodeError:
        pass
    for header, value in sent.headers or ():
        if header == "ce_id" and (name := (value or b"").decode(errors="replace")) not in names:
            names.append(name)
    return names


def _digests(sent: Sent) -> tuple[bytes, ...]:
    value = _digest([sent.value])
    if sent.headers is None:
        return (value,)
    return (value, _digest([sent.key]), _digest(part for pair in sent.headers for part in (pair[0].encode(), pair[1])))


def _digest(parts: Iterable[bytes | None]) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.digest()


def _parts(wanted: tuple[bytes, ...], has: tuple[bytes, ...]) -> list[str]:
    """What differs, as far as both are known: of an event from a file only the value is."""
    return [name for name, one, other in zip(_PARTS, wanted, has, strict=False) if one != other]


def _place(finding: Finding) -> tuple[int, str, int, str, str]:
    return (finding.line or 0, finding.topic, finding.offset or 0, finding.kind, finding.output_id or "")
