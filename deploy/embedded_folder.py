"""The folder of one embedded Kafka: what lies in it, who may use it, and the broker's settings.

The folder is locked by `flock` on a file that the JVM inherits, so the lock lives exactly as long as the JVM: no stale
lock after a crash, no guessing by process id, no two starts on one folder. `broker.json` says which process and which
ports; it is believed only while the lock is held. Everything the JVM is told is relative to the folder, its working
directory: a folder's name, with spaces, commas or letters beyond ASCII, never reaches a properties file.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import random
import socket
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.embedded_secured import MARK, Secrets
from deploy.private import leave_no_core, make_private

HOST = "127.0.0.1"
LOOK_S = 0.05
# Below the ports that systems give to outgoing connections (Linux: from 32768 on). A client that keeps trying to reach
# a broker that is down could be given that very port, connect to itself, and keep the broker from coming back.
_PORTS = range(20_000, 32_000)
# The JVM's lock goes a moment before its sockets do.
_PORT_PATIENCE_S = 2.0

# One node. Few partitions for the internal topics, so that a start loads little. 30 s before a stalled broker is given
# up: one that loses its session in the midst of a commit can split a transaction. A small cleaner buffer for a small
# heap.
_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "30000",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.io.threads": "4",
}
_BESIDE_OURS = {"listeners", "listener.security.protocol.map"}


@dataclass(frozen=True)
class Ports:
    """Where the two listeners of the node listen, on 127.0.0.1."""

    broker: int
    controller: int

    @property
    def bootstrap(self) -> str:
        """The broker's address for clients."""
        return f"{HOST}:{self.broker}"

    @property
    def are_free(self) -> bool:
        """Whether both can be listened on now."""
        return is_free(self.broker) and is_free(self.controller)


class BrokerFolder:
    """Names and files of one broker's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.expanduser().absolute()
        self.log_file = self.path / "kafka.log"
        self.output_file = self.path / "kafka.out"
        self.storage = self.path / "data"
        self.secrets = Secrets(self.path)
        self._lock_file = self.path / "lock"
        self._record_file = self.path / "broker.json"

    def create(self) -> None:
        """Make the folder, for its owner alone, if it is not there."""
        make_private(self.path)
        (self.path / "tmp").mkdir(exist_ok=True)

    def secure(self, users: Sequence[str]) -> None:
        """Make it the folder of a secured broker with these users, if there is no storage yet."""
        if not self.is_formatted:
            self.secrets.make(users)
            (self.path / MARK).touch()
        leave_no_core()

    @property
    def is_secured(self) -> bool:
        """Whether the broker wants TLS and a login (embedded_secured.py)."""
        return (self.path / MARK).exists()

    @property
    def is_formatted(self) -> bool:
        """Whether there is storage; it is made whole or not at all."""
        return self.storage.exists()

    @property
    def was_left_in_order(self) -> bool:
        """Whether the last broker shut down, rather than died; true before the first."""
        return (self.storage / ".kafka_cleanshutdown").exists() or not (self.storage / "__cluster_metadata-0").exists()

    def take_lock(self) -> int | None:
        """A descriptor that holds the folder's lock, to close or to let a child inherit; None when another has it."""
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except BaseException:
            os.close(lock)
            raise
        return lock

    def is_locked(self) -> bool:
        """Whether a broker lives here, or is being started."""
        if not self._lock_file.exists():
            return False
        lock = self.take_lock()
        if lock is None:
            return True
        os.close(lock)
        return False

    def write_record(self, pid: int | None, ports: Ports) -> None:
        """Keep who the broker is; no process id while it is being started."""
        draft = self._record_file.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": pid, **asdict(ports)}) + "\n", "utf-8")
        draft.replace(self._record_file)

    def read_record(self) -> tuple[int | None, Ports | None]:
        """The broker's process and ports as last written."""
        try:
            record = json.loads(self._record_file.read_text("utf-8"))
            return record["pid"], Ports(record["broker"], record["controller"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, None

    def write_settings(
        self, name: str, ports: Ports, more: Mapping[str, str], *, instead: Mapping[str, str] | None = None
    ) -> None:
        """Write a settings file of the node: `more` come on top, their listeners beside ours; `instead` replace all."""
        own = {
            **_SETTINGS,
            **(self.secrets.settings() if self.is_secured else {}),
            "listeners": f"BROKER://{HOST}:{ports.broker},CONTROLLER://{HOST}:{ports.controller}",
            "controller.quorum.voters": f"1@{HOST}:{ports.controller}",
        }
        beside = {name: f"{own[name]},{more[name]}" for name in _BESIDE_OURS & more.keys()}
        settings = {**own, **more, **beside, **(instead or {})}
        text = "".join(f"{key}={setting}\n" for key, setting in settings.items())
        (self.path / name).write_text(text, "ascii")


def new_cluster_id() -> str:
    """22 characters, as Kafka writes them; it takes none that begins with a dash."""
    cluster_id = "-"
    while cluster_id.startswith("-"):
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode("ascii")
    return cluster_id


def is_free(port: int) -> bool:
    """Whether a broker could listen on this port now."""
    with socket.socket() as probe:
        # As Java does: what is left of a former broker's connections does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    with socket.socket() as probe:  # some systems let two share a port when one listens on all addresses
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) != 0


def wait_until_free(ports: Ports) -> None:
    """Give a broker that has just ended the moment it needs to let its ports go."""
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while not ports.are_free and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def free_port(not_these: Collection[int] = ()) -> int:
    """Any port that is free now."""
    while True:
        port = random.choice(_PORTS)
        if port not in not_these and is_free(port):
            return port
