"""The embedded Kafka as the commands use it: its folder, and its failures as sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.errors import UserError
from agents.settings import Settings
from deploy import embedded


def kafka_folder(settings: Settings) -> Path:
    """Where the embedded Kafka of these settings keeps its data and its log."""
    return Path(settings.state_dir) / "kafka"


def running_broker(settings: Settings) -> str | None:
    """Where the embedded Kafka listens, if it runs."""
    if not kafka_folder(settings).is_dir():
        return None
    with embedded_failures():
        return embedded.status(kafka_folder(settings)).bootstrap


@contextmanager
def embedded_failures() -> Iterator[None]:
    """No Maven, no JRE, a port in use, a full disk: the embedded Kafka says it in one sentence, and so do we."""
    try:
        yield
    except embedded.EmbeddedKafkaError as error:
        raise UserError(str(error)) from error
