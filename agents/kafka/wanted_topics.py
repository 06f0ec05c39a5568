"""The topics that settings want, and how: asked by whoever makes them, and by whoever only says it (no client here)."""

from agents.settings import Settings
from agents.topic_roles import PROBE, SNAPSHOTS
from schemas.codec import DAY_MS
from schemas.registry import PROBE_TOPIC, SNAPSHOTS_TOPIC, TOPICS, Topic

_LATER_DAYS = 7
_NEWEST = 3


def wanted_topics(settings: Settings) -> dict[str, tuple[int, dict[str, str]]]:
    """All topics of these settings by their names: how many partitions, and Kafka's settings."""
    wanted = {settings.topic(topic.name): (settings.partitions, topic.kafka_settings()) for topic in TOPICS}
    wanted[settings.topic(PROBE)] = (1, PROBE_TOPIC.kafka_settings())
    if settings.has_snapshot_topic:
        wanted[settings.topic(SNAPSHOTS)] = (settings.partitions, snapshots_topic(settings).kafka_settings())
    return wanted


def snapshots_topic(settings: Settings) -> Topic:
    """The topic of snapshots: thinning takes them, so age does it a week later than the setting says."""
    newest_days = -(-_NEWEST * settings.seal_every_s * 1_000 // DAY_MS)  # those that thinning never takes
    days = max(settings.snapshots_kept_days, newest_days) + _LATER_DAYS
    return SNAPSHOTS_TOPIC._replace(retention_ms=days * DAY_MS)
