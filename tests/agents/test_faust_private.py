"""The private parts that the slice layer stands on: the first tests to fail when Faust or aiokafka changes under it."""

from __future__ import annotations

import asyncio
import inspect
import time
from importlib.metadata import version
from typing import cast

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.topics import Topic
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from mode import Worker
from mode.services import ServiceTask

from agents.worker.faust_private import (
    SliceConsumer,
    SliceRecovery,
    SliceTableManager,
    SliceThread,
    SliceTopic,
    SliceWorker,
)

MEASURED_WITH = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]  # any callable


def test_the_versions_are_those_that_were_measured() -> None:
    assert {name: version(name) for name in MEASURED_WITH} == MEASURED_WITH


def test_what_is_overridden_exists_under_these_names_and_with_these_parameters() -> None:
    assert parameters(Topic._compile_decode) == ["self"]
    assert parameters(BaseConsumer.getmany) == ["self", "timeout"]
    assert parameters(BaseConsumer._drain_messages) == ["self", "fetcher"]
    assert parameters(BaseConsumer.commit) == ["self", "topics", "start_new_transaction"]
    for name in ("ack", "wait_empty", "perform_seek", "_wait_next_records"):
        assert callable(getattr(Consumer, name))
    assert parameters(AIOKafkaConsumerThread._fetch_records) == parameters(SliceThread._fetch_records)
    assert parameters(AIOKafkaConsumerThread._create_worker_consumer) == ["self", "transport"]
    assert isinstance(vars(Recovery)["_restart_recovery"], ServiceTask)
    assert isinstance(vars(Recovery)["_slurp_changelogs"], ServiceTask)
    assert isinstance(vars(Recovery)["_publish_stats"], ServiceTask)
    assert callable(TableManager._update_channels)
    assert App.on_first_start.__code__.co_names == ("_create_directories",), "nothing else is lost with it"
    assert parameters(Worker._schedule_shutdown) == ["self", "signal"]
    assert parameters(Worker._sentinel_task) == ["self"]
    assert "self._sentinel_task()" in inspect.getsource(Worker._shutdown_loop), "the last that its loop runs"


def test_what_is_called_exists() -> None:
    assert parameters(Fetcher._proc_fetch_request) == ["self", "assignment", "node_id", "request"]
    assert parameters(Fetcher.fetched_records) == ["self", "partitions", "timeout", "max_records"]
    assert parameters(Fetcher._create_fetch_waiter) == ["self"]
    assert parameters(GroupCoordinator._do_heartbeat) == ["self"]
    assert parameters(AIOKafkaClient._metadata_update) == ["self", "cluster_metadata", "topics"]
    assert parameters(AIOKafkaClient.add_topic) == ["self", "topic"]
    assert parameters(AIOKafkaClient.coordinator_lookup) == ["self", "coordinator_type", "coordinator_key"]
    for name in ("has_valid_position", "position"):
        assert isinstance(getattr(TopicPartitionState, name), property)
    assert isinstance(inspect.getattr_static(SubscriptionState, "reassignment_in_progress"), property)
    assert callable(SubscriptionState.fetch_context)
    source = inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source
    assert "isolation_level=self._isolation_level" in source


def test_taking_fetched_records_with_timeout_zero_awaits_only_during_a_reassignment() -> None:
    source = inspect.getsource(Fetcher.fetched_records)
    before_return = source[: source.index("if drained or not timeout")]
    awaits = [line.strip() for line in before_return.splitlines() if "await " in line]
    assert awaits == ["await self._subscriptions.wait_for_assignment()"]


def test_a_full_batch_still_drops_the_record_and_says_none() -> None:
    batch = BatchBuilder(200, 0, is_transactional=1)
    assert batch.append(timestamp=1, key=b"k", value=b"x" * 400, headers=[]) is not None, "the first always fits"
    assert batch.append(timestamp=1, key=b"k", value=b"x", headers=[]) is None


@pytest.mark.parametrize("tasks", [0, 1])
def test_a_loop_is_closed_when_its_last_tasks_have_ended_and_not_a_second_later(tasks: int) -> None:
    ended: list[str] = []

    async def last_words() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append("said")

    loop = asyncio.new_event_loop()
    cancelled = [loop.create_task(last_words()) for _ in range(tasks)]
    loop.run_until_complete(asyncio.sleep(0))
    for task in cancelled:
        task.cancel()
    began_s = time.monotonic()
    loop.run_until_complete(SliceWorker._sentinel_task(cast(SliceWorker, None)))
    loop.close()
    assert len(ended) == tasks
    assert time.monotonic() - began_s < 0.9


def test_our_classes_are_still_those_that_faust_would_use() -> None:
    assert issubclass(SliceConsumer, Consumer)
    assert issubclass(SliceTopic, Topic)
    assert issubclass(SliceTableManager, TableManager)
    for name in ("_restart_recovery", "_slurp_changelogs", "_publish_stats"):
        assert isinstance(vars(SliceRecovery)[name], ServiceTask)
