"""Files are read again for each connection, secrets show nowhere, and no client is made elsewhere."""

from __future__ import annotations

import ast
import asyncio
import resource
from pathlib import Path
from typing import Any

import pytest

from agents.kafka.clients import new_admin, reader
from agents.kafka.connection import Connection
from agents.kafka.private import client_of
from agents.settings import SECRETS, Settings
from tests.repository.tree import ROOT
from tests.secured.conftest import Secured, run

MAKERS = {
    "AIOKafkaProducer",
    "AIOKafkaConsumer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "AIOKafkaConnection",
    "create_conn",
}
ALLOWED = {"agents/kafka/clients.py", "agents/kafka/private.py"}


def test_every_client_is_made_in_one_place() -> None:
    """Faust makes two by itself: they are dressed in faust_private.py, which tests/secured/test_roles.py proves."""
    found = {
        str(file.relative_to(ROOT)): makers_in(file.read_text())
        for folder in ("agents", "deploy", "schemas", "streams")
        for file in sorted((ROOT / folder).rglob("*.py"))
    }
    assert {file: lines for file, lines in found.items() if lines and file not in ALLOWED} == {}
    assert found["agents/kafka/clients.py"], "the one place makes clients"


def makers_in(source: str) -> list[int]:
    """The lines that make a client of aiokafka or confluent-kafka, by whatever name it was imported."""
    tree, names = ast.parse(source), set(MAKERS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.asname and alias.name in MAKERS}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in names]


def test_a_client_that_is_made_elsewhere_is_found() -> None:
    assert makers_in("import aiokafka\n\naiokafka.AIOKafkaConsumer()") == [3]
    assert makers_in("from aiokafka import AIOKafkaProducer as Sender\nSender()") == [2]
    assert makers_in("consumer: AIOKafkaConsumer") == []


def test_no_flag_takes_a_secret_and_nothing_that_shows_settings_shows_one() -> None:
    from agents.cli.commands import dueclock

    def flags(command: object) -> set[str]:
        own = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]  # click's own attribute, which its stubs leave out
        return own.union(*(flags(sub) for sub in getattr(command, "commands", {}).values()))

    assert not {"--" + name.replace("_", "-") for name in SECRETS} & flags(dueclock)
    settings = Settings(
        clocks_token="0123456789abcdef",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="me",
        sasl_password="hunter2hunter2",
    )
    connection = Connection(settings)
    for shown in (repr(settings), str(settings), repr(connection.login()), repr(connection), f"{settings!r}"):
        assert "hunter2" not in shown
        assert "0123456789" not in shown


async def cut(client: Any) -> None:
    """End all connections, and wait until they have ended: the loop must not go before them."""
    if ending := [asyncio.ensure_future(connection.close()) for connection in client._conns.values()]:
        await asyncio.wait(ending, timeout=10)


@pytest.mark.broker
def test_a_password_that_was_changed_holds_from_the_next_connection_on(secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "password"
    right = Path(secured.of("auditor").sasl_password_file).read_text()
    file.write_text(right)
    settings = secured.of("auditor", sasl_password_file=str(file))

    async def talked() -> None:
        admin = new_admin(settings)
        await admin.start()
        client = client_of(admin)
        (node,) = [broker.nodeId for broker in client.cluster.brokers()]
        assert await client.ready(node)
        for text, is_let_in in (("a wrong one", False), (right, True)):
            file.write_text(text)
            await cut(client)
            assert await client.ready(node) == is_let_in
        file.unlink()  # in the midst of a change: the last good one stays
        await cut(client)
        assert await client.ready(node)
        await admin.close()

    run(talked)


@pytest.mark.broker
def test_a_process_that_holds_a_secret_leaves_no_core(secured: Secured) -> None:
    async def connected() -> None:
        async with reader(secured.of("auditor")):
            assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)

    run(connected)
