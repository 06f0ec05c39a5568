"""A real Prometheus, configured as in deploy/, at the endpoint's door: with the token it comes in, else not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.metrics.counters import Metrics
from agents.metrics.endpoint import MetricsServer
from agents.settings import Settings
from tests.observe.programs import prometheus, wait_until
from tests.observe.shortened import write_prometheus

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "http-token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def server(token_file: Path) -> Iterator[MetricsServer]:
    serving = MetricsServer(Metrics(), Settings(http_token_file=str(token_file)))
    yield serving
    serving.close()


@pytest.mark.parametrize("has_token", [True, False])
def test_prometheus_comes_in_with_the_token_alone(
    server: MetricsServer, token_file: Path, tmp_path: Path, has_token: bool
) -> None:
    config = write_prometheus(
        tmp_path,
        [f"127.0.0.1:{server.port}"],
        scrape_every="500ms",
        token_file=token_file if has_token else None,
    )
    with prometheus(config, tmp_path) as watching:
        up = 'up{job="dueclock"}'
        wait_until(lambda: bool(watching.query(up)), watching.log)
        assert [one["value"][1] for one in watching.query(up)] == ["1" if has_token else "0"]
        seen = watching.query("sla_build_info")
        assert bool(seen) is has_token
