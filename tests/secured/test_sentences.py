"""Each wrong setting of a secured Kafka is its own sentence, on the real broker; none of them shows a secret."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agents.errors import UserError
from agents.kafka import diagnosis
from agents.kafka.topics import check_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from deploy.embedded_certificates import Authority, Pem
from tests.secured.conftest import Secured
from tests.secured.table import note

pytestmark = pytest.mark.broker

PLAIN = {
    "security_protocol": "PLAINTEXT",
    "ssl_ca_location": "",
    "sasl_mechanism": "",
    "sasl_username": "",
    "sasl_password_file": "",
}


def sentence(settings: Settings, wrong: str) -> str:
    """What a person is told whose setting is wrong in this way."""
    with pytest.raises(UserError) as caught:
        check_topics(settings)
    assert caught.value.exit_code != 0
    if settings.sasl_password_file and Path(settings.sasl_password_file).exists():
        assert Path(settings.sasl_password_file).read_text().strip() not in caught.value.sentence
    note("sentence", wrong=wrong, sentence=caught.value.sentence)
    return caught.value.sentence


def test_the_right_settings_say_nothing(secured: Secured) -> None:
    assert check_topics(secured.of("auditor")) == []


def test_nobody_listens(secured: Secured) -> None:
    assert sentence(secured.of("auditor", broker="127.0.0.1:1"), "the broker is down").startswith(
        "No Kafka answers at 127.0.0.1:1;"
    )


def test_no_such_machine(secured: Secured) -> None:
    assert sentence(secured.of("auditor", broker="nowhere.invalid:9092"), "no such machine") == (
        "There is no machine called nowhere.invalid; correct the `broker` setting, or the name service."
    )


def test_plain_against_tls(secured: Secured) -> None:
    assert sentence(secured.of("auditor", **PLAIN), "plain against TLS") == (
        f"What listens at {secured.broker} speaks TLS; set `security_protocol` to SSL (or to SASL_SSL with "
        "`sasl_mechanism`, if it wants a login)."
    )
    with_login = secured.of("auditor", security_protocol="SASL_PLAINTEXT", ssl_ca_location="")
    assert (
        sentence(with_login, "a login, but plain, against TLS")
        == f"What listens at {secured.broker} speaks TLS; set `security_protocol` to SASL_SSL."
    )


def test_tls_against_plain(secured: Secured, kafka: EmbeddedKafka) -> None:
    assert sentence(secured.of("auditor", broker=kafka.bootstrap), "TLS against plain") == (
        f"What listens at {kafka.bootstrap} speaks no TLS; set `security_protocol` to SASL_PLAINTEXT, or name its port "
        "for TLS."
    )


def test_a_login_where_none_is_wanted(secured: Secured, kafka: EmbeddedKafka) -> None:
    settings = secured.of("auditor", broker=kafka.bootstrap, security_protocol="SASL_PLAINTEXT", ssl_ca_location="")
    assert sentence(settings, "a login where none is wanted") == (
        f"The Kafka at {kafka.bootstrap} wants no login; set `security_protocol` to PLAINTEXT."
    )


def test_tls_without_a_login(secured: Secured) -> None:
    settings = secured.of(
        "auditor", **{**PLAIN, "security_protocol": "SSL", "ssl_ca_location": str(secured.secrets / "ca.pem")}
    )
    assert sentence(settings, "TLS without a login").startswith(
        f"The Kafka at {secured.broker} wants a certificate or a login; "
    )


def test_an_unknown_ca(secured: Secured, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Authority().certificate)
    assert sentence(secured.of("auditor", ssl_ca_location=str(other)), "another CA") == (
        f"The certificate of {secured.broker} is signed by nobody that {other} knows; give the file of its CA as "
        "`ssl_ca_location`."
    )
    none = sentence(secured.of("auditor", ssl_ca_location=""), "no CA file, and the system does not know it")
    assert "nobody that the system's store knows" in none


def test_a_wrong_login(secured: Secured, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("a wrong one\n")
    for what, changes in (("name", {"sasl_username": "nobody"}), ("password", {"sasl_password_file": str(wrong)})):
        settings = secured.of("auditor", **changes)
        assert sentence(settings, f"a wrong {what}") == (
            f"The Kafka at {secured.broker} refuses the login of the user {settings.sasl_username} by SCRAM-SHA-512; "
            "check name, password and mechanism."
        )


def test_a_mechanism_that_the_broker_does_not_know(secured: Secured) -> None:
    assert sentence(secured.of("auditor", sasl_mechanism="PLAIN"), "another mechanism").startswith(
        f"The Kafka at {secured.broker} knows no login by PLAIN; "
    )


def test_a_password_file_that_is_not_there(secured: Secured, tmp_path: Path) -> None:
    assert sentence(secured.of("auditor", sasl_password_file=str(tmp_path / "none")), "no password file").startswith(
        f"Cannot read the password file {tmp_path / 'none'} (No such file or directory);"
    )


@contextmanager
def listening_with(pem: Pem, folder: Path, *, is_silent: bool = False) -> Iterator[str]:
    """A TLS listener with this certificate. What a certificate says is judged before a broker says a word.

    It ends a connection after the handshake, or stays silent and does not answer a goodbye.
    """
    (folder / "server.pem").write_text(pem.certificate + pem.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with ExitStack() as silent:
                while True:
                    try:
                        peer, _ = server.accept()
                    except OSError:
                        return
                    with peer:
                        try:
                            spoken = context.wrap_socket(peer, server_side=True)
                        except OSError:
                            continue
                        if is_silent:
                            silent.enter_context(spoken)
                        else:
                            spoken.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.mark.parametrize(
    ("hosts", "ends_in", "said"),
    [
        (["127.0.0.1"], dt.timedelta(minutes=-1), "has expired; have it renewed"),
        (["kafka.example.com"], dt.timedelta(days=1), "is not for the name 127.0.0.1; name the broker as its"),
    ],
    ids=["expired", "another name"],
)
def test_a_certificate_that_is_not_good(
    secured: Secured, tmp_path: Path, hosts: list[str], ends_in: dt.timedelta, said: str
) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    now = dt.datetime.now(dt.UTC)
    pem = authority.issue("broker", hosts, begins=now - dt.timedelta(days=2), ends=now + ends_in)
    with listening_with(pem, tmp_path) as address:
        settings = secured.of("auditor", broker=address, ssl_ca_location=str(tmp_path / "ca.pem"))
        assert f"The certificate of {address} {said}" in sentence(
            settings, f"a certificate that {said.partition(';')[0]}"
        )


def test_who_looks_why_there_is_no_connection_leaves_none_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open behind the end of its loop, it would be found by the collector, and blamed on whoever runs by then."""
    monkeypatch.setattr(diagnosis, "_WITHIN_S", 1.0)
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    now = dt.datetime.now(dt.UTC)
    pem = authority.issue("broker", ["127.0.0.1"], begins=now - dt.timedelta(days=1), ends=now + dt.timedelta(days=1))
    with listening_with(pem, tmp_path, is_silent=True) as address, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
        found.clear()  # what others left
        settings = Settings(broker=address, security_protocol="SSL", ssl_ca_location=str(tmp_path / "ca.pem"))
        assert asyncio.run(diagnosis.why_no_connection(settings)) is not None
        gc.collect()
        assert [str(warning.message) for warning in found] == []
