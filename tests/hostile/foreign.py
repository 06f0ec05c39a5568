"""Who else writes to our topics: producers of another make, programs that know no rules, and disks that rot.

`send` is librdkafka, which has every codec. `send_batch` puts a batch on the wire that no client library would make.
`spoil` changes a batch where it lies in the broker's log, as only a disk or a replica can: brokers look into what
producers send them.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from tests.kafka_fixtures import topic_config

CODECS = ("gzip", "snappy", "lz4", "zstd")
LARGEST = 900_000_000


def send(
    bootstrap: str,
    topic: str,
    values: Sequence[bytes | None],
    *,
    partition: int,
    codec: str = "none",
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Produce these as one batch with librdkafka, acknowledged."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "linger.ms": 20,
            "message.max.bytes": LARGEST,
            "queue.buffering.max.kbytes": 2_000_000,
        }
    )
    refused: list[object] = []
    for value in values:
        producer.produce(
            topic,
            value,
            key=key,
            partition=partition,
            headers=list(headers),
            on_delivery=lambda error, _: refused.append(error),
        )
    assert producer.flush(30) == 0, "not all were sent"
    assert refused == [None] * len(values)


class _MadeByHand:
    """What `send_batch` of aiokafka takes for a batch builder, with bytes of our own."""

    def __init__(
        self, records: Sequence[tuple[bytes, bytes]], change: Callable[[bytearray], None], codec: str = "none"
    ) -> None:
        self._count = len(records)
        made = DefaultRecordBatchBuilder(
            magic=2, compression_type=("none", *CODECS).index(codec), is_transactional=0, producer_id=-1,
            producer_epoch=-1, base_sequence=-1, batch_size=1 << 30,
        )  # fmt: skip
        for offset, (key, value) in enumerate(records):
            made.append(offset, timestamp=None, key=key, value=value, headers=[("name", b"x")])
        self._bytes = made.build()
        change(self._bytes)
        sign(self._bytes)

    def record_count(self) -> int:
        return self._count

    def _build(self) -> Any:
        return self._bytes

    def _set_producer_state(self, *_: object) -> None:
        """It has none."""

    def close(self) -> None:
        """It is."""

    def closed(self) -> bool:
        return True

    def size(self) -> int:
        return len(self._bytes)


def sign(batch: bytearray) -> bytearray:
    """Give a batch the checksum that its bytes call for."""
    struct.pack_into(">I", batch, 17, calc_crc32c(bytes(batch[21:])))
    return batch


def send_batch(
    bootstrap: str,
    topic: str,
    partition: int,
    records: Sequence[tuple[bytes, bytes]],
    change: Callable[[bytearray], None] = lambda _: None,
    *,
    codec: str = "none",
) -> None:
    """Produce a batch of these (key, value), changed by hand and signed anew before it goes out."""

    async def sent() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        try:
            await (await producer.send_batch(_MadeByHand(records, change, codec), topic, partition=partition))
        finally:
            await producer.stop()

    asyncio.run(sent())


def spoil(folder: Path, topic: str, partition: int, change: Callable[[bytearray], None], *, is_signed: bool) -> None:
    """Change the last batch of a partition's log where it lies; `is_signed`: with the checksum that it calls for."""
    (segment,) = folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
    with segment.open("r+b") as log:
        whole = log.read()
        at = start = 0
        while at + 12 <= len(whole):
            start, (length,) = at, struct.unpack_from(">i", whole, at + 8)
            at += 12 + length
        batch = bytearray(whole[start:at])
        change(batch)
        if is_signed:
            sign(batch)
        log.seek(start)
        log.write(batch)


def set_topic(bootstrap: str, topic: str, **changes: str) -> None:
    """Change settings of a topic, underscores for dots; the others that matter here stay."""

    async def altered() -> None:
        has = await topic_config(bootstrap, topic)
        kept = ("message.timestamp.type", "retention.ms", "cleanup.policy", "max.message.bytes", "compression.type")
        wanted = {name: has[name] for name in kept} | {name.replace("_", "."): said for name, said in changes.items()}
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
        finally:
            await admin.close()

    asyncio.run(altered())
