"""The secured Kafka for tests that were written for a plain one: workers log in, the tests look on without.

Beside the listener with TLS and logins it has one for observers, plain and with all rights. Fixtures give it for
`kafka` and `own_kafka` with `DUECLOCK_TEST_KAFKA=secured`; `settings_as` says how a role connects to the broker behind
an observers' address.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from agents.kafka.embedded import give_rights, settings_of, start_secured
from agents.kafka.rights import ROLES
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from deploy.embedded_folder import HOST, BrokerFolder, Ports, free_port
from deploy.embedded_java import format_storage
from deploy.embedded_secured import SUPER_USER
from deploy.private import private_files

BRIEF = ("-XX:TieredStopAtLevel=1",)
"""Options of the JVM for a broker that does little: it does not compile with great care what is hardly run. Not for one
that encrypts, whose arithmetic is quick only where it is compiled so.
"""

_of_observers: dict[str, ObservedKafka] = {}
"""The brokers that run, by their observers' addresses."""
_CONNECTS_BY = (
    "broker",
    "security_protocol",
    "ssl_ca_location",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password_file",
)


class ObservedKafka(EmbeddedKafka):
    """`bootstrap` is the observers' address."""

    def __init__(self) -> None:
        self.state = Path(tempfile.mkdtemp(prefix="dueclock-secured-"))
        self._observers = f"{HOST}:{free_port()}"
        self._settings = Settings(state_dir=str(self.state))
        everybody = ";".join(f"User:{user}" for user in (SUPER_USER, f"CN={SUPER_USER}", "ANONYMOUS"))
        settings = {
            "listeners": f"OBSERVERS://{self._observers}",
            "listener.security.protocol.map": "OBSERVERS:PLAINTEXT",
            "super.users": everybody,
        }
        super().__init__(self.state / "kafka-secured", settings=settings, users=ROLES)

    def start(self) -> None:
        super().start()
        start_secured(self._settings, detached=False)
        _of_observers[self._observers] = self

    @property
    def bootstrap(self) -> str:
        return self._observers

    def close(self) -> None:
        _of_observers.pop(self._observers, None)
        super().close()
        shutil.rmtree(self.state, ignore_errors=True)

    def settings_as(self, role: str, settings: Settings) -> Settings:
        """The same settings, connecting as this role, which has its rights to these topics."""
        give_rights(self._settings, settings)
        own = msgspec.structs.asdict(settings_of(self._settings, role))
        return settings.changed(**{name: own[name] for name in _CONNECTS_BY})


def new_kafka() -> EmbeddedKafka:
    """A broker of the kind that DUECLOCK_TEST_KAFKA names; a plain one where it is not set."""
    if os.environ.get("DUECLOCK_TEST_KAFKA") == "secured":
        return ObservedKafka()
    storage = _new_storage()
    broker = EmbeddedKafka(options=BRIEF)
    shutil.copytree(storage, broker.folder / "data")
    return broker


@functools.cache
def _new_storage() -> Path:
    """The storage of a new broker, formatted once: a copy of it saves each further broker a JVM."""
    home = BrokerFolder(Path(tempfile.mkdtemp(prefix="dueclock-storage-")))
    atexit.register(shutil.rmtree, home.path, ignore_errors=True)
    home.create()
    with private_files():
        format_storage(home, Ports(free_port(), free_port()), None)
    return home.storage


def settings_as(role: str, settings: Settings) -> Settings:
    """How this role connects to the broker that these settings name; as they say, where it is a plain one."""
    kafka = _of_observers.get(settings.broker)
    return settings if kafka is None else kafka.settings_as(role, settings)
