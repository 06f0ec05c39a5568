"""One run of `dueclock ingest`: map, sort out, hand on, note, and say what became of everything.

Without `--output` the sink is Kafka: now is the time of day, and what was sent before is left out. With it the sink is
a file of JSON lines, which is a function of the given files and policies alone: no clock, no note of earlier runs.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import click
from rich.console import Console

from agents.files import opened
from agents.settings import Settings
from agents.sources.cursor import Cursor
from agents.sources.harvest import Harvest, harvest
from agents.sources.passing_on import PassingOn, account_of, state_of
from agents.sources.summary import Verb, as_json, entry_of, write_explained, write_summary
from agents.terminal import for_people, print_compact, print_document, telling
from schemas.decoding import journal_value
from schemas.notifications import Notification
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped
from streams.state import State

STANDARD_OUTPUT = "-"


class Wish(NamedTuple):
    """What a person asked of a run. `output` is None for Kafka, `-` for standard output."""

    seller: str
    marketplace: str
    output: str | None
    is_dry: bool
    explains: bool
    as_json: bool
    is_strict: bool
    switches_refunds: bool = False


class Gathered(NamedTuple):
    """What the files brought; `refunds` names the source that its refunds come from, `hints` are said at the end."""

    mapped: list[Mapped]
    refunds: str = ""
    hints: Callable[[Harvest, State], Sequence[str]] = lambda *_: ()


Gather = Callable[[SourceAccount, int | None], Gathered]


def ingest(settings: Settings, wish: Wish, gather: Gather) -> int:
    """Run it; the exit status. UserError for what a person can mend."""
    state = state_of(settings)
    account = account_of(state, wish.seller, wish.marketplace)
    with telling("reading", is_shown=True) as tell:
        if wish.output is None:
            gathered, found = _to_kafka(wish, PassingOn(settings, state, account), account, gather, tell)
        else:
            gathered = gather(account, None)
            found = harvest(gathered.mapped, state, now_ms=None, cursor=Cursor())
    if wish.output is not None and not wish.is_dry:
        _write(wish.output, found.notifications)
    _say(found, wish)
    for hint in gathered.hints(found, state):
        click.echo(f"dueclock: {hint}", err=True)
    return 1 if wish.is_strict and found.unrecognised else 0


def _to_kafka(
    wish: Wish,
    passing_on: PassingOn,
    account: SourceAccount,
    gather: Gather,
    tell: Callable[[str], None],
) -> tuple[Gathered, Harvest]:
    now_ms = int(time.time() * 1000)
    gathered = gather(account, now_ms)
    found = passing_on.sort_out(gathered.mapped, now_ms, refunds=gathered.refunds, is_switched=wish.switches_refunds)
    if not wish.is_dry:
        passing_on.send(found, gathered.mapped, now_ms, tell)
    return gathered, found


def _write(output: str, notifications: Sequence[Notification]) -> None:
    lines = b"".join(journal_value(notification) + b"\n" for notification in notifications)
    if output == STANDARD_OUTPUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    else:
        with opened(output, "wb", "--output") as out:
            out.write(lines)


def _say(found: Harvest, wish: Wish) -> None:
    """To standard output, or beside it where that holds the notifications."""
    verb: Verb = "new" if wish.is_dry else "sent" if wish.output is None else "written"
    is_beside = wish.output == STANDARD_OUTPUT and not wish.is_dry
    console = Console(stderr=True, highlight=False) if is_beside else for_people()
    if wish.as_json:
        for one in found.told if wish.explains else ():
            print_compact(entry_of(one), err=is_beside)
        if is_beside:
            print_compact(as_json(found, verb), err=True)
        else:
            print_document(as_json(found, verb))
        return
    if wish.explains:
        write_explained(found.told, console)
        console.print()
    write_summary(found, verb, console)
