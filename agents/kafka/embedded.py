"""The embedded Kafka as the commands use it: its folder, and its failures as sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.errors import UserError
from agents.settings import Settings
from deploy import embedded
from deploy.private import ForeignFolderError, check_own


def kafka_folder(settings: Settings) -> Path:
    """Where the embedded Kafka of these settings keeps its data and its log. UserError where it may be another's."""
    return own_folder(settings, "kafka")


def own_folder(settings: Settings, name: str) -> Path:
    """A folder in the state folder. UserError where either is a link, or belongs to someone else."""
    state = Path(settings.state_dir)
    with embedded_failures():
        for folder in (state, state / name):
            check_own(folder)
    return state / name


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
    except (embedded.EmbeddedKafkaError, ForeignFolderError) as error:
        raise UserError(str(error)) from error
