"""The commands for auditors and operators that look back at what was decided: parse, call, print."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from agents.cli.options import with_settings
from agents.errors import UserError, or_could_not_run
from agents.memory import look_for_cycles_rarely
from agents.settings import Settings
from agents.terminal import for_people, print_compact, print_document

if TYPE_CHECKING:
    from agents.journal.records import Snapshot


@click.group(short_help="Prove that what was sent follows from the journal.", invoke_without_command=True)
@with_settings("broker", "topic_prefix", "state_dir", "snapshots", "archive")
@click.option("--partition", type=click.IntRange(min=0), multiple=True, metavar="N", help="This one only (repeatable).")
@click.option("--snapshot", multiple=True, metavar="FILE", help="Begin at this snapshot of a partition (repeatable).")
@click.option("--journal", metavar="FILE", help="Audit an exported journal instead of a cluster.")
@click.option(
    "--events", multiple=True, metavar="FILE", help="With --journal: the events sent, one a line (repeatable)."
)
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def audit(
    settings: Settings,
    partition: tuple[int, ...],
    snapshot: tuple[str, ...],
    journal: str | None,
    events: tuple[str, ...],
    as_json: bool,
) -> int | None:
    """Fold each journal partition again and compare with the output topics, byte for byte; change nothing.

    Exit status 0: no difference; 1: there are differences; 2: the audit could not run.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return None

    from agents.auditing import audit_report
    from agents.auditing.audit import audit_files, audit_live
    from agents.kafka.clients import run_with_broker

    if (journal is None) != (not events):
        raise UserError("--journal and --events go together: a journal is held against the events it brought.", 2)
    starts = _starts(snapshot, partition)
    if journal is not None and len(starts) > 1:
        raise UserError("An exported journal is of one partition: give one --snapshot.", 2)
    look_for_cycles_rarely()
    started_s = monotonic()
    with or_could_not_run(), audit_report.progress(is_shown=not as_json) as told:
        if journal is None:
            audited = run_with_broker(settings, lambda: audit_live(settings, partition, told, starts))
        else:
            audited = asyncio.run(audit_files(journal, events, told, next(iter(starts.values()), None)))
    for sentence in (sentence for one in audited for sentence in one.refused):
        click.echo(
            f"A snapshot was not begun at, what follows it was folded from an earlier state: {sentence}", err=True
        )
    if as_json:
        print_document(audit_report.as_json(audited))
    else:
        console = for_people()
        audit_report.write_report(audited, console, seconds=monotonic() - started_s)
    return 0 if audit_report.is_clean(audited) else 1


def _starts(files: tuple[str, ...], wanted: tuple[int, ...]) -> dict[int, "Snapshot"]:
    """The snapshots by their partitions."""
    from agents.journal.snapshots import read_snapshot

    starts: dict[int, Snapshot] = {}
    for file in files:
        one = read_snapshot(Path(file))
        if one.partition in starts:
            raise UserError(f"There are two snapshots of partition {one.partition}; give one.", 2)
        if wanted and one.partition not in wanted:
            raise UserError(f"{file} is a snapshot of partition {one.partition}, which --partition leaves out.", 2)
        starts[one.partition] = one
    return starts


@audit.command(short_help="The seals in the journal, to be noted elsewhere.")
@with_settings("broker", "topic_prefix", "state_dir")
@click.option("--partition", type=click.IntRange(min=0), multiple=True, metavar="N", help="This one only (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="For scripts and for notes: one object a line.")
@click.option("--check", metavar="FILE", help="Hold the seals noted in FILE against the journal.")
def seals(settings: Settings, partition: tuple[int, ...], as_json: bool, check: str | None) -> int:
    """List the seals of each journal partition.

    With --check: exit status 0 if the journal still has every seal that was noted, 1 if not, 2 if that cannot be told.
    """
    from agents.journal.seals import missing_seals, noted_seals, read_seals
    from agents.journal.seals_report import write_seals
    from agents.kafka.clients import run_with_broker

    noted = [] if check is None else noted_seals(check)
    with or_could_not_run():
        found = run_with_broker(settings, lambda: read_seals(settings, partition))
    if check is not None:
        sentences = missing_seals(noted, found, partition)
        for sentence in sentences:
            click.echo(sentence)
        if not sentences:
            click.echo(f"The journal has every one of the {len(noted)} seals that were noted.")
        return 1 if sentences else 0
    if as_json:
        for one in found:
            print_compact(one)
    else:
        write_seals(found, for_people())
    return 0
