"""`dueclock doctor`: the way to Kafka, step by step, and what a role finds there. It changes nothing.

Each step is tried as the programs do it. The first that bars the way ends the examination: what lies behind it cannot
be seen. What is missing comes with the command that mends it, where there is one.
"""

import asyncio
from collections.abc import Sequence
from time import time

from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.kafka.acls import missing_rights
from agents.kafka.clients import new_producer, run_with_broker
from agents.kafka.connection import Connection
from agents.kafka.diagnosis import why_no_connection
from agents.kafka.private import api_versions, connection_to
from agents.kafka.rights import Role, rights_of, sees_settings
from agents.kafka.rights_text import rights_text
from agents.kafka.topics import check_topics
from agents.settings import Settings
from agents.topic_roles import PROBE
from schemas.answers.operations import Step

LARGEST_OFFSET_S = 1.0
# What dueclock asks of a broker: requests by Kafka's numbers, with the lowest version that will do.
_NEEDED = {0: ("Produce", 3), 1: ("Fetch", 4), 22: ("InitProducerId", 0), 26: ("EndTxn", 0), 3: ("Metadata", 8)}


def examine(settings: Settings, role: Role, topic: str | None) -> list[Step]:
    """All steps, in order."""
    barred = asyncio.run(why_no_connection(settings))
    if barred is not None:
        return [_found("connection", False, barred.sentence)]
    found = [_found("connection", True, f"{settings.broker} by {_how(settings)}"), _versions(settings)]
    if sees_settings(rights_of(role, settings, topic)):
        sentences = check_topics(settings)
        found += [_found("topics", False, sentence, _command_in(sentence)) for sentence in sentences]
        if not sentences:
            found.append(_found("topics", True, "all are there and as they should be"))
    else:
        found.append(_found("topics", True, f"not asked: a {role} has no right to see their settings"))
    if role == "worker":
        found.append(_clock(settings))
    missing = missing_rights(settings, role, topic)
    principal = f"User:{settings.sasl_username or 'NAME'}"
    found += [
        _found("right", False, f"{right}", rights_text([right], principal, settings, "kafka-acls").splitlines())
        for right in missing
    ]
    if not missing:
        found.append(_found("rights", True, f"all that the role {role} needs"))
    return found


def _found(step: str, is_well: bool, sentence: str, commands: Sequence[str] = ()) -> Step:
    return Step(step, is_well, sentence, list(commands))


def _how(settings: Settings) -> str:
    login = f", {settings.sasl_mechanism}" if settings.sasl_mechanism else ""
    return settings.security_protocol + login


def _versions(settings: Settings) -> Step:
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
        return _found("versions", False, f"the broker is too old for {', '.join(old)}; Kafka 2.3 or newer is needed")
    return _found("versions", True, "the broker knows all requests that are needed")


def _clock(settings: Settings) -> Step:
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
        return _found("clock", False, f"the broker's clock could not be asked: {error}")
    sentence = f"the broker's clock is {offset_s:+.3f} s off this machine's"
    is_well = abs(offset_s) <= LARGEST_OFFSET_S
    return _found("clock", is_well, sentence if is_well else f"{sentence}; let both follow an NTP server")


def _command_in(sentence: str) -> list[str]:
    """The command that a sentence about a topic quotes."""
    quoted = sentence.split("`")[1::2]
    return [words for words in quoted if words.startswith(("kafka-configs", "dueclock topics create"))]
