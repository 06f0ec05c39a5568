"""Topics and rights as manifests for Strimzi's operators: `KafkaTopic`, `KafkaUser` (kafka.strimzi.io/v1).

A resource's name in Kubernetes is made from the name in Kafka, which stands beside it where the two differ. Strings of
JSON are YAML, so nothing has to be escaped otherwise.
"""

import json
import re
from collections.abc import Iterator, Sequence

from agents.kafka.rights import Right, by_resource
from agents.kafka.wanted_topics import wanted_topics
from agents.settings import Settings
from schemas.registry import COPIES_FOR_MIN_INSYNC, MIN_INSYNC

API = "kafka.strimzi.io/v1"
CLUSTER = "kafka"
"""What the `Kafka` resource is called; the label says so, and an overlay may say otherwise."""
_KINDS = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}


def topics_text(settings: Settings, cluster: str = CLUSTER) -> str:
    """A `KafkaTopic` for each topic of these settings, with the settings that `topics create` gives."""
    copies = settings.replication or COPIES_FOR_MIN_INSYNC
    durable = {"min.insync.replicas": str(MIN_INSYNC)} if copies >= COPIES_FOR_MIN_INSYNC else {}
    return "\n---\n".join(
        "\n".join(_topic(name, partitions, copies, {**configs, **durable}, cluster))
        for name, (partitions, configs) in wanted_topics(settings).items()
    )


def user_text(rights: Sequence[Right], name: str, cluster: str = CLUSTER) -> str:
    """A `KafkaUser` with these rights and a password that the operator makes."""
    lines = [
        *_head("KafkaUser", name, cluster),
        "spec:",
        "  authentication:",
        "    type: scram-sha-512",
        "  authorization:",
        "    type: simple",
        "    acls:",
    ]
    for (resource, of, is_prefix), operations in by_resource(rights).items():
        lines += [
            "      - resource:",
            f"          type: {_KINDS[resource]}",
            f"          name: {json.dumps(of)}",
            f"          patternType: {'prefix' if is_prefix else 'literal'}",
            f"        operations: [{', '.join(operations)}]",
        ]
    return "\n".join(lines)


def _topic(name: str, partitions: int, copies: int, configs: dict[str, str], cluster: str) -> Iterator[str]:
    resource = re.sub(r"[^a-z0-9.-]", "-", name.lower())
    yield from _head("KafkaTopic", resource, cluster)
    yield "spec:"
    if resource != name:
        yield f"  topicName: {json.dumps(name)}"
    yield f"  partitions: {partitions}"
    yield f"  replicas: {copies}"
    yield "  config:"
    for setting, value in sorted(configs.items()):
        yield f"    {setting}: {json.dumps(value)}"


def _head(kind: str, name: str, cluster: str) -> list[str]:
    return [
        f"apiVersion: {API}",
        f"kind: {kind}",
        "metadata:",
        f"  name: {json.dumps(name)}",
        f"  labels: {{strimzi.io/cluster: {json.dumps(cluster)}}}",
    ]
