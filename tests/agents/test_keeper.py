"""The keeper without a broker: when it writes, what one transaction holds, and that a failure writes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
import pytest

from agents.errors import UserError
from agents.journal.sealing import Sealer
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped, skipped_records
from agents.kafka.transactions import Outbox
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.worker.journal_time import BrokerClock, JournalTime
from agents.worker.keeper import Keeper, Shared
from agents.worker.misrouted import Router
from agents.worker.sizes import Sizes
from agents.worker.slices import Answer, Hand, Slice
from schemas.codec import format_instant
from schemas.policies import shipped_policies
from streams import events
from streams.engine import new_state
from streams.sealing import state_digest
from tests.agents.records import InputRecord
from tests.zones import chosen_of

TOPICS = ("buyer-message", "refund-issued")
START_MS = 1_795_000_000_000
"""The broker's time when the monotonic clock reads 0."""


class Kept(NamedTuple):
    """A producer (the `Writer` of the keeper) whose transactions are kept in a list."""

    desk: Desk

    async def write(self, outbox: Outbox) -> dict[tuple[str, int], int]:
        self.desk.written.append(outbox)
        return {("sla-journal", 0): len(self.desk.lines()) - 1}

    async def stop(self) -> None:
        """Nothing is open."""


class Desk:
    """A keeper of the only partition, whose transactions are kept in a list."""

    def __init__(self, skipped: Skipped = NOTHING_SKIPPED, **chosen: Any) -> None:
        self.written: list[Outbox] = []
        self.largest: dict[str, int] = {}
        self.answers: dict[str, Answer] = {}
        self.monotonic_s = 100.0
        clock = BrokerClock()
        clock.measured(START_MS + 1, sent_s=0.0, answered_s=0.001)
        positions = dict.fromkeys(TOPICS, 0)
        settings = Settings(**chosen)
        shared = Shared(
            settings,
            {name: name for name in TOPICS},
            chosen_of(shipped_policies()),
            Router("sla-repartition", 1),
            Metrics(),
            lambda: clock.at(self.monotonic_s),
            Sizes(self._largest),
            skipped,
        )

        transactions = Kept(self)
        self.hand = Hand(positions)
        state = new_state(0)
        time = JournalTime(positions, clock, self.answers.get, 50)
        self.keeper = Keeper(shared, state, self.hand, time, transactions, Sealer(settings, state, None))
        self._offsets = dict.fromkeys(TOPICS, 0)

    def answer(self, topic: str, end: int, *, sent_s: float = 99.0) -> None:
        self.answers[topic] = Answer(sent_s, end)

    async def _largest(self, topics: Iterable[str]) -> dict[str, int]:
        return {topic: self.largest.get(topic, 1_048_588) for topic in topics}

    def give(self, topic: str, at_s: float, value: bytes, *, timestamp_type: int = 1, known_s: float = 0) -> None:
        offset = self._offsets[topic]
        self._offsets[topic] += 1
        at_ms = START_MS + int(at_s * 1000)
        record = InputRecord(topic, 0, offset, at_ms, value, timestamp_type=timestamp_type)
        known_ms = START_MS + int(known_s * 1000) if known_s else 0
        self.hand.give(Slice(topic, 0, offset, offset + 1, [record], seeks=0), known_ms)

    def until_idle(self) -> None:
        async def steps() -> None:
            while await self.keeper.advance():
                pass

        asyncio.run(steps())

    def lines(self) -> list[tuple[int, str]]:
        """Journal time (s after the start) and event id, or type, of each line that was written."""
        journal = [record for outbox in self.written for record in outbox.records.get(("sla-journal", 0), [])]
        said = [(at_ms or 0, orjson.loads(value or b"")) for at_ms, _, value, _ in journal]
        return [(at_ms - START_MS, line.get("event_id", line["type"])) for at_ms, line in said]


def message(event_id: str, at_s: float) -> bytes:
    return orjson.dumps(
        {
            "event_id": event_id,
            "type": "message.received",
            "seller_id": "S1",
            "marketplace_id": "ATVPDKIKX0DER",
            "occurred_at": format_instant(START_MS + int(at_s * 1000)),
            "message_id": event_id,
            "thread_id": event_id,
            "from_role": "buyer",
        }
    )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_written_while_one_topic_was_not_heard_of(desk: Desk) -> None:
    desk.give("buyer-message", 90, message("m1", 90))
    desk.until_idle()
    assert desk.written == []
    desk.answer("refund-issued", 0)
    desk.until_idle()
    assert [name for _, name in desk.lines()] == ["policy.activated", "m1"]


def test_nothing_is_taken_up_before_the_time_is_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.give("buyer-message", 90, message("m1", 90))
    monkeypatch.setattr(desk.hand, "take", lambda: pytest.fail("two thousand records were sorted for nothing"))
    assert asyncio.run(desk.keeper.keep()) is False


def test_lines_stand_in_the_order_of_the_brokers_timestamps_and_are_stamped_by_them(desk: Desk) -> None:
    desk.give("refund-issued", 93, message("late", 93))
    desk.give("buyer-message", 90, message("m1", 90))
    desk.give("buyer-message", 95, message("m2", 95))
    desk.answer("refund-issued", 1)
    desk.answer("buyer-message", 2)
    desk.until_idle()
    # each its own timestamp less the allowance; the activation stands before all that is in hand
    assert desk.lines() == [(89_949, "policy.activated"), (89_950, "m1"), (92_950, "late"), (94_950, "m2")]


def test_a_topic_with_a_backlog_holds_the_time_of_all_lines(desk: Desk) -> None:
    desk.give("refund-issued", 10, message("old", 10))
    desk.answer("refund-issued", 500)
    desk.give("buyer-message", 90, message("m1", 90))
    desk.answer("buyer-message", 1)
    desk.until_idle()
    assert desk.lines() == [(9_949, "policy.activated"), (9_950, "old"), (9_950, "m1")]


def test_one_transaction_holds_lines_events_dead_letters_rows_and_positions(desk: Desk) -> None:
    for topic in TOPICS:
        desk.answer(topic, 0)
    desk.until_idle()
    desk.give("buyer-message", 101, message("m1", 101))
    desk.give("refund-issued", 102, b"not json")
    for topic in TOPICS:
        desk.answer(topic, 1, sent_s=103.0)
    desk.until_idle()
    assert len(desk.written) == 2
    records = desk.written[1].records
    assert {topic for topic, _ in records} == {"sla-journal", "sla-clock", "dead-letter", "sla-changelog"}
    assert desk.keeper.state.positions == {"buyer-message": 1, "refund-issued": 1}
    ((_, key, value, headers),) = records["dead-letter", 0]
    assert (key, value) == (b"k", b"not json")
    assert dict(headers)["dl_reason"] == b"not_json"


def bug(*_: Any) -> Any:
    """In the place of what cannot be compiled, a struct: what is compiled calls its own, whatever their names."""
    raise RuntimeError("bug")


def test_a_timer_that_makes_the_core_fail_is_named_and_nothing_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_force(desk)
    desk.give("buyer-message", 101, message("m1", 101))
    later_s = 101 + 72 * 3_600  # its clock is due by then
    desk.give("buyer-message", later_s, message("m2", later_s))
    fire = vars(events)["SlaEvent"]

    def fails_at_a_timer(*said: Any) -> Any:
        return fire(*said) if said[-1] == 0 else bug()

    monkeypatch.setattr(events, "SlaEvent", fails_at_a_timer)
    desk.answer("refund-issued", 0, sent_s=later_s + 1)
    with pytest.raises(UserError, match=r"a timer or the line itself makes the core fail \(RuntimeError: bug\)"):
        desk.until_idle()
    assert len(desk.written) == 1
    assert "partition 0: journal line 3 cannot be applied" in caplog.text
    assert "Traceback" in caplog.text


def test_a_record_that_makes_the_core_fail_is_named_with_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force(desk)
    monkeypatch.setattr(events, "SlaEvent", bug)
    desk.give("buyer-message", 101, message("m1", 101))
    with pytest.raises(UserError) as refused:
        desk.until_idle()
    assert "journal line 2 (message.received, from the input record buyer-message/0/0)" in refused.value.sentence
    assert refused.value.sentence.endswith("`dueclock worker --skip-line buyer-message/0/0`.")
    assert len(desk.written) == 1


def test_a_skipped_record_is_set_aside_unread_and_the_others_of_its_slice_are_kept() -> None:
    desk = Desk(skipped=Skipped([("buyer-message", 0, 1, 1)]))
    for topic in TOPICS:
        desk.answer(topic, 0)
    desk.until_idle()
    for number in range(3):
        desk.give("buyer-message", 101 + number, message(f"m{number}", 101 + number))
    for topic in TOPICS:
        desk.answer(topic, 3 if topic == "buyer-message" else 0, sent_s=105.0)
    desk.until_idle()
    records = desk.written[1].records
    ((_, key, value, headers),) = records["dead-letter", 0]
    assert (key, value) == (b"k", message("m1", 102))
    assert dict(headers) == {
        "dl_reason": b"skipped",
        "dl_topic": b"buyer-message",
        "dl_partition": b"0",
        "dl_offset": b"1",
        "dl_line": b"3",
    }
    assert [dict(headers)["line"] for _, _, _, headers in records["sla-journal", 0]] == [b"2", b"3"]
    assert desk.keeper.state.positions["buyer-message"] == 3


def test_what_names_no_input_record_cannot_be_skipped() -> None:
    for name in (
        "sla-journal/0/1",
        "buyer-message/0",
        "buyer-message/0/x",
        "buyer-message/0/1/2",
        "buyer-message/0/3-2",
        "buyer-message/0/5-",
        "buyer-message/0/-5",
    ):
        with pytest.raises(UserError, match="names no record of an input topic"):
            skipped_records(Settings(), [name])


def test_one_record_is_skipped_by_its_name_and_many_by_the_first_and_the_last() -> None:
    skipped = skipped_records(Settings(), ["sla-repartition/1/7", "buyer-message/0/3-5"])
    named = [
        (topic, offset)
        for topic in ("sla-repartition", "buyer-message")
        for offset in range(10)
        if skipped.names(InputRecord(topic, 1 if topic == "sla-repartition" else 0, offset, 0, None))
    ]
    assert named == [("sla-repartition", 7), ("buyer-message", 3), ("buyer-message", 4), ("buyer-message", 5)]


def test_a_record_that_its_producer_stamped_is_read_and_moves_no_time(desk: Desk) -> None:
    in_force(desk)
    desk.give("buyer-message", 500, message("m1", 101), timestamp_type=0, known_s=110)
    desk.give("refund-issued", 120, message("m2", 120))
    desk.answer("buyer-message", 1, sent_s=130)
    desk.until_idle()
    assert desk.lines()[1:] == [(109_950, "m1"), (119_950, "m2")]


def test_what_is_later_than_journal_time_is_future_where_the_producer_stamped(desk: Desk) -> None:
    in_force(desk)
    desk.give("buyer-message", 500, message("m1", 411), timestamp_type=0, known_s=110)
    desk.until_idle()
    ((_, _, _, headers),) = desk.written[-1].records["dead-letter", 0]
    assert dict(headers)["dl_reason"] == b"future"


def test_a_partition_may_begin_with_a_record_of_unknown_time(desk: Desk) -> None:
    desk.give("buyer-message", 500, message("m1", 99), timestamp_type=0)
    for topic in TOPICS[1:]:
        desk.answer(topic, 0)
    desk.until_idle()
    assert [name for _, name in desk.lines()] == ["policy.activated", "m1"]
    assert desk.lines()[0][0] == desk.lines()[1][0] > 0


def in_force(desk: Desk) -> None:
    for topic in TOPICS:
        desk.answer(topic, 0)
    desk.until_idle()
    assert [name for _, name in desk.lines()] == ["policy.activated"]


def give(desk: Desk, *, bad: int, good: int, from_s: float = 101) -> None:
    for number in range(bad + good):
        value = b"not json" if number < bad else message(f"m{number}", from_s)
        desk.give("buyer-message", from_s, value)
    for topic in TOPICS:
        desk.answer(topic, 10_000, sent_s=from_s + 1)


def test_a_dead_letter_too_many_ends_the_keeper_before_anything_of_its_slice_is_written() -> None:
    desk = Desk(dead_letter_ratio=0.5)
    in_force(desk)
    give(desk, bad=501, good=0)
    with pytest.raises(UserError) as refused:
        desk.until_idle()
    assert refused.value.sentence.startswith(
        "501 of the last 1,000 records of partition 0 are bad, more than dead_letter_ratio = 0.5 allows "
        "(the last one is buyer-message/0/500: not_json); nothing of its slice was written"
    )
    assert len(desk.written) == 1


def test_as_many_dead_letters_as_the_ratio_allows_stop_nothing_and_older_ones_are_forgotten() -> None:
    desk = Desk(dead_letter_ratio=0.5)
    in_force(desk)
    give(desk, bad=500, good=500)
    desk.until_idle()
    assert len(desk.written[1].records["dead-letter", 0]) == 500
    give(desk, bad=500, good=0, from_s=110)  # the first five hundred are more than a thousand records back by now
    desk.until_idle()
    assert len(desk.written[2].records["dead-letter", 0]) == 500


def test_unless_told_otherwise_dead_letters_stop_nothing() -> None:
    desk = Desk()
    in_force(desk)
    give(desk, bad=1_500, good=0)
    desk.until_idle()
    assert len(desk.written[1].records["dead-letter", 0]) == 1_500


def test_what_an_operator_had_skipped_does_not_count() -> None:
    desk = Desk(skipped=Skipped([("buyer-message", 0, 0, 9)]), dead_letter_ratio=0.002)
    in_force(desk)
    give(desk, bad=12, good=0)
    desk.until_idle()
    assert len(desk.written[1].records["dead-letter", 0]) == 12


def refund(number: int, at_s: float) -> bytes:
    return orjson.dumps(
        {
            "event_id": f"r{number}",
            "type": ("return.received", "refund.issued", "no.such")[number % 3],
            "seller_id": f"S{number % 5}",
            "marketplace_id": "ATVPDKIKX0DER",
            "occurred_at": format_instant(START_MS + int(at_s * 1000)),
            "order_id": f"111-0000001-{number // 3:07}",
            "return_id": f"R-{number // 3}",
            "program": "sfp",
            "refund_id": f"F-{number}",
            "issued_by": "seller",
            "amount": "5.00",
            "currency": "USD",
            "unknown": number,
        }
    )


Given = tuple[str, float, bytes]
"""Topic, the broker's time (s after the start), value."""


def kept_in_slices_of(
    size: int, given: Sequence[Given], until_s: float, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, list[Any]], bytes, bytes]:
    """All records by topic that the same input brings, the state's digest, and that of the journal."""
    monkeypatch.setattr(Hand.take, "__defaults__", (size,))
    desk = Desk(seal_every_s=0)  # where a slice ends a seal may stand
    in_force(desk)
    for topic, at_s, value in given:
        desk.give(topic, at_s, value)
    for topic in TOPICS:
        desk.answer(topic, sum(one[0] == topic for one in given), sent_s=until_s)
    desk.until_idle()
    records: dict[str, list[Any]] = {}
    for outbox in desk.written:
        for (topic, _), several in outbox.records.items():
            records.setdefault(topic, []).extend(several)
    del records["sla-changelog"]  # a row goes out once a slice
    state = desk.keeper.state
    return records, state_digest(state), state.row.notes.journal


def test_slices_of_any_size_bring_the_same_records_and_leave_the_same_state(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Given] = []
    for number in range(60):
        given.append(("buyer-message", 101 + number, message(f"m{number // 2}", 101 + number)))
        given.append(("refund-issued", 101.5 + number, refund(number, 101 + number)))
    whole = kept_in_slices_of(1_000, given, 200.0, monkeypatch)
    assert {topic: len(records) for topic, records in whole[0].items()} == {
        "sla-journal": 101,
        "sla-clock": 50,
        "dead-letter": 20,
    }
    for size in (1, 2, 7, 64):
        assert kept_in_slices_of(size, given, 200.0, monkeypatch) == whole


def test_records_too_large_for_a_whole_stretch_are_read_in_shorter_ones_and_bring_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Given] = []
    for number in range(70):
        value = message(f"m{number}", 101)
        padding = b" " * (65_000 if 5 < number < 20 else 5_000 if number < 45 else 66_000 if number == 50 else 0)
        given.append(("buyer-message", 101, value + padding))
    whole = kept_in_slices_of(1_000, given, 200.0, monkeypatch)
    assert [dict(headers)["dl_reason"] for _, _, _, headers in whole[0]["dead-letter"]] == [b"too_large"]
    assert len(whole[0]["sla-journal"]) == 70
    for size in (1, 64):
        assert kept_in_slices_of(size, given, 200.0, monkeypatch) == whole


def test_a_line_that_brings_more_than_a_stretch_goes_out_between_the_lines_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later_s = 101 + 49 * 3600
    given: list[Given] = [("buyer-message", 101, message(f"m{number}", 101)) for number in range(150)]
    given += [("buyer-message", later_s + number, message(f"n{number}", later_s + number)) for number in range(9)]
    whole = kept_in_slices_of(1_000, given, later_s + 20, monkeypatch)
    by_line = Counter(dict(headers)["line"] for _, _, _, headers in whole[0]["sla-breach"])
    assert by_line == {b"152": 150}
    opened = [int(dict(headers)["line"] or 0) for _, _, _, headers in whole[0]["sla-clock"]]
    assert opened == [*range(2, 161)]
    for size in (1, 64):
        assert kept_in_slices_of(size, given, later_s + 20, monkeypatch) == whole
