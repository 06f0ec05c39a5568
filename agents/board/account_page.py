"""An account's page: its health by window as plots, and what went wrong this week. And the list of accounts."""

from typing import Any, NamedTuple

from agents.board import words
from agents.board.entries import OVER
from agents.board.happenings import Breach, Figure, Happenings
from agents.board.languages import N_
from agents.board.mirror import Mirror
from agents.board.places import shop
from agents.board.plots import Plot, plot
from agents.board.queue_page import account_href, clock_href
from agents.board.visit import Visit
from schemas.codec import DAY_MS
from streams.health import worst_status

WEEK_MS = 7 * DAY_MS


class Now(NamedTuple):
    """One window of one metric as it stands."""

    window: int
    figure: Figure
    value: str
    of: str
    status: str
    status_name: str


class Health(NamedTuple):
    """One metric: where it stands, and how it went."""

    metric: str
    name: str
    unit: str
    windows: list[Now]
    plot: Plot


class Wrong(NamedTuple):
    """What went wrong, and whether it was taken back."""

    breach: Breach
    name: str
    sentence: str
    title: str
    href: str
    is_taken_back: bool


class Listed(NamedTuple):
    """An account in the list of them."""

    account: str
    href: str
    seller: str
    shop: str
    over: int
    live: int
    breaches: int
    status: str
    status_name: str


def accounts_page(mirror: Mirror, happenings: Happenings, visit: Visit) -> dict[str, Any]:
    """All accounts that who asks may see, those with most past due first."""
    live: dict[str, int] = {}
    over: dict[str, int] = {}
    for (account, _, state), number in mirror.counts.items():
        live[account] = live.get(account, 0) + number
        over[account] = over.get(account, 0) + number * (state in OVER)
    lines = []
    for account in mirror.accounts:
        if not visit.sees(account):
            continue
        seller, marketplace = account.split("/", 1)
        week = happenings.breaches(account, visit.now_ms - WEEK_MS)
        lines.append(
            Listed(
                *(account, account_href(account), seller, shop(marketplace), over.get(account, 0)),
                *(
                    live.get(account, 0),
                    sum(not taken_back for _, taken_back in week),
                    *_status(mirror, account, visit),
                ),
            )
        )
    return {"accounts": sorted(lines, key=lambda one: (-one.over, -one.live, one.account))}


def _status(mirror: Mirror, account: str, visit: Visit) -> tuple[str, str]:
    row = mirror.account_row(account)
    status = "good" if row is None else worst_status(row)
    return status, words.of(words.STATUSES, status, visit.language)


def account_page(mirror: Mirror, happenings: Happenings, account: str, visit: Visit) -> dict[str, Any]:
    """One account's page."""
    seller, marketplace = account.split("/", 1)
    figures = happenings.figures(account)
    by_state: dict[str, int] = {}
    for (owner, _, state), number in mirror.counts.items():
        if owner == account:
            by_state[state] = by_state.get(state, 0) + number
    return {
        "account": account,
        "seller": seller,
        "marketplace": marketplace,
        "shop": shop(marketplace),
        "health": [_health(metric, figures, visit) for metric in words.METRICS if any(m == metric for m, _ in figures)],
        "wrong": [
            _wrong(one, taken_back, visit) for one, taken_back in happenings.breaches(account, visit.now_ms - WEEK_MS)
        ],
        "open": by_state.get("open", 0),
        "over": sum(number for state, number in by_state.items() if state in OVER),
        "status": _status(mirror, account, visit),
    }


def _health(metric: str, figures: dict[tuple[str, int], list[Figure]], visit: Visit) -> Health:
    courses = {window: course for (name, window), course in figures.items() if name == metric and course}
    windows = [_now(window, course[-1], visit) for window, course in sorted(courses.items())]
    unit = windows[0].figure.unit if windows else "ppm"
    name = words.of(words.METRICS, metric, visit.language)
    return Health(metric, name, unit, windows, plot(metric, courses, visit.now_ms))


def _now(window: int, figure: Figure, visit: Visit) -> Now:
    language = visit.language
    if not figure.denominator:
        value, of = "–", ""
    elif figure.unit == "ms":
        value, of = language.span(figure.value), language.text(N_("{n} answers"), n=figure.denominator)
    else:
        value = language.percent(figure.value)
        of = language.text(N_("{n} of {d}"), n=language.number(figure.numerator), d=language.number(figure.denominator))
    return Now(window, figure, value, of, figure.status, words.of(words.STATUSES, figure.status, language))


def _wrong(breach: Breach, taken_back: bool, visit: Visit) -> Wrong:
    happening = breach.happening
    rule = happening.more.get("rule", "")
    title = words.of(words.RULES, rule, visit.language) if rule else happening.more.get("subject", "")
    return Wrong(
        breach,
        words.of(words.EVENTS, happening.type, visit.language),
        words.sentence_of(happening, visit.language),
        title,
        clock_href(breach.clock_id) if breach.clock_id else "",
        taken_back,
    )
