"""One secured broker that takes every login dueclock has: a listener for each, the same topics and rights behind all.

`BROKER` is the embedded one (SCRAM-SHA-512). Beside it: SCRAM-SHA-256, PLAIN, client certificates, tokens by OAuth that
Kafka's own validator judges. What each wants lies in files, as it would in use; `change_all_secrets` makes all of them
new, at the broker and in the files.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported there without saying so
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from agents.kafka.acls import give
from agents.kafka.clients import admin_client
from agents.kafka.embedded import secured_folder, settings_of, start_secured
from agents.kafka.rights import ROLES, rights_of
from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy import embedded
from deploy.embedded_certificates import Authority
from deploy.embedded_folder import free_port
from deploy.embedded_secured import Secrets
from tests.secured.oauth import AUDIENCE, OAuthServer, oauth_server

PARTITIONS = 8
_SECURED = "org.apache.kafka.common.security"
_LISTENERS = {"SCRAM256": "SASL_SSL", "PLAIN": "SASL_SSL", "MTLS": "SSL", "OAUTH": "SASL_SSL"}
CERTIFICATE_USER = "User:CN=worker"
NO_LOGIN = {"sasl_mechanism": "", "sasl_username": "", "sasl_password": "", "sasl_password_file": ""}


class Ways:
    """The broker and the ways to it. `files` holds what a worker shows: passwords, tokens, certificates."""

    def __init__(self, folder: Path, oauth: OAuthServer) -> None:
        self.settings = Settings(state_dir=str(folder / "state"), partitions=PARTITIONS)
        self.oauth = oauth
        self.files = folder / "files"
        self.files.mkdir(0o700)
        self.secrets = Secrets(secured_folder(self.settings))
        self._ports = {name: free_port() for name in _LISTENERS}
        self.secrets.make(ROLES)
        self._write_certificates()
        self._write_plain()
        self.change_oauth()

    def file(self, name: str, text: str) -> Path:
        """A secret in a file, whole or not at all."""
        draft = self.files / f"{name}.draft"
        draft.touch(0o600)
        draft.write_text(text)
        return draft.replace(self.files / name)

    def _write_certificates(self) -> None:
        authority = Authority("clients")
        self.file("clients-ca.pem", authority.certificate)
        pem = authority.issue("worker", ["localhost"])
        self.file("worker.pem", pem.certificate + pem.key)

    def _write_plain(self) -> None:
        password = secrets.token_urlsafe(24)
        self.file("plain.password", password + "\n")
        login = f'{_SECURED}.plain.PlainLoginModule required user_worker="{password}";'
        self.file("plain.properties", f"login={login}\n")

    def change_oauth(self) -> None:
        self.file("oauth.secret", self.oauth.client("worker") + "\n")
        self.file("oauth.token", self.oauth.token("worker") + "\n")

    def change_scram(self) -> None:
        """A new password for the worker by SCRAM-SHA-256, at the broker and in its file."""
        password = secrets.token_urlsafe(24)
        admin = self._admin()
        change = UserScramCredentialUpsertion(
            "worker", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), password.encode()
        )
        for done in admin.alter_user_scram_credentials([change]).values():
            done.result(timeout=30)
        self.file("scram.password", password + "\n")

    def change_all_secrets(self) -> None:
        """All of them; the broker knows the new ones of PLAIN and of certificates once it starts again."""
        self.change_scram()
        self._write_plain()
        self._write_certificates()
        self.change_oauth()

    def _admin(self) -> Any:
        own = settings_of(self.settings, "broker")
        return AdminClient(
            {
                "bootstrap.servers": own.broker,
                "security.protocol": own.security_protocol,
                "ssl.ca.location": own.ssl_ca_location,
                "sasl.mechanism": own.sasl_mechanism,
                "sasl.username": own.sasl_username,
                "sasl.password": Path(own.sasl_password_file).read_text().strip(),
            }
        )

    def start(self) -> None:
        """Start the broker, or start it again, and give the rights."""
        embedded.start(
            secured_folder(self.settings),
            detached=False,
            settings=self._broker_settings(),
            users=ROLES,
            options=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.oauth.base}/keys"],
        )
        start_secured(self.settings, detached=False)

    def stop(self) -> None:
        embedded.stop(secured_folder(self.settings))

    def _broker_settings(self) -> dict[str, str]:
        return {
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in self._ports.items()),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in _LISTENERS.items()),
            "listener.name.scram256.sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "listener.name.scram256.scram-sha-256.sasl.jaas.config": f"{_SECURED}.scram.ScramLoginModule required;",
            "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.plain.plain.sasl.jaas.config": f"${{file:{self.files / 'plain.properties'}:login}}",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.truststore.location": str(self.files / "clients-ca.pem"),
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config": (
                f"{_SECURED}.oauthbearer.OAuthBearerLoginModule required;"
            ),
            "listener.name.oauth.oauthbearer.sasl.server.callback.handler.class": (
                f"{_SECURED}.oauthbearer.OAuthBearerValidatorCallbackHandler"
            ),
            # A session ends with its token: a client that shows no new one is sent away.
            "listener.name.oauth.oauthbearer.connections.max.reauth.ms": "3600000",
            "sasl.oauthbearer.jwks.endpoint.url": f"{self.oauth.base}/keys",
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.expected.issuer": self.oauth.base,
        }

    def of(self, user: str) -> Settings:
        """How a user connects to the listener of every embedded broker."""
        return settings_of(self.settings, user)

    def worker_by(self, way: str) -> Settings:
        """How a worker connects by one of `WAYS`."""
        listener, changes = WAYS[way]
        where = self._ports.get(listener)
        chosen = {
            name: value.format(files=self.files, oauth=self.oauth.base, python=sys.executable)
            for name, value in changes.items()
        }
        broker = {"broker": f"127.0.0.1:{where}"} if where else {}
        return self.of("worker").changed(**{**broker, **chosen})


_TOKEN = {**NO_LOGIN, "sasl_mechanism": "OAUTHBEARER"}
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "scram-sha-512": ("BROKER", {}),
    "scram-sha-256": (
        "SCRAM256",
        {"sasl_mechanism": "SCRAM-SHA-256", "sasl_password_file": "{files}/scram.password"},
    ),
    "plain": ("PLAIN", {"sasl_mechanism": "PLAIN", "sasl_password_file": "{files}/plain.password"}),
    "certificate": (
        "MTLS",
        {**NO_LOGIN, "security_protocol": "SSL", "ssl_certificate_location": "{files}/worker.pem"},
    ),
    "oauth by url": (
        "OAUTH",
        {
            **_TOKEN,
            "sasl_oauthbearer_token_endpoint_url": "{oauth}/token",
            "sasl_oauthbearer_client_id": "worker",
            "sasl_oauthbearer_client_secret_file": "{files}/oauth.secret",
        },
    ),
    "oauth by file": ("OAUTH", {**_TOKEN, "sasl_oauthbearer_token_file": "{files}/oauth.token"}),
    "oauth by command": ("OAUTH", {**_TOKEN, "sasl_oauthbearer_token_command": "cat {files}/oauth.token"}),
}


@contextmanager
def all_ways(folder: Path) -> Iterator[Ways]:
    """The broker with its topics, as long as the `with` lasts."""
    with oauth_server() as oauth:
        ways = Ways(folder, oauth)
        try:
            ways.start()
            create_topics(ways.of("administrator"))
            ways.change_scram()
            _let_the_certificate_in(ways)
            yield ways
        finally:
            ways.stop()


def _let_the_certificate_in(ways: Ways) -> None:
    """Who comes by certificate has its subject for a name, so the same rights are given to that."""
    import asyncio

    async def given() -> None:
        async with admin_client(ways.of("broker")) as admin:
            await give(admin, CERTIFICATE_USER, rights_of("worker", ways.settings))

    asyncio.run(given())
