"""The topics: nothing without a home, and each kept and stamped as its purpose asks."""

from typing import get_args

import pytest

from schemas.codec import DAY_MS, HOUR_MS
from schemas.dead_letters import LARGEST_KEY_BYTES, LARGEST_VALUE_BYTES
from schemas.events import EVENT_TYPES
from schemas.notifications import NOTIFICATION_TYPES, type_name
from schemas.registry import (
    ALL_TOPICS,
    CHANGELOG_TOPIC,
    DEAD_LETTER_TOPIC,
    INPUT_TOPIC_OF,
    INPUT_TOPICS,
    JOURNAL_TOPIC,
    OUTPUT_TOPICS,
    PROBE_TOPIC,
    SNAPSHOTS_TOPIC,
    TOPICS,
    Logical,
    Topic,
)


def by_name(topic: Topic) -> str:
    return topic.name


def test_the_topics_are_those_of_the_contract() -> None:
    assert [topic.name for topic in TOPICS] == [
        "return-approved",
        "return-received",
        "refund-issued",
        "buyer-message",
        "a-to-z-claim",
        "support-case",
        "seller-account",
        "sla-repartition",
        "sla-journal",
        "sla-breach",
        "sla-escalation",
        "sla-clock",
        "sla-health",
        "dead-letter",
        "changelog",
    ]


def test_every_topic_has_a_name_that_types_know_and_no_name_is_left_over() -> None:
    assert [topic.name for topic in ALL_TOPICS] == list(get_args(Logical))
    assert [topic for topic in ALL_TOPICS if topic not in TOPICS] == [PROBE_TOPIC, SNAPSHOTS_TOPIC]


def test_the_probes_topic_is_stamped_by_the_broker_and_forgets_within_two_hours() -> None:
    assert PROBE_TOPIC.kafka_settings() == {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(HOUR_MS),
        "segment.ms": str(HOUR_MS),
    }


def test_snapshots_give_way_to_what_takes_them_away_within_a_week_and_die_of_age_a_week_later() -> None:
    settings = SNAPSHOTS_TOPIC.kafka_settings()
    assert settings["cleanup.policy"] == "compact,delete"
    assert settings["max.compaction.lag.ms"] == str(7 * DAY_MS)
    assert settings["retention.ms"] == str((430 + 7) * DAY_MS)
    assert settings["retention.bytes"] == "-1"


def test_every_notification_has_one_input_topic() -> None:
    homes = [name for topic in INPUT_TOPICS for name in topic.types]
    assert sorted(homes) == sorted(type_name(body_type) for body_type in NOTIFICATION_TYPES)
    assert INPUT_TOPIC_OF["safet.filed"] == "a-to-z-claim"
    assert INPUT_TOPIC_OF["replacement.sent"] == "refund-issued"
    assert INPUT_TOPIC_OF["message.undelivered"] == "buyer-message"
    assert {INPUT_TOPIC_OF[name] for name in ("claim.appealed", "chargeback.opened", "chargeback.answered")} == {
        "a-to-z-claim"
    }
    assert INPUT_TOPIC_OF["chargeback.decided"] == "a-to-z-claim"
    assert INPUT_TOPIC_OF["account.metrics_reported"] == "seller-account"


def test_every_event_has_one_output_topic_and_retractions_three() -> None:
    homes = [name for topic in OUTPUT_TOPICS for name in topic.types]
    assert set(homes) == {type_name(event_type) for event_type in EVENT_TYPES}
    assert [name for name in homes if homes.count(name) > 1] == ["clock.retracted"] * 3


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic is not JOURNAL_TOPIC], ids=by_name)
def test_the_broker_stamps_all_but_the_journal(topic: Topic) -> None:
    settings = topic.kafka_settings()
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert "message.timestamp.before.max.ms" not in settings


def test_the_journal_keeps_the_time_it_is_given_for_400_days_and_never_compacts() -> None:
    settings = JOURNAL_TOPIC.kafka_settings()
    assert settings["message.timestamp.type"] == "CreateTime"
    assert settings["message.timestamp.before.max.ms"] == settings["message.timestamp.after.max.ms"] == str(2**63 - 1)
    assert settings["cleanup.policy"] == "delete"
    assert int(settings["retention.ms"]) >= 400 * DAY_MS
    assert settings["retention.bytes"] == "-1"


def test_dead_letters_are_gone_after_a_week_and_have_room_for_what_an_input_lets_in() -> None:
    settings = DEAD_LETTER_TOPIC.kafka_settings()
    assert settings["retention.ms"] == str(7 * DAY_MS)
    largest = max(topic.max_message_bytes for topic in INPUT_TOPICS)
    assert int(settings["max.message.bytes"]) > largest
    assert int(settings["max.message.bytes"]) > LARGEST_KEY_BYTES + LARGEST_VALUE_BYTES


def test_state_rows_are_compacted_and_never_die_of_age() -> None:
    settings = CHANGELOG_TOPIC.kafka_settings()
    assert settings["cleanup.policy"] == "compact"
    assert "retention.ms" not in settings
