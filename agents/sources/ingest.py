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

from agents.errors import UserError
from agents.files import opened
from agents.settings import Settings
from agents.sources.cursor import Cursor, cursor_file, read_cursor, write_cursor
from agents.sources.harvest import Harvest, harvest
from agents.sources.return_book import ReturnBook
from agents.sources.sending import send_all
from agents.sources.summary import as_json, explained_line, write_explained, write_summary
from agents.terminal import for_people, telling, write_json
from agents.zones import machine_zones
from schemas.decoding import journal_value
from schemas.notifications import Notification, RefundIssued
from schemas.policies import PolicyError, load_policies
from streams import logic
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped
from streams.state import State, new_state

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

    @property
    def now_ms(self) -> int | None:
        """The time of day where the worker's will count."""
        return int(time.time() * 1000) if self.output is None else None


class Gathered(NamedTuple):
    """What the files brought; `refunds` names the source that its refunds come from, `hint` is said at the end."""

    mapped: list[Mapped]
    refunds: str = ""
    hint: Callable[[Harvest], str] | None = None


Gather = Callable[[SourceAccount, int | None], Gathered]


def ingest(settings: Settings, wish: Wish, gather: Gather) -> int:
    """Run it; the exit status. UserError for what a person can mend."""
    state = state_of(settings)
    book = state.book
    assert book is not None  # it has just been put in force
    name, now_ms = f"{wish.seller}/{wish.marketplace}", wish.now_ms
    calendar = book.agreement(name).calendar
    if calendar is None:
        raise UserError(
            f"The policies name no calendar for {name}; correct --marketplace, or give the marketplace one "
            "(`dueclock policies show` writes the policies that are shipped).",
            2,
        )
    path = cursor_file(settings, name)
    cursor = read_cursor(path) if wish.output is None else Cursor()
    with telling("reading", is_shown=True):
        gathered = gather(SourceAccount(wish.seller, wish.marketplace, calendar), now_ms)
        found = harvest(gathered.mapped, state, now_ms=now_ms, cursor=cursor)
    if wish.output is None:
        _agree_on_refunds(cursor, gathered.refunds, found, name, is_allowed=wish.switches_refunds)
    if not wish.is_dry:
        if wish.output is None:
            cursor.forget_before((now_ms or 0) - book.policies.retention.settled_ms)
            _send(settings, found.notifications, lambda part: _note(cursor, part), lambda: write_cursor(path, cursor))
            tracked = [one for entry in gathered.mapped for one in entry.tracked]
            ReturnBook(settings, kept_ms=book.policies.retention.unsettled_ms).note(tracked, now_ms or 0)
        else:
            _write(wish.output, found.notifications)
    _say(found, wish)
    hint = gathered.hint(found) if gathered.hint else ""
    if hint:
        click.echo(f"dueclock: {hint}", err=True)
    return 1 if wish.is_strict and found.unrecognised else 0


def state_of(settings: Settings) -> State:
    """What a worker knows that has seen nothing but its policies."""
    try:
        policies = load_policies(settings.read_policies())
    except PolicyError as error:
        raise UserError(str(error), 2) from None
    state = new_state(0)
    state.activate(policies, machine_zones(policies, settings.zoneinfo_dir), logic.NEWEST)
    return state


def _agree_on_refunds(cursor: Cursor, refunds: str, found: Harvest, account: str, *, is_allowed: bool) -> None:
    """Refunds have one source: another one gives the same refund another name, and it would count twice."""
    if not any(isinstance(said, RefundIssued) for said in found.notifications):
        return
    if cursor.refunds not in ("", refunds) and not is_allowed:
        raise UserError(
            f"The refunds of {account} were taken from {cursor.refunds} until now, and one taken from {refunds} too "
            "would count twice; stay with the one, or add --switch-refunds and send none of the same days from both.",
            2,
        )
    cursor.refunds = refunds


def _note(cursor: Cursor, part: Sequence[Notification]) -> None:
    for said in part:
        cursor.note(said)


def _send(
    settings: Settings,
    notifications: Sequence[Notification],
    note: Callable[[Sequence[Notification]], None],
    keep: Callable[[], None],
) -> None:
    if not notifications:
        return
    sent = 0
    with telling("sending", is_shown=True) as tell:

        def on_sent(part: Sequence[Notification]) -> None:
            nonlocal sent
            sent += len(part)
            note(part)
            keep()
            tell(f"{sent:,} of {len(notifications):,} sent")

        send_all(settings, notifications, on_sent)


def _write(output: str, notifications: Sequence[Notification]) -> None:
    lines = b"".join(journal_value(said) + b"\n" for said in notifications)
    if output == STANDARD_OUTPUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    else:
        with opened(output, "wb", "--output") as out:
            out.write(lines)


def _say(found: Harvest, wish: Wish) -> None:
    """To standard output, or beside it where that holds the notifications."""
    verb = "new" if wish.is_dry else "sent" if wish.output is None else "written"
    is_beside = wish.output == STANDARD_OUTPUT and not wish.is_dry
    console = Console(stderr=True, highlight=False) if is_beside else for_people()
    if wish.as_json:
        for one in found.told if wish.explains else ():
            click.echo(explained_line(one), err=is_beside)
        if is_beside:
            click.echo(_compact(as_json(found, verb)), err=True)
        else:
            write_json(as_json(found, verb))
        return
    if wish.explains:
        write_explained(found.told, console)
        console.print()
    write_summary(found, verb, console)


def _compact(said: dict[str, object]) -> str:
    import orjson

    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
