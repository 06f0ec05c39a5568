"""`make fleet`: many workers on three brokers of one machine, through restarts, an upgrade and losses; then the proof.

`python -m tests.fleet [--workers 8 --partitions 64 --clocks 1000000 --rate 40 --due 20] [--folder build/fleet]`. Writes
results.json and the plots, and prints how late breaches were in each step. Exit status 1 if anything was lost, came
twice or does not follow from the journal; 2 if the fleet did not get as far. `--inject lost` (or `twice`) has a worker
break its promise: then the status must be 1. `--page` measures nothing: it puts the last run into the pages.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console

from schemas.policies import shipped_policies
from tests.bench.installation import NotMeasuredError, seed_into, wait_until
from tests.broker.harness import ROOT, Live
from tests.cli.command import environment
from tests.fleet.brokers import Brokers
from tests.fleet.figures import Run, table
from tests.fleet.load import AHEAD_MS, Load
from tests.fleet.page import rewrite
from tests.fleet.plots import write_plots
from tests.fleet.population import Population
from tests.fleet.proof import found_in, verdict
from tests.fleet.steps import NEWER, Fleet, sealing
from tests.fleet.watch import Watch

_LEAST_ACCOUNTS: Final = 20
"""For each partition, so that none is without."""

console = Console(highlight=False, soft_wrap=True, width=120)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    began_s = time.monotonic()
    with console.status(f"{what} …"):
        yield
    console.print(f"{time.strftime('%H:%M:%S', time.gmtime())} {what}: {time.monotonic() - began_s:.1f} s")


def play(chosen: argparse.Namespace, folder: Path) -> Run:
    """All of it; the run as it was."""
    people = Population(
        chosen.clocks,
        max(_LEAST_ACCOUNTS * chosen.partitions, chosen.clocks // 100),
        chosen.partitions,
        time.time_ns() // 1_000_000,
    )
    took_s: dict[str, float] = {}
    brokers = Brokers(folder / "brokers")
    try:
        with doing("Three brokers start"):
            brokers.start()
        began_s = time.monotonic()
        with doing(f"Topics of {chosen.partitions} partitions, three copies each, are made"):
            live = Live(
                brokers.bootstrap,
                "fleet-",
                folder,
                shipped_policies(),
                partitions=chosen.partitions,
                session_timeout_s=10.0,
                heartbeat_s=2.0,
                seal_every_s=86_400,
                snapshots=str(folder / "snapshots"),
            )
            brokers.wait_until_whole()
        took_s["topics"] = time.monotonic() - began_s
        try:
            return _with_workers(chosen, people, brokers, live, took_s)
        finally:
            live.close()
    finally:
        brokers.close()


def _with_workers(
    chosen: argparse.Namespace, people: Population, brokers: Brokers, live: Live, took_s: dict[str, float]
) -> Run:
    _seed(people, live)
    about = {"seeded bytes": brokers.data_bytes()}
    fleet = Fleet(live, brokers, workers=chosen.workers, module=_first_module(chosen.inject))
    watch = fleet.watch
    load = Load(live.settings, people, rate=chosen.rate, due=chosen.due, seed=chosen.seed)
    watch.start()
    try:
        took_s |= _prepare(fleet, chosen.idle)
        load.start()
        with doing("The first question falls due"):
            wait_until(lambda: bool(watch.visible), lambda: "a breach", within_s=AHEAD_MS / 1000 + 60)
        _steps(chosen, fleet)
        with doing("The last deadlines pass"):
            load.stop()
            _wait_for_breaches(load, watch)
    finally:
        load.stop()
        watch.stop()
    return _judged(chosen, people, live, fleet, load, Run.of(fleet.steps, watch, load.asked, took_s, about))


def _wait_for_breaches(load: Load, watch: Watch) -> None:
    """Wait for the breach of each question that the brokers have; what does not come is left to the verdict."""
    deadline = time.monotonic() + AHEAD_MS / 1000 + 60
    while time.monotonic() < deadline:
        if all(thread in watch.visible for thread, one in load.asked.items() if one.acknowledged_ms):
            return
        time.sleep(0.1)


def _first_module(inject: str) -> str:
    os.environ["FLEET_INJECT"] = inject
    return "tests.fleet.faulty" if inject else "agents"


def _seed(people: Population, live: Live) -> None:
    with doing(f"{people.clocks:,} open clocks of {people.accounts:,} accounts are seeded"):
        seed_into(live.settings, (people.seeded(partition) for partition in range(people.partitions)))


def _prepare(fleet: Fleet, idle_s: float) -> dict[str, float]:
    """Start all, let them be idle, have each partition sealed once, and start all again; seconds of the starts."""
    took_s: dict[str, float] = {}
    fleet.be(sealing())
    began_s = time.monotonic()
    with doing(f"{len(fleet.pods)} workers start among the open clocks"):
        fleet.start()
        fleet.wait_until_kept()
    took_s["start"] = time.monotonic() - began_s
    with doing("Idle"):
        fleet.be_idle(idle_s)
    with doing("Each partition is sealed, its snapshot taken"):
        fleet.seal_all()
    with doing("All workers stop"):
        fleet.stop()
    fleet.be({})
    began_s = time.monotonic()
    with doing("All workers start again"):
        fleet.start()
        fleet.wait_until_kept()
    took_s["start again"] = time.monotonic() - began_s
    return took_s


def _steps(chosen: argparse.Namespace, fleet: Fleet) -> None:
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("Steady", lambda: fleet.be_steady(chosen.steady)),
        ("Restart, one by one", fleet.restart_one_by_one),
        ("A calm", lambda: fleet.be_calm(chosen.calm)),
        ("The newer version, one by one, its logic held back", fleet.upgrade_one_by_one),
        ("The newer logic, one by one", fleet.let_go_one_by_one),
        ("A calm", lambda: fleet.be_calm(chosen.calm)),
        ("One broker of three is killed, and comes back", lambda: fleet.lose_a_broker(chosen.seed % 3)),
        ("A calm", lambda: fleet.be_calm(chosen.calm)),
        ("A worker is killed with -9", lambda: fleet.lose_a_worker(chosen.seed % len(fleet.pods))),
        ("A calm", lambda: fleet.be_calm(chosen.calm)),
    )
    for what, step in steps:
        if chosen.only == "steady" and what != "Steady":
            continue
        with doing(what):
            step()


def _judged(chosen: argparse.Namespace, people: Population, live: Live, fleet: Fleet, load: Load, run: Run) -> Run:
    """Stop everyone, and hold what there is against what was promised."""
    with doing("The last records are waited for"):
        try:
            live.wait_until_finished(load.sent + fleet.told, within_s=120)
        except AssertionError as error:
            console.print(str(error).splitlines()[0])  # the verdict says what is missing
    with doing("All workers stop"):
        fleet.stop()
    began_s = time.monotonic()
    with doing("The audit"):
        audit = _audit(live)
    took_s = {**run.took_s, "audit": time.monotonic() - began_s}
    asked = [thread for thread, one in load.asked.items() if one.acknowledged_ms]
    cores = min(psutil.cpu_count() or 1, 4)
    with doing("The journals are folded anew"):
        found = found_in(live.settings, people, acknowledged=load.acknowledged, asked=asked, audit=audit, cores=cores)
    sentences = verdict(found)
    sentences += [f"The brokers refused {len(load.refused)} records: {load.refused[0]}."] if load.refused else []
    about = {
        **run.about,
        **_about(chosen, people),
        "sent": load.sent,
        "asked": len(asked),
        "journal lines": found.lines,
    }
    about |= {"events": sum(found.outputs.values()), "ended by themselves": len(fleet.ended)}
    return run._replace(took_s=took_s, verdict=sentences, about=about)


def _about(chosen: argparse.Namespace, people: Population) -> dict[str, Any]:
    """The machine and the sizes."""
    counts = [people.clocks_of(partition) for partition in range(people.partitions)]
    gib = psutil.virtual_memory().total / 2**30
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores, {gib:.0f} GiB",
        "load average": psutil.getloadavg()[2],
        **{name: getattr(chosen, name) for name in ("workers", "partitions", "rate", "due")},
        "clocks": people.clocks,
        "accounts": people.accounts,
        "largest": max(counts),
        "smallest": min(counts),
    }


def _audit(live: Live) -> str:
    """What `dueclock audit` finds, by the newer version; empty where it is clean."""
    command = [sys.executable, "-m", NEWER, "--settings", str(live.auditor_file), "audit", "--json"]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    (live.folder / "audit.json").write_text(ended.stdout)
    if ended.returncode not in (0, 1):
        return ended.stderr.strip().rpartition("\n")[2]
    report: dict[str, Any] = json.loads(ended.stdout)
    return "" if report["clean"] else f"there are differences, see {live.folder / 'audit.json'}."


def main() -> int:
    """Play it, judge it, draw it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--clocks", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=40, help="mixed notifications a second")
    parser.add_argument("--due", type=int, default=20, help="clocks that fall due each second")
    parser.add_argument("--idle", type=float, default=15.0, help="seconds in which nothing is told")
    parser.add_argument("--steady", type=float, default=60.0, help="seconds of the first steady step")
    parser.add_argument("--calm", type=float, default=15.0, help="seconds between the others")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["steady"], help="leave everything out that befalls the fleet")
    parser.add_argument("--inject", choices=["lost", "twice"], default="")
    parser.add_argument("--folder", type=Path, default=Path("build/fleet"))
    parser.add_argument("--page", action="store_true", help="put the last run into the pages")
    chosen = parser.parse_args()
    folder: Path = chosen.folder.resolve()
    if chosen.page:
        rewrite(ROOT / "docs" / "explanation", ROOT / "deploy" / "SIZING.md", folder)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, workers end with it
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are taken away on purpose
    own = folder / time.strftime("%H%M%S")
    own.mkdir(parents=True)
    try:
        run = play(chosen, own)
    except (NotMeasuredError, AssertionError) as error:
        console.print(f"[bold]The fleet did not get as far:[/] {error}", markup=True)
        return 2
    (folder / "results.json").write_text(json.dumps(run.document(), indent=1))
    write_plots(run, folder)
    console.print(table(run))
    for sentence in run.verdict or ["Nothing lost, nothing twice, and all of it follows from the journal."]:
        console.print(sentence)
    console.print(f"Plots and results.json: {folder}")
    if not run.verdict:
        shutil.rmtree(own)
    return 1 if run.verdict else 0


if __name__ == "__main__":
    sys.exit(main())
