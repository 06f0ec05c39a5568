"""Instants for random histories: where something begins, ends, falls due, or almost."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .zones import Zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
ZONES = {
    name: ZoneInfo(name) for name in ("America/Los_Angeles", "Asia/Tokyo", "America/Santiago", "Europe/London", "UTC")
}

# Shortly before: summer time begins and ends (Los Angeles, Santiago), holidays, new versions, leap day, year end.
BEGINNINGS = [
    datetime(2026, 3, 5, 17, 30, tzinfo=UTC),
    datetime(2026, 3, 31, 20, 0, tzinfo=UTC),
    datetime(2026, 10, 29, 9, 0, tzinfo=UTC),
    datetime(2026, 9, 3, 12, 0, tzinfo=UTC),
    datetime(2026, 4, 28, 1, 0, tzinfo=UTC),
    datetime(2025, 12, 23, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2026, 1, 24, 8, 0, tzinfo=UTC),
    datetime(2026, 2, 13, 0, 0, tzinfo=UTC),
    datetime(2026, 6, 12, 15, 0, tzinfo=UTC),
    datetime(2028, 2, 25, 3, 0, tzinfo=UTC),
]
# How far after a start something falls due, is escalated or ends.
SPANS = [6, 12, 20, 24, 44, 48, 72, 7 * 24]
STEPS = [0, 1, 1000, MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, HOUR_MS, 3 * HOUR_MS, 5 * HOUR_MS]


def beginning(rng: random.Random) -> int:
    return milliseconds(rng.choice(BEGINNINGS)) + rng.choice([0, 0, 1, HOUR_MS, rng.randrange(2 * DAY_MS)])


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def local_midnight(rng: random.Random, near_ms: int, zones: list[Zone]) -> int:
    """A local midnight, or where a zone changes its offset."""
    zone = rng.choice(zones)
    changes = [since for since, _ in zone.pairs[1:] if abs(since - near_ms) < 6 * DAY_MS]
    if changes and rng.random() < 0.3:
        return rng.choice(changes)
    return zone.midnight(zone.local_day(near_ms) + rng.choice([-2, -1, 0, 1, 1, 2, 3, 4, 5]))


def near(rng: random.Random, now: int, known: list[int], zones: list[Zone]) -> int:
    """An instant that matters, or one millisecond beside it."""
    beside = rng.choice([0, 0, 0, -1, 1])
    roll = rng.random()
    if known and roll < 0.35:
        return rng.choice(known[-8:]) + rng.choice(SPANS) * HOUR_MS * rng.choice([1, 1, 1, -1]) + beside
    if known and roll < 0.55:
        return rng.choice(known[-8:]) + beside
    if roll < 0.75:
        return local_midnight(rng, now, zones) + beside
    if roll < 0.85:
        return (now // DAY_MS + rng.choice([-1, 0, 1, 2])) * DAY_MS + beside
    return now + rng.choice([1, 1, -1]) * (rng.choice(STEPS) + rng.randrange(HOUR_MS))


def later(rng: random.Random, now: int, known: list[int], zones: list[Zone], pace: float) -> int:
    """The journal time of the next line: mostly soon, now and then, the more the higher the pace, much later."""
    if rng.random() < 0.1:
        return now
    if rng.random() < pace:
        roll = rng.random()
        if roll < 0.6:
            return max(now, near(rng, now, known, zones))
        if roll < 0.97:
            return now + rng.randrange(1, 9) * DAY_MS + rng.choice([0, rng.randrange(DAY_MS)])
        return now + rng.choice([31, 46, 95, 201]) * DAY_MS + rng.choice([0, 1, rng.randrange(DAY_MS)])
    return now + rng.choice(STEPS) + rng.randrange(rng.choice([1, MINUTE_MS, HOUR_MS, 4 * HOUR_MS]))


def earlier(rng: random.Random, now: int, known: list[int], zones: list[Zone]) -> int:
    """When a fact happened whose news comes now."""
    roll = rng.random()
    instant = now + 1
    if roll < 0.35:
        instant = near(rng, now, known, zones)
    elif known and roll < 0.7:
        instant = rng.choice(known[-12:]) + rng.randrange(rng.choice([5, 23, 50]) * HOUR_MS)
    if instant <= now:
        return instant
    return now - rng.choice([0, 1, rng.randrange(6 * HOUR_MS), rng.randrange(2 * DAY_MS), rng.randrange(6 * DAY_MS)])


def text(rng: random.Random, ms: int) -> str:
    """One of the ways to write the instant down."""
    moment = EPOCH + timedelta(milliseconds=ms)
    if rng.random() < 0.5:
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
    local = moment.astimezone(rng.choice(list(ZONES.values())))
    offset = f"{local:%z}"
    digits = f"{ms % 1000:03d}" + rng.choice(["", "9", "000", "123456"])
    fraction = "" if ms % 1000 == 0 and rng.random() < 0.7 else f".{digits}"
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{offset[:3]}:{offset[3:5]}"
