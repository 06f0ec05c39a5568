"""The README keeps its word: its tables are those of the code, its commands run, its clients read what is sent.

Each line of a `sh` block is named below with what is done about it, so that a new command cannot go untested. Addresses
and topic names of the README are those of the tests here: the broker of the session, a prefix of the test's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.kafka.topics import create_topics
from agents.settings import Settings, settings_rows
from deploy.embedded import EmbeddedKafka
from deploy.jars import class_path
from schemas.registry import TOPICS
from schemas.rules import RULES
from streams.partitioner import partition_of
from tests.cli.command import GOLDEN, ROOT, environment
from tests.kafka_fixtures import Outgoing, eventually, produce, read_to_end

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LOCAL = "localhost:9092"
ACCOUNT = b"A3EXAMPLE/ATVPDKIKX0DER"

RUN_BY_CI = {"make run", "make test"}


def blocks(language: str, having: str = "") -> list[str]:
    return [text for one, text in BLOCKS if one == language and having in text]


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A folder with `dueclock` in it, as an installation has it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "dueclock"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m agents "$@"\n')
    command.chmod(0o755)
    return folder


class Shell:
    """A person's shell in an empty folder, beside the broker of the tests."""

    def __init__(self, folder: Path, bin_folder: Path, broker: str, prefix: str) -> None:
        self.folder, self.broker, self.prefix = folder, broker, prefix
        path = f"{bin_folder}:{os.environ['PATH']}"
        self.variables = environment(PATH=path, DUECLOCK_TOPIC_PREFIX=prefix, DUECLOCK_GROUP=f"{prefix}group")

    def adapted(self, text: str) -> str:
        """The text with the tests' broker and topic names."""
        text = text.replace(LOCAL, self.broker)
        return re.sub(r"(-t |\")(sla-[a-z]+|return-received)\b", rf"\g<1>{self.prefix}\g<2>", text)

    def run(self, text: str) -> str:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.adapted(text)],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            timeout=50,
            check=False,
            text=True,
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def start(self, *command: str) -> subprocess.Popen[str]:
        with (self.folder / "background.log").open("w") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.variables, stdout=log, stderr=log, text=True)

    def log(self) -> str:
        return (self.folder / "background.log").read_text()


@pytest.fixture
def shell(tmp_path: Path, bin_folder: Path, kafka: EmbeddedKafka, kafka_prefix: str) -> Shell:
    return Shell(tmp_path, bin_folder, kafka.bootstrap, kafka_prefix)


@pytest.fixture
def settings(shell: Shell) -> Settings:
    return Settings(broker=shell.broker, topic_prefix=shell.prefix)


def rows_of(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is this."""
    lines = README[README.index(f"| {heading} |") :].splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_the_settings_table_is_that_of_the_code() -> None:
    assert rows_of("setting") == [[cell.strip() for cell in row] for row in settings_rows()]


def test_the_topics_table_is_that_of_the_registry() -> None:
    rows = rows_of("topic")
    assert [row[0] for row in rows] == [f"`{topic.name}`" for topic in TOPICS]
    for row, topic in zip(rows, TOPICS, strict=True):
        assert row[1] == topic.description
        kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // 86_400_000} days"
        assert row[3] == kept
        if topic.kind in ("input", "output"):
            assert row[2] == ", ".join(f"`{kind}`" for kind in topic.types)


def test_the_rules_table_names_every_rule() -> None:
    assert [row[0].strip("`") for row in rows_of("rule")] == list(RULES)


def test_the_message_shown_is_one_of_a_golden_case() -> None:
    (message,) = blocks("json")
    assert message in (GOLDEN / "02-weekend-breach-late-refund" / "expected.jsonl").read_text()


def test_every_command_of_the_readme_is_run_by_a_test_or_by_ci() -> None:
    run_here = {
        "cat > notifications.jsonl",  # test_the_file_of_the_readme_...
        "dueclock replay notifications.jsonl",
        "kcat -C",  # test_beside_a_kafka_of_ones_own
        "dueclock topics create --broker",
        "dueclock topics check --broker",
        "dueclock worker --broker",
        "now=$(date",
        "kcat -P",
        "dueclock journal export",
        "dueclock audit",
        "dueclock clocks",  # test_the_operators_commands_work_as_shown
        "dueclock deadletter",
        "dueclock replay journal.jsonl",
        "dueclock kafka start",  # test_kafka_command.py types these four
        "dueclock topics create",
        "dueclock kafka status",
        "dueclock kafka stop",
        "dueclock canary --broker",  # tests/observe/test_faults.py
        "dueclock rebuild --broker",  # tests/chaos/test_rebuild.py
        "dueclock policies show",  # test_the_policies_can_be_copied_and_checked
        "dueclock policies check",
        "dueclock explain",  # tests/explain/test_readme_of_explain.py
        "dueclock what-if",
        "(cd pack && sha256sum -c",  # tests/explain/test_evidence.py
    }
    for block in blocks("sh"):
        for line in re.sub(r"<<'?END'?\n.*?\nEND\n", "\n", block, flags=re.DOTALL).splitlines():
            assert line in RUN_BY_CI or any(line.startswith(known) for known in run_here), f"nobody runs: {line}"


def test_the_file_of_the_readme_brings_the_five_events_that_it_promises(shell: Shell) -> None:
    (block,) = blocks("sh", "notifications.jsonl")
    kinds = [json.loads(line)["type"] for line in shell.run(block).splitlines()]
    assert kinds == ["clock.opened", "clock.escalated", "clock.escalated", "clock.breached", "clock.closed_late"]


def test_the_policies_can_be_copied_and_checked(shell: Shell) -> None:
    (block,) = blocks("sh", "dueclock policies show")
    assert "16 rules" in shell.run(block)


@pytest.fixture
def worker(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """The block that creates the topics and starts a worker; the worker goes on in the background."""
    (block,) = blocks("sh", "dueclock worker")
    *first, last = block.strip().splitlines()
    assert last.startswith("dueclock worker")
    assert shell.run("\n".join(first)).splitlines()[-1] == "All topics are there and as they should be."
    process = shell.start(*shell.adapted(last).split())
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, shell.log()


async def sla_clock_events(settings: Settings) -> list[bytes]:
    return [record.value for record in await read_to_end(settings.broker, settings.topic("sla-clock"))]


@pytest.mark.broker
@pytest.mark.timeout(150)
async def test_beside_a_kafka_of_ones_own(shell: Shell, settings: Settings, worker: subprocess.Popen[str]) -> None:
    (send,) = blocks("sh", "kcat -P")
    (watch,) = blocks("sh", "kcat -C")
    if shutil.which("kcat"):
        await asyncio.to_thread(shell.run, send)
    else:  # the same record by another client
        notification = re.search(r"^(A3EXAMPLE/\w+)\|(.*)$", send, re.MULTILINE)
        assert notification is not None
        now = shell.run("date -u +%Y-%m-%dT%H:%M:%SZ").strip()
        key, value = notification[1].encode(), notification[2].replace("$now", now).encode()
        await produce(settings.broker, [Outgoing(settings.topic("return-received"), value, key)])

    async def is_opened() -> bool:
        return bool(await sla_clock_events(settings))

    await eventually(is_opened, lambda: f"clock.opened; the worker said {shell.log()}", within_s=40)
    (opened,) = await sla_clock_events(settings)
    assert json.loads(opened)["type"] == "clock.opened"
    if shutil.which("kcat"):
        seen = await asyncio.to_thread(shell.run, watch)
        assert opened.decode() in seen
        assert "ce_type=clock.opened" in seen
    (export,) = blocks("sh", "journal export")
    partition = f"--partition {partition_of(ACCOUNT, settings.partitions)}"
    replayed = await asyncio.to_thread(shell.run, export.replace("--partition 0", partition))
    assert replayed.encode() == opened + b"\n"
    (audit,) = blocks("sh", "dueclock audit seals")
    audited = await asyncio.to_thread(shell.run, audit)
    assert "What was sent is what the journal calls for." in audited
    assert audited.endswith("The journal has every one of the 0 seals that were noted.\n")


@pytest.mark.broker
def test_the_operators_commands_work_as_shown(shell: Shell, settings: Settings) -> None:
    create_topics(settings)
    (clocks,) = blocks("sh", "dueclock clocks")
    assert shell.run(clocks) == "0 clocks.\n"
    (letters,) = blocks("sh", "dueclock deadletter")
    assert shell.run(letters).splitlines() == [
        "0 dead letters.",
        "0 dead letters would be sent to where they came from.",
        "0 dead letters sent to where they came from.",
    ]


def breach(settings: Settings) -> bytes:
    """The message that the README shows, on its topic."""
    (message,) = blocks("json")
    create_topics(settings)
    value = message.strip().encode()
    asyncio.run(produce(settings.broker, [Outgoing(settings.topic("sla-breach"), value, b"A3GOLDEN/ATVPDKIKX0DER")]))
    return value


@pytest.mark.broker
async def test_the_python_subscriber_reads_a_breach(shell: Shell, settings: Settings) -> None:
    (code,) = blocks("python")
    await asyncio.to_thread(breach, settings)
    (shell.folder / "subscribe.py").write_text(shell.adapted(code).replace("my-subscriber", f"{shell.prefix}python"))
    subscriber = shell.start(sys.executable, "subscribe.py")
    try:
        wanted = "clock.breached sfp-refund 2026-02-11T08:00:00.000Z"
        await eventually(lambda: wanted in shell.log(), lambda: f"the breach; it said {shell.log()}", within_s=30)
    finally:
        subscriber.kill()
        subscriber.wait()


@pytest.mark.broker
@pytest.mark.skipif(
    shutil.which("javac") is None, reason="no javac on this machine; the JRE of the tests cannot compile"
)
async def test_the_java_subscriber_compiles_and_reads_a_breach(shell: Shell, settings: Settings) -> None:
    (code,) = blocks("java")
    value = await asyncio.to_thread(breach, settings)
    source = shell.adapted(code).replace("my-java-subscriber", f"{shell.prefix}java")
    (shell.folder / "Subscribe.java").write_text(source)
    jars = ":".join(str(jar) for jar in class_path())
    await asyncio.to_thread(shell.run, f"javac -cp '{jars}' Subscribe.java")
    subscriber = shell.start("java", "-cp", f"{jars}:.", "Subscribe")
    try:
        await eventually(
            lambda: value.decode() in shell.log(), lambda: f"the breach; it said {shell.log()}", within_s=40
        )
    finally:
        subscriber.kill()
        subscriber.wait()
