"""What has been sent for an account: so a file given again brings nothing, and a changed row brings its change.

A file in the state folder, one for each account and broker, written after the broker's acknowledgement and whole or not
at all. A process that dies between the two sends the same bytes again, which are no second fact (contract §2). It also
keeps which source the account's refunds come from: one refund by two names would count twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec
import orjson

from agents.errors import UserError
from agents.settings import Settings
from agents.sources.return_book import held, source_folder, write_whole
from schemas.decoding import journal_value
from schemas.notifications import Notification

_DIGITS = 16


class Sent(msgspec.Struct):
    """A notification that was sent: the first digits of its SHA-256, and its `occurred_at`."""

    digest: str
    occurred_ms: int


class Cursor(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in the file."""

    version: int = 1
    refunds: str = ""
    sent: dict[str, Sent] = {}

    def knows(self, notification: Notification, *, is_dated_by_reader: bool) -> bool:
        """Whether it was sent as it is. What is dated by its reading is known by its name alone."""
        before = self.sent.get(notification.event_id)
        return before is not None and (is_dated_by_reader or before.digest == _digest(notification))

    def note(self, notification: Notification) -> None:
        """It has been sent."""
        self.sent[notification.event_id] = Sent(_digest(notification), notification.occurred_ms)

    def drop_before(self, ms: int) -> None:
        """Drop what is too old to be sent again in any case."""
        self.sent = {name: one for name, one in self.sent.items() if one.occurred_ms > ms}


def _digest(notification: Notification) -> str:
    return sha256(journal_value(notification)).hexdigest()[:_DIGITS]


def cursor_file(settings: Settings, account: str) -> Path:
    """Where the note of an account is kept."""
    return source_folder(settings) / f"{account.replace('/', '@')}.json"


def read_cursor(path: Path) -> Cursor:
    """The note, empty where there is none yet."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return Cursor()
    except (OSError, msgspec.DecodeError):
        raise UserError(
            f"Cannot read {path}, the note of what was sent; remove it, and all is sent once more (which does no harm)."
        ) from None


@contextmanager
def changing(path: Path) -> Iterator[Cursor]:
    """The note as it stands, written when the block ends; nobody else changes it meanwhile."""
    with held(path):
        cursor = read_cursor(path)
        yield cursor
        write_cursor(path, cursor)


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Replace the note, whole or not at all."""
    write_whole(path, orjson.dumps(msgspec.to_builtins(cursor), option=orjson.OPT_SORT_KEYS))
