"""A secret that is changed under load, on a Kafka with TLS and logins: at the broker and in its file, all cut off."""

from __future__ import annotations

import os
import secrets
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
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live
from tests.chaos.proof import POLICIES, Load, drawn, goes_on, note, only_in_chaos, prove
from tests.chaos.proxy import Proxy

pytestmark = [
    pytest.mark.broker,
    pytest.mark.chaos,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.environ.get("DUECLOCK_TEST_KAFKA") != "secured", reason="there is no secret to change"),
]
TIMES = 2


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
def test_a_password_that_is_changed_under_load_costs_nothing(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("rotation"))
    recovery_s: list[float] = []
    former = tmp_path / "former.password"
    former.touch(0o600)
    with Proxy(live.as_worker.broker) as proxy, load.running(pace_s=0.3):
        live.worker(module="tests.chaos.faulty", variables=proxy.variables)
        goes_on(live, 1)
        for _ in range(TIMES):
            former.write_text(change_password(live))
            had = live.finished()
            proxy.cut()  # no connection of before is left
            proxy.mend()
            recovery_s.append(goes_on(live, 2))
            assert live.finished() > had
        for worker in live.running():
            assert worker.terminate(within_s=30) == 0, worker.log()[-2000:]
    with pytest.raises(UserError, match="refuses the login of the user worker"):
        check_topics(live.as_worker.changed(sasl_password_file=str(former)))
    live.worker("straight")
    note("the worker's password changed, all cut off", injected=TIMES, recovery_s=recovery_s, repeats=prove(live, load))
