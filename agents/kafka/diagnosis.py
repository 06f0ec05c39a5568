"""Why there is no connection: the steps of one, tried in order, and a sentence for the first that fails.

Name, port, TLS, login, first answer. aiokafka says only that it could not connect; what each side has in its settings
shows in how the other one falls silent, so that a broker with TLS and a client without are told apart from no broker at
all. Nothing that is secret is in a sentence: neither side's words are repeated where they could hold one.
"""

import asyncio
import socket
import ssl
from contextlib import suppress

from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from agents.errors import UserError
from agents.kafka.connection import Connection
from agents.kafka.private import connection_to, ended, first_answer
from agents.kafka.refusals import who
from agents.kafka.tokens import NoTokenError
from agents.settings import Settings

_WITHIN_S = 10.0
_CLOSES_WITHIN_S = 1.0
# What OpenSSL calls it where a chain ends in nothing that is believed: X509_V_ERR_...
_UNKNOWN_CA = {2, 18, 19, 20, 21}
_EXPIRED, _NOT_YET_VALID = 10, 9
_SHOWN = {
    "OAUTHBEARER": "name, token",
    "AWS_MSK_IAM": "credentials, IAM policy, `aws_region`",
    "GSSAPI": "principal, `sasl_kerberos_service_name`",
}
_OTHER_NAME = {62, 63, 64}


async def why_no_connection(settings: Settings) -> UserError | None:
    """Why not: of the first bootstrap server that fails in an unusual way, else of the first. None: all is well."""
    found: list[UserError] = []
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        sentence, is_telling = await _tried(settings, host.strip("[]"), int(port))
        if sentence is None:
            return None
        error = UserError(sentence)
        if is_telling:
            return error
        found.append(error)
    return found[0] if found else None


async def _tried(settings: Settings, host: str, port: int) -> tuple[str | None, bool]:
    """What is wrong with this server, and whether that is more than silence."""
    where = f"{host}:{port}"
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return f"There is no machine called {host}; correct the `broker` setting, or the name service.", False
    except UnicodeError:
        return f"{host!r} is no name of a machine; correct the `broker` setting.", False
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _WITHIN_S)
    except (OSError, TimeoutError):
        return (
            f"No Kafka answers at {where}; start one with `dueclock kafka start`, or name yours with --broker.",
            False,
        )
    writer.close()
    return await _why_not_connected(settings, host, port), True


async def _why_not_connected(settings: Settings, host: str, port: int) -> str | None:
    where = f"{host}:{port}"
    connection = connection_to(host, port, settings.client_id, Connection(settings), within_s=_WITHIN_S)
    try:
        await connection.connect()
        await first_answer(connection)
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(where, host, settings, error)
    except UnsupportedSaslMechanismError:
        return (
            f"The Kafka at {where} knows no login by {settings.sasl_mechanism}; set `sasl_mechanism` to one that its "
            "setting `sasl.enabled.mechanisms` names."
        )
    except IllegalSaslStateError:
        return f"The Kafka at {where} wants no login; set `security_protocol` to {_without_login(settings)}."
    except SaslAuthenticationFailed:
        return (
            f"The Kafka at {where} refuses the login of {who(settings)} by {settings.sasl_mechanism}; check "
            f"{_SHOWN.get(settings.sasl_mechanism, 'name, password')} and mechanism."
        )
    except NoTokenError as error:
        return str(error.args[0])
    except (OSError, KafkaError, TimeoutError, AssertionError) as error:
        return await _of_silence(settings, host, port, error)
    finally:
        # A broker takes a moment before it lets go of whom it has refused.
        await ended(connection, within_s=_CLOSES_WITHIN_S)
    return None


def _of_certificate(where: str, host: str, settings: Settings, error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return f"The certificate of {where} has expired; have it renewed (the check cannot be left out)."
    if code == _NOT_YET_VALID:
        return f"The certificate of {where} is not valid yet; check the clock of this machine and of that one."
    if code in _OTHER_NAME or "Hostname mismatch" in str(error):
        return (
            f"The certificate of {where} is not for the name {host}; name the broker as its certificate does, or, "
            "where that cannot be, set `ssl_endpoint_identification_algorithm` to none."
        )
    if code in _UNKNOWN_CA:
        known = settings.ssl_ca_location or "the system's store"
        return (
            f"The certificate of {where} is signed by nobody that {known} knows; give the file of its CA as "
            "`ssl_ca_location`."
        )
    return f"The certificate of {where} cannot be believed ({error.verify_message}); have it renewed."


async def _of_silence(settings: Settings, host: str, port: int, error: BaseException) -> str:
    """The other side broke off, or never answered: what it seems to expect instead."""
    where = f"{host}:{port}"
    speaks_tls = await _speaks_tls(host, port)
    if settings.is_tls and not speaks_tls:
        wanted = settings.security_protocol.replace("SSL", "PLAINTEXT")
        return f"What listens at {where} speaks no TLS; set `security_protocol` to {wanted}, or name its port for TLS."
    if not settings.is_tls and speaks_tls:
        wanted = settings.security_protocol.replace("PLAINTEXT", "SSL")
        login = "" if settings.sasl_mechanism else " (or to SASL_SSL with `sasl_mechanism`, if it wants a login)"
        return f"What listens at {where} speaks TLS; set `security_protocol` to {wanted}{login}."
    if isinstance(error, ssl.SSLError) or (settings.is_tls and not settings.sasl_mechanism):
        # By TLS 1.3 a broker judges a certificate after the client's handshake has ended: it only breaks off.
        is_ours = _is_about_our_certificate(error) or not isinstance(error, ssl.SSLError)
        if settings.ssl_certificate_location and is_ours:
            return (
                f"The Kafka at {where} does not take the certificate {settings.ssl_certificate_location}; give one "
                "that has not expired and is signed by a CA that the broker believes (its `ssl.truststore`)."
            )
        if _is_about_our_certificate(error) or not settings.ssl_certificate_location:
            return (
                f"The Kafka at {where} wants a certificate or a login; give a certificate that it believes as "
                "`ssl_certificate_location`, or set `security_protocol` to SASL_SSL with `sasl_mechanism`."
            )
        return f"The Kafka at {where} and we find no common TLS ({getattr(error, 'reason', None) or 'it broke off'})."
    if not settings.sasl_mechanism:
        return (
            f"The Kafka at {where} takes nobody without a login, or what listens there is no Kafka; set "
            "`security_protocol` to SASL_PLAINTEXT, with `sasl_mechanism`, name and password."
        )
    return f"What listens at {where} does not answer as a Kafka does; check the `broker` setting and the broker's log."


def _is_about_our_certificate(error: BaseException) -> bool:
    reason = str(getattr(error, "reason", "") or "").upper()
    return "CERTIFICATE" in reason


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake comes to its end there, whoever it is."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE  # nothing is sent: this only asks what is spoken there
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port, ssl=anyone), _WITHIN_S)
    except ssl.SSLError as error:
        return _is_about_our_certificate(error)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError, ssl.SSLError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), _CLOSES_WITHIN_S)
    writer.transport.abort()  # who never says goodbye is left
    return True


def _without_login(settings: Settings) -> str:
    return "SSL" if settings.is_tls else "PLAINTEXT"
