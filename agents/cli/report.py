"""The command for whoever answers for a week: `dueclock report`."""

import time

import click

from agents.cli.options import Day, with_settings
from agents.errors import UserError
from agents.settings import Settings
from agents.subscriptions import LANGUAGES, Language
from agents.terminal import for_people, print_document, telling
from schemas.codec import DAY_MS
from schemas.rules import RULES

_WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05


@click.command(short_help="What became of the duties of a week, against the week before.")
@with_settings("broker", "client_id", "topic_prefix", "state_dir")
@click.option("--since", "since_ms", type=Day(), metavar="DAY", help="The first day, or an instant (default: Monday).")
@click.option("--until", "until_ms", type=Day(), metavar="DAY", help="The day after the last (default: a week later).")
@click.option("--account", "accounts", multiple=True, metavar="ACCOUNT", help="This account or seller (repeatable).")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    type=click.Choice(tuple(RULES)),
    metavar="RULE",
    help="This rule alone (repeatable).",
)
@click.option("--journal", "journals", multiple=True, metavar="FILE", help="From exported journals (repeatable).")
@click.option("--html", metavar="FILE", help="Write a page.")
@click.option("--csv", metavar="FILE", help="Write a row for each account and rule.")
@click.option("--parquet", metavar="FILE", help="The same as Parquet.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the page.")
@click.option("--clock-link", default="", metavar="URL", help="Address of a clock's page, with {clock_id} in it.")
def report(  # noqa: PLR0913, PLR0917 - a flag each
    settings: Settings,
    since_ms: int | None,
    until_ms: int | None,
    accounts: tuple[str, ...],
    rules: tuple[str, ...],
    journals: tuple[str, ...],
    html: str | None,
    csv: str | None,
    parquet: str | None,
    as_json: bool,
    language: Language,
    clock_link: str,
) -> None:
    """Say for each seller and rule what was opened, met and late, how long it took, and what was late.

    A clock belongs to the period in which it started, by days in UTC; without --since it is the last whole week. The
    period before is as long. Events are read from their topics, or follow from journals that were exported.
    """
    from agents.reporting import writing
    from agents.reporting.figures import report_of
    from agents.reporting.reading import clocks_of_journals, clocks_of_topics

    since_ms, until_ms = _period(since_ms, until_ms, int(time.time() * 1000))
    writing.check_places(html, csv, parquet)
    with telling("reading events", is_shown=True) as tell:
        if journals:
            clocks = clocks_of_journals(journals, tell)
        else:
            clocks = clocks_of_topics(settings, since_ms - (until_ms - since_ms), tell)
    found = report_of(clocks, since_ms, until_ms, accounts=accounts, rules=rules, clock_link=clock_link)
    if html is not None:
        writing.write_html(found, html, language)
    if csv is not None:
        writing.write_csv(found, csv)
    if parquet is not None:
        writing.write_parquet(found, parquet)
    if as_json:
        print_document(found)
    elif html is csv is parquet is None:
        writing.write_table(found, for_people())


def _period(since_ms: int | None, until_ms: int | None, now_ms: int) -> tuple[int, int]:
    """The period asked for; UserError where it is none."""
    if since_ms is None:
        end_ms = last_monday_ms(now_ms) if until_ms is None else until_ms
        return end_ms - _WEEK_MS, end_ms
    end_ms = since_ms + _WEEK_MS if until_ms is None else until_ms
    if end_ms <= since_ms:
        raise UserError("--until must be after --since.", 2)
    return since_ms, end_ms


def last_monday_ms(now_ms: int) -> int:
    """The midnight (UTC) with which this week began."""
    return now_ms - (now_ms - _MONDAY_MS) % _WEEK_MS
