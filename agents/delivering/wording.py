"""What a message says of an event, for people, in their language. Pure; the words are in `texts`.

A headline that can stand alone, then facts in rows, then where to see more. A retraction says what it takes back: its
headline, its reason, and the event it names. Instants stay UTC, to the minute: a message is read in many places.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from agents.delivering import texts
from agents.delivering.matching import RETRACTED, Event
from agents.phrases import RULE_NAMES, duration, order_link, page_link, words_for
from agents.subscriptions import Language
from schemas.codec import parse_instant

Gravity: TypeAlias = Literal["critical", "error", "warning", "info"]

_COMMA: Final[dict[Language, str]] = {"en": ", ", "zh": "，", "ja": "、"}
_COLON: Final[dict[Language, str]] = {"en": ": ", "zh": "：", "ja": "："}
_GRAVITIES: Final[dict[str, Gravity]] = {
    "clock.breached": "critical",
    "policy.violation": "error",
    "clock.lapsed": "error",
    "clock.escalated": "warning",
    "clock.reminder_due": "warning",
}
_GRAVE_STATUS: Final[dict[str, Gravity]] = {"bad": "critical", "review_risk": "critical", "warn": "warning"}


class Row(NamedTuple):
    """One fact: what it is, and what it says; `link` where one can look."""

    label: str
    text: str
    link: str = ""


class Message(NamedTuple):
    """What a person is told."""

    headline: str
    rows: tuple[Row, ...]
    gravity: Gravity
    link: str


def message(event: Event, language: Language, clock_link: str = "") -> Message:
    """What is said of an event. `clock_link` is the address of a clock's page, with `{clock_id}` in it."""
    link = page_link(clock_link, event.get("clock_id", ""))
    of = event.get("order_id") or event.get("subject", "")
    headline = _headline(event, language) + (f"{_COMMA[language]}{of}" if of else "")
    return Message(headline, tuple(_rows(event, language, link)), gravity(event), link)


def gravity(event: Event) -> Gravity:
    """How much it asks for somebody: what is over or taken back asks for nobody."""
    if event["type"] == "account.health":
        return _GRAVE_STATUS.get(event.get("status", ""), "info")
    if event.get("urgent"):
        return "error"
    return _GRAVITIES.get(event["type"], "info")


def _headline(event: Event, language: Language) -> str:
    name = event["type"]
    put_in = {"rule": words_for(RULE_NAMES, event.get("rule", ""), language)}
    if name == RETRACTED:
        what = words_for(texts.TAKEN_BACK, event["of"], language)
        put_in["what"] = f"{what}{_COLON[language]}{put_in['rule']}"
    elif name == "clock.escalated":
        left_ms = parse_instant(event["due_at"]) - parse_instant(event["at"])
        put_in["left"] = duration(abs(left_ms), language)
        name = "urgent" if event.get("urgent") else name if left_ms > 0 else "overdue"
    elif name == "clock.closed_late":
        put_in["late"] = duration(event["late_by_ms"], language)
    elif name == "account.health":
        put_in["metric"] = words_for(texts.CODES, event["metric"], language)
        put_in["days"] = str(event["window_days"])
        put_in["value"] = figure(event["value"], event["unit"], language)
    for code in ("by", "obligor", "kind"):
        if code in event:
            put_in[code] = words_for(texts.CODES, event[code], language)
    return words_for(texts.HEADLINES, name, language).format_map(put_in) if name in texts.HEADLINES else name


def _rows(event: Event, language: Language, link: str) -> Iterator[Row]:
    def label(name: str) -> str:
        return words_for(texts.LABELS, name, language)

    def code(name: str) -> str:
        return words_for(texts.CODES, event[name], language)

    yield from _about(event, language)
    if "reason" in event:
        yield Row(label("reason"), code("reason"))
    if "by" in event:
        yield Row(label("by"), code("by"))
    if "due_at" in event:
        yield Row(label("due"), _minute(event["due_at"]))
        yield Row(label("started"), _minute(event["started_at"]))
    if event.get("consequences"):
        follows = (words_for(texts.CODES, one, language) for one in event["consequences"])
        yield Row(label("consequences"), _COMMA[language].join(follows))
    if event["type"] == "account.health":
        yield Row(label("health_of"), f"{event['numerator']:,} / {event['denominator']:,}")
    if "status" in event:
        yield Row(label("status"), code("status"))
    yield Row(label("account"), f"{event['seller_id']}/{event['marketplace_id']}")
    yield Row(label("known"), _minute(event["decided_at"]))
    if "clock_id" in event:
        yield Row(label("clock"), event["clock_id"], link)


def _about(event: Event, language: Language) -> Iterator[Row]:
    """The order or whatever else it is on, and what is taken back."""
    if "order_id" in event:
        link = order_link(event["marketplace_id"], event["order_id"])
        yield Row(words_for(texts.LABELS, "order", language), event["order_id"], link)
    elif "subject" in event:
        yield Row(words_for(texts.LABELS, "about", language), event["subject"])
    if event["type"] == RETRACTED:
        of = words_for(texts.TAKEN_BACK, event["of"], language)
        yield Row(words_for(texts.LABELS, "taken_back", language), f"{of} ({event['of']} {event['retracts']})")


def figure(value: int, unit: str, language: Language) -> str:
    """A figure of account health: parts per million as per cent, milliseconds as a duration."""
    return duration(value, language) if unit == "ms" else f"{value / 10_000:.2f} %"


def plain_text(found: Message) -> str:
    """The message as lines of text."""
    lines = [
        found.headline,
        *(f"{row.label}: {row.text}" + (f"  {row.link}" if row.link else "") for row in found.rows),
    ]
    return "\n".join(lines) + "\n"


def _minute(at: str) -> str:
    return f"{at[:10]} {at[11:16]} UTC"
