"""`dueclock deliver` as a process, on topics of its own, with what golden cases would have brought written to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agents.kafka.topics import create_topics
from agents.settings import Settings
from tests.audit.history import PARTITIONS, History, write
from tests.broker.harness import ROOT, wait_until
from tests.kafka_fixtures import Outgoing


def table(name: str, to: str, **fields: Any) -> str:
    """A `[[deliveries]]` of a settings file; a list is a TOML array."""
    said = {"name": name, "to": to, "retry_first_ms": 20, "retry_most_ms": 100, **fields}
    return "\n[[deliveries]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


class Installation:
    """Topics on a broker, a settings file, and the processes that deliver from them."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(broker=bootstrap, group=f"{prefix}group", topic_prefix=prefix, partitions=PARTITIONS)
        self.settings_file = folder / "dueclock.toml"
        self._started: list[Deliverer] = []
        create_topics(self.settings)

    def configure(self, *tables: str, **more: Any) -> None:
        """Write the settings file."""
        said = {
            "broker": self.settings.broker,
            "group": self.settings.group,
            "topic_prefix": self.settings.topic_prefix,
            "session_timeout_s": 6.0,
            "heartbeat_s": 0.5,
            **more,
        }
        self.settings_file.write_text(
            "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()) + "".join(tables)
        )

    def secret(self, name: str, text: str) -> str:
        """A file with a secret; its path."""
        (self.folder / name).write_text(f"{text}\n")
        return str(self.folder / name)

    def deliver(self, *flags: str, is_ready: bool = True) -> Deliverer:
        """Start one, and wait until it has its share of every delivery."""
        started = Deliverer(self, f"deliver-{len(self._started) + 1}", flags)
        self._started.append(started)
        if is_ready:
            deliveries = self.settings_file.read_text().count("[[deliveries]]") if "--only" not in flags else 1
            started.wait_for("has partitions", times=deliveries)
        return started

    def write(self, *records: Sequence[Outgoing]) -> None:
        """Write records to the topics."""
        write(self.settings, *records)

    def tell(self, *cases: str) -> list[dict[str, Any]]:
        """What follows from golden cases, on the topics; the events in the order in which they were decided."""
        history = History()
        for case in cases:
            history.tell(case)
        self.write(history.event_records(self.settings))
        return [json.loads(sent.event.value) for sent in history.events]

    def close(self) -> None:
        """End all."""
        for one in self._started:
            one.close()


class Deliverer:
    """One process, with its log in a file."""

    def __init__(self, installation: Installation, name: str, flags: Iterable[str]) -> None:
        self.name = name
        self._file = installation.folder / f"{name}.log"
        self._log = self._file.open("wb")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DUECLOCK_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agents", "--settings", str(installation.settings_file), "deliver", *flags],
            cwd=installation.folder,
            env={**environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def log(self) -> str:
        """What it has said so far."""
        return self._file.read_text(errors="replace")

    def wait_for(self, words: str, *, times: int = 1, within_s: float = 40.0) -> None:
        """Wait until these words stand in the log so often."""
        wait_until(
            lambda: self.log().count(words) >= times or self.process.poll() is not None,
            lambda: f"{words!r} in the log of {self.name}\n{self.log()[-3000:]}",
            within_s=within_s,
        )
        assert self.log().count(words) >= times, f"it has ended\n{self.log()[-3000:]}"

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(20)

    def close(self) -> None:
        """Whatever happened, it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._log.close()


def in_order(events: Iterable[dict[str, Any]]) -> dict[str, list[int]]:
    """The `seq` of the events of each clock, as they came."""
    found: dict[str, list[int]] = {}
    for event in events:
        if "clock_id" in event:
            found.setdefault(event["clock_id"], []).append(event["seq"])
    return found


def once(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a receiver keeps that heeds the idempotency key: the first of each `output_id`."""
    kept: dict[str, dict[str, Any]] = {}
    for event in events:
        kept.setdefault(event["output_id"], event)
    return list(kept.values())
