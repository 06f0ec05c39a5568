"""The clients that *Subscribe* shows read what is sent, each by its own library from a real broker."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from deploy.jars import class_path
from tests.cli.command import GOLDEN, environment
from tests.docs.blocks import DOCS, blocks_of
from tests.docs.session import LOCAL
from tests.kafka_fixtures import Outgoing, eventually, produce

BLOCKS = {block.language: block.text for block in blocks_of((DOCS / "how-to" / "subscribe.md").read_text())}


class Reader:
    """A subscriber in a process of its own, and a breach on its topic for it to read."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self._started: subprocess.Popen[bytes] | None = None

    def adapted(self, code: str) -> str:
        """With the tests' broker, and topics and group of their own."""
        code = re.sub(r'"(sla-[a-z]+|my-[a-z-]+)"', rf'"{self.settings.topic_prefix}\g<1>"', code)
        return code.replace(LOCAL, self.settings.broker)

    def breach(self) -> bytes:
        """The message that the page shows, sent."""
        create_topics(self.settings)
        value = BLOCKS["json"].strip().encode()
        record = Outgoing(self.settings.topic("sla-breach"), value, b"A3GOLDEN/ATVPDKIKX0DER")
        asyncio.run(produce(self.settings.broker, [record]))
        return value

    def start(self, *command: str) -> None:
        with (self.folder / "log").open("wb") as log:
            self._started = subprocess.Popen(command, cwd=self.folder, env=environment(), stdout=log, stderr=log)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def reads(self, words: str) -> None:
        await eventually(lambda: words in self.log(), lambda: f"the breach; it said {self.log()}", within_s=40)

    def end(self) -> None:
        if self._started is not None:
            self._started.kill()
            self._started.wait()


@pytest.fixture
def reader(tmp_path: Path, kafka: EmbeddedKafka, kafka_prefix: str) -> Iterator[Reader]:
    reader = Reader(tmp_path, Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix))
    yield reader
    reader.end()


def test_the_message_shown_is_one_of_a_golden_case() -> None:
    assert BLOCKS["json"] in (GOLDEN / "02-weekend-breach-late-refund" / "expected.jsonl").read_text()


@pytest.mark.broker
async def test_the_python_subscriber_reads_a_breach(reader: Reader) -> None:
    await asyncio.to_thread(reader.breach)
    (reader.folder / "subscribe.py").write_text(reader.adapted(BLOCKS["python"]))
    reader.start(sys.executable, "subscribe.py")
    await reader.reads("clock.breached sfp-refund 2026-02-11T08:00:00.000Z")


@pytest.mark.broker
@pytest.mark.skipif(
    shutil.which("javac") is None, reason="no javac on this machine; the JRE of the tests cannot compile"
)
async def test_the_java_subscriber_compiles_and_reads_a_breach(reader: Reader) -> None:
    value = await asyncio.to_thread(reader.breach)
    (reader.folder / "Subscribe.java").write_text(reader.adapted(BLOCKS["java"]))
    jars = ":".join(str(jar) for jar in class_path())
    compiled = await asyncio.to_thread(
        subprocess.run, ["javac", "-cp", jars, "Subscribe.java"], cwd=reader.folder, capture_output=True, check=False
    )
    assert compiled.returncode == 0, compiled.stderr.decode()
    reader.start("java", "-cp", f"{jars}:.", "Subscribe")
    await reader.reads(value.decode())
