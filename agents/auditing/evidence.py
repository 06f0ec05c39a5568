"""`dueclock explain --evidence DIR`: a pack that an auditor can check without dueclock, broker or network.

Records as they are (bytes in base64), policies, calendar, story, and the part of the journal's chain
(seals.md) that leads from the seal before the first fact to the seal after the last event. Records of
other accounts are there as digests only. The same cluster gives the same bytes: no wall clock enters.
"""

from base64 import b64encode
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.auditing.following import Following
from agents.auditing.sightings import Sighting
from agents.auditing.story_report import story_text
from agents.errors import UserError
from agents.journal.lines import JournalCheck, JournalLine
from agents.journal.records import Record
from agents.terminal import json_document
from schemas.answers.evidence import ChainProof, PackedCalendar, PackedEvent, PackedLine, PackedSeal
from schemas.answers.members import Answer
from schemas.answers.story import DayTold, Story
from schemas.codec import canonical_json
from schemas.notifications import Notification, StateSealed
from schemas.policy_calendars import WEEKDAYS
from schemas.policy_types import CalendarSpec
from streams.explaining import ClockName
from streams.policies import PolicyBook
from streams.routing import route
from streams.row_codec import account_of
from streams.sealing import UNBROKEN, record_digest


class Link(NamedTuple):
    """One record of the journal in the chain: the journal's digest is that after it."""

    line: int
    offset: int
    digest: bytes
    journal: bytes


class SealRecord(NamedTuple):
    """A seal, and the line that it is."""

    line: int
    offset: int
    seal: StateSealed


class RecordingCheck(JournalCheck):
    """Checks lines as an audit does, and keeps the records of one account, the partition's own, and the chain."""

    def __init__(self, partition: int, partitions: int, name: ClockName, start: StateSealed | None = None) -> None:
        super().__init__(partition, partitions, name.account, start)
        self.name = name
        self.records: dict[int, Record] = {}
        self.links: list[Link] = []
        self.seals: list[SealRecord] = []
        self.since = self.journal or UNBROKEN
        self.seal_before: SealRecord | None = None
        self._keys = (name.account.encode(), str(partition).encode())
        self._has_begun = False
        self._is_from_snapshot = start is not None

    def line(self, record: Record) -> JournalLine:
        """The line, checked. The chain is kept from the last seal before the first fact of the clock's matter."""
        before = self.journal or UNBROKEN
        one = super().line(record)
        number, body = one.line.number, one.line.body
        if record.key in self._keys:
            self.records[number] = record
        self._has_begun = self._has_begun or self._is_of_matter(one)
        if isinstance(body, StateSealed):
            if not self._has_begun:
                self.since, self.links, self.seals = before, [], []
                self.seal_before = SealRecord(number, record.offset, body)
                self._has_begun = self._is_from_snapshot  # nobody can say where its matter began
            else:
                self.seals.append(SealRecord(number, record.offset, body))
        digest = record_digest(record.timestamp, record.key, record.value, record.headers)
        self.links.append(Link(number, record.offset, digest, self.journal))
        return one

    def _is_of_matter(self, one: JournalLine) -> bool:
        body, row_id = one.line.body, self.name.row_id
        return isinstance(body, Notification) and any(
            f"{account_of(row_id)}/{routed.kind}/{routed.name}" == row_id for routed in route(body)
        )


class Proof(NamedTuple):
    """The part of the chain that goes into the pack; `seal_after` None: nothing has sealed it yet."""

    links: list[Link]
    seal_before: SealRecord | None
    seal_after: SealRecord | None


def proof_of(check: RecordingCheck, last_line: int) -> Proof:
    """The chain up to the first seal behind `last_line`, or up to that line where there is none yet."""
    after = next((one for one in check.seals if one.line > last_line), None)
    end = last_line if after is None else after.line - 1
    return Proof([link for link in check.links if link.line <= end], check.seal_before, after)


def pack_of(following: Following, story: Story, sent: dict[str, Sighting], check: RecordingCheck) -> dict[str, bytes]:
    """The files of a pack by name, its manifest included."""
    fact_lines = {told.at.line.number for told in following.facts}
    event_lines = {one.at.line.number for one in following.events}
    proof = proof_of(check, max(fact_lines | event_lines, default=following.behind))
    seals = [one for one in (proof.seal_before, proof.seal_after) if one is not None]
    digests = {one.digest for one in following.events}
    activations = [one for one in following.activations if one.policies.digest in digests]
    lines = fact_lines | event_lines | {one.line for one in seals} | {one.at.line.number for one in activations}
    journal_of = {link.line: link.journal for link in check.links}
    files = {
        "story.txt": story_text(story).encode(),
        "story.json": json_document(story),
        "journal.jsonl": b"".join(
            _journal_line(number, check.records[number], journal_of.get(number))
            for number in sorted(lines & check.records.keys())
        ),
        "events.jsonl": b"".join(
            _packed(PackedEvent(*_record(record), event.seq, event.output_id))
            for event in story.events
            if (record := sent[event.output_id].record) is not None
        ),
        "chain.txt": "".join(f"{link.line} {link.offset} {link.digest.hex()}\n" for link in proof.links).encode(),
        "proof.json": _packed(_proof(check, proof)),
        "verify.py": resources.files("agents.auditing").joinpath("evidence_verify.py").read_bytes(),
    }
    before = following.policies_before
    if before is not None and before.policies.digest in digests | {story.policy.digest}:
        files[f"policies-{before.policies.digest[:12]}.toml"] = before.policies.toml.encode()
    for one in activations:
        files[f"policies-{one.policies.digest[:12]}.toml"] = one.policies.toml.encode()
    if story.due.calendar is not None and following.bound_under is not None:
        book = following.bound_under
        spec = book.policies.calendars[story.due.calendar]
        files["calendar.json"] = _packed(_calendar(book, spec, story.due.days))
    files["README.md"] = _readme(story, proof, has_missing=len(lines - check.records.keys())).encode()
    files["MANIFEST.sha256"] = "".join(
        f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ).encode()
    return files


def write_pack(folder: Path, files: dict[str, bytes]) -> None:
    """Write a pack into a new or empty folder. UserError (status 2) where that cannot be done."""
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in sorted(files.items()):
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}); give another folder for --evidence.", 2
        ) from None


def check_folder(folder: Path) -> None:
    """A pack goes into a folder of its own. UserError (status 2) for one that holds anything, or is none."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder; give a new one for --evidence.", 2)


def _packed(packed: Answer) -> bytes:
    return canonical_json(msgspec.to_builtins(packed)) + b"\n"


class _Record(NamedTuple):
    """What a pack says of any record, in the order of `PackedRecord`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]


def _record(record: Record) -> _Record:
    headers = [(name, _text(value)) for name, value in record.headers]
    place = (record.topic, record.partition, record.offset, record.timestamp)
    return _Record(*place, _text(record.key), _text(record.value), headers)


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _journal_line(number: int, record: Record, journal: bytes | None) -> bytes:
    digest = record_digest(record.timestamp, record.key, record.value, record.headers)
    return _packed(PackedLine(*_record(record), number, digest.hex(), None if journal is None else journal.hex()))


def _proof(check: RecordingCheck, proof: Proof) -> ChainProof:
    until = proof.links[-1].journal if proof.links else check.since
    return ChainProof(check.since.hex(), until.hex(), _seal(proof.seal_before), _seal(proof.seal_after))


def _seal(one: SealRecord | None) -> PackedSeal | None:
    if one is None:
        return None
    seal = one.seal
    return PackedSeal(one.line, one.offset, seal.line, seal.offset, seal.state, seal.journal)


def _calendar(book: PolicyBook, spec: CalendarSpec, days: list[DayTold] | None) -> PackedCalendar:
    return PackedCalendar(
        name=spec.name,
        timezone=spec.timezone,
        zones={spec.timezone: list(book.zones[spec.timezone])},
        weekend=[WEEKDAYS[day] for day in sorted(spec.weekend)],
        closed=[day.isoformat() for day in sorted(spec.closed)],
        open=[day.isoformat() for day in sorted(spec.open)],
        covers=[day.isoformat() for day in spec.covers],
        days=days,
    )


def _readme(story: Story, proof: Proof, *, has_missing: int) -> str:
    before = "its beginning" if proof.seal_before is None else f"the seal at offset {proof.seal_before.offset}"
    sealed = (
        "**No seal stands behind the last of them yet**, so the chain proves their order and content only against a "
        "seal that is still to come; make the pack again when the journal has been sealed."
        if proof.seal_after is None
        else f"The seal at offset {proof.seal_after.offset} confirms them."
    )
    others = (
        f"\n{has_missing} of the lines that brought events belong to other accounts (their journal time let a timer of "
        "this clock fire): they are in chain.txt as digests only.\n"
        if has_missing
        else ""
    )
    gone = (
        f"\nThe records before line {story.journal.from_line:,} are gone. What they had told of the matter is known "
        "from a snapshot whose digest the first seal here confirms: `facts_before` in `story.json`.\n"
        if story.journal.from_line > 1
        else ""
    )
    return f"""# Evidence: {story.clock_id}

Outcome: {story.outcome}; started {story.started_at}, due {story.due_at}. The story is in `story.txt`, the same
for programs in `story.json`.

| file | what it is |
|---|---|
| `journal.jsonl` | journal records of the clock's matter, the policies and the seals: exact bytes in base64 |
| `events.jsonl` | the events as they stand on the output topics: exact bytes in base64 |
| `policies-*.toml` | the policy files in force, as `policy.activated` holds them, by their digests |
| `calendar.json` | the calendar that the due was counted by, what its zone means, the days counted (day targets only) |
| `chain.txt` | line, offset and SHA-256 of every journal record from {before} on |
| `proof.json` | where the chain starts, where it ends, and the seals before and behind it |
| `verify.py` | computes digests and chain anew; Python 3 and nothing else |

Check it:

    sha256sum -c MANIFEST.sha256
    python3 verify.py

{sealed} A policy record that stands before the chain begins is not covered by it; the digest in its file's name, in the
header `policy` of each event and in `story.json` ties it to the events.
{others}{gone}
A record's digest is SHA-256 over `<timestamp in ms>:` and then key, value, and name and value of each header in order,
each as `<length>:<bytes>` (a null: `-`). The chain after a record is SHA-256 over the chain before it and the record's
digest; before the first record of a journal it is 32 zero bytes. To hold the seal itself against the journal, or
against a note of it kept elsewhere, use `dueclock audit` and `dueclock audit seals --check`.
"""
