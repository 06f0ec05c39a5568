"""The part of kcat that the pages use, for a machine that has none: its own library (librdkafka) behind its flags.

Where kcat is installed the pages are run with it, and this is not looked at.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition


def _asked() -> Namespace:
    parser = ArgumentParser(prog="kcat")
    parser.add_argument("-C", action="store_true", dest="consumes")
    parser.add_argument("-P", action="store_true", dest="produces")
    parser.add_argument("-e", action="store_true")
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-b", dest="broker", required=True)
    parser.add_argument("-t", dest="topic", required=True)
    parser.add_argument("-o", dest="offset", default="beginning")
    parser.add_argument("-K", dest="separator", default="|")
    parser.add_argument("-f", dest="shape", default="%s\\n")
    parser.add_argument("-X", dest="settings", action="append", default=[])
    return parser.parse_args()


def main() -> None:
    asked = _asked()
    named = dict(setting.removeprefix("topic.").split("=", 1) for setting in asked.settings)
    settings: dict[str, str | int | bool] = {"bootstrap.servers": asked.broker, **named}
    if asked.produces:
        _produce(asked, settings)
    else:
        _consume(asked, settings)


def _produce(asked: Namespace, settings: dict[str, str | int | bool]) -> None:
    producer = Producer(settings)
    for line in sys.stdin.read().splitlines():
        key, _, value = line.partition(asked.separator)
        producer.produce(asked.topic, value.encode(), key.encode())
    if producer.flush(20):
        sys.exit("kcat: not every record was taken")


def _consume(asked: Namespace, settings: dict[str, str | int | bool]) -> None:
    own = {"group.id": "kcat", "auto.offset.reset": "earliest", "enable.partition.eof": True}
    consumer = Consumer({**own, "enable.auto.commit": False, **settings})
    partitions = consumer.list_topics(asked.topic, 20).topics[asked.topic].partitions
    consumer.assign([TopicPartition(asked.topic, number, 0) for number in partitions])
    left = set(partitions)
    while left:
        message = consumer.poll(20)
        if message is None:
            sys.exit("kcat: no answer")
        if (error := message.error()) is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                sys.exit(f"kcat: {error}")
            left.discard(message.partition())
            continue
        headers = ",".join(f"{name}={value.decode()}" for name, value in _headers(message))
        text = asked.shape.replace("%h", headers).replace("%k", (message.key() or b"").decode())
        sys.stdout.write(text.replace("%s", (message.value() or b"").decode()).replace("\\n", "\n"))


def _headers(message: Message) -> list[tuple[str, bytes]]:
    said: Any = message.headers()  # bytes where a record has them
    return said or []


if __name__ == "__main__":
    main()
