"""A journal audited in pieces is found as it is in one go, whatever is wrong with it; a false snapshot is found out.

Each history has four seals, and a snapshot of each. What is found is what one fold finds, byte for byte.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agents.auditing import audit, audit_report, pieces
from agents.auditing.audit import audit_live
from agents.auditing.partition_audit import Audited
from agents.desk.rebuild import Rebuilt, rebuild
from agents.journal.keeping import KeptTopic
from agents.journal.snapshots import SnapshotWriter, read_snapshot, snapshots_in
from agents.journal.store import Files
from agents.kafka.topics import create_topics
from agents.settings import Settings
from agents.terminal import json_document
from schemas.notifications import StateSealed
from streams.sealing import canonical_rows, rows_digest
from tests.audit.conftest import Run
from tests.audit.history import BREACH, HOLIDAY, HOME, History, journal_of, write
from tests.audit.test_cut_journal import cut
from tests.audit.test_seals import LATER_MS
from tests.kafka_fixtures import Outgoing

pytestmark = pytest.mark.broker
CASES = (BREACH, HOLIDAY, "10a-reply-at-exactly-24h", "42-confirm-after-waits")
PIECES = 9
"""As many as are asked for: more than there are snapshots, so that it is cut at each."""


class Long(NamedTuple):
    """A history with a seal behind each case, on no broker yet; its records; a store with a snapshot of each seal."""

    settings: Settings
    history: History
    place: Path
    folder: str
    journal: list[Outgoing]
    events: list[Outgoing]
    seals: list[int]
    """The lines that are sealed, which are also the offsets of the seals."""

    def written(self) -> Long:
        """It is on the broker now."""
        write(self.settings, self.journal, self.events)
        return self

    def audited(self, *, pieces: int = PIECES, processes: int = 1) -> Audited:
        """What an audit finds of the partition that has the history."""
        asked = audit_live(self.settings, [HOME], lambda *_: None, processes=processes, pieces=pieces)
        return asyncio.run(asked)[0]

    def compared(self, *, pieces: int = PIECES) -> Audited:
        """What it finds in pieces, once it was seen that all of it is what it finds in one go."""
        whole, parts = self.audited(pieces=1), self.audited(pieces=pieces)
        assert not whole.proved
        assert not whole.refused
        assert parts._replace(proved=(), refused=()) == whole
        assert json_document(audit_report.as_json([parts])) == json_document(audit_report.as_json([whole]))
        return parts

    def snapshot(self, number: int) -> Path:
        """The file of a snapshot."""
        return self.place / asyncio.run(snapshots_in(Files(str(self.place)), self.folder, HOME))[number].name

    def keep(self, before: History, seal: StateSealed) -> None:
        """Keep a snapshot of what stands after this history, saying that it has this seal."""
        writer = SnapshotWriter(Files(str(self.place)), self.folder, HOME, kept_days=100_000)
        list(writer.passing(canonical_rows(before.state)))
        asyncio.run(writer.finish(seal, self.history.state.journal_ms))

    def in_a_topic(self) -> Long:
        """The same, with the snapshots in a topic."""
        settings = self.settings.changed(snapshots="topic")
        create_topics(settings)

        async def moved() -> None:
            files, topic = Files(str(self.place)), KeptTopic(settings)
            for name in await files.names(f"{self.folder}/{HOME}/snapshots"):
                await topic.write(name, iter([await files.read(name)]))

        asyncio.run(moved())
        return self._replace(settings=settings)


@pytest.fixture
def long(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Long:
    monkeypatch.setattr(pieces, "LEAST_LINES", 1)
    place = tmp_path / "place"
    settings = settings.changed(snapshots=str(place))
    made = Long(settings, History(), place, journal_of(settings), [], [], [])
    for number, case in enumerate(CASES):
        made.history.tell(case).wait_until(LATER_MS + number * 40 * 86_400_000)
        before = History()
        for line in made.history.lines[1:]:
            before.add(line.body, line.journal_ms)
        made.seals.append(len(made.history.lines))
        made.history.seal(settings)
        seal = made.history.lines[-1].body
        assert isinstance(seal, StateSealed)
        made.keep(before, seal)
    made.history.tell("08-dst-starts")
    made.journal.extend(made.history.journal_records(settings))
    made.events.extend(made.history.event_records(settings))
    return made


def test_a_true_journal_is_proved_piece_by_piece(long: Long) -> None:
    found = long.written().compared()
    assert (found.findings, found.refused) == ([], ())
    assert found.proved == tuple(long.seals)
    assert found.seals == len(long.seals)
    assert sum(found.events.values()) == len(long.history.events)


@pytest.mark.skipif("DUECLOCK_TEST_YEARS" not in os.environ, reason="`make years`: it differs by where they lie alone")
def test_it_is_cut_at_snapshots_in_a_topic_as_at_those_in_a_folder(long: Long) -> None:
    in_folder = long.written().audited()
    assert long.in_a_topic().audited() == in_folder
    assert in_folder.proved == tuple(long.seals)


def test_pieces_in_processes_of_their_own_say_the_same_and_how_far_they_are(long: Long) -> None:
    long.written()
    told: list[tuple[int, int]] = []
    asked = audit_live(long.settings, [HOME], lambda *so_far: told.append(so_far), processes=2, pieces=2)
    (found,) = asyncio.run(asked)
    assert len(found.proved) == 1
    assert found._replace(proved=()) == long.audited(pieces=1)
    assert max(told) >= (HOME, len(long.history.lines))


# --- what is wrong ---------------------------------------------------------------------------------------------------


def with_header(record: Outgoing, name: str, value: bytes) -> Outgoing:
    return record._replace(headers=tuple((one, value if one == name else has) for one, has in record.headers))


def alter_an_event(long: Long) -> None:
    value = long.events[-2].value or b""
    long.events[-2] = long.events[-2]._replace(value=value.replace(b'"seq":', b'"seq":9'))


def take_events_away(long: Long) -> None:
    del long.events[len(long.events) // 2], long.events[1]


def send_an_old_event_again(long: Long) -> None:
    long.events.append(long.events[0])


def forge_an_event(long: Long) -> None:
    forged = with_header(long.events[3], "ce_id", b"0" * 32)
    long.events.insert(6, forged._replace(value=b'{"output_id":"%s"}' % (b"0" * 32)))


def send_an_event_too_late(long: Long) -> None:
    long.events.append(long.events.pop(0))


def send_an_event_too_early(long: Long) -> None:
    long.events.insert(0, long.events.pop())


def turn_events_around(long: Long) -> None:
    long.events.reverse()


def send_nothing_to_a_topic(long: Long) -> None:
    long.events[:] = [one for one in long.events if not one.topic.endswith("sla-clock")]


def alter_a_line(long: Long) -> None:
    place = next(n for n, one in enumerate(long.journal) if b'"amount":"100.00"' in (one.value or b""))
    value = long.journal[place].value or b""
    long.journal[place] = long.journal[place]._replace(value=value.replace(b'"100.00"', b'"100.01"'))


def take_a_line_away(long: Long) -> None:
    del long.journal[long.seals[1] + 2]


def take_an_input_twice(long: Long) -> None:
    origins = [(n, dict(one.headers).get("origin", b"")) for n, one in enumerate(long.journal)]
    last, topic = next((n, taken.rpartition(b"/")[0]) for n, taken in reversed(origins) if taken)
    long.journal[last] = with_header(long.journal[last], "origin", topic + b"/0")


def alter_a_seal(long: Long) -> None:
    place = long.seals[2]
    value = long.journal[place].value or b""
    state = value.partition(b'"state":"')[2][:64]
    long.journal[place] = long.journal[place]._replace(value=value.replace(state, b"0" * 64))


@pytest.mark.parametrize(
    ("meddle", "kinds"),
    [
        (alter_an_event, {"different"}),
        (take_events_away, {"missing"}),
        (send_an_old_event_again, {"repeated"}),
        (forge_an_event, {"extra"}),
        (send_an_event_too_late, {"order"}),
        (send_an_event_too_early, None),
        (turn_events_around, None),
        (send_nothing_to_a_topic, {"missing"}),
        (alter_a_line, None),
        (take_a_line_away, None),
        (take_an_input_twice, None),
        (alter_a_seal, None),
    ],
)
def test_what_is_wrong_is_said_as_one_fold_says_it(
    long: Long, meddle: Callable[[Long], None], kinds: set[str] | None
) -> None:
    meddle(long)
    found = long.written().compared(pieces=3)
    assert found.findings
    if kinds is not None:
        assert {one.kind for one in found.findings} == kinds


# --- what is wrong with a snapshot -----------------------------------------------------------------------------------


def cut_short(path: Path, _: Long) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def of_another_seal(path: Path, _: Long) -> None:
    head, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(head.replace(b'"offset":', b'"offset":1') + b"\n" + rest)


def with_other_rows(path: Path, long: Long) -> None:
    """As whoever wants to be believed would: the digest that it says is that of its own rows."""
    seal, other = read_snapshot(path).seal, History().tell(HOLIDAY)
    forged = rows_digest(canonical_rows(other.state)).hex()
    path.unlink()
    long.keep(
        other, StateSealed(line=seal.line, offset=seal.offset, state=forged, journal=seal.journal, logic=seal.logic)
    )


@pytest.mark.parametrize("spoil", [cut_short, of_another_seal, with_other_rows])
def test_a_snapshot_that_is_wrong_is_found_out_and_not_begun_at(
    long: Long, spoil: Callable[[Path, Long], None]
) -> None:
    spoil(long.snapshot(1), long.written())
    found = long.compared()
    assert found.findings == []
    assert len(found.refused) == 1
    assert found.proved == (long.seals[0], *long.seals[2:])


def test_a_state_that_was_forged_together_with_its_seal_is_found_by_the_piece_before_it(long: Long) -> None:
    place = long.seals[2]
    true = read_snapshot(long.snapshot(2)).seal.state.encode()
    with_other_rows(long.snapshot(2), long)
    forged = read_snapshot(long.snapshot(2)).seal.state.encode()
    value = long.journal[place].value or b""
    long.journal[place] = long.journal[place]._replace(value=value.replace(true, forged))
    found = long.written().compared()
    assert any(f"the state after line {place} is not the one" in one.sentence for one in found.findings)


def test_a_journal_whose_head_is_gone_is_cut_behind_what_is_left(long: Long) -> None:
    cut(long.written().settings, long.seals[0])
    found = long.compared()
    assert (found.findings, found.proved) == ([], tuple(long.seals[1:]))
    assert found.from_line == long.seals[0] + 1


def test_events_that_retention_has_taken_are_counted_as_one_fold_counts_them(long: Long) -> None:
    cut(long.written().settings, 9, "sla-clock")
    found = long.compared()
    assert (found.findings, found.gone) == ([], 9)
    assert found.proved == tuple(long.seals)


def test_the_command_says_which_snapshot_it_refused_and_the_verdict_stands(
    long: Long, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_short(long.snapshot(1), long.written())
    asked: dict[str, Any] = {"pieces": PIECES, "processes": 1}
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", str(long.place))
    monkeypatch.setattr(audit, "audit_live", lambda *those: audit_live(*those, **asked))
    ended = run("audit")
    assert ended.status == 0, ended
    assert "What was sent is what the journal calls for." in ended.out
    assert "not a whole one" in ended.err


def test_a_rebuild_folds_again_what_is_needed_and_makes_the_rows_that_the_whole_journal_makes(long: Long) -> None:
    take_events_away(long)
    long.written()

    def rebuilt(processes: int, *, is_dry: bool) -> Rebuilt:
        settings, nobody = long.settings, lambda *_: None
        asked = rebuild(settings, [HOME], is_forced=True, is_dry=is_dry, progress=nobody, processes=processes)
        return asyncio.run(asked)[0]

    wanted = rebuilt(1, is_dry=True)
    made = rebuilt(2, is_dry=False)
    assert made._replace(left=[]) == wanted, "events that are sent late stand behind later ones: that is left"
    assert sum(made.sent.values()) == 2
    assert made.rows > 0
    assert not rebuilt(1, is_dry=False).is_changed
