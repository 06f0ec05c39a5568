"""How soon a worker works: from the start of its process until the first journal line is visible.

A notification waits in each partition. The topics exist: they are made once, not at each start.
"""

from __future__ import annotations

import time
from pathlib import Path

from schemas.decoding import journal_value
from schemas.registry import INPUT_TOPIC_OF
from tests.bench.installation import PARTITIONS, Installation, Process, Reader
from tests.bench.seeding import MARKETPLACE, question, seeded, sellers_on
from tests.bench.workload import HOUR_MS, Sent

Measured = dict[str, float]


def starts(bootstrap: str, folder: Path) -> Measured:
    """A fresh group, a restart after SIGTERM, and one after kill -9 of a static member."""
    with Installation(bootstrap, folder) as installation:
        reader = installation.reader("sla-journal")
        fresh_s, worker = _started(installation, reader, "A", instance="")
        worker.stop()
        restart_s, worker = _started(installation, reader, "B", instance="")
        worker.stop()
    with Installation(bootstrap, folder) as installation:
        reader = installation.reader("sla-journal")
        _, worker = _started(installation, reader, "A", instance="only")
        time.sleep(1.0)  # it works, and is killed at work
        worker.kill()
        after_kill_s, _ = _started(installation, reader, "B", instance="only")
    return {"start.fresh_s": fresh_s, "start.restart_s": restart_s, "start.after_kill_s": after_kill_s}


def _started(installation: Installation, reader: Reader, tag: str, *, instance: str) -> tuple[float, Process]:
    """Seconds until a line of every partition is visible: all of them work."""
    reader.take(0.5)
    before = reader.lines
    installation.send(_waiting(tag))
    worker = installation.worker(instance=instance)
    seen = reader.wait_for_lines(before + PARTITIONS, within_s=300)
    return next(one.at_s for one in seen if one.lines >= before + PARTITIONS) - worker.started_s, worker


def restarted_among(installation: Installation, clocks: int) -> float:
    """Seconds until a worker works in each partition, which has so many open clocks to recover."""
    now_ms = int(time.time() * 1000)
    installation.seed(
        seeded(
            partition,
            PARTITIONS,
            installation.policies,
            clocks=clocks,
            due_from_ms=now_ms + 23 * HOUR_MS,
            due_within_ms=HOUR_MS,
            now_ms=now_ms,
        )
        for partition in range(PARTITIONS)
    )
    reader = installation.reader("sla-journal")
    reader.wait_for_lines(PARTITIONS, within_s=60)  # the last line of each partition's past
    took_s, worker = _started(installation, reader, "G", instance="")
    worker.stop()
    return took_s


def _waiting(tag: str) -> list[Sent]:
    """A question in each partition."""
    now_ms = int(time.time() * 1000)
    sellers = [sellers_on(partition, PARTITIONS, 1, prefix="START")[0] for partition in range(PARTITIONS)]
    return [
        Sent(0, INPUT_TOPIC_OF["message.received"], f"{seller}/{MARKETPLACE}".encode(), journal_value(said))
        for seller in sellers
        for said in [question(seller, f"{tag}-{seller}", now_ms)]
    ]
