"""`dueclock ingest mail`: files of mail as they are, a whole month into a real broker, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agents.sources.html_text import HtmlText
from agents.sources.mails import MAX_MAIL_BYTES, Unreadable, raw_mails, read_mail
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.cli.command import Ended, sentence_of
from tests.schemas.answered import held
from tests.sources.here import dueclock_here
from tests.sources.mailbox import HOST, LANGUAGES, SELLER, STORIES, Month, outcomes
from tests.sources.samples import US

__all__ = ["make_live"]
ACCOUNT = ("--seller", SELLER, "--marketplace", US)

# The form of Amazon's refund mail, Italian: folded subject, quoted-printable, layout tables, hidden preview.
REFUND = f"""Authentication-Results: {HOST}; dkim=pass header.i=@amazon.com header.b="a/b="
Date: Sat, 24 Oct 2026 11:26:21 +0000
From: "Comunicazioni di Amazon (non rispondere)" <donotreply@amazon.com>
To: assistenza@example.com
Message-ID: <010201a04d454780-0000@eu-west-1.amazonses.com>
Subject: rimborso 39.9 EUR avviato - ordine
 407-0000001-0000001
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"
X-Marketplace-ID: APJ6JRA9NG5V4
X-Space-Notification-Type: REFUND_ISSUED

--b
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

<!DOCTYPE html><html><head><style>p {{ color: red }}</style><title>x</title></head><body>
<div style=3D"display:none">rimborso</div><p>Abbiamo avviato un rimborso di EUR 39.9 =
a Jo Example</p><ul><li><b>Rete logistica di Amazon:
</b> Amazon</li></ul><a href=3D"https://sellercentral.amazon.it/x?nt=3DREFUND_ISSUED&amp;n=3D1">qui</a>
</body></html>
--b--
"""


def ingest(folder: Path, *arguments: str | Path) -> Ended:
    return dueclock_here("ingest", "mail", *arguments, folder=folder)


def test_a_mail_file_becomes_a_notification(tmp_path: Path) -> None:
    (tmp_path / "refund.eml").write_text(REFUND)
    account = ("--seller", SELLER, "--marketplace", "APJ6JRA9NG5V4")
    ended = ingest(tmp_path, "refund.eml", *account, "--authserv-id", HOST, "--output", "-")
    said = json.loads(ended.out)
    assert (said["type"], said["amount"], said["currency"], said["program"]) == ("refund.issued", "39.90", "EUR", "fba")
    assert said["occurred_at"] == "2026-10-24T11:26:21.000Z"
    other = ingest(tmp_path, "refund.eml", *account, "--authserv-id", "mx.other.example", "--output", "-")
    assert other.out == ""
    assert "nobody vouches for the sender" in other.err


def test_messages_are_left_out_where_no_reply_would_be_seen(tmp_path: Path) -> None:
    month = Month(datetime(2026, 11, 20, tzinfo=UTC).date(), stories=8).told()
    (tmp_path / "received.mbox").write_bytes(month.received)
    ended = ingest(tmp_path, "received.mbox", *ACCOUNT, "--authserv-id", HOST, "--output", "out.jsonl", "--json")
    assert "message.received" not in held("ingest", ended.out)["notifications"]
    assert "Messages were left out, since no reply would ever stop their clocks" in ended.err
    told = ingest(
        tmp_path, "received.mbox", *ACCOUNT, "--authserv-id", HOST, "--output", "o.jsonl", "--json", "--copies"
    )
    assert held("ingest", told.out)["notifications"]["message.received"]["written"] > 0
    assert told.err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x.eml", *ACCOUNT), "Name the mailbox's host with --authserv-id"),
        (("x.eml", *ACCOUNT, "--authserv-id", HOST, "--trust-all"), "Name the mailbox's host with --authserv-id"),
        (("x.eml", *ACCOUNT, "--authserv-id", HOST), "Cannot read x.eml"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    ended = ingest(tmp_path, *arguments)
    assert sentence in sentence_of(ended)
    assert ended.status == 2


@pytest.mark.broker
@pytest.mark.timeout(900 if STORIES > 60 else 120)
def test_a_month_of_mail_and_reports_ends_on_the_broker_as_the_ledger_says(make_live: MakeLive) -> None:
    month = Month(datetime.now(UTC).date()).told()
    live = make_live(shipped_policies())
    (live.folder / "received.mbox").write_bytes(month.received)
    (live.folder / "sent.mbox").write_bytes(month.sent)
    sent = 0
    for language in LANGUAGES:
        account = ("--seller", SELLER, "--marketplace", language.marketplace, "--json")
        report = live.folder / f"{language.ending}.txt"
        report.write_text(month.reports[language.marketplace])
        for arguments in (
            ("returns-report", report.name, "--refunds-known"),
            ("mail", "received.mbox", "--sent", "sent.mbox", "--authserv-id", HOST),
        ):
            ended = dueclock_here("--settings", live.settings_file, "ingest", *arguments, *account, folder=live.folder)
            assert ended.status == 0, ended.err
            sent += json.loads(ended.out)["sent"]
    live.worker()
    live.wait_until_finished(sent, within_s=120)
    told = live.told()
    assert told.dead_letters == []
    assert outcomes(told.events()) == month.ledger


# --- the reader -------------------------------------------------------------------------------------------------------


def read(raw: bytes, **options: Any) -> Any:
    return read_mail("x", raw, authserv_id=HOST, **options)


def test_an_mbox_is_taken_apart_and_a_single_mail_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.mbox").write_bytes(b"From x\nSubject: one\n\n>From here\nFrom y\nSubject: two\n\nbody\n")
    (tmp_path / "b.eml").write_bytes(b"Subject: three\n\nFrom here on\n")
    found = list(raw_mails([str(tmp_path / "a.mbox"), str(tmp_path / "b.eml")]))
    assert found == [
        ("a.mbox:1", b"Subject: one\n\nFrom here\n"),
        ("a.mbox:2", b"Subject: two\n\nbody\n"),
        ("b.eml", b"Subject: three\n\nFrom here on\n"),
    ]


def test_a_mail_is_read_in_its_charsets(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Rücksendung für 111-0000001-0000001", "Jörg <a@b.example>"
    mail["In-Reply-To"], mail["References"] = "<1@x>", "<2@x> <3@x>"
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("Grüße: ja\nohne\n", charset="iso-8859-1")
    found = read(mail.as_bytes(), is_sent=True)
    assert found.subject == "Rücksendung für 111-0000001-0000001"
    assert found.sender == "a@b.example"
    assert found.references == ("1@x", "2@x", "3@x")
    assert found.is_automatic
    assert found.labelled == (("Grüße", "ja"),)
    assert found.sent_ms is None


def test_a_mail_with_two_senders_has_none() -> None:
    assert read(b"From: a@amazon.com, b@evil.example\n\n").sender == ""
    assert read(b"From: a@amazon.com\nFrom: b@evil.example\n\n").sender == ""


@pytest.mark.parametrize("date", [b"", b"soon", b"Sat, 24 Oct 2026 11:26:21 -0000", b"Sat, 99 Oct 2026 11:26:21 +0000"])
def test_a_date_without_a_zone_or_sense_is_none(date: bytes) -> None:
    assert read(b"Date: " + date + b"\n\n").sent_ms is None


def test_a_mail_that_is_too_large_or_broken_is_named_so() -> None:
    with pytest.raises(Unreadable) as large:
        read(b"x" * (MAX_MAIL_BYTES + 1))
    assert large.value.reason == "too_large"
    with pytest.raises(Unreadable) as broken:
        read(b"Content-Type: text/plain; charset=klingon\n\n\xff")
    assert broken.value.reason == "shape_unknown"
    assert read(b"\x00\xff garbage").message_id == ""


def test_html_is_lines_links_and_labels() -> None:
    reading = HtmlText()
    reading.feed(
        "<head><title>t</title></head><body><script>s()</script><!-- c --><p>One&nbsp;two\nthree<br/>four</p>"
        "<ul><li><b>\tOrder ID:\n</b> 111</li><li><strong>Date:</strong> 2026 <i>x</i></li></ul>after"
        "<a href='https://x.example/?a=1&amp;b=2'>l</a><a>no</a></style></body><b>open"
    )
    reading.close()
    assert reading.text.splitlines() == ["One two three", "four", "Order ID: 111", "Date: 2026 x", "afterlno", "open"]
    assert reading.links == ["https://x.example/?a=1&b=2"]
    assert reading.labelled == [("Order ID:", "111"), ("Date:", "2026 x")]
