"""The demonstration from curtain to curtain: Kafka, topics, a worker, the play, the board, the summary.

Everything that is started ends with us, however we end: the worker and the embedded Kafka hang on pipes of ours, and a
Kafka that ran before goes on. The topics are the demonstration's own (`demo-...`); on the embedded Kafka they are made
anew each time, so that each play begins with an empty journal.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from agents.demo.board import Board
from agents.demo.generator import demo_policies
from agents.demo.hearing import hearing
from agents.demo.in_browser import board_in_browser
from agents.demo.performance import Performance
from agents.demo.picture_file import HEIGHT, WIDTH, write_picture
from agents.demo.process import BoundCommand, free_port
from agents.demo.view import figures, reasons, summary
from agents.demo.watching import prometheus
from agents.errors import UserError
from agents.files import opened
from agents.kafka.embedded import (
    embedded_failures,
    give_rights,
    kafka_folder,
    own_folder,
    running_broker,
    secured_folder,
    settings_file,
    settings_of,
    start_secured,
)
from agents.kafka.topics import create_topics, delete_topics
from agents.settings import PREFIX, Settings
from deploy import embedded
from deploy.embedded_secured import SUPER_USER
from deploy.private import make_private, private_files

TOPIC_PREFIX = "demo-"
PARTITIONS = 2
# Together less than the five seconds in which Ctrl-C has to end it all.
_WORKER_STOPS_WITHIN_S = 2.5
_KAFKA_STOPS_WITHIN_S = 2.0

Say = Callable[[str], None]


def run_demo(
    settings: Settings,
    *,
    broker: str | None,
    for_ms: int | None,
    seed: int,
    is_plain: bool,
    picture: str | None,
    is_secured: bool = False,
) -> int:
    """Play until the time is over or Ctrl-C; exit status 1 if a kind of event that had to show did not."""
    console = Console()

    def say(words: str) -> None:
        console.print(words, highlight=False, soft_wrap=True)

    folder = own_folder(settings, "demo")
    with ExitStack() as stack:
        file = None if picture is None else stack.enter_context(opened(picture, "wb", "--picture"))
        stack.enter_context(private_files())
        kafka = _secured_kafka if is_secured else _kafka
        address = broker or stack.enter_context(kafka(settings, say))
        own = _settings_of_the_play(settings, address, folder)
        cast = _cast(settings, own) if is_secured else Cast(own, own, own, own, own)
        if broker is None:
            delete_topics(cast.owner)
        create_topics(cast.administrator)
        own = cast.worker
        say("Starting a worker")
        worker = stack.enter_context(_worker(own, folder))
        # Guests, without whom the play goes on: each is entered here, and `_places` says where it is to be seen.
        watcher = stack.enter_context(prometheus(folder, own.metrics_port))
        heard = stack.enter_context(hearing(settings_of(own, "subscriber") if is_secured else own, folder))
        in_browser = stack.enter_context(board_in_browser(settings_file_of(cast.auditor, folder, "board"), folder))
        say(_places(own, watcher, in_browser))
        performance = Performance(
            own,
            cast.producer,
            cast.auditor,
            worker,
            console,
            seed=seed,
            is_plain=is_plain or not console.is_terminal,
        )
        performance.where = _where(own, watcher, in_browser)
        missing = performance.run(for_ms)
        if file is not None:
            write_picture(file, performance.board, performance.frame(WIDTH, HEIGHT))
        _say_summary(console, performance.board, missing if for_ms is not None else [])
        say(heard.sentence())
        say("Stopping")
    say("\nTo try next:")
    for command in _commands_to_try(
        settings, own, folder, is_kafka_stopped=broker is None and not running_broker(settings)
    ):
        say(f"  {command}")
    return 1 if missing and for_ms is not None else 0


@contextmanager
def _kafka(settings: Settings, say: Say) -> Iterator[str]:
    """An embedded Kafka for as long as the play lasts; one that runs already is used and left running."""
    if (found := running_broker(settings)) is not None:
        say(f"Playing on the Kafka that runs at {found}")
        yield found
        return
    say("Starting Kafka")
    with embedded_failures():
        started = embedded.start(kafka_folder(settings), report=say, detached=False)
    try:
        yield started.bootstrap or ""
    finally:
        with embedded_failures():
            embedded.stop(kafka_folder(settings), timeout_s=_KAFKA_STOPS_WITHIN_S)


class Cast(NamedTuple):
    """Who does what in the play; on the plain Kafka all are one."""

    worker: Settings
    producer: Settings
    auditor: Settings
    administrator: Settings
    owner: Settings
    """May delete the topics of the play before, which no role may."""


def _cast(settings: Settings, own: Settings) -> Cast:
    """The users of the secured Kafka, each with the rights of its role to the play's own topics."""
    give_rights(settings, settings, own)
    return Cast(*(settings_of(own, user) for user in ("worker", "producer", "auditor", "administrator", SUPER_USER)))


@contextmanager
def _secured_kafka(settings: Settings, say: Say) -> Iterator[str]:
    """The secured one, which ends with the play."""
    with embedded_failures():
        if embedded.status(secured_folder(settings)).is_answering:
            raise UserError("The secured Kafka runs already; stop it with `dueclock kafka stop`, then play.")
    say("Starting a Kafka with TLS, logins and rights")
    started = start_secured(settings, report=say, detached=False)
    try:
        yield started.bootstrap or ""
    finally:
        with embedded_failures():
            embedded.stop(secured_folder(settings), timeout_s=_KAFKA_STOPS_WITHIN_S)


def _settings_of_the_play(settings: Settings, broker: str, folder: Path) -> Settings:
    """Names of its own for everything, and the policies whose hours last half a second."""
    make_private(folder)
    policies = folder / "policies.toml"
    policies.write_text(demo_policies(), encoding="utf-8", newline="")
    return Settings(
        broker=broker,
        topic_prefix=TOPIC_PREFIX,
        group="dueclock-demo",
        policies_path=str(policies.resolve()),
        partitions=PARTITIONS,
        metrics_port=free_port(),
        seal_every_s=15,
        log_level="warning",
        state_dir=settings.state_dir,
    )


@contextmanager
def _worker(own: Settings, folder: Path) -> Iterator[BoundCommand]:
    """A worker that sees these settings only, none of the person's own."""
    file = settings_file_of(own, folder, "settings")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    worker = BoundCommand(["--settings", str(file), "worker"], folder / "worker.log", environ)
    try:
        yield worker
    finally:
        worker.stop(timeout_s=_WORKER_STOPS_WITHIN_S)


def settings_file_of(own: Settings, folder: Path, name: str) -> Path:
    """The settings that a process of the play is started with, as a file of this name."""
    names = ("broker", "topic_prefix", "group", "policies_path", "metrics_port", "log_level", "seal_every_s")
    login = ("security_protocol", "ssl_ca_location", "sasl_mechanism", "sasl_username", "sasl_password_file")
    file = (folder / f"{name}.toml").resolve()
    lines = [f"{name} = {json.dumps(getattr(own, name))}\n" for name in (*names, *login)]
    file.write_text("".join(lines), encoding="utf-8")
    return file


def _places(own: Settings, watcher: str | None, in_browser: str | None) -> str:
    """Where a person can look besides the board on the terminal."""
    dashboards = Path(str(resources.files("deploy").joinpath("grafana", "dashboards")))
    return "\n".join(
        [
            f"The board in a browser: {in_browser}" if in_browser else "The board in a browser did not start",
            f"Metrics: http://127.0.0.1:{own.metrics_port}/metrics",
            f"Prometheus, with rules and alerts: {watcher}"
            if watcher
            else "Prometheus is not installed here (on Debian: apt install prometheus); with it, it would run too",
            f"Dashboards for Grafana: {_near(dashboards)} (deploy/compose.yaml brings up all of it)",
        ]
    )


def _near(path: Path) -> Path:
    """The path as seen from here, if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _where(own: Settings, watcher: str | None, in_browser: str | None) -> str:
    """The same in a few words, for the head of the board."""
    words = [in_browser or "", f"Kafka {own.broker}", f"Prometheus {watcher}" if watcher else ""]
    return "  ".join(filter(None, words))


def _say_summary(console: Console, board: Board, missing: list[tuple[str, str]]) -> None:
    console.print()
    console.print(summary(board, console.width))
    for line in (figures(board, console.width), *reasons(board, console.width)):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    for of, kind in missing:
        console.print(f"Expected and not seen: {kind} of {of}", style="bold red", highlight=False, soft_wrap=True)


def _commands_to_try(settings: Settings, own: Settings, folder: Path, *, is_kafka_stopped: bool) -> list[str]:
    """Three commands that work when typed, in this order."""
    us = _own_name()
    journal = folder / "journal.jsonl"
    audit = f"{us} audit --topic-prefix {TOPIC_PREFIX}"
    where = f" --state-dir {settings.state_dir}" if settings.state_dir != Settings().state_dir else ""
    export = f"{us} journal export --topic-prefix {TOPIC_PREFIX} --output {journal}"
    if own.sasl_mechanism:
        auditor = f"{us} --settings {settings_file(settings, 'auditor')}"
        arguments = [
            f"audit --topic-prefix {TOPIC_PREFIX}",
            f"journal export --topic-prefix {TOPIC_PREFIX} --output {journal}",
        ]
        return [f"{us} kafka start --secured{where}", *(f"{auditor} {words}" for words in arguments)]
    if is_kafka_stopped:
        return [f"{us} kafka start{where}", f"{audit}{where}", f"{export}{where}"]
    return [f"{audit} --broker {own.broker}", f"{export} --broker {own.broker}", f"{us} replay {journal}"]


def _own_name() -> str:
    """How to call us again from here."""
    if (on_path := shutil.which("dueclock")) and Path(on_path).resolve() == Path(sys.argv[0]).resolve():
        return "dueclock"
    return sys.argv[0] if Path(sys.argv[0]).name == "dueclock" else f"{sys.executable} -m agents"
