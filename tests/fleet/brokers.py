"""Three Kafka nodes on 127.0.0.1, each broker and controller, three copies of everything, two of which must be in step.

The embedded Kafka (deploy/embedded.py) is one node by trade. Here its folders, Java and supervisor are used for three
that know each other; each ends with this process. A dead broker is given up after 9 s, Kafka's own default: until
then what it led has no leader, and what it followed waits for it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import psutil
from confluent_kafka.admin import AdminClient

from deploy.embedded_folder import HOST, BrokerFolder, Ports, free_port, new_cluster_id
from deploy.embedded_java import BRIEF_OPTIONS, BROKER_OPTIONS, SETTINGS_FILE, environment, java_command
from deploy.embedded_jvm import Jvm, answers
from tests.bench.installation import NotMeasuredError, wait_until

NODES: Final = 3
GIVEN_UP_S: Final = 9.0
"""After so long without a heartbeat a broker is dead to the others (Kafka's default)."""
_WITHIN_S: Final = 180.0
_SHARED: Final = {
    "broker.session.timeout.ms": f"{GIVEN_UP_S * 1000:.0f}",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "transaction.state.log.num.partitions": "12",
    "share.coordinator.state.topic.replication.factor": "3",
    "group.initial.rebalance.delay.ms": "3000",
}


class Node:
    """One of the three."""

    def __init__(self, folder: Path, number: int, ports: Ports, more: dict[str, str]) -> None:
        self.number = number
        self.home = BrokerFolder(folder)
        self.ports = ports
        self._more = {"node.id": str(number), **more}
        self._jvm: Jvm | None = None

    def format(self, cluster_id: str) -> None:
        """Make its storage."""
        self.home.create()
        self.home.write_settings("format.properties", self.ports, self._more)
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "format.properties"]
        command = java_command(self.home, BRIEF_OPTIONS, arguments, log_file=self.home.log_file)
        subprocess.run(command, cwd=self.home.path, env=environment(), capture_output=True, check=True, timeout=120)

    def begin(self) -> None:
        """Start it; it answers only when a second one is there."""
        self.home.write_settings(SETTINGS_FILE, self.ports, self._more)
        command = java_command(self.home, BROKER_OPTIONS, ["kafka.Kafka", SETTINGS_FILE], log_file=self.home.log_file)
        lock = self.home.take_lock()
        assert lock is not None, "nobody else uses the folder"
        try:
            self._jvm = Jvm.begin(self.home, command, lock, is_bound=True)
        finally:
            os.close(lock)  # the JVM has it

    def is_answering(self) -> bool:
        """Whether it serves clients. NotMeasuredError if it has ended."""
        if self._jvm is None or self._jvm.has_ended:
            raise NotMeasuredError(f"broker {self.number} has ended: see {self.home.log_file}")
        return answers(self.ports.broker)

    @property
    def process(self) -> psutil.Process | None:
        """The JVM, while there is one."""
        return None if self._jvm is None or self._jvm.has_ended else psutil.Process(self._jvm.pid)

    def kill(self) -> None:
        """SIGKILL; its data stay."""
        if self._jvm is not None:
            self._jvm.kill()
            self._jvm = None

    def data_bytes(self) -> int:
        """What its logs take on disk."""
        return sum(file.stat().st_blocks * 512 for file in self.home.storage.rglob("*") if file.is_file())


class Brokers:
    """The three, from `start` until `close`."""

    def __init__(self, folder: Path) -> None:
        taken: set[int] = set()
        ports = []
        for _ in range(NODES):
            ports.append(Ports(free_port(taken), free_port(taken)))
            while ports[-1].broker == ports[-1].controller:
                ports[-1] = Ports(ports[-1].broker, free_port(taken))
            taken |= {ports[-1].broker, ports[-1].controller}
        voters = ",".join(f"{number}@{HOST}:{one.controller}" for number, one in enumerate(ports, 1))
        more = {**_SHARED, "controller.quorum.voters": voters}
        self.nodes = [Node(folder / f"node-{n}", n, one, more) for n, one in enumerate(ports, 1)]
        self.bootstrap = ",".join(one.bootstrap for one in ports)

    def start(self) -> None:
        """Begin with nothing in them, and wait until they are whole."""
        cluster_id = new_cluster_id()
        for node in self.nodes:
            node.format(cluster_id)
        for node in self.nodes:
            node.begin()
        self.wait_until_whole()

    def close(self) -> None:
        """End all; by force, since nothing of it is wanted any more."""
        for node in self.nodes:
            node.kill()

    def wait_until_whole(self) -> None:
        """Wait until all answer and every partition has three copies in step."""
        wait_until(
            lambda: all(node.is_answering() for node in self.nodes),
            lambda: f"an answer of each broker (see {self.nodes[0].home.path.parent})",
            within_s=_WITHIN_S,
        )
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        wait_until(lambda: not _behind(admin), lambda: f"copies in step: {_behind(admin)}", within_s=_WITHIN_S)

    def data_bytes(self) -> int:
        """What all logs take on disk."""
        return sum(node.data_bytes() for node in self.nodes)


def _behind(admin: AdminClient) -> str:
    """What is missing until all brokers are there and every copy is in step; empty where nothing is."""
    metadata = admin.list_topics(timeout=10)
    if len(metadata.brokers) < NODES:
        return f"{len(metadata.brokers)} of {NODES} brokers"
    behind = sum(
        len(partition.isrs) < len(partition.replicas)
        for topic in metadata.topics.values()
        for partition in topic.partitions.values()
    )
    return f"{behind} partitions with a copy that is not in step" if behind else ""
