"""The commands that tell why and what if: `dueclock explain` and `dueclock what-if`. Parse, call, print."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.cli.options import with_settings
from agents.errors import COULD_NOT_RUN, UserError, or_could_not_run
from agents.files import read_text
from agents.memory import look_for_cycles_rarely
from agents.settings import Settings
from agents.terminal import for_people, print_document
from schemas.codec import parse_instant

_READING = "reading the journal"

if TYPE_CHECKING:
    from agents.auditing.evidence import RecordingCheck
    from agents.auditing.following import Following
    from agents.auditing.sightings import Sighting
    from agents.journal.lines import Progress
    from schemas.answers.story import Story
    from schemas.notifications import StateSealed
    from streams.explaining import ClockName


@click.command(short_help="Tell the story of one clock.")
@click.argument("clock_id", metavar="CLOCK_ID")
@with_settings("broker", "topic_prefix", "state_dir", "snapshots", "archive")
@click.option("--at", metavar="INSTANT", help="Tell also what was known at this time (journal time).")
@click.option("--journal", metavar="FILE", help="Read an exported journal instead of a cluster.")
@click.option("--snapshot", metavar="FILE", help="With --journal: the snapshot that it follows, if its head is gone.")
@click.option(
    "--evidence", metavar="DIR", help="Write a pack that can be checked without dueclock; DIR is new or empty."
)
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def explain(
    settings: Settings,
    clock_id: str,
    at: str | None,
    journal: str | None,
    snapshot: str | None,
    evidence: str | None,
    as_json: bool,
) -> int:
    """Tell what was known of a clock and when, how its due was counted, what was sent and why; change nothing.

    Exit status 0; 1: there is no such clock; 2: no clock id, or it could not run.
    """
    from agents.auditing.story import story_of
    from agents.terminal import telling

    name, at_ms = _named(clock_id), None if at is None else _instant(at)
    if evidence is not None:
        _check_evidence(evidence, journal)
    if snapshot is not None and journal is None:
        raise UserError("--snapshot goes with --journal: on a cluster the snapshots are found by themselves.", 2)
    sent, partition, checks = None, None, list["RecordingCheck"]()
    with telling(_READING, is_shown=not as_json) as tell:
        progress: Progress = lambda _, lines: tell(f"{lines:,} journal lines")  # noqa: E731 - a name for its type
        if journal is None:
            following, sent = _live(settings, name, clock_id, at_ms, progress, None if evidence is None else checks)
            partition = following.state.partition
        else:
            from agents.auditing.looking_back import follow_file
            from agents.journal.snapshots import read_snapshot

            start = None if snapshot is None else read_snapshot(Path(snapshot))
            following = asyncio.run(follow_file(journal, name, clock_id, at_ms, progress, start))
    if following.clock is None:
        raise UserError(_unknown(following))
    story = story_of(following, sent, partition=partition)
    if evidence is not None and sent is not None:
        from agents.auditing.evidence import pack_of, write_pack

        write_pack(Path(evidence), pack_of(following, story, sent, checks[0]))
    if as_json:
        print_document(story)
    else:
        _print_story(story)
    return 0


@click.command("what-if", short_help="What other policies would have changed.")
@with_settings("broker", "topic_prefix", "state_dir", "snapshots", "archive")
@click.option("--policies", "file", required=True, metavar="NEW", help="The policies to try.")
@click.option("--journal", multiple=True, metavar="FILE", help="Exported journals instead of a cluster (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="For scripts: all clocks that would have differed.")
def what_if(settings: Settings, file: str, journal: tuple[str, ...], as_json: bool) -> int:
    """Replay the journal as it was and under the policies of NEW, and say what would have differed; change nothing.

    NEW acts from the first line on; the activations in the journal are skipped. Exit status 0; 2: it could not run.
    """
    from agents.auditing.looking_back import what_if_files, what_if_live
    from agents.auditing.what_if_report import write_what_if
    from agents.cli.policies import checked_policies
    from agents.kafka.clients import run_with_broker
    from agents.terminal import telling
    from agents.zones import ANY_NAME

    policies = checked_policies(read_text(Path(file), "policy file"), zone_names=ANY_NAME)
    look_for_cycles_rarely()
    with or_could_not_run(), telling(_READING, is_shown=not as_json) as tell:
        progress: Progress = lambda place, lines: tell(f"partition {place}: {lines:,} lines")  # noqa: E731 - a name for its type
        if journal:
            tried = asyncio.run(what_if_files(journal, policies, progress))
        else:
            tried = run_with_broker(settings, lambda: what_if_live(settings, policies, progress))
    if as_json:
        print_document(tried.document())
    else:
        write_what_if(tried, for_people())
    return 0


def _live(
    settings: Settings,
    name: "ClockName",
    clock_id: str,
    at_ms: int | None,
    progress: "Progress",
    checks: "list[RecordingCheck] | None",
) -> tuple["Following", "dict[str, Sighting]"]:
    """Follow the clock on a cluster and look its events up; where `checks` is given, keep the records in it."""
    from agents.auditing.evidence import RecordingCheck
    from agents.auditing.looking_back import follow_live
    from agents.auditing.sent_events import look_up
    from agents.auditing.sightings import Wanted
    from agents.journal.lines import JournalCheck
    from agents.kafka.clients import run_with_broker

    def make_check(partition: int, partitions: int, start: "StateSealed | None") -> JournalCheck:
        if checks is None:
            return JournalCheck(partition, partitions, name.account, start)
        checks.append(RecordingCheck(partition, partitions, name, start))
        return checks[-1]

    async def followed() -> tuple["Following", "dict[str, Sighting]"]:
        following = await follow_live(settings, name, clock_id, at_ms, progress, make_check)
        wanted = [Wanted(one.event, one.at.line.number, one.digest, one.logic) for one in following.events]
        return following, await look_up(settings, following.state.partition, wanted)

    with or_could_not_run():
        return run_with_broker(settings, followed)


def _check_evidence(folder: str, journal: str | None) -> None:
    from agents.auditing.evidence import check_folder

    if journal is not None:
        raise UserError("--evidence needs a cluster: an exported journal lacks the records' keys, headers, offsets.", 2)
    check_folder(Path(folder))


def _named(clock_id: str) -> "ClockName":
    from streams.explaining import clock_name

    try:
        return clock_name(clock_id)
    except ValueError as error:
        raise UserError(f"{clock_id!r} is no clock id: {error}.", COULD_NOT_RUN) from None


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError:
        raise UserError(f"--at {text!r} is no time with an offset, such as 2026-02-03T10:15:00-08:00.", 2) from None


def _unknown(following: "Following") -> str:
    """There is no such clock: how much of its name the journal knows."""
    name = following.name
    _, _, kind, matter = name.row_id.split("/", 3)
    sentence = f"The journal has no clock {following.clock_id}:"
    if not following.is_account_known:
        return f"{sentence} nothing is known of the account {name.account}."
    if following.row is None:
        return f"{sentence} the account {name.account} is known, but nothing of its {kind} {matter}."
    clocks = ", ".join(sorted(clock.name for clock in following.row.clocks)) or "none"
    return f"{sentence} its {kind} {matter} is known, with these clocks: {clocks}."


def _print_story(story: "Story") -> None:
    from agents.auditing.story_report import story_text, write_story

    if sys.stdout.isatty():
        write_story(story, for_people())
    else:
        click.echo(story_text(story), nl=False)
