"""The headers of the records that we write, all of them text in UTF-8 (contract §4, §7).

An event carries CloudEvents 1.0 in binary mode, and its provenance apart from its value, so that a replay from a file
gives the same value bytes. A journal record carries its running number and the input record that it came from.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

HEADER_LINE: Final = "line"  # running number of the journal line, from 1 in each partition
HEADER_POLICY: Final = "policy"  # first digits of the digest of the policies that decided
HEADER_LOGIC: Final = "logic"  # number of the rules' code that decided
HEADER_ORIGIN: Final = "origin"  # where the journal line came from; none for ticks and activations
HEADER_INHERITS: Final = "inherits"  # of a journal's first line: a seal of the partition that it goes on from
POLICY_DIGITS: Final = 12
_LINE_DIGITS: Final = 18  # more lines than a partition has room for

CE_SPECVERSION: Final = "1.0"
CE_SOURCE: Final = "/dueclock"
CONTENT_TYPE: Final = "application/json"

_SPECVERSION: Final = ("ce_specversion", CE_SPECVERSION.encode())
_SOURCE: Final = ("ce_source", CE_SOURCE.encode())
_CONTENT: Final = ("content-type", CONTENT_TYPE.encode())

Header = tuple[str, bytes]
Headers = list[Header]


class Origin(NamedTuple):
    """An input record. As text `<topic>/<partition>/<offset>`: a topic's name holds no slash."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @staticmethod
    def parse(text: str) -> "Origin | None":
        """The record that a text names; None where it names none."""
        topic, *numbers = text.split("/")
        if len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers):
            return Origin(topic, int(numbers[0]), int(numbers[1]))
        return None


def line_header(line: int) -> Header:
    """The header that names a journal line: of its own record, and of every event that it brought."""
    return (HEADER_LINE, b"%d" % line)


def judged_by(digest: str, logic: int) -> Headers:
    """The headers that say which policies and which logic decided: the same for all events until others do."""
    return [(HEADER_POLICY, digest[:POLICY_DIGITS].encode()), (HEADER_LOGIC, b"%d" % logic)]


def event_headers(
    output_id: str,
    type: str,  # noqa: A002 - the name that CloudEvents gives it
    at: str,
    subject: str,
    line: Header,
    judged: Headers,
) -> Headers:
    """The headers of an event: `subject` is the clock's id or the account; for the last two see the functions above."""
    return [
        _SPECVERSION,
        ("ce_id", output_id.encode()),
        _SOURCE,
        ("ce_type", type.encode()),
        ("ce_time", at.encode()),
        ("ce_subject", subject.encode()),
        _CONTENT,
        line,
        *judged,
    ]


def journal_headers(line: int, origin: Origin | None) -> Headers:
    """The headers of a journal record; `origin` is None for a tick or an activation."""
    headers = [line_header(line)]
    if origin is not None:
        headers.append((HEADER_ORIGIN, str(origin).encode()))
    return headers


class Inherited(NamedTuple):
    """A sealed partition of an older generation: its journal (topic, and the topic's id in hex), seal and state (hex).

    As text `<topic>/<id>/<partition>/<line>/<offset>/<state>`: `line` and `offset` are those that the seal says.
    """

    topic: str
    topic_id: str
    partition: int
    line: int
    offset: int
    state: str

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @staticmethod
    def parse(text: str) -> "Inherited":
        """What such a text says. ValueError where it says nothing of the kind."""
        topic, topic_id, partition, line, offset, state = text.split("/")
        return Inherited(topic, topic_id, int(partition), int(line), int(offset), state)


def texts_of(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Headers that anybody may have written, by their names: null is empty, what is no UTF-8 is replaced."""
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def inherited_by(headers: Iterable[tuple[str, bytes | None]]) -> list[Inherited]:
    """What the first line of a journal goes on from; nothing for any other. ValueError where it is not said well."""
    return [Inherited.parse((value or b"").decode()) for name, value in headers if name == HEADER_INHERITS]


def line_of(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """The journal line that a record of an output topic says it comes from; None where it says none."""
    for name, value in reversed(headers):
        if name == HEADER_LINE:
            is_number = value is not None and value.isdigit() and len(value) <= _LINE_DIGITS
            return int(value or b"") if is_number else None
    return None


def line_number(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """The running number of a journal record in its partition. KeyError, ValueError where it has none."""
    return int(dict(headers)[HEADER_LINE] or b"")
