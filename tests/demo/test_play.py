"""The play, without a broker: what is sent is the same each time, and within a minute every rule's path shows."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import get_args

import pytest

from agents.demo.board import Board
from agents.demo.generator import ToSend, demo_policies, play
from agents.demo.performance import expected_kinds
from schemas.dead_letters import REASONS, Rejected
from schemas.decoding import decode_notification
from schemas.events import ExemptReason, RetractionReason, UrgentReason
from schemas.notifications import type_name
from schemas.policies import load_policies, shipped_policies
from schemas.registry import INPUT_TOPIC_OF, INPUT_TOPICS
from schemas.rules import RULES
from streams.partitioner import partition_of

START_MS = 1_790_000_000_000
FIVE_MINUTES_MS = 300_000

# What the rule says on due, how else it ends, and what is taken back: shown by at least one of its clocks.
PATHS = {
    "sfp-refund": "opened escalated met superseded breached closed_late retracted",
    "csba-jp-refund": "opened escalated met breached closed_late",
    "mfn-refund": "opened escalated met superseded exempt breached retracted",
    "buyer-message-reply": "opened escalated met exempt breached closed_late retracted",
    "cs-contact-reply": "opened escalated met breached",
    "csba-inquiry-reply": "opened escalated met breached closed_late",
    "csba-reply": "opened escalated met superseded breached",
    "csba-answer": "opened reminder_due closed_late",
    "return-response": "opened escalated met exempt breached closed_late",
    "a-to-z-evidence": "opened escalated met exempt breached closed_late",
    "a-to-z-appeal": "opened escalated met lapsed",
    "chargeback-answer": "opened escalated met exempt breached closed_late",
    "case-stalled": "opened met exempt reminder_due",
    "case-first-response": "opened reminder_due closed_late",
    "case-resolution": "opened met reminder_due",
    "safe-t-window": "opened escalated met lapsed",
}
REASONS_OF = {
    "clock.exempt": get_args(ExemptReason),
    "clock.retracted": get_args(RetractionReason),
    "clock.escalated": get_args(UrgentReason),
}
VIOLATIONS = "refused_return csba_interference case_duplicate case_close_reopen evidence_deleted_early"


def first_minute(seed: int) -> list[ToSend]:
    return list(takewhile(lambda record: record.at_ms < START_MS + 60_000, play(seed, START_MS)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_within_a_minute_every_path_of_every_rule_shows(seed: int) -> None:
    shown = expected_kinds(first_minute(seed), START_MS + 56_000)
    wanted = {(rule, f"clock.{kind}") for rule, kinds in PATHS.items() for kind in kinds.split()}
    wanted |= {(kind, "policy.violation") for kind in VIOLATIONS.split()}
    wanted |= {("order_defect_rate", "account.health")} | {("dead-letter", reason) for reason in REASONS}
    assert set(PATHS) == set(RULES)
    assert sorted(wanted - shown) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_within_a_minute_every_reason_shows_that_an_event_can_give(seed: int) -> None:
    shown = {kind for _, kind in expected_kinds(first_minute(seed), START_MS + 56_000)}
    assert sorted({f"{kind}: {reason}" for kind, reasons in REASONS_OF.items() for reason in reasons} - shown) == []


def test_the_same_seed_and_start_give_the_same_records() -> None:
    assert first_minute(7) == first_minute(7)
    assert first_minute(7) != first_minute(8)


def test_records_come_in_the_order_of_time_and_without_end() -> None:
    records = list(islice(play(1, START_MS), 2000))
    assert [record.at_ms for record in records] == sorted(record.at_ms for record in records)
    assert records[0].at_ms >= START_MS


def test_another_start_tells_of_other_things() -> None:
    """A repeated fact counts once: a second play on the same topics has to have ids of its own."""
    later = takewhile(lambda record: record.at_ms < START_MS + 90_000, play(1, START_MS + 1))
    seen_before = {record.value for record in first_minute(1) if b"event_id" in record.value}
    assert not seen_before & {record.value for record in later}


def test_every_record_has_the_key_of_its_account_and_comes_from_no_future() -> None:
    for record in first_minute(1):
        decoded = decode_notification(record.value, from_file=False)
        if isinstance(decoded, Rejected):
            continue
        said = decoded.body
        assert record.key == f"{said.seller_id}/{said.marketplace_id}".encode()  # type: ignore[union-attr] # an input is a notification
        is_bad_on_purpose = said.event_id.startswith("bad-")  # type: ignore[union-attr] # as above
        assert is_bad_on_purpose or said.occurred_ms <= record.at_ms  # type: ignore[union-attr] # as above


def test_all_types_all_input_topics_and_both_partitions_have_something_to_do() -> None:
    records = first_minute(1)
    decoded = [decode_notification(record.value, from_file=False) for record in records]
    told = {type_name(one.body) for one in decoded if not isinstance(one, Rejected)}
    assert told == set(INPUT_TOPIC_OF)
    assert {record.topic for record in records} == {topic.name for topic in INPUT_TOPICS}
    assert {partition_of(record.key, 2) for record in records} == {0, 1}


def test_the_demonstration_has_the_shipped_calendars_and_all_rules_in_seconds() -> None:
    shipped, played = load_policies(shipped_policies()), load_policies(demo_policies())
    assert played.calendars == shipped.calendars
    assert played.marketplaces == shipped.marketplaces
    assert list(played.rules) == list(shipped.rules)
    for rule, versions in played.rules.items():
        for ours, theirs in zip(versions, shipped.rules[rule], strict=True):
            assert ours.target.kind == "seconds"
            assert (ours.version, ours.effective_from_ms, ours.marketplaces) == (
                theirs.version,
                theirs.effective_from_ms,
                theirs.marketplaces,
            )
            assert (ours.obligor, ours.on_due, ours.consequences, ours.programs) == (
                theirs.obligor,
                theirs.on_due,
                theirs.consequences,
                theirs.programs,
            )
            assert len(ours.escalate_before_ms) == len(theirs.escalate_before_ms)


def test_an_empty_play_is_expected_to_show_nothing() -> None:
    assert expected_kinds([], START_MS) == set()
    assert Board().shown == set()
