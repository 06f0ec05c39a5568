"""`dueclock clocks`: what is open or stands breached, from the changelog or from a worker that runs.

Both give the same answer by the same function (`streams.due_list`). A worker answers over its metrics port, for its own
partitions, to whoever has the token (`agents/metrics/door.py`).
"""

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
import orjson

from agents.errors import UserError
from agents.kafka.log_reader import log_reader
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from streams.due_list import Asked, DueClock, due_clocks, in_order
from streams.logic import OtherVersionError
from streams.rows import RowError

_ANSWERED_WITHIN_S = 60.0
_REFUSALS = {
    401: "The worker has another token; set DUECLOCK_CLOCKS_TOKEN or DUECLOCK_HTTP_TOKEN_FILE to that of the worker.",
    404: "The worker does not show its clocks; start it with a token (setting `http_token_file` or `clocks_token`).",
    503: "The worker is busy; try again, or leave --worker out to read the changelog.",
}


async def from_changelog(settings: Settings, asked: Asked, tell: Callable[[str], None]) -> list[DueClock]:
    """The answer from the rows of all partitions as they stand now. UserError where they cannot be read."""
    count = await partitions_of(settings, CHANGELOG)
    found: list[DueClock] = []
    async with log_reader(settings) as reader:
        for partition in range(count):
            tell(f"reading the rows of partition {partition}")
            rows = (await reader.rows(settings.topic(CHANGELOG), [partition]))[partition]
            found += _of_rows(partition, rows, asked)
    return in_order(found, asked)


def _of_rows(partition: int, rows: dict[bytes, bytes], asked: Asked) -> list[DueClock]:
    try:
        return due_clocks(((key.decode(), value) for key, value in rows.items() if b"/" in key), asked)
    except OtherVersionError as error:
        raise UserError(f"The rows of partition {partition} cannot be read here: {error}") from None
    except RowError as error:
        raise UserError(
            f"The rows of partition {partition} cannot be read ({error}); `dueclock rebuild` makes them again."
        ) from None


def from_worker(address: str, token: str, asked: Asked) -> list[DueClock]:
    """The answer of one worker, for the partitions that it keeps. UserError where there is none."""
    if not token:
        raise UserError(
            "A worker answers only with its token: set DUECLOCK_CLOCKS_TOKEN or DUECLOCK_HTTP_TOKEN_FILE to that of "
            "the worker.",
            2,
        )
    query = {name: value for name, value in as_query(asked).items() if value not in ("", None)}
    request = urllib.request.Request(  # noqa: S310 - http to the worker that a person names
        f"{address.rstrip('/')}/clocks?{urlencode(query)}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_ANSWERED_WITHIN_S) as response:  # noqa: S310 - as above
            answer = orjson.loads(response.read())
        return [msgspec.convert(one, DueClock) for one in answer["clocks"]]
    except urllib.error.HTTPError as error:
        raise UserError(_REFUSALS.get(error.code, f"The worker at {address} answered {error.code}.")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"No worker answers at {address} ({reason}); give the address of its metrics port.") from None


def as_query(asked: Asked) -> dict[str, Any]:
    """The question as parameters."""
    query: dict[str, Any] = msgspec.to_builtins(asked)
    query["only_breached"] = "true" if asked.only_breached else ""
    return query
