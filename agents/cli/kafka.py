"""The commands that look after a Kafka: `dueclock kafka`, `dueclock topics`, `dueclock journal`."""

import sys
from typing import TYPE_CHECKING

import click

from agents.cli.options import with_settings
from agents.errors import UserError, or_could_not_run
from agents.files import opened
from agents.settings import Settings
from agents.terminal import print_document, telling

if TYPE_CHECKING:
    from agents.journal.lines import Progress


@click.group(
    help="The embedded Kafka: one node on 127.0.0.1, its data in the state folder.", short_help="The embedded Kafka."
)
def kafka() -> None:
    """The group has no options of its own."""


@kafka.command()
@with_settings("state_dir")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Listen here (default: as last time, else any)."
)
@click.option("--secured", "is_secured", is_flag=True, help="The one with TLS, logins and rights.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def start(settings: Settings, port: int | None, is_secured: bool, as_json: bool) -> None:
    """Start it; it goes on until `dueclock kafka stop`."""
    from agents.kafka.embedded import embedded_failures, kafka_folder, settings_file, start_secured
    from deploy import embedded

    if is_secured:
        secured = start_secured(settings, port=port, report=lambda words: click.echo(words, err=True))
        _say_status(secured, as_json=as_json)
        click.echo(
            f"Each role has its settings file, e.g. dueclock --settings {settings_file(settings, 'administrator')} "
            "topics create",
            err=True,
        )
        return
    with embedded_failures():
        found = embedded.start(kafka_folder(settings), port=port, report=lambda words: click.echo(words, err=True))
    _say_status(found, as_json=as_json)


@kafka.command()
@with_settings("state_dir")
def stop(settings: Settings) -> None:
    """Stop it, the secured one too; its data stay."""
    from agents.kafka.embedded import embedded_failures, kafka_folder, secured_folder
    from deploy import embedded

    folders = [folder for folder in (kafka_folder(settings), secured_folder(settings)) if folder.is_dir()]
    with embedded_failures():
        was_running = [folder for folder in folders if embedded.stop(folder)]
    click.echo("Kafka has stopped." if was_running else "Kafka was not running.")


@kafka.command()
@with_settings("state_dir")
@click.option("--secured", "is_secured", is_flag=True, help="Ask for the secured one.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def status(settings: Settings, is_secured: bool, as_json: bool) -> int:
    """Say whether it runs, and where; exit status 1 if it does not."""
    from agents.kafka.embedded import embedded_failures, kafka_folder, secured_folder
    from deploy import embedded

    with embedded_failures():
        found = embedded.status(secured_folder(settings) if is_secured else kafka_folder(settings))
    _say_status(found, as_json=as_json, is_secured=is_secured)
    return 0 if found.is_answering else 1


def _say_status(found: object, *, as_json: bool, is_secured: bool = False) -> None:
    from deploy.embedded import KafkaStatus
    from schemas.answers.operations import EmbeddedKafka

    assert isinstance(found, KafkaStatus)  # imported here only, so that other commands start without it
    if as_json:
        answer = EmbeddedKafka(
            bootstrap=found.bootstrap,
            folder=str(found.folder),
            is_answering=found.is_answering,
            is_running=found.is_running,
            log_file=str(found.log_file),
            pid=found.pid,
        )
        print_document(answer)
    elif found.is_answering:
        click.echo(f"Kafka runs at {found.bootstrap} (process {found.pid}, log {found.log_file}).")
    elif found.is_running:
        click.echo(f"Kafka is starting or does not answer (process {found.pid}, log {found.log_file}).")
    else:
        click.echo(f"Kafka is not running; `dueclock kafka start{' --secured' if is_secured else ''}` starts it.")


@click.group(help="The topics on the broker.")
def topics() -> None:
    """The group has no options of its own."""


@topics.command()
@with_settings("broker", "topic_prefix", "partitions", "replication", "state_dir", "snapshots")
def create(settings: Settings) -> None:
    """Create the topics that are missing; refuse to go on where one that exists is wrong."""
    from agents.kafka.topics import create_topics

    created = create_topics(settings)
    click.echo(f"Created {', '.join(created)}." if created else "All topics are there and as they should be.")


@topics.command()
@with_settings("broker", "topic_prefix", "state_dir", "snapshots")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def check(settings: Settings, as_json: bool) -> int:
    """Say each difference between the topics and what dueclock needs; exit status 1 if there is one."""
    from agents.kafka.topics import check_topics
    from agents.worker.belonging import told_by_rows
    from schemas.answers.operations import TopicDifferences

    differences = check_topics(settings) or told_by_rows(settings)
    if as_json:
        print_document(TopicDifferences(differences))
    else:
        click.echo("\n".join(differences) or "All topics are there and as they should be.")
    return 1 if differences else 0


@topics.command()
@with_settings("topic_prefix", "partitions", "replication", "snapshots")
@click.option("--cluster", default="kafka", show_default=True, metavar="NAME", help="Name of the `Kafka` resource.")
def strimzi(settings: Settings, cluster: str) -> None:
    """Print the topics as manifests for Strimzi's topic operator, instead of `topics create`; nothing is changed."""
    from agents.kafka.strimzi import topics_text

    click.echo(topics_text(settings, cluster))


@click.group(help="The journal: all that was ever decided on, in order.", short_help="What was decided on, in order.")
def journal() -> None:
    """The group has no options of its own."""


@journal.command()
@with_settings("broker", "topic_prefix", "state_dir", "snapshots", "archive")
@click.option("--partition", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Which one.")
@click.option("--output", metavar="FILE", help="Write here (default: standard output).")
def export(settings: Settings, partition: int, output: str | None) -> None:
    """Write one partition's journal as a file for `dueclock replay`; what is archived of it is read from there."""
    from agents.journal.export import export_journal

    if output is None:
        exported = export_journal(settings, partition, sys.stdout.buffer)
    else:
        with opened(output, "wb", "--output") as out:
            exported = export_journal(settings, partition, out)
        click.echo(f"{exported.lines:,} journal lines of partition {partition} are in {output}.", err=True)
    if exported.first_line > 1 or exported.snapshot is not None:
        click.echo(f"The journal begins at line {exported.first_line:,}: {_cut(exported.snapshot, output)}", err=True)


def _cut(snapshot: bytes | None, output: str | None) -> str:
    """What an export says whose head is gone; the snapshot that it follows is put beside it."""
    if snapshot is None:
        return (
            "retention has taken the lines before it, so a replay differs from what was sent until the clocks of that "
            "time have ended."
        )
    if output is None:
        return "the lines before it are gone; with --output the snapshot that it follows is put beside it."
    beside = f"{output}.snapshot"
    with opened(beside, "wb", "--output") as out:
        out.write(snapshot)
    return f"the lines before it are gone, and the snapshot that it follows is {beside} (give it with --snapshot)."


@journal.command(short_help="Put what is sealed where retention does not reach.")
@with_settings("broker", "topic_prefix", "state_dir", "snapshots", "archive")
@click.option("--partition", type=click.IntRange(min=0), multiple=True, metavar="N", help="This one only (repeatable).")
def archive(settings: Settings, partition: tuple[int, ...]) -> None:
    """Put the sealed lines of each journal partition into the place that `archive` names, else `snapshots`.

    It goes on where it was. Audit, explain, what-if, rebuild and export read them from there when retention has taken
    them from the topic.
    """
    from agents.journal.archive import archive as archiving
    from agents.journal.places import archive_store
    from agents.kafka.clients import run_with_broker

    store = archive_store(settings)
    if store is None:
        why = " (a topic is none: retention would take it too)" if settings.has_snapshot_topic else ""
        raise UserError(f"There is no place for an archive{why}: name a folder or s3://bucket/prefix by `archive`.", 2)
    with or_could_not_run(), telling("archiving", is_shown=True) as tell:
        progress: Progress = lambda place, lines: tell(f"partition {place}: {lines:,} lines")  # noqa: E731 - a name for its type
        done = run_with_broker(settings, lambda: archiving(settings, store, partition, progress))
    for one in done:
        waiting = f"; {one.unsealed:,} lines wait for the next seal" if one.unsealed else ""
        click.echo(f"partition {one.partition}: {one.lines:,} lines more, archived to line {one.last_line:,}{waiting}")
