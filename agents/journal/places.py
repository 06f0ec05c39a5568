"""Which store the settings name, for those who look back; keeping.py says it for those who write."""

from agents.journal.snapshot_topic import SnapshotTopic
from agents.journal.store import Files, Store
from agents.settings import Settings


def snapshot_store(settings: Settings) -> Store | None:
    """Where snapshots are read from; None where none are kept."""
    if settings.has_snapshot_topic:
        return SnapshotTopic(settings)
    return Files(settings.snapshots) if settings.snapshots else None


def archive_store(settings: Settings) -> Files | None:
    """Where the archive is written and read; None where there is no place for one."""
    place = settings.archive or ("" if settings.has_snapshot_topic else settings.snapshots)
    return Files(place) if place else None
