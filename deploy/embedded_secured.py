"""The secured embedded Kafka: TLS with a CA of its own, a SCRAM user for each role, rights by the StandardAuthorizer.

All that is secret lies in `secrets/` beside the broker's folder: the folder 0700, each file 0600. The broker's settings
name those files and hold nothing themselves (Kafka's FileConfigProvider), and no command line holds a password: the
users are given to the tool that makes the storage in a file, which is removed at once. A user's rights are given by
whoever starts the broker (agents/kafka/acls.py): until then everything is refused.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded_certificates import Authority
from deploy.private import leave_no_core

MARK = "secured"
"""A file of this name in a broker's folder says that it is secured; it cannot be changed later."""
SUPER_USER = "broker"
MECHANISM = "SCRAM-SHA-512"
_FORMAT_ARGUMENTS = "format.arguments"
_HOSTS = ("localhost", "127.0.0.1")
_PROPERTIES = "broker.properties"


class Secrets:
    """The secrets of the broker in a folder."""

    def __init__(self, broker_folder: Path) -> None:
        self.path = broker_folder.parent / "secrets"
        self.ca_file = self.path / "ca.pem"

    @property
    def are_there(self) -> bool:
        """Whether they were made, whole."""
        return (self.path / _PROPERTIES).exists()

    def make(self, users: Sequence[str]) -> None:
        """Make them where they are not: CA, the broker's certificate, a password for each user."""
        leave_no_core()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        for user in (SUPER_USER, *users):
            if not self.password_file(user).exists():
                self.write(self.password_file(user).name, secrets.token_urlsafe(32) + "\n")
        if self.are_there:
            return
        authority = Authority()
        broker = authority.issue(SUPER_USER, _HOSTS)
        self.write(self.ca_file.name, authority.certificate)
        login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{SUPER_USER}" '
        properties = {
            "login": f'{login}password="{self.password(SUPER_USER)}";',
            "key": broker.key,
            "certificate": broker.certificate,
        }
        text = "".join(f"{name}={_escaped(value)}\n" for name, value in properties.items())
        self.write(_PROPERTIES, text)

    def password_file(self, user: str) -> Path:
        """Where a user's password lies."""
        return self.path / f"{user}.password"

    def password(self, user: str) -> str:
        """A user's password."""
        return self.password_file(user).read_text("ascii").strip()

    def users(self) -> list[str]:
        """All that have a password."""
        return sorted(file.stem for file in self.path.glob("*.password"))

    def write(self, name: str, text: str) -> Path:
        """A file that only we can read, whole or not at all."""
        draft = self.path / f"{name}.draft"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return draft.replace(self.path / name)

    def remove(self) -> None:
        """Remove them, with the storage that knows them."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def format_arguments(self) -> Iterator[list[str]]:
        """What makes the users when the storage is made; the file is there for that long only."""
        lines: list[str] = []
        for user in self.users():
            lines += ["--add-scram", f"{MECHANISM}=[name={user},password={self.password(user)}]"]
        file = self.write(_FORMAT_ARGUMENTS, "\n".join(lines) + "\n")
        try:
            yield [f"@../{self.path.name}/{file.name}"]
        finally:
            file.unlink(missing_ok=True)

    def settings(self) -> Mapping[str, str]:
        """The broker's settings, without a secret. Paths are relative to its folder."""

        def kept(name: str) -> str:
            return f"${{file:../{self.path.name}/{_PROPERTIES}:{name}}}"

        return {
            "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
            "listener.security.protocol.map": "BROKER:SASL_SSL,CONTROLLER:SSL",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"listener.name.broker.{MECHANISM.lower()}.sasl.jaas.config": kept("login"),
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": kept("key"),
            "ssl.keystore.certificate.chain": kept("certificate"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": f"../{self.path.name}/{self.ca_file.name}",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{SUPER_USER};User:CN={SUPER_USER}",
        }


def _escaped(value: str) -> str:
    """A value of a Java properties file."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
