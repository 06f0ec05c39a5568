"""A month of mail in a real mailbox (IMAP), and its reports: every clock on the broker ends as the ledger says.

The mails lie there in the order of their time, as they would have come. `make sources` puts two thousand of them in,
`make test` a few dozen.
"""

from __future__ import annotations

import imaplib
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agents.sources.mails import raw_mails
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import INPUTS, Live
from tests.sources.here import dueclock_here
from tests.sources.mailbox import HOST, LANGUAGES, SELLER, STORIES, Mailbox, Month, outcomes
from tests.sources.test_mailbox_source import Server, server

__all__ = ["make_live", "server"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(1_500 if STORIES >= 300 else 120)]


def in_order(file: Path) -> list[bytes]:
    """The mails of an mbox, by their time."""
    mails = [raw for _, raw in raw_mails([str(file)])]
    return sorted(mails, key=lambda raw: parsedate_to_datetime(str(message_from_bytes(raw)["Date"])))


def fill(folder: str, mails: Sequence[bytes], line: imaplib.IMAP4) -> None:
    for raw in mails:
        status, said = line.append(folder, "", "", raw)
        assert status == "OK", said


def put_in(live: Live, server: Server, month: Mailbox) -> int:
    """Fill the mailbox; how many mails lie in it."""
    total = 0
    for name, folder, content in (("received", "INBOX", month.received), ("sent", "Sent", month.sent)):
        file = live.folder / f"{name}.mbox"
        file.write_bytes(content)
        mails = in_order(file)
        server.ask(partial(fill, folder, mails))
        total += len(mails)
    return total


def sent_by(live: Live, *arguments: Any) -> None:
    ended = dueclock_here("--settings", live.settings_file, *arguments, folder=live.folder)
    assert ended.status == 0, ended.err


def test_a_month_in_a_mailbox_ends_on_the_broker_as_the_ledger_says(make_live: MakeLive, server: Server) -> None:
    month = Month(datetime.now(UTC).date(), stories=STORIES if STORIES >= 300 else 12).told()
    live = make_live(shipped_policies())
    (live.folder / "password").write_text("demopass\n")
    assert put_in(live, server, month) == sum(month.counts.values())
    for language in LANGUAGES:
        account = ("--seller", SELLER, "--marketplace", language.marketplace)
        report = live.folder / f"{language.ending}.txt"
        report.write_text(month.reports[language.marketplace])
        sent_by(live, "ingest", "returns-report", report.name, "--refunds-known", *account)
        sent_by(
            live, "source", "mailbox", "--once", "--host", "127.0.0.1", "--port", server.port, "--no-tls", "--user",
            "demouser", "--password-file", "password", "--authserv-id", HOST, "--copies", "--sent-folder", "Sent",
            "--log-level", "error", *account,
        )  # fmt: skip
    live.worker()
    live.wait_until_finished(len(live.read(*INPUTS)), within_s=120)
    told = live.told()
    assert told.dead_letters == []
    assert outcomes(told.events()) == month.ledger
