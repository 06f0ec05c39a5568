"""Journal time W(p): never more than what is known of every topic."""

from __future__ import annotations

from agents.worker.journal_time import BrokerClock, JournalTime
from agents.worker.slices import Answer

BROKER_AHEAD_MS = 5_000_000


def clock() -> BrokerClock:
    """A broker whose clock reads 5,000 s more than our monotonic one, measured with 2 ms on the way."""
    measured = BrokerClock()
    measured.measured(BROKER_AHEAD_MS + 1001, sent_s=1.0, answered_s=1.002)
    return measured


class Topics:
    """Fetch answers by topic, as the consumer's thread would note them."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def time(self, positions: dict[str, int], allowance_ms: int = 50) -> JournalTime:
        return JournalTime(positions, clock(), self.answers.get, allowance_ms)


def test_nothing_is_known_before_every_topic_was_heard_of() -> None:
    topics = Topics()
    time = topics.time({"a": 3, "b": 7})
    assert time.watermark_ms() is None
    topics.answers["a"] = Answer(sent_s=2.0, end=3)
    assert time.watermark_ms() is None
    assert time.held_back_by() == ("b", None)
    topics.answers["b"] = Answer(sent_s=3.0, end=7)
    assert time.watermark_ms() == BROKER_AHEAD_MS + 2000 - 1 - 50


def test_an_answer_tells_the_time_at_which_it_was_asked_for_on_the_brokers_clock_never_ahead_of_it() -> None:
    broker = clock()
    assert broker.at(2.0) == BROKER_AHEAD_MS + 2000 - 1


def test_a_topic_with_a_backlog_holds_the_time_at_its_last_finished_record() -> None:
    topics = Topics()
    time = topics.time({"a": 0, "b": 0})
    topics.answers["a"] = Answer(sent_s=9.0, end=0)
    topics.answers["b"] = Answer(sent_s=9.0, end=100)
    assert time.watermark_ms() is None
    time.finished("b", 1, BROKER_AHEAD_MS + 4000)
    assert time.watermark_ms() == BROKER_AHEAD_MS + 4000 - 50
    assert time.held_back_by() == ("b", BROKER_AHEAD_MS + 4000)
    time.finished("b", 100, BROKER_AHEAD_MS + 4001)
    assert time.watermark_ms() == BROKER_AHEAD_MS + 9000 - 1 - 50


def test_what_was_known_once_stays_known_when_new_records_are_on_their_way() -> None:
    topics = Topics()
    time = topics.time({"a": 0})
    topics.answers["a"] = Answer(sent_s=9.0, end=0)
    before = time.watermark_ms()
    topics.answers["a"] = Answer(sent_s=10.0, end=5)
    assert time.watermark_ms() == before


def test_one_millisecond_at_least_is_kept() -> None:
    assert Topics().time({"a": 0}, allowance_ms=0).stamp(100) == 99


def test_a_slow_answer_makes_the_clock_late_and_a_quick_one_mends_it() -> None:
    broker = BrokerClock()
    broker.measured(10_000, sent_s=1.0, answered_s=3.0)
    assert broker.at(3.0) == 10_000
    broker.measured(12_500, sent_s=3.5, answered_s=3.501)
    assert broker.at(3.501) == 12_500
    broker.measured(20_000, sent_s=11.0, answered_s=14.0)
    assert broker.at(14.0) == 12_500 + (14_000 - 3501)


def test_a_broker_whose_clock_is_set_back_is_believed_at_once() -> None:
    broker = BrokerClock()
    broker.measured(100_000, sent_s=1.0, answered_s=1.001)
    broker.measured(50_000, sent_s=2.0, answered_s=2.001)
    assert broker.at(2.001) == 50_002
