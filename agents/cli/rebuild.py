"""`dueclock rebuild`: parse, call, print."""

from collections.abc import Sequence
from typing import Any

import click

from agents.cli.options import with_settings
from agents.errors import or_could_not_run
from agents.settings import Settings
from agents.terminal import for_people, write_json


@click.command(short_help="Make the state of a partition again from its journal.")
@with_settings("broker", "group", "topic_prefix", "state_dir")
@click.option("--partition", type=click.IntRange(min=0), multiple=True, metavar="N", help="This one only (repeatable).")
@click.option("--force", "is_forced", is_flag=True, help="Also while workers of the group run: it fences them.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would be done; fence and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def rebuild(settings: Settings, partition: tuple[int, ...], is_forced: bool, is_dry: bool, as_json: bool) -> int:
    """Fold the journal from its first line, send what is missing on the output topics, and write the state rows.

    For a changelog that is gone, or a transaction that a broker lost in part. Stop the workers first. It may be
    interrupted and run again. Exit status 0: done, or nothing to do; 1: differences remain; 2: it could not run.
    """
    from agents.auditing.audit_report import progress
    from agents.desk.rebuild import rebuild as rebuilding
    from agents.kafka.clients import run_with_broker

    with or_could_not_run(), progress(is_shown=not as_json, doing="rebuilding") as watch:
        rebuilt = run_with_broker(
            settings, lambda: rebuilding(settings, partition, is_forced=is_forced, is_dry=is_dry, watch=watch)
        )
    if as_json:
        write_json(said_as_json(rebuilt, is_dry=is_dry))
    else:
        _write_report(rebuilt, for_people(), is_dry=is_dry)
    return 1 if any(one.left for one in rebuilt) else 0


def said_as_json(rebuilt: Sequence[Any], *, is_dry: bool) -> dict[str, Any]:
    """For scripts."""
    return {
        "dry_run": is_dry,
        "clean": not any(one.left for one in rebuilt),
        "changed": any(one.is_changed for one in rebuilt),
        "partitions": [
            {
                "partition": one.partition,
                "lines": one.lines,
                "sent": one.sent,
                "rows": one.rows,
                "tombstones": one.tombstones,
                "ended": one.ended,
                "left": len(one.left),
            }
            for one in rebuilt
        ],
        "findings": [finding._asdict() for one in rebuilt for finding in one.left],
    }


def _write_report(rebuilt: Sequence[Any], console: Any, *, is_dry: bool, most: int = 20) -> None:
    from rich.table import Table
    from rich.text import Text

    from agents.auditing.audit_report import said

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("partition", "lines", "events sent", "rows written", "rows taken away", "differences left"):
        table.add_column(heading, justify="right")
    for one in rebuilt:
        numbers = (one.lines, sum(one.sent.values()), one.rows, one.tombstones, len(one.left))
        table.add_row(str(one.partition), *(f"{number:,}" for number in numbers))
    console.print(table)
    for one in rebuilt:
        if one.ended:
            console.print(f"partition {one.partition}: a transaction that a broker never ended was ended.")
        for finding in one.left[:most]:
            console.print(Text(said(finding)), soft_wrap=True)
        if len(one.left) > most:
            console.print(Text(f"partition {one.partition}: {len(one.left) - most:,} more; --json tells more."))
    if any(one.left for one in rebuilt):
        verdict = "Differences remain that the journal cannot mend."
    elif not any(one.is_changed for one in rebuilt):
        verdict = "There was nothing to do: rows and outputs are those of the journal."
    elif is_dry:
        verdict = "Nothing was written: this is what would be."
    else:
        verdict = "Rows and outputs are those of the journal again; the workers can be started."
    console.print(Text(verdict), soft_wrap=True)
