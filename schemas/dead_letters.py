"""Dead letters: why a record or a line is no fact, in the contract's words and order (contract §2, §7).

A dead letter on Kafka keeps key and value as they came and says the rest in headers; one from a file is a line of
canonical JSON that holds the line's bytes in base64. Neither changes the original: it can be mended and sent anew. Only
what is too large for any topic of ours is cut, and its headers say so (`letter_of`).
"""

import hashlib
from base64 import b64encode
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from schemas.codec import canonical_json

FoundReason: TypeAlias = Literal[
    "too_large", "not_json", "unknown_type", "bad_field", "future", "no_calendar", "calendar_not_covered", "too_old",
    "matter_full",
]  # fmt: skip
LiveReason: TypeAlias = Literal["skipped", "unreadable", "wrong_topic"]
Reason: TypeAlias = FoundReason | LiveReason
REASONS: Final[tuple[FoundReason, ...]] = get_args(FoundReason)  # in the order in which they are checked
SKIPPED: Final = "skipped"
"""No reason that a check finds: an operator named the record (`dueclock worker --skip-line`)."""
UNREADABLE: Final = "unreadable"
"""Of a record that cannot be read at all: its batch or its codec."""
WRONG_TOPIC: Final = "wrong_topic"
"""Of a type that is not of its topic's row, where `bind_types` is on."""
ALL_REASONS: Final[tuple[Reason, ...]] = (
    SKIPPED, UNREADABLE, "too_large", "not_json", "unknown_type", WRONG_TOPIC, "bad_field", "future", "no_calendar",
    "calendar_not_covered", "too_old", "matter_full",
)  # fmt: skip
"""With those that there are live only, in the order in which they are checked."""

HEADER_REASON: Final = "dl_reason"
HEADER_FIELD: Final = "dl_field"
HEADER_TOPIC: Final = "dl_topic"
HEADER_PARTITION: Final = "dl_partition"
HEADER_OFFSET: Final = "dl_offset"
HEADER_SKIPPED_LINE: Final = "dl_line"  # of a skipped record: the journal line that it would have been

# Of a letter that is too large to be kept whole: what the whole was.
HEADER_SIZE: Final = "dl_size"
HEADER_SHA256: Final = "dl_sha256"
HEADER_KEY_SIZE: Final = "dl_key_size"
HEADER_KEY_SHA256: Final = "dl_key_sha256"
LARGEST_VALUE_BYTES: Final = 1024 * 1024  # a larger one is cut
LARGEST_KEY_BYTES: Final = 65_536  # likewise
KEPT_BYTES: Final = 65_536  # of what is cut

# Of what is sent again (`dueclock deadletter redrive`).
HEADER_REDRIVEN: Final = "dl_redriven"  # of a mark beside a letter, without a value: the letter's offset
HEADER_REDRIVEN_FROM: Final = "redriven_from"  # of the record sent again: the letter, `<topic>/<partition>/<offset>`


class Rejected(NamedTuple):
    """Why the bytes are no fact, and the first field to blame, where there is one."""

    reason: Reason
    field: str | None


class Letter(NamedTuple):
    """Key and value as the dead letter keeps them, and the headers that say what was cut."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def letter_of(key: bytes | None, value: bytes | None) -> Letter:
    """The letter of a record: both as they came, save that what is too large is cut, and its whole described."""
    headers: list[tuple[str, bytes]] = []
    if value is not None and len(value) > LARGEST_VALUE_BYTES:
        headers += _whole(value, HEADER_SIZE, HEADER_SHA256)
        value = value[:KEPT_BYTES]
    if key is not None and len(key) > LARGEST_KEY_BYTES:
        headers += _whole(key, HEADER_KEY_SIZE, HEADER_KEY_SHA256)
        key = key[:KEPT_BYTES]
    return Letter(key, value, headers)


def _whole(content: bytes, size: str, sha256: str) -> list[tuple[str, bytes]]:
    return [(size, str(len(content)).encode()), (sha256, hashlib.sha256(content).hexdigest().encode())]


def dead_letter_headers(
    rejected: Rejected, *, topic: str, partition: int, offset: int, line: int | None = None
) -> list[tuple[str, bytes]]:
    """The headers of a dead letter: why, where the record came from, the line that a skipped one would have been."""
    headers = {
        HEADER_REASON: rejected.reason,
        HEADER_FIELD: rejected.field,
        HEADER_TOPIC: topic,
        HEADER_PARTITION: str(partition),
        HEADER_OFFSET: str(offset),
        HEADER_SKIPPED_LINE: None if line is None else str(line),
    }
    return [(name, text.encode()) for name, text in headers.items() if text is not None]


def dead_letter_line(rejected: Rejected, *, number: int, original: bytes) -> bytes:
    """The dead letter of line `number` of a file, without its line end. `field` is left out where there is none."""
    letter: dict[str, object] = {
        "line": number,
        "original": b64encode(original).decode("ascii"),
        "reason": rejected.reason,
    }
    if rejected.field is not None:
        letter["field"] = rejected.field
    return canonical_json(letter)
