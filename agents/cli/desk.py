"""The operator's desk: `dueclock deadletter`, `dueclock clocks`. Parse, call, print."""

import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agents.cli.options import Duration, Instant, with_settings
from agents.errors import UserError
from agents.settings import Settings
from agents.terminal import for_people, print_compact
from agents.topic_roles import LOGICAL_TOPICS
from schemas.dead_letters import ALL_REASONS

if TYPE_CHECKING:
    from agents.desk.dead_letters import Choice

Command = TypeVar("Command", bound=Callable[..., Any])

_ID = re.compile(r"\d+:\d+")


@click.group(help="Records that were no fact: look at them, send them again.", short_help="Records that were no fact.")
def deadletter() -> None:
    """The group has no options of its own."""


def choosing(command: Command) -> Command:
    """Flags that say which letters are meant."""
    for option in (
        click.option("--since", type=Instant(), metavar="INSTANT", help="Only what was written from then on."),
        click.option("--topic", multiple=True, metavar="NAME", help="Only what came on this topic (repeatable)."),
        click.option(
            "--reason", type=click.Choice(ALL_REASONS), multiple=True, metavar="REASON", help="Only this (repeatable)."
        ),
    ):
        command = option(command)
    return command


def chosen(settings: Settings, ids: tuple[str, ...], flags: dict[str, Any]) -> "Choice":
    """The `Choice` of these ids and flags."""
    from agents.desk.dead_letters import Choice

    for one in ids:
        if not _ID.fullmatch(one):
            raise UserError(f"{one!r} names no dead letter; a name is PARTITION:OFFSET, such as 0:17.", 2)
    topics = {settings.topic(name) if name in LOGICAL_TOPICS else name for name in flags["topic"]}
    return Choice(frozenset(ids), frozenset(flags["reason"]), frozenset(topics), flags["since"] or 0)


@deadletter.command("list")
@with_settings("broker", "topic_prefix", "state_dir")
@choosing
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object a line.")
def list_letters(settings: Settings, limit: int, as_json: bool, **flags: Any) -> None:
    """List the dead letters, the newest last."""
    from agents.desk import dead_letter_report
    from agents.desk.dead_letters import read_letters
    from agents.kafka.clients import run_with_broker

    choice = chosen(settings, (), flags)
    letters = [one for one in run_with_broker(settings, lambda: read_letters(settings)) if choice.includes(one)]
    if as_json:
        for one in letters[-limit:]:
            print_compact(dead_letter_report.listed(one))
    else:
        dead_letter_report.write_list(letters[-limit:], len(letters), for_people())


@deadletter.command()
@with_settings("broker", "topic_prefix", "state_dir")
@click.argument("ids", nargs=-1, required=True, metavar="PARTITION:OFFSET...")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object a line, key and value in base64.")
def show(settings: Settings, ids: tuple[str, ...], as_json: bool) -> None:
    """Show dead letters whole: why, where from, and the bytes."""
    from agents.desk import dead_letter_report
    from agents.desk.dead_letters import read_letters
    from agents.kafka.clients import run_with_broker

    chosen(settings, ids, {"topic": (), "reason": (), "since": None})
    letters = {one.id: one for one in run_with_broker(settings, lambda: read_letters(settings))}
    console = for_people()
    for number, one in enumerate(ids):
        if one not in letters:
            raise UserError(f"There is no dead letter {one}; `dueclock deadletter list` shows those there are.", 2)
        if as_json:
            print_compact(dead_letter_report.whole(letters[one]))
        else:
            console.print("", end="\n" if number else "")
            dead_letter_report.write_letter(letters[one], console)


@deadletter.command()
@with_settings("broker", "topic_prefix", "state_dir")
@click.argument("ids", nargs=-1, metavar="[PARTITION:OFFSET...]")
@choosing
@click.option("--again", is_flag=True, help="Send also what has been sent again before.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object for each letter sent, one a line.")
def redrive(
    settings: Settings, ids: tuple[str, ...], again: bool, dry_run: bool, yes: bool, as_json: bool, **flags: Any
) -> None:
    """Send dead letters to the topic that they came from again, each once.

    Name them, or choose them by --reason, --topic, --since. What is still wrong with a record makes it a dead letter
    anew: mend that first. What has been sent again before is left out, unless --again.
    """
    from agents.desk.dead_letter_report import listed
    from agents.desk.dead_letters import redrive
    from agents.kafka.clients import run_with_broker

    choice = chosen(settings, ids, flags)
    if not ids and not any(flags.values()):
        raise UserError("Say which: name them, or choose by --reason, --topic or --since.", 2)
    if not dry_run and not yes:
        planned = run_with_broker(settings, lambda: redrive(settings, choice, is_again=again, is_dry=True))
        if planned.sent and not _is_agreed(len(planned.sent)):
            return
    done = run_with_broker(settings, lambda: redrive(settings, choice, is_again=again, is_dry=dry_run))
    for letter in done.sent if as_json else ():
        print_compact(listed(letter))
    if not as_json:
        verb = "would be sent" if dry_run else "sent"
        before = f"; {len(done.left_out):,} left out, sent again before (--again sends them)" if done.left_out else ""
        cut = f"; {len(done.not_whole):,} left out that are not kept whole" if done.not_whole else ""
        click.echo(f"{len(done.sent):,} dead letters {verb} to where they came from{before}{cut}.")


def _is_agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise UserError("Nobody is here to be asked; --yes sends without asking, --dry-run sends nothing.", 2)
    return click.confirm(f"Send {count:,} dead letters to where they came from?")


@click.command(short_help="What is due next.")
@with_settings("broker", "topic_prefix", "state_dir")
@click.option("--seller", default="", metavar="ID", help="Only this seller's.")
@click.option("--marketplace", default="", metavar="ID", help="Only of this marketplace.")
@click.option("--rule", default="", metavar="NAME", help="Only of this rule.")
@click.option("--due-within", type=Duration(), metavar="DURATION", help="Only what is due by then, e.g. 4h.")
@click.option("--breached", is_flag=True, help="Only what stands breached, lapsed or with its reminder due.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="N", help="The next N.")
@click.option("--worker", metavar="URL", help="Ask this worker for its own partitions, e.g. http://127.0.0.1:9464.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object a line.")
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
def clocks(
    settings: Settings, due_within: int | None, worker: str | None, as_json: bool, as_csv: bool, **flags: Any
) -> None:
    """List the clocks that are open or stand breached, what is due first first.

    From the state rows on the broker, or with --worker from a worker that was started with a `clocks_token` or an
    `http_token_file` (the same settings say the token here).
    """
    from agents.desk import clocks_report
    from agents.desk.clocks import from_changelog, from_worker
    from agents.kafka.clients import run_with_broker
    from agents.metrics.door import read_token
    from agents.terminal import spinning
    from streams.due_list import Asked

    if as_json and as_csv:
        raise UserError("Take --json or --csv, not both.", 2)
    now_ms = int(time.time() * 1000)
    asked = Asked(
        seller=flags["seller"],
        marketplace=flags["marketplace"],
        rule=flags["rule"],
        due_until_ms=None if due_within is None else now_ms + due_within,
        only_breached=flags["breached"],
        limit=flags["limit"],
    )
    if worker is not None:
        token = settings.clocks_token or (read_token(settings.http_token_file) if settings.http_token_file else "")
        found = from_worker(worker, token, asked)
    else:
        with spinning(is_shown=not as_json) as tell:
            found = run_with_broker(settings, lambda: from_changelog(settings, asked, tell))
    if as_json:
        for one in found:
            print_compact(clocks_report.listed(one))
    elif as_csv:
        clocks_report.write_csv(found, sys.stdout)
    else:
        clocks_report.write_table(found, for_people(), now_ms, asked.limit)
