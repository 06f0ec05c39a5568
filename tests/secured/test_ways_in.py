"""A worker's whole job by each login, on a real broker; and secrets that are changed while it works.

Of the logins three are tried; with DUECLOCK_TEST_SECURED=all (`make secured`) every one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from agents.errors import UserError
from agents.kafka.topics import check_topics
from agents.settings import Settings
from agents.topic_roles import OUTPUTS
from deploy.embedded_certificates import Authority
from tests.broker.harness import seller_on, wait_until
from tests.kafka_fixtures import eventually_now
from tests.secured.table import note
from tests.secured.ways import PARTITIONS, WAYS, Ways, all_ways
from tests.secured.workers import READY_WITHIN_S, Worker, ask, read, working, write_settings

pytestmark = pytest.mark.broker

SOME = ("scram-sha-256", "certificate", "oauth by url")
IS_ALL = os.environ.get("DUECLOCK_TEST_SECURED") == "all"
TRIED = list(WAYS) if IS_ALL else SOME


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    with all_ways(tmp_path_factory.mktemp("ways")) as found:
        yield found


@pytest.fixture
def workers(ways: Ways) -> Iterator[dict[str, Worker]]:
    """A worker by each login, all of one group: so each keeps a partition at least."""
    started = {}
    try:
        for way in TRIED:
            name = way.replace(" ", "-")
            file = write_settings(ways.worker_by(way), ways.files / f"{name}.toml")
            started[way] = Worker(name, file, ways.files)
        yield started
    finally:
        for worker in started.values():
            worker.close()


def all_have_worked(ways: Ways, workers: dict[str, Worker], name: str) -> None:
    """Wait until each worker keeps a partition, ask a question in each partition, read what all have said."""

    def owned() -> dict[str, float]:
        return {way: worker.figure("sla_partitions_owned") for way, worker in workers.items()}

    def missing() -> str:
        return "\n".join(
            f"{way} keeps {count:.0f}\n{workers[way].log()}" for way, count in owned().items() if not count
        )

    eventually_now(
        lambda: all(owned().values()) and sum(owned().values()) == PARTITIONS, missing, within_s=READY_WITHIN_S
    )
    before = {way: worker.figure("sla_notifications_total") for way, worker in workers.items()}
    names = [f"{name}{partition}" for partition in range(PARTITIONS)]
    for partition, one in enumerate(names):
        ask(ways.of("producer"), seller_on(partition, PARTITIONS), one)
    wanted = [f'"T-{one}'.encode() for one in names]
    events = asyncio.run(read(ways.of("subscriber"), OUTPUTS, group=f"dueclock-subscriber-{name}", wanted=wanted))
    assert all(b"clock.opened" in event for event in events.values())

    def idle() -> list[str]:
        return [way for way, worker in workers.items() if worker.figure("sla_notifications_total") <= before[way]]

    eventually_now(lambda: not idle(), lambda: f"a notification through {idle()}")


@pytest.mark.timeout(300)
def test_a_worker_works_by_each_login_and_goes_on_when_every_secret_was_changed(
    ways: Ways, workers: dict[str, Worker]
) -> None:
    all_have_worked(ways, workers, "before")
    ways.change_all_secrets()
    ways.stop()
    ways.start()
    all_have_worked(ways, workers, "after")
    for worker in workers.values():
        worker.end()


@pytest.mark.timeout(300)
@pytest.mark.skipif(not IS_ALL, reason="it takes a minute: make secured runs it")
def test_a_worker_goes_on_when_its_tokens_have_run_out(ways: Ways) -> None:
    """The broker ends a connection whose token is too old, as MSK does; the next one shows a new token."""
    ways.oauth.lives_s = 20
    file = write_settings(ways.worker_by("oauth by url"), ways.files / "short.toml")
    with working("short-lived", file, ways.files) as worker:
        given = ways.oauth.given

        def is_renewed() -> bool:
            return ways.oauth.given >= given + 4

        wait_until(is_renewed, lambda: f"new tokens\n{worker.log()}", within_s=90)
        ask(ways.of("producer"), seller_on(0, PARTITIONS), "short")
        events = asyncio.run(read(ways.of("subscriber"), OUTPUTS, group="dueclock-subscriber-s", wanted=[b'"T-short']))
        assert b"clock.opened" in events[b'"T-short']
    ways.oauth.lives_s = 600


def told(settings: Settings, wrong: str) -> str:
    """What a person is told whose login is wrong in this way."""
    with pytest.raises(UserError) as caught:
        check_topics(settings)
    note("sentence", wrong=wrong, sentence=caught.value.sentence)
    return caught.value.sentence


def test_a_token_that_is_refused_or_cannot_be_had_has_its_sentence(ways: Ways) -> None:
    by_file, by_url = ways.worker_by("oauth by file"), ways.worker_by("oauth by url")
    broker = by_file.broker
    refused = (
        f"The Kafka at {broker} refuses the login of the owner of this token by OAUTHBEARER; check name, token and "
        "mechanism."
    )
    expired = ways.file("expired.token", ways.oauth.token("worker", lives_s=-120))
    assert told(by_file.changed(sasl_oauthbearer_token_file=str(expired)), "a token that has run out") == refused
    unsigned = ways.file("unsigned.token", ways.oauth.token("worker")[:-8] + "AAAAAAAA")
    assert told(by_file.changed(sasl_oauthbearer_token_file=str(unsigned)), "a token that nobody signed") == refused
    secret = ways.file("wrong.secret", "canary-of-a-wrong-client-secret")
    sentence = told(by_url.changed(sasl_oauthbearer_client_secret_file=str(secret)), "a wrong client secret")
    assert sentence == (
        f"{ways.oauth.base}/token gave no token (HTTP 401); check `sasl_oauthbearer_client_id`, its secret and scope."
    )
    assert "canary" not in sentence
    nowhere = told(
        by_url.changed(sasl_oauthbearer_token_endpoint_url="http://127.0.0.1:1/token"), "nobody gives tokens there"
    )
    assert nowhere.startswith("http://127.0.0.1:1/token does not answer (")
    by_command = ways.worker_by("oauth by command")
    fails = told(by_command.changed(sasl_oauthbearer_token_command="false"), "a token command that fails")
    assert fails == "The command false for a token ended with 1; run it by hand."
    absent = told(by_command.changed(sasl_oauthbearer_token_command="no-such-command"), "no such token command")
    assert absent.startswith("The command no-such-command of `sasl_oauthbearer_token_command` cannot be run (")


def test_a_certificate_that_the_broker_does_not_believe_has_its_sentence(ways: Ways) -> None:
    settings = ways.worker_by("certificate")
    pem = Authority("somebody else").issue("worker", ["localhost"])
    other = ways.file("other.pem", pem.certificate + pem.key)
    foreign = settings.changed(ssl_certificate_location=str(other))
    assert told(foreign, "a client certificate of another CA").startswith(
        f"The Kafka at {settings.broker} does not take the certificate {other}; give one that has not expired"
    )
    assert told(settings.changed(ssl_certificate_location=""), "no client certificate").startswith(
        f"The Kafka at {settings.broker} wants a certificate or a login; give a certificate that it believes"
    )


def test_a_wrong_password_has_its_sentence_by_each_mechanism(ways: Ways) -> None:
    wrong = str(ways.file("wrong.password", "canary-of-a-wrong-password"))
    for way, mechanism in (("plain", "PLAIN"), ("scram-sha-256", "SCRAM-SHA-256")):
        settings = ways.worker_by(way).changed(sasl_password_file=wrong)
        assert told(settings, f"a wrong password by {mechanism}") == (
            f"The Kafka at {settings.broker} refuses the login of the user worker by {mechanism}; check name, password "
            "and mechanism."
        )
