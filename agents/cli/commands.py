"""The commands of `dueclock`, one function each: parse, call, print.

What needs Faust, Kafka or a terminal is imported inside the command that needs it: `dueclock replay` starts at once and
works without a broker.
"""

import sys
from pathlib import Path
from typing import Any

import click

from agents.build import build_name
from agents.cli.audit import audit
from agents.cli.board import board
from agents.cli.deliver import deliver
from agents.cli.desk import clocks, deadletter
from agents.cli.explain import explain, what_if
from agents.cli.gateway import gateway, notify
from agents.cli.grow import grow
from agents.cli.ingest import ingest
from agents.cli.kafka import journal, kafka, topics
from agents.cli.options import Duration, Instant, with_settings
from agents.cli.rebuild import rebuild
from agents.cli.report import report
from agents.cli.security import acls, doctor
from agents.cli.source import source
from agents.errors import ReaderGoneError, UserError
from agents.files import read_text
from agents.settings import Settings
from agents.terminal import print_document

DESCRIPTION = "Watch the after-sales duties of marketplace sellers: notifications in, SLA events out."


class _Commands(click.Group):
    """click answers a closed pipe with status 1 of its own; ours is another."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGoneError from None


@click.group(
    cls=_Commands, help=DESCRIPTION, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="dueclock", message=f"dueclock %(version)s ({build_name()})")
@click.option(
    "--settings", "settings_path", metavar="FILE", help="Settings file (default: dueclock.toml, if it exists)."
)
def dueclock(settings_path: str | None) -> None:
    """Do nothing here: the settings file is read by the command that needs settings (`agents/cli/options.py`)."""
    del settings_path


dueclock.add_command(topics)
dueclock.add_command(journal)
dueclock.add_command(kafka)
dueclock.add_command(audit)
dueclock.add_command(rebuild)
dueclock.add_command(grow)
dueclock.add_command(explain)
dueclock.add_command(what_if)
dueclock.add_command(deadletter)
dueclock.add_command(clocks)
dueclock.add_command(board)
dueclock.add_command(acls)
dueclock.add_command(doctor)
dueclock.add_command(ingest)
dueclock.add_command(source)
dueclock.add_command(gateway)
dueclock.add_command(notify)
dueclock.add_command(deliver)
dueclock.add_command(report)


@dueclock.command(short_help="What follows from a file of notifications.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--policies", metavar="FILE", help="Policies that act before line 1 (default: those that are shipped).")
@click.option("--until", type=Instant(), metavar="INSTANT", help="A last tick of the time.")
@click.option("--dead-letters", metavar="FILE", help="Where bad lines go (default: standard error).")
def replay(files: tuple[str, ...], policies: str | None, until: int | None, dead_letters: str | None) -> None:
    """Read notifications from FILE (- is standard input), one JSON object a line; write the SLA events.

    Several files are partitions, each of its own accounts: they are replayed side by side, and what each says is
    written in the order in which they are named.
    """
    from agents.auditing.replay_file import replay_file, replay_files

    text = None if policies is None else read_text(Path(policies), "policy file")
    if len(files) == 1:
        replay_file(files[0], policies=text, until_ms=until, dead_letters=dead_letters)
    else:
        replay_files(files, policies=text, until_ms=until, dead_letters=dead_letters)


@dueclock.command(short_help="Keep the clocks of some partitions.")
@with_settings(
    "broker",
    "group",
    "group_instance_id",
    "client_id",
    "topic_prefix",
    "policies_path",
    "zoneinfo_dir",
    "logic",
    "session_timeout_s",
    "heartbeat_s",
    "standby_replicas",
    "dead_letter_ratio",
    "skew_allowance_ms",
    "transaction_timeout_ms",
    "fetch_max_wait_ms",
    "seal_every_s",
    "rows_folder",
    "snapshots",
    "metrics_host",
    "metrics_port",
    "log_level",
    "log_format",
)
@click.option(
    "--skip-line",
    "skip_lines",
    multiple=True,
    metavar="TOPIC/PARTITION/OFFSET[-LAST]",
    help="Set this input record aside as a dead letter, unread, or all to LAST (repeatable): for what ends the worker.",
)
@click.option(
    "--read-anew",
    "read_anew",
    multiple=True,
    metavar="TOPIC",
    help="Read this input topic, which was made anew, from its start (repeatable).",
)
@click.option(
    "--activate-again",
    "is_again",
    is_flag=True,
    help="Put this worker's policies and time-zone data in force also where they were before and gave way.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Share its partitions among so many processes, one for each core.",
)
@click.option("--stop-with-stdin", is_flag=True, hidden=True, help="Stop when standard input closes.")
def worker(
    settings: Settings,
    skip_lines: tuple[str, ...],
    read_anew: tuple[str, ...],
    is_again: bool,
    processes: int,
    stop_with_stdin: bool,
) -> int:
    """Run one worker: keep the clocks of its share of the partitions until it is stopped."""
    from agents.cli.policies import checked_policies
    from agents.demo.process import stop_when_stdin_closes
    from agents.kafka.skipped import skipped_records
    from agents.worker.belonging import inputs_named
    from agents.worker.many import run_workers
    from agents.worker.run import run_worker
    from agents.zones import zone_names

    skipped = skipped_records(settings, skip_lines)
    if stop_with_stdin:
        stop_when_stdin_closes()
    policies = checked_policies(settings.read_policies(), zone_names=zone_names(settings.zoneinfo_dir))
    if processes > 1:
        return run_workers(settings, processes, sys.argv[1:])
    return run_worker(settings, policies, skipped, anew=inputs_named(settings, read_anew), is_again=is_again)


@dueclock.command(short_help="Play a seller's days in seconds.")
@with_settings("state_dir")
@click.option("--broker", metavar="HOST:PORT", help="Play on this Kafka (default: an embedded one).")
@click.option(
    "--for", "for_ms", type=Duration(), metavar="DURATION", help="End by itself, e.g. 60s (default: until Ctrl-C)."
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="Another seed, another play.")
@click.option("--plain", is_flag=True, help="Plain lines even on a terminal.")
@click.option("--secured", "is_secured", is_flag=True, help="Play on an embedded Kafka with TLS, logins and rights.")
@click.option("--picture", metavar="FILE", help="At the end, write the board to this file, as SVG.")
def demo(
    settings: Settings,
    broker: str | None,
    for_ms: int | None,
    seed: int,
    plain: bool,
    is_secured: bool,
    picture: str | None,
) -> int:
    """Play a seller's days in seconds on an embedded Kafka (or on --broker) and show what comes out."""
    from agents.demo.stage import run_demo

    if is_secured and broker is not None:
        raise UserError("--secured plays on an embedded Kafka: leave out --broker.", 2)
    return run_demo(
        settings, broker=broker, for_ms=for_ms, seed=seed, is_plain=plain, picture=picture, is_secured=is_secured
    )


@dueclock.group(help="Policy files.")
def policies() -> None:
    """The group has no options of its own."""


@policies.command("check")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def check_policies(file: str, as_json: bool) -> None:
    """Load a policy file and say what is in it; exit status 2 if it does not load."""
    from agents.cli.policies import checked_policies, summary_of, write_summary

    found = checked_policies(read_text(Path(file), "policy file"))
    if as_json:
        print_document(summary_of(found))
    else:
        write_summary(found, sys.stdout)


@policies.command("show")
@click.option("--canary", is_flag=True, help="With the canary's tables behind them.")
def show_policies(canary: bool) -> None:
    """Write the policies that are shipped, to copy and change."""
    from schemas.policies import shipped_policies

    click.echo(shipped_policies(canary=canary).encode(), nl=False)


@dueclock.command(short_help="Ask a question a minute whose clock must breach.")
@with_settings("broker", "client_id", "topic_prefix", "state_dir", "log_level", "log_format")
@click.option(
    "--every", "every_ms", type=Duration(), default="60s", show_default=True, metavar="DURATION", help="6s or longer."
)
@click.option("--for", "for_ms", type=Duration(), metavar="DURATION", help="End by itself (default: until Ctrl-C).")
def canary(settings: Settings, every_ms: int, for_ms: int | None) -> None:
    """Ask each partition's synthetic account a question, over and over, on the real topics.

    The workers need the canary's policies (setting `canary`). Its clock breaches two seconds after the question; the
    alert DueclockCanarySilent says when that breach does not come.
    """
    from agents.desk.canary import LEAST_EVERY_S, run_canary
    from agents.logs import set_up_logging

    if every_ms < LEAST_EVERY_S * 1000:
        raise UserError("--every must be 6s or longer: each question has to fall due before the next.", 2)
    set_up_logging(settings.log_level, settings.log_format)
    run_canary(settings, every_ms / 1000, None if for_ms is None else for_ms / 1000)
