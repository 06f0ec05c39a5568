"""Prometheus and Alertmanager as real processes on this machine: random ports, localhost only, gone with the test.

They come from Debian's packages (`prometheus`, `prometheus-alertmanager`). Where they are missing the test is skipped
with one line; in CI it fails, since there `.ci/run` installs them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from agents.demo.process import free_port

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager"
GRAFANA = ROOT / "deploy" / "grafana"

_PACKAGES = {
    ("openssl",): "openssl",
    ("prometheus",): "prometheus",
    ("promtool",): "prometheus",
    ("prometheus-alertmanager", "alertmanager"): "prometheus-alertmanager",
    ("amtool",): "prometheus-alertmanager",
}


def program(*names: str) -> str:
    """The path of a program that has one of these names, or no test."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"{names[0]} is not installed (on Debian: apt install {_PACKAGES[names]})"
    if os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("DUECLOCK_TEST_OBSERVE") == "required":
        pytest.fail(missing)
    pytest.skip(missing)


def run(*command: str, cwd: Path) -> str:
    """Run a program to its end; its words. It must succeed."""
    ran = subprocess.run(
        command, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False, timeout=55
    )
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def wait_until(holds: Callable[[], Any], missing: Callable[[], str], *, within_s: float = 20.0) -> None:
    """Wait until the condition holds; fail with what was missing when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"after {within_s} s still missing: {missing()}"
        time.sleep(0.05)


class Server:
    """A program that answers on a port of localhost."""

    def __init__(self, command: list[str], port: int, log_file: Path, *, ready: str = "/-/ready") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=log_file.parent
            )
        wait_until(lambda: self._is_ready(ready), lambda: f"{command[0]} ready\n{self.log()}", within_s=30)

    def _is_ready(self, path: str) -> bool:
        assert self._process.poll() is None, self.log()
        try:
            return requests.get(self.url + path, timeout=2).ok
        except requests.RequestException:
            return False

    def log(self) -> str:
        """The end of what it said."""
        return self._log_file.read_text(errors="replace")[-3000:]

    def close(self) -> None:
        """It is gone."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


class Prometheus(Server):
    """A Prometheus, and what tests ask it."""

    def get(self, path: str, **params: str | float) -> Any:
        """The `data` of an answer of its interface; it must be a success."""
        said = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=10).json()
        assert said["status"] == "success", f"{params}: {said.get('error')}"
        return said["data"]

    def query(self, expression: str, at_s: float | None = None) -> list[dict[str, Any]]:
        """The samples of an instant query, now or at a time."""
        when = {} if at_s is None else {"time": at_s}
        data = self.get("query", query=expression, **when)
        result: list[dict[str, Any]] = data["result"]
        return result if data["resultType"] != "scalar" else [{"metric": {}, "value": result}]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts that are pending or fire."""
        found: list[dict[str, Any]] = self.get("alerts")["alerts"]
        return found


@contextmanager
def prometheus(config_file: Path, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with this configuration, its data in the folder."""
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={config_file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.lookback-delta=15s",
        "--log.level=warn",
    ]
    server = Prometheus(command, port, folder / "prometheus.log")
    try:
        yield server
    finally:
        server.close()


@contextmanager
def alertmanager(config_file: Path, folder: Path) -> Iterator[Server]:
    """Run Alertmanager with this configuration, alone (no cluster)."""
    port = free_port()
    command = [
        program("prometheus-alertmanager", "alertmanager"),
        f"--config.file={config_file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=info",
    ]
    server = Server(command, port, folder / "alertmanager.log")
    try:
        yield server
    finally:
        server.close()
