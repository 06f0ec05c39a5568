"""After a crash: let the controller give up the dead broker at once, so that a new one need not wait for it.

A broker that died without a word keeps its session in the controller for `broker.session.timeout.ms`, 30 s of "another
broker is registered with that broker id". A shorter timeout would make every stall a risk for transactions in flight
(embedded_folder.py), so only the controller runs for a moment, with a session of 0.3 s: it fences the dead broker, as
it would have done after 30 s. Nothing but the controller runs meanwhile: no client, no transaction coordinator.
"""

from __future__ import annotations

import re
import time

from deploy.embedded_folder import LOOK_S, BrokerFolder, Ports
from deploy.embedded_java import BRIEF_OPTIONS, java_command
from deploy.embedded_jvm import Jvm

_FILE = "fencing.properties"
_TIMEOUT_S = 20.0
# A broker that died while it started was fenced still: then nothing is said.
_SILENCE_S = 1.5


def fence_dead_broker(folder: BrokerFolder, ports: Ports, lock: int) -> None:
    """Do it, or leave it: without it the broker starts all the same, 30 s later."""
    log_file = folder.path / "fencing.log"
    log_file.unlink(missing_ok=True)
    instead = {
        "process.roles": "controller",
        "listeners": f"CONTROLLER://127.0.0.1:{ports.controller}",
        "broker.session.timeout.ms": "300",
        "broker.heartbeat.interval.ms": "100",
    }
    folder.write_settings(_FILE, ports, {}, instead=instead)
    controller = Jvm.begin(
        folder, java_command(folder, BRIEF_OPTIONS, ["kafka.Kafka", _FILE], log_file=log_file), lock, is_bound=True
    )
    try:
        deadline = time.monotonic() + _TIMEOUT_S
        while not controller.has_ended and time.monotonic() < deadline:
            time.sleep(LOOK_S)
            log = log_file.read_text("utf-8", "replace") if log_file.exists() else ""
            if re.search(r"Fencing broker \d+ at epoch", log):
                return
            if "Becoming the active controller" in log:
                deadline = min(deadline, time.monotonic() + _SILENCE_S)
    finally:
        controller.end()
