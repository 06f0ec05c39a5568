"""Prometheus for the demonstration, where it is installed: the rules and alerts of deploy/, scraping the one worker.

It is a guest: without it the play goes on. Its data live in the demonstration's folder and begin anew each time.
"""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from agents.demo.process import free_port

PROGRAM = "prometheus"
_READY_WITHIN_S = 15.0
_STOPS_WITHIN_S = 2.5


@contextmanager
def prometheus(folder: Path, metrics_port: int) -> Iterator[str | None]:
    """Its address while it runs; None where it is not installed, or would not start (its log says why)."""
    program = shutil.which(PROGRAM)
    if program is None:
        yield None
        return
    own = folder.resolve() / PROGRAM
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    port = free_port()
    command = [
        program,
        f"--config.file={_config(own, metrics_port)}",
        f"--storage.tsdb.path={own / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (own / "log").open("wb") as log:
        leashed = subprocess.Popen(
            [sys.executable, "-m", "agents.demo.leash", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        yield address if _is_ready(address, leashed) else None
    finally:
        if leashed.stdin is not None:
            leashed.stdin.close()
        try:
            leashed.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            leashed.kill()
            leashed.wait()


def _config(folder: Path, metrics_port: int) -> Path:
    """JSON is YAML too."""
    rules = Path(str(resources.files("deploy").joinpath("prometheus")))
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(rules / "recording.yml"), str(rules / "alerts.yml")],
        "scrape_configs": [
            {"job_name": "dueclock", "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}]},
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _is_ready(address: str, leashed: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _READY_WITHIN_S
    while leashed.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=1):  # noqa: S310 - our own address
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False
