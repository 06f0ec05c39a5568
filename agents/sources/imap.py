"""A mailbox over IMAP, read and nothing else: EXAMINE and BODY.PEEK, so that nothing is marked as seen.

Waiting is IDLE where the server has it, and a look now and then in any case: an IDLE that says nothing may have died.
Failures of the line are `OSError` or `LineError`, whoever raises them; the caller tries again. The protocol is
imapclient's, an extra that only this module asks for.
"""

import imaplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from agents.errors import UserError

Line: TypeAlias = Any
"""An `imapclient.IMAPClient`, which has no types."""
LineError: Final = imaplib.IMAP4.error
"""What the server refuses, and a line that has ended: imapclient raises the standard library's."""
TIMEOUT_S: Final = 30.0
SINCE_DAYS: Final = 7
"""How far back a folder is read whose numbering has changed, or that is read for the first time."""
_SLICE_S: Final = 0.5
_SIZE, _BODY = b"RFC822.SIZE", b"BODY[]"


class Server(NamedTuple):
    """Where the mailbox is, and who may read it. `password` is asked anew for each connection."""

    host: str
    port: int
    user: str
    password: Callable[[], str]
    is_token: bool
    is_encrypted: bool


class Folder(NamedTuple):
    """A folder as opened: its numbering, which ends where UIDVALIDITY changes."""

    name: str
    uidvalidity: int


@contextmanager
def connected(server: Server) -> Iterator[Line]:
    """A connection, logged in. UserError where the server refuses the login, or imapclient is missing."""
    try:
        from imapclient import IMAPClient
    except ImportError:
        raise UserError("A mailbox is read by imapclient; install it: pip install 'dueclock[mail]'.", 2) from None
    context = ssl.create_default_context() if server.is_encrypted else None
    line = IMAPClient(server.host, server.port, ssl=server.is_encrypted, ssl_context=context, timeout=TIMEOUT_S)
    try:
        _log_in(line, server)
        yield line
    finally:
        try:
            line.logout()
        except (OSError, LineError):
            with suppress(OSError):
                line.shutdown()


def _log_in(line: Line, server: Server) -> None:
    try:
        if server.is_token:
            line.oauth2_login(server.user, server.password())
        else:
            line.login(server.user, server.password())
    except imaplib.IMAP4.abort:
        raise
    except LineError:
        raise UserError(
            f"The mailbox at {server.host} refuses the login of {server.user}; correct user and password (many hosts "
            "want a password made for one program, or a token)."
        ) from None


def examined(line: Line, name: str) -> Folder:
    """Open a folder for reading only. UserError where there is none."""
    try:
        found = line.select_folder(name, readonly=True)
    except imaplib.IMAP4.abort:
        raise
    except LineError:
        raise UserError(f"The mailbox has no folder {name!r}; name it with --folder or --sent-folder.", 2) from None
    return Folder(name, int(found.get(b"UIDVALIDITY", 0)))


def new_uids(line: Line, after: int | None) -> list[int]:
    """The numbers after one, in order; without one those of the last days."""
    if after is None:
        found = line.search(["SINCE", (datetime.now(UTC) - timedelta(days=SINCE_DAYS)).date()])
    else:
        found = line.search(["UID", f"{after + 1}:*"])  # `*` is the last one there is, also where it is below
    return sorted(uid for uid in found if after is None or uid > after)


def size_of(line: Line, uid: int) -> int:
    """How many bytes a mail has, before they are fetched; 0 where it has gone meanwhile."""
    return int(line.fetch([uid], [_SIZE]).get(uid, {}).get(_SIZE, 0))


def mail_of(line: Line, uid: int) -> bytes:
    """All of a mail; empty where it has gone meanwhile."""
    return bytes(line.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(_BODY) or b"")


def wait_for_mail(line: Line, wait_s: float, is_stopped: Callable[[], bool]) -> None:
    """Return when the server has something to say, when the time is over, or soon after `is_stopped` says so."""
    deadline = time.monotonic() + wait_s
    is_idle = b"IDLE" in line.capabilities()
    if is_idle:
        line.idle()
    has_said = False
    while not has_said and not is_stopped() and time.monotonic() < deadline:
        began_s = time.monotonic()
        if is_idle:
            # Nothing, and at once, is what a line says that has ended: the next question will tell.
            has_said = bool(line.idle_check(timeout=_SLICE_S)) or time.monotonic() - began_s < _SLICE_S / 2
        else:
            time.sleep(_SLICE_S)
    if is_idle:
        line.idle_done()
    else:
        line.noop()
