"""`dueclock audit seals`: the seals in the journal, to be noted elsewhere and to be held against it later.

A seal that somebody has noted outside the cluster binds the journal: who changes a record before it would have to
change the note too. Read-only; committed records, no group.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from agents.errors import UserError
from agents.files import read_text
from agents.kafka.log_cursor import log_cursor
from agents.kafka.topics import chosen_partitions, partitions_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.answers.findings import Seal
from schemas.codec import format_instant
from schemas.decoding import decode_journal_value
from schemas.notifications import StateSealed

_TYPE = b'"type":"state.sealed"'


async def read_seals(settings: Settings, wanted: Sequence[int]) -> list[Seal]:
    """The seals of these partitions, or of all, in their order. UserError (status 2) where that cannot be done."""
    chosen = chosen_partitions(wanted, await partitions_of(settings, JOURNAL))
    found: list[Seal] = []
    async with log_cursor(settings) as cursor:
        for partition in chosen:
            own_key = str(partition).encode()
            await cursor.start(settings.topic(JOURNAL), partition)
            while records := await cursor.batch():
                found += [
                    _seal(partition, record.offset, record.timestamp, record.value or b"")
                    for record in records
                    if record.key == own_key and _TYPE in (record.value or b"")
                ]
    return found


def _seal(partition: int, offset: int, at_ms: int, value: bytes) -> Seal:
    try:
        body = decode_journal_value(value)
    except ValueError:
        body = None
    if not isinstance(body, StateSealed):
        raise UserError(f"The record at offset {offset} of partition {partition} of the journal is no line of ours.", 2)
    return Seal(partition, offset, format_instant(at_ms), body.line, body.offset, body.state, body.journal)


def noted_seals(file: str) -> list[Seal]:
    """Seals that were noted: the output of `--json`, one object a line. UserError (status 2) for anything else."""
    noted: list[Seal] = []
    for number, line in enumerate(read_text(Path(file), "noted seals").splitlines(), 1):
        if line.strip():
            try:
                noted.append(msgspec.json.decode(line, type=Seal))
            except msgspec.DecodeError:
                raise UserError(
                    f"Line {number} of {file} is no seal; note them with `dueclock audit seals --json`.", 2
                ) from None
    return noted


def missing_seals(noted: Sequence[Seal], found: Sequence[Seal], wanted: Sequence[int]) -> list[str]:
    """A sentence for each noted seal of these partitions that the journal does not have, or has otherwise."""
    by_place = {(seal.partition, seal.offset): seal for seal in found}
    sentences = []
    for seal in noted:
        if wanted and seal.partition not in wanted:
            continue
        now = by_place.get((seal.partition, seal.offset))
        where = f"partition {seal.partition}, offset {seal.offset}"
        if now is None:
            sentences.append(f"missing: {where}: the journal has no seal there; one of line {seal.line} was noted")
        elif now != seal:
            parts = [name for name in Seal.__struct_fields__ if getattr(seal, name) != getattr(now, name)]
            sentences.append(f"different: {where}: the seal is another in its {' and '.join(parts)}")
    return sentences
