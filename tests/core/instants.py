"""Named instants of the stories, in ms UTC. The account lives in Los Angeles unless a story says Tokyo.

The week from Monday 2 March 2026 has five business days and no change of clocks before Sunday the 8th. What was
received on Monday is due at the midnight that ends Wednesday, where a rule says two business days.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

LOS_ANGELES: Final = ZoneInfo("America/Los_Angeles")
TOKYO: Final = ZoneInfo("Asia/Tokyo")


def local(
    month: int, day: int, hour: int = 0, minute: int = 0, *, year: int = 2026, zone: ZoneInfo = LOS_ANGELES
) -> int:
    """The instant at which the clock on the wall says so."""
    return int(datetime(year, month, day, hour, minute, tzinfo=zone).timestamp()) * SECOND


def utc(month: int, day: int, hour: int = 0, minute: int = 0, *, year: int = 2026) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND


def text(ms: int) -> str:
    """As lines and events write it."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


monday_9am: Final = local(3, 2, 9)
monday_noon: Final = local(3, 2, 12)
monday_3pm: Final = local(3, 2, 15)
tuesday_9am: Final = local(3, 3, 9)
tuesday_noon: Final = local(3, 3, 12)
wednesday_9am: Final = local(3, 4, 9)
wednesday_noon: Final = local(3, 4, 12)
thursday_midnight: Final = local(3, 5)
"""The midnight that ends Wednesday: due of what was received on Monday."""
the_last_moment_of_wednesday: Final = thursday_midnight - 1
thursday_9am: Final = local(3, 5, 9)
friday_9am: Final = local(3, 6, 9)
saturday_9am: Final = local(3, 7, 9)
next_monday_9am: Final = local(3, 9, 9)

a_year_later: Final = local(3, 2, 9, year=2027)
"""When everything told in a story has been forgotten."""
