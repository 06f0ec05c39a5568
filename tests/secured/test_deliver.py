"""`dueclock deliver` with the rights of a subscriber and no more, on a Kafka with TLS and logins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.kafka.embedded import settings_file
from tests.broker.harness import wait_until
from tests.cli.command import environment
from tests.delivering.deliverer import table
from tests.secured.conftest import Secured

pytestmark = pytest.mark.broker


@pytest.mark.timeout(180)
def test_a_subscriber_delivers(secured: Secured, tmp_path: Path) -> None:
    settings = tmp_path / "dueclock.toml"
    own = settings_file(secured.settings, "subscriber").read_text()
    settings.write_text(own + table("nobody", "webhook", url="http://127.0.0.1:9/"))
    log = tmp_path / "deliver.log"
    with log.open("w") as out:
        deliverer = subprocess.Popen(
            [sys.executable, "-m", "agents", "--settings", str(settings), "deliver"],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(
            lambda: "has partitions [0, 1" in log.read_text() or deliverer.poll() is not None,
            log.read_text,
            within_s=60,
        )
        deliverer.terminate()
        assert deliverer.wait(20) == 0, log.read_text()
    finally:
        if deliverer.poll() is None:
            deliverer.kill()
            deliverer.wait(10)
