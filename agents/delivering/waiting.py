"""How long to wait before a target is tried again. Pure: chance and the time of day come from whoever asks.

The wait is anything between nothing and a bound that doubles with each try in vain ("full jitter": those that were
refused together do not come again together). What the target itself asks for (`Retry-After`) is the least, up to a day.
"""

from email.utils import parsedate_to_datetime
from typing import Final

_DOUBLINGS: Final = 40
LONGEST_ASKED_S: Final = 86_400.0


def wait_s(tries: int, chance: float, *, first_ms: int, most_ms: int, asked_s: float = 0.0) -> float:
    """Seconds until the next try, after so many in vain (from 1). `chance` is from 0 up to 1."""
    bound_ms: int = min(most_ms, first_ms << min(tries - 1, _DOUBLINGS))
    return min(asked_s, LONGEST_ASKED_S) + bound_ms * chance / 1000


def asked_wait_s(retry_after: str | None, now_ms: int) -> float:
    """What `Retry-After` asks for in seconds: a number of them, or a date. 0 where it asks for nothing sensible."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isascii() and retry_after.strip().isdigit():
        return float(retry_after.strip())
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, at.timestamp() - now_ms / 1000)
