"""What is decoded quickly is decoded rightly: very many lines with something wrong in them, against the plain reading.

The plain reading (`plain_validator.judge`) goes field by field through contract §2 and shares no code with the decoder.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from schemas.dead_letters import Rejected
from schemas.decoding import decode_notification, journal_value
from schemas.notifications import Notification
from streams.routing import account_key
from tests.schemas.golden_files import golden_lines
from tests.schemas.plain_validator import judge
from tests.schemas.test_decoding_laws import DAMAGE, NEARLY

LINES = 30_000
UNKNOWN = ["1e999", "-1e999", "1e-999", '"x"', "null", "[1,2]", '{"a":1e999}', "123456789012345678901234567890", "1.0"]
"""Values of a field that nobody knows: a decoder that skips what it does not know takes what is no JSON of ours."""


def mutated(seed: int) -> Iterator[bytes]:
    """The golden lines, each with one to three things changed: a byte, a field, or a field more."""
    rng = random.Random(seed)
    lines = [line for _, _, line in golden_lines("notifications.jsonl") if line.startswith(b"{") and len(line) < 2_000]
    for _ in range(LINES):
        line = rng.choice(lines)
        for _ in range(rng.randint(1, 3)):
            line = rng.choice((byte_changed, field_changed, field_added))(rng, line)
        yield line


def byte_changed(rng: random.Random, line: bytes) -> bytes:
    place = rng.randrange(len(line) + 1)
    junk = rng.choice([rng.choice(DAMAGE[:9]), bytes([rng.randrange(256)]), b""])
    return line[:place] + junk + line[place + rng.randrange(3) :]


def field_changed(rng: random.Random, line: bytes) -> bytes:
    try:
        said: dict[str, Any] = json.loads(line)
        name = rng.choice(sorted(said))
        if rng.random() < 0.2:
            del said[name]
        else:
            said[name] = rng.choice([*NEARLY, rng.choice(list(said.values()))])
    except (ValueError, TypeError, IndexError, AttributeError):
        return line
    return json.dumps(said, ensure_ascii=rng.random() < 0.5, separators=(",", ":")).encode(errors="replace")


def field_added(rng: random.Random, line: bytes) -> bytes:
    return line[:-1] + f',"{rng.choice(["x", "buyer_name", "journaled_at_"])}":{rng.choice(UNKNOWN)}}}'.encode()


def test_what_is_taken_is_what_the_plain_reading_takes() -> None:
    taken = handed_on = 0
    for raw in mutated(seed=1):
        answer, verdict = decode_notification(raw, from_file=False), judge(raw, from_file=False)
        if isinstance(answer, Rejected):
            assert (answer.reason, answer.field) == (verdict.reason, verdict.field), raw
            continue
        assert verdict.reason is None, raw
        assert answer.value in (None, verdict.journal), raw
        assert journal_value(answer.body) == verdict.journal, raw
        said = json.loads(verdict.journal or b"")
        assert isinstance(answer.body, Notification)
        assert account_key(answer.body) == f"{said['seller_id']}/{said['marketplace_id']}"
        taken += 1
        handed_on += answer.value is not None
    assert taken > LINES / 20, "too few lines are left whole: nothing is proved"
    assert handed_on > taken / 2, "the quick way is hardly taken: nothing is proved of it"
