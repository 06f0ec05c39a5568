"""Transactions: all that one slice of a partition brings goes out together, or not at all.

One transactional producer for each partition; starting it fences whoever wrote this partition before. A transaction
holds one record batch for each topic and partition (more where one is full). Traps that are avoided here:

- `BatchBuilder.append` returns None and *drops the record* when the batch is full: a new batch must take it.
- `commit_transaction` does not raise for a batch that the broker refused (`MessageSizeTooLarge`); it commits the rest.
  So every future is awaited before the commit.
- A commit whose answer is lost may have happened: nobody may guess. The partition is opened anew, which fences, reads
  and sees (agents/worker/ownership.py).
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    ProducerFenced,
    RequestTimedOutError,
)

from agents.kafka.clients import new_producer, stopped
from agents.kafka.private import drop_unsent, join_transaction
from agents.kafka.refusals import is_refusal
from agents.kafka.rights import transactional_prefix
from agents.settings import Settings
from agents.topic_roles import MAX_BATCH_BYTES
from schemas.headers import Headers

COMMIT_TIMEOUT_S = 40
"""Past it the broker may have aborted: the partition is opened anew."""

Outgoing = tuple[int | None, bytes | None, bytes | None, Headers]
_NO_ANSWER = (asyncio.TimeoutError, KafkaTimeoutError, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError)


class BrokerAwayError(Exception):
    """No answer in time: whether the transaction was committed is unknown."""


class Outbox:
    """The records of one transaction, by topic and partition, each in the order in which they were put."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], list[Outgoing]] = {}

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers | None = None,
        at_ms: int | None = None,
    ) -> None:
        """Add a record; `at_ms` is its timestamp where the topic keeps the producer's (default: now)."""
        records = self.records.get((topic, partition))
        if records is None:
            records = self.records[topic, partition] = []
        records.append((at_ms, key, value, headers or []))

    def put_all(self, topic: str, partition: int, records: list[Outgoing]) -> None:
        """Add records as they are put (timestamp, key, value, headers)."""
        if records:
            self.records.setdefault((topic, partition), []).extend(records)

    def __bool__(self) -> bool:
        return bool(self.records)


class Transactions:
    """The one transactional producer of a partition."""

    def __init__(self, transactional_id: str, settings: Settings) -> None:
        self.transactional_id = transactional_id
        self._settings = settings
        self._options: dict[str, Any] = {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": settings.transaction_timeout_ms,
            "retry_backoff_ms": 20,
            "max_batch_size": MAX_BATCH_BYTES,
        }
        self._producer: AIOKafkaProducer | None = None
        self._is_under_way = False

    async def start(self) -> None:
        """Fence: from here on no transaction of an earlier owner can commit, and none of ours is open."""
        producer = new_producer(self._settings, **self._options)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer, self._is_under_way = producer, False

    async def write(self, outbox: Outbox) -> dict[tuple[str, int], int]:
        """Write all of the outbox, or none of it; the offset of the last record written to each topic and partition.

        Raises BrokerAwayError where nobody can say which, ProducerFenced if another worker owns the partition now.
        """
        producer = self._producer
        if producer is None:
            raise RuntimeError("the partition has no producer")
        sent: list[asyncio.Future[Any]] = []
        records_in: list[int] = []
        last: dict[tuple[str, int], int] = {}
        refusals: list[BaseException] = []
        self._is_under_way = True
        try:
            await producer.begin_transaction()
            try:
                for (topic, partition), records in outbox.records.items():
                    for batch in self._batches(producer, records):
                        records_in.append(batch.record_count())
                        sent.append(await producer.send_batch(batch, topic, partition=partition))
                        await asyncio.sleep(0)  # a large transaction does not hold the loop
            except IllegalOperation as error:  # a batch before it was refused meanwhile: that one says why
                refusals.append(error)
            answers: list[Any] = await asyncio.gather(*sent, return_exceptions=True)
            refusals[:0] = [answer for answer in answers if isinstance(answer, BaseException)]
            if refusals:
                raise _telling(refusals)
            for answer, count in zip(answers, records_in, strict=True):
                if answer.offset >= 0:  # unknown where the broker had the batch already and says only that
                    last[answer.topic, answer.partition] = answer.offset + count - 1
                else:
                    last.pop((answer.topic, answer.partition), None)
            await asyncio.wait_for(producer.commit_transaction(), COMMIT_TIMEOUT_S)
            self._is_under_way = False
        except _NO_ANSWER as error:
            raise BrokerAwayError(str(error) or type(error).__name__) from error
        finally:
            for answered in sent:  # where one refusal is raised, the others are not news
                answered.add_done_callback(_seen)
        return last

    async def end_hanging(self, partitions: Iterable[TopicPartition], *, is_commit: bool) -> None:
        """End what hangs in these partitions with a transaction of no records (agents/desk/hanging.py)."""
        producer = self._producer
        if producer is None:
            raise RuntimeError("the partition has no producer")
        try:
            await producer.begin_transaction()
            for tp in partitions:
                join_transaction(producer, tp)
            ending = producer.commit_transaction() if is_commit else producer.abort_transaction()
            await asyncio.wait_for(ending, COMMIT_TIMEOUT_S)
        except _NO_ANSWER as error:
            raise BrokerAwayError(str(error) or type(error).__name__) from error

    @staticmethod
    def _batches(producer: AIOKafkaProducer, records: list[Outgoing]) -> Iterator[Any]:
        batch = producer.create_batch()
        for at_ms, key, value, headers in records:
            if batch.append(timestamp=at_ms, key=key, value=value, headers=headers) is None:
                batch.close()
                yield batch
                batch = producer.create_batch()
                if batch.append(timestamp=at_ms, key=key, value=value, headers=headers) is None:
                    raise RuntimeError("a record does not fit into an empty batch")
        batch.close()
        yield batch

    async def stop(self) -> None:
        """Close the connection; what is not committed is aborted by the broker."""
        if (producer := self._given_up()) is not None:
            await producer.stop()

    async def cut(self) -> None:
        """The same within seconds: for who goes on without it, and keeps no connection of a broker that is silent."""
        if (producer := self._given_up()) is not None:
            await stopped(producer, producer.stop())

    def _given_up(self) -> AIOKafkaProducer | None:
        """The producer, which nobody uses any more; what it has not sent of a transaction under way is dropped."""
        producer, self._producer = self._producer, None
        if producer is not None and self._is_under_way:
            drop_unsent(producer)
        return producer


def _telling(refusals: list[BaseException]) -> BaseException:
    """Why it failed: of a producer that was fenced, or that lacks a right, only some batches may say so."""
    fenced = (one for one in refusals if isinstance(one, ProducerFenced))
    return next(fenced, next(filter(is_refusal, refusals), refusals[0]))


def _seen(answered: asyncio.Future[Any]) -> None:
    if not answered.cancelled():
        answered.exception()


def is_no_answer(error: BaseException) -> bool:
    """Whether this only says that the broker is away or busy: what was asked may be asked again."""
    return isinstance(error, _NO_ANSWER) or (isinstance(error, KafkaError) and bool(error.retriable))


def transactions_of(settings: Settings, number: int) -> Transactions:
    """The producer of a partition: starting it fences every other of that journal, whatever its group is called."""
    return Transactions(f"{transactional_prefix(settings)}{number}", settings)
