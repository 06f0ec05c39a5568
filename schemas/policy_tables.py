"""One TOML table, read key by key with a clear sentence for whatever is wrong in it.

Promises: a key is refused by name and place before any value is looked at, a value by key, place and what was
expected; a bool is no integer and a date-time is no date. Knows TOML types only: what the keys mean is
`policies.py`'s. Meaning: contract §5, "a clear error at load, never a guess".
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TypeVar

from schemas.codec import DAY_MS, parse_duration
from schemas.policy_types import PolicyError

# Sixty times the longest duty of rules.md: the bound keeps every due and every timer within the calendar of years.
LONGEST_DAYS = 3_660

_FEW = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[A-Za-z0-9._:@=+-]+")

T = TypeVar("T")


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, else all of them if they are few."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if len(choices) > _FEW:
        return f"it is none of the {len(choices)} known ones."
    return f"known here: {', '.join(choices)}." if choices else "none is known here."


def is_id(text: str, longest: int) -> bool:
    """`text` is an id of the contract (§2) of at most `longest` characters."""
    return len(text) <= longest and _ID.fullmatch(text) is not None


class Table:
    """A TOML table and the place it stands in, as `[calendars.us]`; refuses unknown keys when made."""

    __slots__ = ("_raw", "place")

    def __init__(self, raw: object, place: str, known: Iterable[str] | None) -> None:
        """`known` None takes any key: the table's keys are names, checked by their reader."""
        if not isinstance(raw, dict):
            raise PolicyError(f"{place} must be a table.")
        self._raw: dict[str, object] = raw
        self.place = place
        if known is not None:
            allowed = set(known)
            for key in sorted(raw):
                if key not in allowed:
                    raise PolicyError(f"{place} has the unknown key {key!r}; {nearest(key, allowed)}")

    def names(self) -> list[str]:
        """The table's keys, in code-point order."""
        return sorted(self._raw)

    def value(self, key: str) -> object:
        """The raw value; PolicyError when the key is missing."""
        if key not in self._raw:
            raise PolicyError(f"{self.place} lacks the key {key!r}; add it.")
        return self._raw[key]

    def value_or(self, key: str, default: object) -> object:
        """The raw value, or `default` when the key is missing."""
        return self._raw.get(key, default)

    def wrong(self, key: str, expected: str) -> PolicyError:
        """The error for a value that is not what was expected of `key`."""
        return PolicyError(f"{key!r} in {self.place} must be {expected}.")

    def text(self, key: str) -> str:
        """A non-empty string."""
        value = self.value(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a string that is not empty")
        return value

    def count(self, key: str, default: int | None = None, longest: int | None = None) -> int:
        """A positive integer, at most `longest`."""
        value = self.value(key) if default is None else self.value_or(key, default)
        if type(value) is not int or value < 1:
            raise self.wrong(key, "a positive integer")
        if longest is not None and value > longest:
            raise self.wrong(key, f"at most {longest}")
        return value

    def one_of(self, key: str, choices: tuple[T, ...], default: T | None = None) -> T:
        """One of a few strings."""
        value = self.value(key) if default is None else self.value_or(key, default)
        for choice in choices:
            if value == choice:
                return choice
        raise self.wrong(key, "one of " + ", ".join(f'"{choice}"' for choice in choices))

    def items(self, key: str, convert: Callable[[object], T | None], expected: str) -> tuple[T, ...]:
        """A list, empty when the key is missing; `convert` gives None for an item that is not as expected."""
        value = self.value_or(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, expected)
        converted = tuple(item for item in map(convert, value) if item is not None)
        if len(converted) != len(value):
            raise self.wrong(key, expected)
        return converted

    def duration_ms(self, key: str, default: str) -> int:
        """A duration such as "90m", in milliseconds."""
        duration = as_duration_ms(self.value_or(key, default))
        if duration is None:
            raise self.wrong(key, DURATION_EXPECTED)
        return duration

    def instant_ms(self, key: str) -> int:
        """An offset date-time, cut to the millisecond."""
        value = self.value(key)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.wrong(key, "a date-time with an offset, such as 2026-01-26T08:00:00Z")
        return (value - _EPOCH) // timedelta(milliseconds=1)


DURATION_EXPECTED = f'a whole number with s, m, h or d, such as "24h", of at most {LONGEST_DAYS} days'


def as_duration_ms(value: object) -> int | None:
    """Milliseconds of a duration such as "24h"; None when it is none or longer than `LONGEST_DAYS`."""
    try:
        duration = parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return duration if duration is not None and duration <= LONGEST_DAYS * DAY_MS else None


def as_date(value: object) -> date | None:
    """A TOML local date; a date-time is none."""
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def as_text(value: object) -> str | None:
    """A non-empty string."""
    return value if isinstance(value, str) and value else None
