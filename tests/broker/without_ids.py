"""`dueclock` as it is on a broker that tells no ids of topics: the production command, with that one answer cut.

`python -m tests.broker.without_ids ARGUMENTS`. All else is asked of the real broker.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer

from agents.cli.main import main
from agents.kafka.private import TopicNow, topics_now
from agents.worker import belonging, broker


async def without_ids(consumer: AIOKafkaConsumer, names: Iterable[str]) -> dict[str, TopicNow]:
    found = await topics_now(consumer, names)
    return {name: topic._replace(id=b"") for name, topic in found.items()}


if __name__ == "__main__":
    for module in (belonging, broker):
        vars(module)["topics_now"] = without_ids
    main()
