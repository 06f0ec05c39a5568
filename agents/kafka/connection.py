"""How every client of ours connects: protocol, certificates, login. The one place that reads secrets.

Files are read for each new connection, so that a certificate or password that was changed holds from the next one on,
without a restart. One that cannot be read is refused with a sentence at the start; later the last good one stays, for a
file in the midst of its change must end no worker. What is a secret is never part of a sentence, a log or a `repr`.
"""

import logging
import ssl
from pathlib import Path
from typing import NamedTuple

from aiokafka.abc import AbstractTokenProvider

from agents.errors import UserError
from agents.files import read_text
from agents.kafka.kerberos import use_kerberos
from agents.kafka.tokens import token_provider
from agents.settings import Settings
from deploy.private import leave_no_core

log = logging.getLogger("dueclock.connection")
# aiokafka wants some mechanism; without a login it uses none.
_ON_THE_WIRE = {"": "PLAIN", "AWS_MSK_IAM": "OAUTHBEARER"}


class Login(NamedTuple):
    """What a client shows when it connects."""

    ssl_context: ssl.SSLContext | None
    username: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"Login(username={self.username!r})"


class Connection:
    """The connection that the settings describe, as it is now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._context_of: tuple[tuple[str, int, int, int], ...] | None = None
        self._last: Login | None = None
        self.protocol: str = settings.security_protocol
        self.mechanism: str = _ON_THE_WIRE.get(settings.sasl_mechanism, settings.sasl_mechanism)
        self.kerberos_service: str = settings.sasl_kerberos_service_name
        self.tokens: AbstractTokenProvider | None = token_provider(settings)
        if settings.sasl_mechanism == "GSSAPI":
            use_kerberos(settings)
        if settings.has_secret:
            leave_no_core()

    def login(self) -> Login:
        """What to show at the next connection. UserError where a file cannot be used and none could before."""
        try:
            self._last = Login(self._tls(), self._settings.sasl_username or None, self._password())
        except UserError as error:
            if self._last is None:
                raise
            log.warning("%s Until then the last one is used.", error.sentence)
        return self._last

    def _password(self) -> str | None:
        if file := self._settings.sasl_password_file:
            return read_secret(file, "password file")
        return self._settings.sasl_password or None

    def _tls(self) -> ssl.SSLContext | None:
        if not self._settings.is_tls:
            return None
        files = _as_they_are(self._settings)
        if self._context is None or files != self._context_of:
            self._context = tls_context(self._settings)
            self._context_of = files
        return self._context


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS as the settings have it: 1.2 or newer, the chain always checked. UserError where a file cannot be used."""
    if settings.ssl_ca_location:
        try:
            context = ssl.create_default_context(cadata=read_text(Path(settings.ssl_ca_location), "CA file"))
        except (ssl.SSLError, ValueError):
            raise UserError(
                f"The CA file {settings.ssl_ca_location} holds no certificate; give one in PEM "
                "(-----BEGIN CERTIFICATE-----) as `ssl_ca_location`.",
                2,
            ) from None
    else:
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.ssl_endpoint_identification_algorithm == "https"
    if settings.ssl_certificate_location:
        _show_certificate(context, settings)
    return context


def _show_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    certificate, key = settings.ssl_certificate_location, settings.ssl_key_location or None
    password = ""
    if settings.ssl_key_password_file:
        password = read_secret(settings.ssl_key_password_file, "password file of the key")
    for file in filter(None, (certificate, key)):
        read_text(Path(file), "certificate or key")  # says which of them cannot be read; OpenSSL does not
    try:
        # Always a password, if an empty one: without, OpenSSL would ask the terminal for it.
        context.load_cert_chain(certificate, key, password=lambda: password)
    except (ssl.SSLError, ValueError):
        raise UserError(
            f"The certificate {certificate} and its key cannot be used; give a certificate and the key that fits it in "
            "PEM (`ssl_certificate_location`, `ssl_key_location`), and its password in `ssl_key_password_file`.",
            2,
        ) from None


def read_secret(file: str, what: str) -> str:
    """A secret from a file, without the line's end. UserError where there is none."""
    secret = read_text(Path(file), what).strip("\r\n")
    if not secret:
        raise UserError(f"The {what} {file} is empty; write the secret into it.", 2)
    return secret


def _as_they_are(settings: Settings) -> tuple[tuple[str, int, int, int], ...]:
    """What tells whether one of the files was changed; a file that is gone tells so too."""
    names = (
        settings.ssl_ca_location,
        settings.ssl_certificate_location,
        settings.ssl_key_location,
        settings.ssl_key_password_file,
    )
    found = []
    for name in filter(None, names):
        try:
            stat = Path(name).stat()
            found.append((name, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        except OSError:
            found.append((name, 0, 0, 0))
    return tuple(found)
