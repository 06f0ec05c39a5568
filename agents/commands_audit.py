"""The commands for auditors and operators that look back at what was decided: parse, call, print."""

import asyncio
import gc
import sys
from time import monotonic

import click
import orjson

from agents.errors import UserError
from agents.options import with_settings
from agents.settings import Settings

COULD_NOT_RUN = 2
GC_THRESHOLD = 100_000


def write_json(said: object) -> None:
    """One JSON document on standard output, keys in order."""
    click.echo(orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode())


@click.command(short_help="Prove that what was sent follows from the journal.")
@with_settings("broker", "topic_prefix", "state_dir")
@click.option("--partition", type=click.IntRange(min=0), multiple=True, metavar="N", help="This one only (repeatable).")
@click.option("--journal", metavar="FILE", help="Audit an exported journal instead of a cluster.")
@click.option(
    "--events", multiple=True, metavar="FILE", help="With --journal: the events sent, one a line (repeatable)."
)
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def audit(
    settings: Settings, partition: tuple[int, ...], journal: str | None, events: tuple[str, ...], as_json: bool
) -> int:
    """Fold each journal partition again and compare with the output topics, byte for byte; change nothing.

    Exit status 0: no difference; 1: there are differences; 2: the audit could not run.
    """
    from rich.console import Console

    from agents import audit_report
    from agents.audit import audit_files, audit_live
    from agents.broker import run_with_broker

    if (journal is None) != (not events):
        raise UserError("--journal and --events go together: a journal is held against the events it brought.", 2)
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])  # records hold no cycles: looking for them costs time
    started_s = monotonic()
    try:
        with audit_report.progress(is_shown=not as_json) as watch:
            if journal is None:
                audited = run_with_broker(settings, lambda: audit_live(settings, partition, watch))
            else:
                audited = asyncio.run(audit_files(journal, events, watch))
    except UserError as error:
        raise UserError(error.sentence, COULD_NOT_RUN) from None
    if as_json:
        write_json(audit_report.as_json(audited))
    else:
        console = Console(file=sys.stdout, highlight=False)
        audit_report.write_report(audited, console, seconds=monotonic() - started_s)
    return 0 if audit_report.is_clean(audited) else 1
