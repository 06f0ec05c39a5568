"""The embedded Kafka as the commands use it: its folder, and its failures as sentences for people."""

import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.errors import UserError
from agents.kafka.rights import INPUTS, ROLES, Right, Role, rights_of
from agents.settings import Settings
from deploy import embedded
from deploy.embedded_secured import MECHANISM, SUPER_USER, Secrets
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


def secured_folder(settings: Settings) -> Path:
    """The same of the secured one; its secrets lie beside it, in `secrets/`."""
    return Path(settings.state_dir) / "kafka-secured"


def start_secured(
    settings: Settings, *, port: int | None = None, report: Callable[[str], None] | None = None, detached: bool = True
) -> embedded.KafkaStatus:
    """Start the secured Kafka, give each role its rights, and write a settings file for each."""
    with embedded_failures():
        found = embedded.start(secured_folder(settings), port=port, report=report, detached=detached, users=ROLES)
    for role in (SUPER_USER, *_users(settings)):
        _write_settings(settings, role, found.bootstrap or "")
    give_rights(settings)
    return found


def give_rights(settings: Settings, *wanted: Settings) -> None:
    """Give each role its rights to the topics, groups and transactional ids of these settings (default: their own)."""
    from agents.kafka.acls import give  # only here: whoever only asks for the broker starts without Kafka's clients
    from agents.kafka.clients import admin_client, run_with_broker

    own = settings_of(settings, SUPER_USER)

    async def given() -> None:
        async with admin_client(own) as admin:
            for role in _users(settings):
                rights = [right for one in wanted or (settings,) for right in _rights(role, one)]
                await give(admin, f"User:{role}", rights)

    run_with_broker(own, given)


def _users(settings: Settings) -> list[Role]:
    """The roles that have a user: those that this storage was made with."""
    secrets = Secrets(secured_folder(settings))
    return [role for role in ROLES if secrets.password_file(role).exists()]


def settings_of(settings: Settings, user: str) -> Settings:
    """Settings with which this user of the secured Kafka connects. UserError where it was never started."""
    file = settings_file(settings, user)
    if not file.exists():
        raise UserError(f"There is no {file}; `dueclock kafka start --secured` makes it.")
    return settings.changed(**tomllib.loads(file.read_text("utf-8")))


def settings_file(settings: Settings, user: str) -> Path:
    """The settings file of a user of the secured Kafka."""
    return Secrets(secured_folder(settings)).path / f"{user}.toml"


def _write_settings(settings: Settings, user: str, broker: str) -> None:
    secrets = Secrets(secured_folder(settings))
    lines = {
        "broker": broker,
        "security_protocol": "SASL_SSL",
        "ssl_ca_location": str(secrets.ca_file.absolute()),
        "sasl_mechanism": MECHANISM,
        "sasl_username": user,
        "sasl_password_file": str(secrets.password_file(user).absolute()),
    }
    if settings.has_snapshot_topic:  # their rights go by it
        lines["snapshots"] = settings.snapshots
    secrets.write(f"{user}.toml", "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))


def _rights(role: Role, settings: Settings) -> list[Right]:
    if role == "producer":  # one user for all topics here: the demonstration sends to each
        return [right for topic in INPUTS for right in rights_of(role, settings, topic)]
    return rights_of(role, settings)


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
