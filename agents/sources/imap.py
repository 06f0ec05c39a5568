"""A mailbox over IMAP, read and nothing else: EXAMINE and BODY.PEEK, so that nothing is marked as seen.

Waiting is IDLE where the server has it, and a look now and then in any case: an IDLE that says nothing may have died.
Failures of the line are `OSError` or `imaplib.IMAP4.error`, whoever raises them; the caller tries again.
"""

import imaplib
import re
import select
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from agents.errors import UserError

TIMEOUT_S: Final = 30.0
SINCE_DAYS: Final = 7
"""How far back a folder is read whose numbering has changed, or that is read for the first time."""
_SIZE: Final = re.compile(rb"UID (\d+).*?RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+).*?UID (\d+)", re.DOTALL)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SLICE_S: Final = 0.5


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
def connected(server: Server) -> Iterator[imaplib.IMAP4]:
    """A connection, logged in. UserError where the server refuses the login."""
    if server.is_encrypted:
        context = ssl.create_default_context()
        line: imaplib.IMAP4 = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=TIMEOUT_S)
    else:
        line = imaplib.IMAP4(server.host, server.port, timeout=TIMEOUT_S)
    try:
        _log_in(line, server)
        yield line
    finally:
        try:
            line.logout()
        except (OSError, imaplib.IMAP4.error):
            line.shutdown()


def _log_in(line: imaplib.IMAP4, server: Server) -> None:
    try:
        if server.is_token:
            token = f"user={server.user}\x01auth=Bearer {server.password()}\x01\x01".encode()
            line.authenticate("XOAUTH2", lambda _: token)
        else:
            line.login(server.user, server.password())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        raise UserError(
            f"The mailbox at {server.host} refuses the login of {server.user}; correct user and password (many hosts "
            "want a password made for one program, or a token)."
        ) from None


def examined(line: imaplib.IMAP4, name: str) -> Folder:
    """Open a folder for reading only. UserError where there is none."""
    status, _ = line.select('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"', readonly=True)
    if status != "OK":
        raise UserError(f"The mailbox has no folder {name!r}; name it with --folder or --sent-folder.", 2)
    _, found = line.response("UIDVALIDITY")
    return Folder(name, int(found[0] or 0) if found and found[0] else 0)


def new_uids(line: imaplib.IMAP4, after: int | None) -> list[int]:
    """The numbers after one, in order; without one those of the last days."""
    if after is None:
        since = datetime.now(UTC) - timedelta(days=SINCE_DAYS)
        words: tuple[str, ...] = ("SINCE", f"{since.day:02}-{_MONTHS[since.month - 1]}-{since.year}")
    else:
        words = ("UID", f"{after + 1}:*")  # `*` is the last one there is, also where it is below: filtered here
    _, found = line.uid("SEARCH", *words)
    uids = [int(number) for part in found if part for number in part.split()]
    return sorted(uid for uid in uids if after is None or uid > after)


def size_of(line: imaplib.IMAP4, uid: int) -> int:
    """How many bytes a mail has, before they are fetched."""
    _, found = line.uid("FETCH", str(uid), "(RFC822.SIZE)")
    for part in found:
        size = _SIZE.search(part if isinstance(part, bytes) else b"")
        if size is not None:
            return int(size[2] or size[3])
    return 0


def mail_of(line: imaplib.IMAP4, uid: int) -> bytes:
    """All of a mail; empty where it has gone meanwhile."""
    _, found = line.uid("FETCH", str(uid), "(BODY.PEEK[])")
    parts: list[Any] = [part[1] for part in found if isinstance(part, tuple)]
    return bytes(parts[0]) if parts else b""


def wait_for_mail(line: imaplib.IMAP4, wait_s: float, is_stopped: Callable[[], bool]) -> None:
    """Return when the server has something to say, when the time is over, or soon after `is_stopped` says so."""
    deadline = time.monotonic() + wait_s
    _, capabilities = line.capability()  # asked now: before the login a server keeps back what it can
    came = is_idle = False
    if b"IDLE" in (capabilities[0] or b"").upper().split():
        line.send(b"WAIT IDLE\r\n")
        answer, came = _answer(line, (b"+", b"WAIT "))
        is_idle = answer.startswith(b"+")
    while not came and not is_stopped() and time.monotonic() < deadline:
        readable, _, _ = select.select([line.socket()] if is_idle else [], [], [], _SLICE_S)
        came = bool(readable)
    if is_idle:
        line.send(b"DONE\r\n")
        _answer(line, (b"WAIT ",))
    else:
        line.noop()


def _answer(line: imaplib.IMAP4, begins: tuple[bytes, ...]) -> tuple[bytes, bool]:
    """The first line that begins so, and whether the server had news before it."""
    has_news = False
    while not (answer := line.readline()).startswith(begins):
        if not answer:
            raise imaplib.IMAP4.abort("the server has closed the connection")
        has_news = has_news or b"EXISTS" in answer
    return answer, has_news
