"""A secret that is changed under load, on a Kafka with TLS and logins: at the broker and in its file, all cut off."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported there without saying so
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from agents.errors import UserError
from agents.kafka.topics import check_topics
from deploy.embedded import EmbeddedKafka
from tests.broker.harness import Live
from tests.chaos.proof import POLICIES, Load, drawn, goes_on, note, only_in_chaos, prove

pytestmark = [
    pytest.mark.broker,
    pytest.mark.chaos,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.environ.get("DUECLOCK_TEST_KAFKA") != "secured", reason="there is no secret to change"),
]
TIMES = 2


@pytest.fixture
def own_live(own_kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> Iterator[Live]:
    """An installation on a broker of its own: the worker's password is nobody else's."""
    live = Live(own_kafka.bootstrap, kafka_prefix, tmp_path, POLICIES)
    yield live
    live.close()


def change_password(live: Live) -> str:
    """A new one for the worker, at the broker and in the file; the one before."""
    password, file = secrets.token_urlsafe(24), Path(live.as_worker.sasl_password_file)
    before = file.read_text()
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    change = UserScramCredentialUpsertion(live.as_worker.sasl_username, credential, password.encode())
    admin = AdminClient({"bootstrap.servers": live.bootstrap})
    for done in admin.alter_user_scram_credentials([change]).values():
        done.result(timeout=30)
    file.write_text(password + "\n")
    return before


@only_in_chaos
def test_a_password_that_is_changed_under_load_costs_nothing(
    own_kafka: EmbeddedKafka, own_live: Live, tmp_path: Path
) -> None:
    live = own_live
    load = Load(live, drawn("rotation"))
    recovery_s: list[float] = []
    former = tmp_path / "former.password"
    former.touch(0o600)
    live.worker("first")
    live.worker("second")
    with load.running(pace_s=0.3):
        goes_on(live, 1)
        for _ in range(TIMES):
            former.write_text(change_password(live))
            started_s = time.monotonic()
            own_kafka.kill()  # no connection of before is left
            own_kafka.start()
            goes_on(live, 2)
            recovery_s.append(time.monotonic() - started_s)
    with pytest.raises(UserError, match="refuses the login of the user worker"):
        check_topics(live.as_worker.changed(sasl_password_file=str(former)))
    note("the worker's password changed, all cut off", injected=TIMES, recovery_s=recovery_s, repeats=prove(live, load))
