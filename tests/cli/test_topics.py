"""`dueclock topics`: made as the registry says, checked against it, refused where a worker would decide wrongly."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.metadata import MetadataRequest

from agents.errors import UserError
from agents.kafka.clients import run_with_broker
from agents.kafka.topics import (
    FORBIDDEN,
    OnBroker,
    create_topics,
    delete_topics,
    differences,
    make_probe_topic,
    require_topics,
)
from agents.kafka.wanted_topics import snapshots_topic
from agents.settings import Settings
from agents.topic_roles import LOGICAL_TOPICS, PROBE, SNAPSHOTS
from deploy.embedded import EmbeddedKafka
from schemas.registry import INPUT_TOPICS, PROBE_TOPIC, TOPICS, Logical
from tests.cli.command import dueclock, sentence_of
from tests.kafka_fixtures import create_topics as make_topics
from tests.kafka_fixtures import topic_config
from tests.sources.here import dueclock_here

SETTINGS = Settings()
RIGHT = {topic.name: OnBroker(4, True, topic.kafka_settings()) for topic in TOPICS}
RIGHT[PROBE] = OnBroker(1, True, PROBE_TOPIC.kafka_settings())


def found(**changes: OnBroker) -> dict[str, OnBroker]:
    """The topics as they should be, but for these."""
    return {SETTINGS.topic(name): changes.get(name.replace("-", "_"), right) for name, right in RIGHT.items()}


def said(
    topics: dict[str, OnBroker], partitions: int | None = None, settings: Settings = SETTINGS
) -> list[tuple[str, bool]]:
    return [(one.sentence, one.is_fatal) for one in differences(settings, topics, partitions)]


def changed(name: Logical, **settings: str) -> OnBroker:
    return RIGHT[name]._replace(
        settings={**RIGHT[name].settings, **{key.replace("_", "."): v for key, v in settings.items()}}
    )


def test_topics_as_the_registry_has_them_differ_in_nothing() -> None:
    assert said(found()) == []
    assert said(found(), partitions=4) == []


def test_a_missing_topic_is_said_with_what_makes_it() -> None:
    topics = found()
    del topics["sla-breach"]
    assert said(topics) == [("The topic sla-breach is missing; `dueclock topics create` makes it.", True)]


def test_all_need_the_partition_count_of_the_journal() -> None:
    ((sentence, is_fatal),) = said(found(refund_issued=RIGHT["refund-issued"]._replace(partitions=1)))
    assert sentence.startswith("The topic refund-issued has 1 partition where 4 are needed")
    assert is_fatal
    assert len(said(found(), partitions=8)) == len(TOPICS)


def test_the_probe_of_the_clock_may_be_missing_and_may_not_be_stamped_by_workers() -> None:
    topics = found()
    del topics[PROBE]
    ((sentence, is_fatal),) = said(topics)
    assert sentence.startswith(f"The topic {PROBE} is missing; a worker makes it when it starts")
    assert not is_fatal
    ((sentence, is_fatal),) = said(found(sla_clock_probe=changed(PROBE, message_timestamp_type="CreateTime")))
    assert f"The topic {PROBE} has message.timestamp.type=CreateTime where LogAppendTime is needed" in sentence
    assert is_fatal


def test_snapshots_have_a_topic_where_the_settings_ask_for_it_and_keep_no_worker_from_running() -> None:
    in_topic = SETTINGS.changed(snapshots="topic", snapshots_kept_days=800)
    right = OnBroker(4, True, snapshots_topic(in_topic).kafka_settings())
    assert right.settings["retention.ms"] == str(807 * 86_400_000)

    def with_it(has: OnBroker) -> list[tuple[str, bool]]:
        return said({**found(), SNAPSHOTS: has}, settings=in_topic)

    assert said({**found(), SNAPSHOTS: OnBroker(1, True, {})}) == [], "nobody asks for it"
    assert with_it(right) == []
    assert with_it(right._replace(settings={**right.settings, "cleanup.policy": "delete,compact"})) == []
    ((sentence, is_fatal),) = said(found(), settings=in_topic)
    assert sentence.startswith(f"The topic {SNAPSHOTS} is missing; `dueclock topics create` makes it")
    assert not is_fatal
    ((sentence, is_fatal),) = with_it(right._replace(partitions=3))
    assert sentence.startswith(f"The topic {SNAPSHOTS} has 3 partitions where 4 should be, as of the others: owners")
    assert not is_fatal
    ((sentence, is_fatal),) = with_it(right._replace(settings={**right.settings, "cleanup.policy": "delete"}))
    assert "cleanup.policy=delete where compact,delete is needed" in sentence
    assert not is_fatal
    ((sentence, is_fatal),) = with_it(right._replace(settings={**right.settings, "retention.ms": "1"}))
    assert "retention.ms=1 where" in sentence
    ((sentence, is_fatal),) = with_it(FORBIDDEN)
    assert f"see the topic {SNAPSHOTS}" in sentence
    assert is_fatal, "nobody knows what it is like"


def test_an_input_that_its_producers_stamp_is_fatal() -> None:
    ((sentence, is_fatal),) = said(found(buyer_message=changed("buyer-message", message_timestamp_type="CreateTime")))
    assert "message.timestamp.type=CreateTime where LogAppendTime is needed" in sentence
    assert "--add-config message.timestamp.type=LogAppendTime" in sentence
    assert is_fatal


def test_a_compacted_journal_is_fatal() -> None:
    ((_, is_fatal),) = said(found(sla_journal=changed("sla-journal", cleanup_policy="compact")))
    assert is_fatal


@pytest.mark.parametrize("retention_ms", ["-1", str(10**15)])
def test_a_longer_retention_is_as_good_save_for_dead_letters(retention_ms: str) -> None:
    assert said(found(sla_journal=changed("sla-journal", retention_ms=retention_ms))) == []
    ((sentence, is_fatal),) = said(found(dead_letter=changed("dead-letter", retention_ms=retention_ms)))
    assert "dead-letter has retention.ms" in sentence
    assert not is_fatal


def test_a_shorter_retention_is_said_and_may_be_wished() -> None:
    ((_, is_fatal),) = said(found(sla_journal=changed("sla-journal", retention_ms="1000")))
    assert not is_fatal


def test_three_copies_of_which_one_would_do_are_said() -> None:
    alone = {**RIGHT["sla-journal"].settings, "min.insync.replicas": "1"}
    assert said(found(sla_journal=RIGHT["sla-journal"]._replace(settings=alone, copies=2))) == []
    ((sentence, is_fatal),) = said(found(sla_journal=RIGHT["sla-journal"]._replace(settings=alone, copies=3)))
    assert "sla-journal has min.insync.replicas=1 where 2 is needed" in sentence
    assert not is_fatal
    more = {**alone, "min.insync.replicas": "3"}
    assert said(found(sla_journal=RIGHT["sla-journal"]._replace(settings=more, copies=3))) == []


def test_a_replica_that_lags_may_not_lead() -> None:
    ((sentence, _),) = said(found(sla_journal=changed("sla-journal", unclean_leader_election_enable="true")))
    assert "unclean.leader.election.enable=true where false is needed" in sentence


def test_longer_segments_keep_what_should_be_gone() -> None:
    ((sentence, is_fatal),) = said(found(dead_letter=changed("dead-letter", segment_ms="604800000")))
    assert "dead-letter has segment.ms=604800000 where 3600000 is needed" in sentence
    assert not is_fatal
    assert said(found(dead_letter=changed("dead-letter", segment_ms="60000"))) == []


def test_a_setting_that_an_older_broker_does_not_know_is_no_difference() -> None:
    old = {key: value for key, value in RIGHT["sla-journal"].settings.items() if "before" not in key}
    assert said(found(sla_journal=RIGHT["sla-journal"]._replace(settings=old))) == []


@pytest.mark.broker
def test_topics_are_created_once_and_then_left_alone(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> None:
    arguments = ["--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix]
    before = dueclock("topics", "check", "--json", *arguments, folder=tmp_path)
    assert before.status == 1
    assert len(json.loads(before.out)["differences"]) == len(LOGICAL_TOPICS) - 1

    created = dueclock("topics", "create", "--partitions", "3", *arguments, folder=tmp_path)
    assert created.status == 0
    assert created.out.count(kafka_prefix) == len(LOGICAL_TOPICS) - 1, "snapshots are in no topic"
    again = dueclock("topics", "create", "--partitions", "3", *arguments, folder=tmp_path)
    assert again.out == "All topics are there and as they should be.\n"
    assert dueclock("topics", "check", *arguments, folder=tmp_path).status == 0

    in_topic = [*arguments, "--snapshots", "topic"]
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=3, snapshots="topic")
    snapshots = settings.topic(SNAPSHOTS)
    assert f"The topic {snapshots} is missing" in dueclock("topics", "check", *in_topic, folder=tmp_path).out
    created = dueclock("topics", "create", "--partitions", "3", *in_topic, folder=tmp_path)
    assert created.out == f"Created {snapshots}.\n"
    assert dueclock("topics", "check", *in_topic, folder=tmp_path).status == 0
    has = asyncio.run(topic_config(kafka.bootstrap, snapshots))
    assert has.items() >= snapshots_topic(settings).kafka_settings().items()

    probe = asyncio.run(topic_config(kafka.bootstrap, Settings(topic_prefix=kafka_prefix).topic(PROBE)))
    assert probe.items() >= PROBE_TOPIC.kafka_settings().items()
    for topic in TOPICS:
        has = asyncio.run(topic_config(kafka.bootstrap, Settings(topic_prefix=kafka_prefix).topic(topic.name)))
        assert {name: has[name] for name in topic.kafka_settings()} == topic.kafka_settings()


@pytest.mark.broker
def test_creation_stops_where_an_existing_topic_is_wrong(
    kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    wrong = f"{kafka_prefix}{INPUT_TOPICS[0].name}"
    asyncio.run(make_topics(kafka.bootstrap, {wrong: 4}))
    arguments = ["--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix]
    ended = dueclock("topics", "create", *arguments, folder=tmp_path)
    assert f"The topic {wrong} has message.timestamp.type=CreateTime" in sentence_of(ended)
    assert len(dueclock("topics", "check", *arguments, folder=tmp_path).out.splitlines()) >= len(TOPICS)


@pytest.mark.broker
def test_a_worker_does_not_start_on_topics_that_are_wrong(
    kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    arguments = ["--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix]
    missing = dueclock("worker", *arguments, folder=tmp_path)
    assert missing.status == 1
    assert "`dueclock topics create` makes it" in sentence_of(missing)

    asyncio.run(make_topics(kafka.bootstrap, {f"{kafka_prefix}return-approved": 1}))
    settings = Settings(
        broker=kafka.bootstrap, topic_prefix=kafka_prefix, topics={"return-approved": "x-" + kafka_prefix}
    )
    create_topics(settings)
    other_count = dueclock("worker", *arguments, folder=tmp_path)
    assert "has 1 partition where 4 are needed" in sentence_of(other_count)


@pytest.mark.broker
def test_deleted_topics_are_gone(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=1)
    assert len(create_topics(settings)) == len(settings.logical_topics)
    assert require_topics(settings) == []
    delete_topics(settings)
    with pytest.raises(UserError, match="is missing"):
        require_topics(settings)


@pytest.mark.broker
def test_of_a_cluster_of_thousands_of_topics_nothing_is_asked_but_of_ours(
    kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who makes topics asks for all, once: so aiokafka finds the controller. And who waits for the very first
    transaction of a broker.
    """
    asked: list[list[str] | None] = []
    send = AIOKafkaConnection.send

    def noted(connection: AIOKafkaConnection, request: Any, **how: Any) -> Any:
        if request.API_KEY == MetadataRequest.API_KEY:
            asked.append(getattr(request, "_topics" if hasattr(request, "_topics") else "_names"))
        return send(connection, request, **how)

    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=1)
    where = ("--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix)
    create_topics(settings)
    assert dueclock_here("rebuild", *where, folder=tmp_path).status == 0, "from here on there are transactions"
    monkeypatch.setattr(AIOKafkaConnection, "send", noted)
    run_with_broker(settings, lambda: make_probe_topic(settings))
    at = ("--seller", "A1", "--marketplace", "ATVPDKIKX0DER", "--case-id", "C1")
    for words in ("topics check", "rebuild", "audit", "clocks", "deadletter list"):
        assert dueclock_here(*words.split(), *where, folder=tmp_path).status == 0, words
    assert dueclock_here("notify", "case.closed", *at, *where, folder=tmp_path).status == 0
    assert None not in asked
    ours = set(map(settings.topic, LOGICAL_TOPICS))
    assert {name for names in asked for name in names or ()} <= ours


@pytest.mark.parametrize("command", ["topics check", "topics create", "worker", "journal export"])
def test_no_broker_is_one_sentence(command: str, tmp_path: Path) -> None:
    ended = dueclock(*command.split(), "--broker", "127.0.0.1:1", folder=tmp_path)
    assert ended.status == 1
    assert sentence_of(ended).startswith("No Kafka answers at 127.0.0.1:1; start one with `dueclock kafka start`")


@pytest.mark.broker
def test_more_copies_than_brokers_are_refused_in_one_sentence(
    kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    arguments = ["--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix, "--replication", "3"]
    ended = dueclock("topics", "create", *arguments, folder=tmp_path)
    assert "would not create the topic" in sentence_of(ended)
    assert "min.insync.replicas=2" in sentence_of(ended)


def test_a_bad_policy_file_stops_a_worker_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("nonsense = 1\n")
    ended = dueclock("worker", "--broker", "127.0.0.1:1", "--policies", "bad.toml", folder=tmp_path)
    assert ended.status == 2
    assert "nonsense" in sentence_of(ended)


@pytest.mark.broker
def test_a_metrics_port_in_use_is_one_sentence(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> None:
    create_topics(Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=1))
    port = kafka.bootstrap.rpartition(":")[2]
    arguments = ["--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix, "--metrics-port", port]
    ended = dueclock("worker", *arguments, folder=tmp_path)
    assert ended.status == 1
    assert f":{port}" in sentence_of(ended)
