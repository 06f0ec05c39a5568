"""`dueclock source mailbox`: a mailbox as it fills, to Kafka, for as long as it runs.

For each folder the cursor is its numbering and the last number read; it is written after the broker's acknowledgement.
Where the numbering has changed, and at the first start, the last days are read: what was sent before is known by its
name. The book of threads is kept for a month, as digests. A line that breaks, a server or a broker that is away, are
waited for, longer each time; a login that is refused at the start ends the command.
"""

import logging
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agents.errors import UserError
from agents.settings import Settings
from agents.sources import imap
from agents.sources.mails import MAX_MAIL_BYTES, Unreadable, read_mail
from agents.sources.passing_on import PassingOn
from agents.sources.reports import MAIL
from agents.sources.return_book import source_folder, write_whole
from agents.sources.source_metrics import SourceMetrics, shown
from schemas.codec import DAY_MS
from streams.sources.accounts import SourceAccount
from streams.sources.findings import REASONS, LeftOut, Mapped
from streams.sources.mail import map_mails
from streams.sources.mail_fields import Mail, MailWish
from streams.sources.mail_threads import ThreadBook, ThreadEntry

log = logging.getLogger("dueclock.mailbox")

AT_ONCE: Final = 100
THREADS_DAYS: Final = 30
INBOX, SENT = "inbox", "sent"
LEAST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0


class Place(msgspec.Struct, frozen=True):
    """How far a folder has been read."""

    uidvalidity: int
    last_uid: int
    newest_ms: int = 0
    """When the newest mail that counts was sent."""


class Progress(msgspec.Struct):
    """What stands in the file: how far each folder was read, and the threads of a month."""

    places: dict[str, Place] = {}
    threads: list[ThreadEntry] = []


class MailboxWish(NamedTuple):
    """What a person asked of the source. `sent_folder` is empty where there is none to be read."""

    server: imap.Server
    folder: str
    sent_folder: str
    authserv_id: str
    mail: MailWish
    poll_s: float
    is_once: bool
    switches_refunds: bool


class MailboxSource:
    """One mailbox, one account."""

    def __init__(self, settings: Settings, account: SourceAccount, passing_on: PassingOn, wish: MailboxWish) -> None:
        self._settings = settings
        self._account = account
        self._passing_on = passing_on
        self._wish = wish
        name = f"{wish.server.host} {wish.server.user} {account.seller_id} {account.marketplace_id}"
        self._path = source_folder(settings) / f"mailbox-{sha256(name.encode()).hexdigest()[:12]}.json"
        self._progress = _read_progress(self._path)
        self._book = ThreadBook(self._progress.threads)
        self._feeds = {wish.folder: INBOX, **({wish.sent_folder: SENT} if wish.sent_folder else {})}
        self._metrics = SourceMetrics("mailbox", self._feeds.values())
        for name, feed in self._feeds.items():
            if name in self._progress.places:
                self._metrics.looked_at(feed, 0, self._progress.places[name].newest_ms)

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Read until stopped, or once; shown on the metrics' port meanwhile, where there is one."""
        with shown(self._settings, self._metrics):
            self._run(is_stopped)

    def _run(self, is_stopped: Callable[[], bool]) -> None:
        pause_s, has_succeeded = LEAST_PAUSE_S, False
        while not is_stopped():
            try:
                with imap.connected(self._wish.server) as line:
                    log.info("mailbox: reading %s at %s", self._wish.folder, self._wish.server.host)
                    while not is_stopped():
                        self._read_folders(line, is_stopped)
                        pause_s, has_succeeded = LEAST_PAUSE_S, True
                        if self._wish.is_once:
                            return
                        imap.wait_for_mail(line, self._wish.poll_s, is_stopped)
            except (OSError, imap.LineError, UserError) as error:
                self._metrics.failed()
                if isinstance(error, UserError) and not has_succeeded:
                    raise
                log.warning("mailbox: %s; again in %g s", error, pause_s)
                if self._wish.is_once:
                    raise UserError(f"The mailbox at {self._wish.server.host} does not answer ({error}).") from None
                _rest(pause_s, is_stopped)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _read_folders(self, line: imap.Line, is_stopped: Callable[[], bool]) -> None:
        """What has come since: the Sent folder last, so that a reply finds its message; the other stays open."""
        for name in self._feeds:
            self._read_folder(line, name, is_stopped)
        if len(self._feeds) > 1:
            imap.examined(line, self._wish.folder)

    def _read_folder(self, line: imap.Line, name: str, is_stopped: Callable[[], bool]) -> None:
        asked_ms = int(time.time() * 1000)
        folder = imap.examined(line, name)
        place = self._progress.places.get(name)
        is_known = place is not None and place.uidvalidity == folder.uidvalidity
        uids = imap.new_uids(line, place.last_uid if place is not None and is_known else None)
        for begin in range(0, len(uids), AT_ONCE):
            if is_stopped():
                return
            part = uids[begin : begin + AT_ONCE]
            before_ms = self._progress.places[name].newest_ms if name in self._progress.places else 0
            newest_ms = max(before_ms, self._pass_on(line, part, is_sent=self._feeds[name] == SENT))
            self._keep(name, Place(folder.uidvalidity, part[-1], newest_ms))
            self._metrics.looked_at(self._feeds[name], len(part), newest_ms)
        if place is None and not uids:
            self._keep(name, Place(folder.uidvalidity, 0))
        self._metrics.read_through(self._feeds[name], asked_ms)

    def _pass_on(self, line: imap.Line, uids: Sequence[int], *, is_sent: bool) -> int:
        """Send what the mails say; when the newest that somebody vouches for was sent, 0 where there is none."""
        mails: list[Mail] = []
        unread: list[Mapped] = []
        for uid in uids:
            try:
                if imap.size_of(line, uid) > MAX_MAIL_BYTES:
                    raise Unreadable("too_large")
                raw = imap.mail_of(line, uid)
                mails.append(read_mail(str(uid), raw, authserv_id=self._wish.authserv_id, is_sent=is_sent))
            except Unreadable as why:
                unread.append(Mapped((str(uid),), "", (), (LeftOut(why.reason),)))
        mapped = [*map_mails(mails, self._account, self._wish.mail, self._book), *unread]
        now_ms = int(time.time() * 1000)
        found = self._passing_on.sort_out(mapped, now_ms, refunds=MAIL, is_switched=self._wish.switches_refunds)
        self._passing_on.send(found, mapped, now_ms)
        self._metrics.handed_on(found)
        reasons = ", ".join(f"{REASONS[name].meaning}: {count}" for name, count in sorted(found.reasons.items()))
        log.info(
            "mailbox: %d mails, %d notifications sent%s",
            len(uids),
            len(found.notifications),
            reasons and f" ({reasons})",
        )
        strangers = {one.where[0] for one in mapped if any(why.reason == "unauthenticated" for why in one.left_out)}
        return min(now_ms, max((mail.sent_ms or 0 for mail in mails if mail.where not in strangers), default=0))

    def _keep(self, name: str, place: Place) -> None:
        since_ms = int(time.time() * 1000) - THREADS_DAYS * DAY_MS
        self._progress.places[name] = place
        self._progress.threads = [entry for entry in self._book.entries if entry.at_ms > since_ms]
        write_whole(self._path, msgspec.json.encode(self._progress))


def _read_progress(path: Path) -> Progress:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except FileNotFoundError:
        return Progress()
    except (OSError, msgspec.DecodeError):
        raise UserError(
            f"Cannot read {path}, the note of how far the mailbox was read; remove it, and the last days are read anew."
        ) from None


def _rest(pause_s: float, is_stopped: Callable[[], bool]) -> None:
    deadline = time.monotonic() + pause_s
    while time.monotonic() < deadline and not is_stopped():
        time.sleep(0.1)
