"""The endpoint of a worker's metrics: that it is there at once, and what its paths answer."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from agents.errors import UserError
from agents.metrics.counters import Metrics
from agents.metrics.endpoint import MetricsServer


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricsServer]:
    monkeypatch.setattr(socket, "getfqdn", lambda name="": pytest.fail(f"the resolver was asked who {name!r} is"))
    serving = MetricsServer(metrics, "127.0.0.1", 0)
    yield serving
    serving.close()


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_it_serves_without_asking_the_resolver_for_its_own_name(server: MetricsServer) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert "sla_build_info{" in text


def test_it_is_alive_from_the_start_and_ready_when_the_worker_says_so(server: MetricsServer, metrics: Metrics) -> None:
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "503 Service Unavailable\n")
    metrics.is_ready = lambda: True
    assert get(server, "/readyz") == (200, "ok\n")


def test_there_is_no_page_of_clocks_where_none_was_set(server: MetricsServer) -> None:
    assert get(server, "/clocks") == (404, "404 Not Found\n")


def test_a_taken_port_is_one_sentence(server: MetricsServer, metrics: Metrics) -> None:
    with pytest.raises(UserError, match=f"Cannot serve metrics on 127.0.0.1:{server.port} .*--metrics-port"):
        MetricsServer(metrics, "127.0.0.1", server.port)
