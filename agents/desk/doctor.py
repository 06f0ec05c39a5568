"""`dueclock doctor`: the way to Kafka, step by step, and what a role finds there. It changes nothing.

Each step is tried as the programs do it. The first that bars the way ends the examination: what lies behind it cannot
be seen. What is missing comes with the command that mends it, where there is one.
"""

import asyncio
from time import time
from typing import NamedTuple

from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.kafka.acls import missing_rights
from agents.kafka.clients import new_producer, run_with_broker
from agents.kafka.connection import Connection
from agents.kafka.diagnosis import why_no_connection
from agents.kafka.private import api_versions, connection_to
from agents.kafka.rights import Role
from agents.kafka.rights_text import rights_text
from agents.kafka.topics import check_topics
from agents.settings import Settings
from agents.topic_roles import PROBE

LARGEST_OFFSET_S = 1.0
# What dueclock asks of a broker: requests by Kafka's numbers, with the lowest version that will do.
_NEEDED = {0: ("Produce", 3), 1: ("Fetch", 4), 22: ("InitProducerId", 0), 26: ("EndTxn", 0), 3: ("Metadata", 8)}


class Finding(NamedTuple):
    """What one step found."""

    step: str
    is_well: bool
    said: str
    commands: list[str] = []  # noqa: RUF012 - a NamedTuple's default; nobody changes it


def examine(settings: Settings, role: Role, topic: str | None) -> list[Finding]:
    """All steps, in order."""
    barred = asyncio.run(why_no_connection(settings))
    if barred is not None:
        return [Finding("connection", False, barred.sentence)]
    found = [Finding("connection", True, f"{settings.broker} by {_how(settings)}"), _versions(settings)]
    sentences = check_topics(settings) if role != "producer" else []
    found += [Finding("topics", False, sentence, _command_in(sentence)) for sentence in sentences]
    if not sentences:
        found.append(
            Finding("topics", True, "all are there and as they should be" if role != "producer" else "not asked")
        )
    if role == "worker":
        found.append(_clock(settings))
    missing = missing_rights(settings, role, topic)
    principal = f"User:{settings.sasl_username or 'NAME'}"
    found += [
        Finding("right", False, f"{right}", rights_text([right], principal, settings, "kafka-acls").splitlines())
        for right in missing
    ]
    if not missing:
        found.append(Finding("rights", True, f"all that the role {role} needs"))
    return found


def _how(settings: Settings) -> str:
    login = f", {settings.sasl_mechanism}" if settings.sasl_mechanism else ""
    return settings.security_protocol + login


def _versions(settings: Settings) -> Finding:
    async def asked() -> dict[int, tuple[int, int]]:
        host, _, port = settings.bootstrap_servers[0].rpartition(":")
        connection = connection_to(host.strip("[]"), int(port), settings.client_id, Connection(settings), within_s=10)
        await connection.connect()
        try:
            return api_versions(connection)
        finally:
            connection.close()

    known = run_with_broker(settings, asked)
    old = [name for number, (name, least) in _NEEDED.items() if known.get(number, (0, -1))[1] < least]
    if old:
        return Finding("versions", False, f"the broker is too old for {', '.join(old)}; Kafka 2.3 or newer is needed")
    return Finding("versions", True, "the broker knows all requests that are needed")


def _clock(settings: Settings) -> Finding:
    async def measured() -> float:
        producer = new_producer(settings, acks=1, request_timeout_ms=10_000)
        try:
            await producer.start()
            before_s = time()
            written = await producer.send_and_wait(settings.topic(PROBE), b"", partition=0)
            return float(written.timestamp / 1000 - (before_s + time()) / 2)
        finally:
            await producer.stop()

    try:
        offset_s = run_with_broker(settings, measured)
    except (UserError, KafkaError) as error:
        return Finding("clock", False, f"the broker's clock could not be asked: {error}")
    said = f"the broker's clock is {offset_s:+.3f} s off this machine's"
    is_well = abs(offset_s) <= LARGEST_OFFSET_S
    return Finding("clock", is_well, said if is_well else f"{said}; let both follow an NTP server")


def _command_in(sentence: str) -> list[str]:
    """The command that a sentence about a topic quotes."""
    quoted = sentence.split("`")[1::2]
    return [words for words in quoted if words.startswith(("kafka-configs", "dueclock topics create"))]
