"""`python -m tests.bench.standing_by [--clocks N] [--static]`: how soon another takes over from a killed owner.

One partition with very many open clocks, one after the other due, and two workers: the one that keeps it is killed
(SIGKILL) while breaches go out. Measured without and with a warm copy on the other: the seconds until the next breach
is seen, in all and from the moment at which the group has given it the partition; the rest is the session, which must
end first. `--static`: with names that stay, as pods have; the killed one does not come back.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from deploy.embedded import EmbeddedKafka
from tests.bench.installation import Installation, NotMeasuredError, Process, Reader, wait_until
from tests.bench.seeding import seeded
from tests.bench.workload import HOUR_MS

WARM: Final = "a warm copy of it stands by"
SETTLES_S: Final = 600.0
LEAD_MS: Final = 30_000
MIB: Final = 2**20


def taken_over(bootstrap: str, folder: Path, *, clocks: int, replicas: int, is_static: bool) -> dict[str, float]:
    """One killing, and what it took."""
    with Installation(bootstrap, folder, partitions=1, standby_replicas=replicas) as installation:
        now_ms = int(time.time() * 1000)
        installation.seed(
            [
                seeded(
                    0,
                    1,
                    installation.policies,
                    clocks=clocks,
                    due_from_ms=now_ms + LEAD_MS,
                    due_within_ms=HOUR_MS,
                    now_ms=now_ms,
                )
            ]
        )
        owner = installation.worker(instance="a" if is_static else "")
        owner.wait_until_recovered(within_s=SETTLES_S)
        other = installation.worker(instance="b" if is_static else "")
        other.wait_for_log("recovered: partitions none", within_s=SETTLES_S)
        empty_bytes = other.resident_bytes()
        if replicas:
            other.wait_for_log(WARM, within_s=SETTLES_S)
        copied_bytes = other.resident_bytes() - empty_bytes
        breaches = installation.reader("sla-breach")
        _next_breach(breaches, owner)
        cpu_s, idle_s = other.cpu_s(), time.monotonic()
        for _ in range(20):
            breaches.take(0.5)
        share = (other.cpu_s() - cpu_s) / (time.monotonic() - idle_s)
        while breaches.take(0):
            pass
        owner.kill()
        killed_s = time.monotonic()
        _drain(breaches, killed_s)
        wait_until(lambda: "assigned: partitions 0" in other.log(), lambda: "the partition for the other", within_s=120)
        given_s = time.monotonic()
        _next_breach(breaches, other)
        seen_s = time.monotonic()
        (took,) = re.findall(r"recovered: partitions 0 \(\d+ rows in ([\d.]+) s\)", other.log())
        if replicas and "taken over with its warm copy" not in other.log():
            raise NotMeasuredError(f"the copy was not used: {other.log()[-500:]}")
        return {
            "in all, s": seen_s - killed_s,
            "after it was given the partition, s": seen_s - given_s,
            "of this, recovery, s": float(took),
            "memory of the copy, MiB": copied_bytes / MIB if replicas else 0.0,
            "share of a core that following takes": share,
        }


def _drain(breaches: Reader, killed_s: float) -> None:
    """What the owner had written before it died: nobody writes for a session's time after it."""
    while time.monotonic() - killed_s < 2.0:
        breaches.take(0.1)


def _next_breach(breaches: Reader, worker: Process) -> None:
    """Wait until one more breach is seen."""
    before = breaches.events

    def has_come() -> bool:
        breaches.take(0.005)
        return breaches.events > before

    wait_until(has_come, lambda: f"a breach: {worker.log()[-300:]}", within_s=SETTLES_S)


@click.command()
@click.option("--clocks", default=1_000_000, show_default=True, help="Open clocks of the partition.")
@click.option("--static", "is_static", is_flag=True, help="Workers with `group_instance_id`.")
@click.option("--only", type=click.Choice(["off", "on"]), default=None, help="Measure this alone.")
def main(clocks: int, is_static: bool, only: str | None) -> None:
    """Measure without and with a warm copy, and print both."""
    console = Console(width=140, highlight=False)
    with tempfile.TemporaryDirectory(prefix="dueclock-standby-") as folder, EmbeddedKafka() as kafka:
        for replicas in [0, 1] if only is None else [int(only == "on")]:
            found = taken_over(kafka.bootstrap, Path(folder), clocks=clocks, replicas=replicas, is_static=is_static)
            said = ", ".join(f"{name} {value:,.2f}" for name, value in found.items())
            console.print(f"standby_replicas {replicas}, {clocks:,} clocks: {said}", soft_wrap=True)


if __name__ == "__main__":
    main()
