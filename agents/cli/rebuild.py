"""`dueclock rebuild`: parse, call, print."""

import click

from agents.cli.options import with_settings
from agents.errors import or_could_not_run
from agents.settings import Settings
from agents.terminal import for_people, print_document


@click.command(short_help="Make the state of a partition again from its journal.")
@with_settings("broker", "group", "topic_prefix", "state_dir", "snapshots", "archive")
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
    from agents.desk import rebuild_report
    from agents.desk.rebuild import rebuild as rebuilding
    from agents.kafka.clients import run_with_broker

    with or_could_not_run(), progress(is_shown=not as_json, doing="rebuilding") as told:
        rebuilt = run_with_broker(
            settings, lambda: rebuilding(settings, partition, is_forced=is_forced, is_dry=is_dry, progress=told)
        )
    if as_json:
        print_document(rebuild_report.as_json(rebuilt, is_dry=is_dry))
    else:
        rebuild_report.write_report(rebuilt, for_people(), is_dry=is_dry)
    return 1 if any(one.left for one in rebuilt) else 0
