"""A broker as the commands meet it: connected to within seconds, or one sentence that says what to do.

Every client of ours is made here, also the worker's (Faust's are dressed here: `dress`), so that all connect alike
(agents/kafka/connection.py). The client library's own words are kept back: it reports each failed try as an error, a
person needs the last one only.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, SaslAuthenticationFailed

from agents.errors import UserError
from agents.kafka.connection import Connection
from agents.kafka.diagnosis import why_no_connection
from agents.kafka.fetches import read_all_batches
from agents.kafka.private import be_patient, client_of, connect_as, transports_of
from agents.kafka.refusals import REFUSALS, refused
from agents.settings import Settings

Result = TypeVar("Result")
_Ending = Coroutine[Any, Any, None]

_ANSWERS_WITHIN_S = 15.0
_STOPS_WITHIN_S = 1.0
_REQUEST_TIMEOUT_MS = 30_000


class _Client(Protocol):
    async def start(self) -> None: ...


def run_with_broker(settings: Settings, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine that talks to the broker; what goes wrong between us is said in one sentence."""
    theirs = logging.getLogger("aiokafka")
    level_before = theirs.level
    theirs.setLevel(logging.CRITICAL)
    try:
        with failures_of(settings):
            return asyncio.run(work())
    finally:
        theirs.setLevel(level_before)


@contextmanager
def failures_of(settings: Settings) -> Iterator[None]:
    """What goes wrong between us and this broker in one sentence: for whoever works with two of them."""
    try:
        yield
    except KafkaConnectionError:
        raise no_broker(settings) from None
    except REFUSALS as error:
        raise refused(settings, error) from None
    except KafkaError as error:
        raise UserError(f"The Kafka at {settings.broker} refused: {error}.") from error


def no_broker(settings: Settings) -> UserError:
    """Nobody answers there."""
    return UserError(
        f"No Kafka answers at {settings.broker}; start one with `dueclock kafka start`, or name yours with --broker."
    )


def dress(client: Any, settings: Settings) -> None:
    """Let a client of aiokafka connect as the settings say, and wait for a broker that is away."""
    _dress(client, Connection(settings))


def _dress(client: Any, connection: Connection) -> None:
    connect_as(client, connection)
    be_patient(client)


def new_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """A producer that is not started yet."""
    connection = Connection(settings)  # first: what is wrong with the settings leaves no client behind
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, **{"client_id": settings.client_id, **options}
    )
    _dress(client_of(producer), connection)
    return producer


def new_consumer(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """A consumer that is not started yet."""
    connection = Connection(settings)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, **{"client_id": settings.client_id, **options}
    )
    _dress(client_of(consumer), connection)
    read_all_batches()
    return consumer


def new_admin(settings: Settings) -> AIOKafkaAdminClient:
    """An admin client that is not started yet."""
    connection = Connection(settings)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=settings.client_id,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
    connect_as(client_of(admin), connection)
    return admin


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, started and closed."""
    admin = new_admin(settings)
    try:
        await _started(admin, settings)
        yield admin
    finally:
        await stopped(admin, admin.close())


@asynccontextmanager
async def reader(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, of committed records only unless told otherwise; the caller assigns partitions."""
    chosen = {"isolation_level": "read_committed", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = new_consumer(settings, **{**chosen, **options})
    try:
        await _started(consumer, settings)
        yield consumer
    finally:
        await stopped(consumer, consumer.stop())


@asynccontextmanager
async def writer(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that repeats nothing when it tries again, unless told otherwise."""
    producer = new_producer(settings, **{"enable_idempotence": True, **options})
    try:
        await _started(producer, settings)
        yield producer
    finally:
        await stopped(producer, producer.stop())


async def _started(client: _Client, settings: Settings) -> None:
    try:
        await asyncio.wait_for(client.start(), _ANSWERS_WITHIN_S)
    except (TimeoutError, KafkaConnectionError):
        raise await why_no_connection(settings) or no_broker(settings) from None
    except (SaslAuthenticationFailed, NodeNotReadyError):  # refused behind the first connection
        if (why := await why_no_connection(settings)) is None:
            raise
        raise why from None


async def stopped(user: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient, stopping: _Ending) -> None:
    """Stop a client. One whose broker is gone may wait without end, or raise what it has cancelled: neither is news.

    In either case it has closed none of its connections, which a process that goes on would keep.
    """
    client = client_of(user)
    transports = transports_of(client)
    await _within_its_time(stopping)
    transports += transports_of(client)  # what it met only when it sent its last
    await _within_its_time(client.close())
    for transport in transports:
        transport.abort()  # of what is closed there is nothing left to do


async def _within_its_time(ending: _Ending) -> None:
    task = asyncio.ensure_future(ending)
    await asyncio.wait([task], timeout=_STOPS_WITHIN_S)
    if not task.done():
        task.cancel()
    elif not task.cancelled():
        task.exception()
