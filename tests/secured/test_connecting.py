"""Files are read again for each connection, secrets show nowhere, and no client is made elsewhere."""

from __future__ import annotations

import ast
import re
import resource
import stat
from pathlib import Path

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
    elsewhere = []
    for file in sorted((ROOT / "agents").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in MAKERS and str(file.relative_to(ROOT)) not in ALLOWED:
                    elsewhere.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert elsewhere == []


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
            for connection in client._conns.values():
                connection.close()
            assert await client.ready(node) == is_let_in
        file.unlink()  # in the midst of a change: the last good one stays
        for connection in client._conns.values():
            connection.close()
        assert await client.ready(node)
        await admin.close()

    run(talked)


@pytest.mark.broker
def test_secrets_lie_in_one_folder_that_only_we_can_read(secured: Secured) -> None:
    assert stat.S_IMODE(secured.secrets.stat().st_mode) == 0o700
    texts = {}
    for file in secured.secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        if file.suffix == ".password":
            texts[file.stem] = file.read_text().strip().encode()
    assert len(texts) == 7
    for file in Path(secured.settings.state_dir).rglob("*"):
        if file.is_file() and file.parent != secured.secrets:
            content = file.read_bytes()
            assert not [user for user, text in texts.items() if text in content], file
    for process in Path("/proc").iterdir() if Path("/proc/self/cmdline").exists() else ():
        if re.fullmatch(r"\d+", process.name):
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            assert not [user for user, text in texts.items() if text in command], command


@pytest.mark.broker
def test_a_process_that_holds_a_secret_leaves_no_core(secured: Secured) -> None:
    async def connected() -> None:
        async with reader(secured.of("auditor")):
            assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)

    run(connected)
