"""Bytes, instants and durations: the one way in which each crosses a wire or a disk (contract §1, §4).

Canonical JSON is UTF-8 unescaped, keys in code-point order, no spaces; equal content is equal bytes, on any machine.
An instant inside the program is an integer of milliseconds UTC. It is read as RFC 3339 with an offset and at most
nine fraction digits, which are cut (never rounded) to milliseconds; it is written in UTC with exactly three decimals
and `Z`. Nothing here reads a clock, a zone or a locale.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

import orjson

MAX_NOTIFICATION_BYTES: Final = 65_536

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
_CYCLE_MS: Final = 146_097 * DAY_MS  # 400 years, after which the calendar repeats itself
FIRST_MS: Final = -62_135_596_800_000  # 0001-01-01T00:00:00.000Z: before it and after LAST_MS no year has four digits
LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z

_UNIT_MS: Final = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd])")

# The pattern, not `fromisoformat`, says what RFC 3339 is: Python also takes week dates, commas, 24:00, offsets with
# seconds and times without an offset, and other ones with each version.
INSTANT_PATTERN: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_INSTANT: Final = re.compile(INSTANT_PATTERN)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()

# An event holds four instants, most of which its line and its neighbours say too: the last few thousand are kept, and
# looking the parts of another up is five times quicker than formatting them. What is read is
# nearly always in the output form, or in it without a fraction: looked up too, and the pattern is asked for the rest.
_MINUTES: Final = tuple(f"{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60))
_SECONDS: Final = tuple(f"{second:02}" for second in range(60))
_FRACTIONS: Final = tuple(f".{millisecond:03}Z" for millisecond in range(1_000))
_MS_OF_MINUTE: Final = {text: place * MINUTE_MS for place, text in enumerate(_MINUTES)}
_MS_OF_SECOND: Final = {text: place * 1_000 for place, text in enumerate(_SECONDS)}
_MS_OF_FRACTION: Final = {"Z": 0, **{text: place for place, text in enumerate(_FRACTIONS)}}


def canonical_json(obj: Mapping[str, object]) -> bytes:
    """The canonical bytes of a JSON object. TypeError for what canonical JSON cannot hold."""
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


def parse_instant(text: str) -> int:
    """Milliseconds UTC of an RFC 3339 time with offset. ValueError for anything else, second 60 and 30 February too."""
    minute, second = _MS_OF_MINUTE.get(text[11:17]), _MS_OF_SECOND.get(text[17:19])
    fraction, day = _MS_OF_FRACTION.get(text[19:]), _ms_of_day(text[:11])
    if minute is not None and second is not None and fraction is not None and day is not None:
        return day + minute + second + fraction
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 time with an offset and at most nine fraction digits")
    # `datetime` has no year 0, the last hours of which may be the first year's in UTC: the same day 400 years later.
    ms = _since_epoch_ms("0400" + text[4:]) - _CYCLE_MS if text.startswith("0000") else _since_epoch_ms(text)
    if not FIRST_MS <= ms <= LAST_MS:
        raise ValueError("outside the years 0001 to 9999 in UTC")
    return ms


def _since_epoch_ms(text: str) -> int:
    since = datetime.fromisoformat(text.upper()) - _EPOCH
    return since.days * DAY_MS + since.seconds * 1_000 + since.microseconds // 1_000


@lru_cache(maxsize=4_096)
def _ms_of_day(text: str) -> int | None:
    """Milliseconds UTC at which a day begins that is said as `2026-02-03T`; None for anything else."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return (date.fromisoformat(text[:-1]).toordinal() - _EPOCH_ORDINAL) * DAY_MS
    except ValueError:
        return None


def format_instant(ms: int) -> str:
    """The output form, `2026-02-03T18:15:00.000Z`. ValueError outside the years 0001 to 9999."""
    text = _SHOWN.get(ms)
    if text is None:
        minute, second = ms % DAY_MS // MINUTE_MS, ms % MINUTE_MS // 1_000
        text = f"{_date_part(ms // DAY_MS)}{_MINUTES[minute]}{_SECONDS[second]}{_FRACTIONS[ms % 1_000]}"
        if len(_SHOWN) >= _MOST_SHOWN:
            _SHOWN.clear()
        _SHOWN[ms] = text
    return text


_MOST_SHOWN: Final = 8_192
_SHOWN: Final[dict[int, str]] = {}
"""The instants shown lately; the cache of functools orders its entries anew whenever it finds one."""


@lru_cache(maxsize=4_096)
def _date_part(day: int) -> str:
    try:
        return date.fromordinal(_EPOCH_ORDINAL + day).isoformat() + "T"
    except (ValueError, OverflowError) as error:
        raise ValueError("outside the years 0001 to 9999 in UTC") from error


def parse_duration(text: str) -> int:
    """Milliseconds of `30m`, `24h`, `0s`, `2d`: a whole number and one unit. ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a whole number followed by s, m, h or d")
    return int(match[1]) * _UNIT_MS[match[2]]
