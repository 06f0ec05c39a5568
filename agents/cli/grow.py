"""`dueclock grow`: parse, call, print."""

import click

from agents.cli.options import chosen_settings, with_settings
from agents.errors import UserError, or_could_not_run
from agents.settings import Settings
from agents.terminal import telling


@click.command(short_help="Go on with more partitions, another prefix or another cluster.")
@with_settings("broker", "group", "topic_prefix", "state_dir", "snapshots")
@click.option("--partitions", type=click.IntRange(1, 1024), metavar="N", help="Partitions of the next generation.")
@click.option("--to-prefix", metavar="PREFIX", help="Prefix of the next generation's topics.")
@click.option("--to", "to_file", metavar="FILE", help="Or a settings file of the next generation: another cluster too.")
@click.option("--back", "is_back", is_flag=True, help="Let the workers of these topics keep their partitions again.")
@click.option(
    "--skip-line",
    "skip_lines",
    multiple=True,
    metavar="TOPIC/PARTITION/OFFSET[-LAST]",
    help="Set this unread input record aside as a dead letter, or all to LAST (repeatable): for what ends the command.",
)
def grow(
    settings: Settings,
    partitions: int | None,
    to_prefix: str | None,
    to_file: str | None,
    is_back: bool,
    skip_lines: tuple[str, ...],
) -> None:
    """Deal the accounts of these topics to a next generation of topics, with their clocks, counters and numbers.

    Stop the workers first. The topics are made where they are missing. It may be interrupted at any point and run
    again; the old topics stay for audits. Then start workers, producers and subscribers on the new topics.
    """
    from agents.desk.growing import go_back
    from agents.desk.growing import grow as growing
    from agents.kafka.clients import run_with_broker
    from agents.kafka.skipped import skipped_records
    from agents.kafka.topics import create_topics

    if is_back:
        with or_could_not_run():
            marked = run_with_broker(settings, lambda: go_back(settings))
        click.echo(f"{marked} partitions may be kept again by workers of these topics; delete those of the next one.")
        return
    if (to_file is None) == (partitions is None or to_prefix is None):
        raise UserError("Say where to: --partitions with --to-prefix, or --to with a settings file.", 2)
    if to_file is None:
        following = settings.changed(partitions=partitions, topic_prefix=to_prefix, topics={})
    else:
        following = chosen_settings({}, to_file)
    skipped = skipped_records(settings, skip_lines)
    create_topics(following)
    with or_could_not_run(), telling("growing", is_shown=True) as tell:
        grown = run_with_broker(settings, lambda: growing(settings, following, tell, skipped))
    click.echo(
        f"{sum(grown.rows):,} rows of {grown.old_partitions} partitions ({grown.lines:,} journal lines) are in "
        f"{len(grown.rows)} partitions now; {grown.unread.sent_on:,} unread records were sent on."
    )
    if grown.unread.set_aside:
        click.echo(
            f"{grown.unread.set_aside:,} could not be: they are dead letters of the old generation "
            "(`dueclock deadletter list` with its settings)."
        )
    click.echo(
        f"Start the workers with the settings of the next generation (prefix {following.topic_prefix!r}), and "
        "let producers and subscribers use its topics. `dueclock grow --back` takes it back until those workers run."
    )
