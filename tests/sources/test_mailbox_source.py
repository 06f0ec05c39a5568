"""`dueclock source mailbox` on a real IMAP server (pymap) and a real broker: what comes in, what breaks, what is kept.

The server is a program of its own, looked for beside this Python, on the path, or where DUECLOCK_TEST_PYMAP says; where
it is missing the tests are skipped and say so.
"""

from __future__ import annotations

import imaplib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agents.demo.process import free_port
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import ROOT, Live, wait_until
from tests.cli.command import Ended, sentence_of
from tests.sources.here import dueclock_here, sample
from tests.sources.mailbox import HOST
from tests.sources.samples import SELLER, US

__all__ = ["make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

ORDER = "111-0000001-0000001"


def pymap() -> str:
    named = os.environ.get("DUECLOCK_TEST_PYMAP") or str(Path(sys.executable).with_name("pymap"))
    found = named if Path(named).exists() else shutil.which("pymap")
    if found is None:
        pytest.skip("no IMAP server: pymap is neither installed nor named by DUECLOCK_TEST_PYMAP")
    return found


class Server:
    """An IMAP server with one user, its mails in memory."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = (folder / "imap.log").open("ab")
        self._command = [pymap(), "--host", "127.0.0.1", "--port", str(self.port), "--no-tls", "dict", "--demo-data"]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        wait_until(self._answers, lambda: "an answer of the IMAP server", within_s=30)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def close(self) -> None:
        self.stop()
        self._log.close()

    def ask(self, question: Callable[[imaplib.IMAP4], Any]) -> Any:
        line = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        line.login("demouser", "demopass")
        try:
            return question(line)
        finally:
            line.logout()

    def put(self, *mails: EmailMessage, folder: str = "INBOX") -> None:
        for mail in mails:
            self.ask(partial(_append, folder, mail.as_bytes()))


def _append(folder: str, raw: bytes, line: imaplib.IMAP4) -> None:
    line.append(folder, "", "", raw)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def amazons(kind: str, number: int, subject: str, text: str = "", *, is_forged: bool = False) -> EmailMessage:
    mail = EmailMessage()
    sender = f"buyer{number}@marketplace.amazon.com" if kind == "BBC_MESSAGE_SENT_TO_MERCHANT" else "a@amazon.com"
    passes = "fail" if is_forged else "pass"
    mail["Authentication-Results"] = f"{HOST}; dkim={passes} header.d=amazon.com"
    mail["From"], mail["To"], mail["Subject"] = sender, "seller@example.com", subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{number}@us-east-1.amazonses.com>"
    mail["X-Space-Notification-Type"], mail["X-Marketplace-ID"] = kind, US
    mail.set_content(text or "x")
    return mail


def question(number: int, **options: bool) -> EmailMessage:
    return amazons(
        "BBC_MESSAGE_SENT_TO_MERCHANT", number, f"Question (Order: {ORDER})", f"[commMgrTok:T{number}]", **options
    )


def arguments(live: Live, server: Server, *more: str) -> list[str]:
    (live.folder / "password").write_text("demopass\n")
    return [
        "--settings", str(live.settings_file), "source", "mailbox", "--seller", SELLER, "--marketplace", US,
        "--host", "127.0.0.1", "--port", str(server.port), "--no-tls", "--user", "demouser", "--password-file",
        "password",
        "--authserv-id", HOST, *more,
    ]  # fmt: skip


def read_once(live: Live, server: Server, *more: str) -> Ended:
    return dueclock_here(*arguments(live, server, "--once", "--log-level", "error", *more), folder=live.folder)


THROUGH = 'sla_source_read_through_timestamp_seconds{feed="inbox",source="mailbox"}'
ERRORS = 'sla_source_errors_total{source="mailbox"}'


def left_out(kind: str, reason: str) -> str:
    return f'sla_source_left_out_total{{kind="{kind}",reason="{reason}",source="mailbox"}}'


@contextmanager
def going(live: Live, server: Server, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The source as a process of its own, and its log."""
    log_file = live.folder / "source.log"
    with log_file.open("wb") as log:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_")}
        command = [sys.executable, "-m", "agents", *arguments(live, server, *more)]
        source = subprocess.Popen(
            command, cwd=live.folder, env={**environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield source, log_file
    finally:
        if source.poll() is None:
            source.kill()
            source.wait(10)


def values(live: Live) -> list[bytes]:
    return [record.value for record in live.read("buyer-message", "refund-issued")]


def test_mails_are_sent_as_they_come_and_left_as_they_are(make_live: MakeLive, server: Server) -> None:
    live = make_live(shipped_policies())
    with going(live, server, "--copies", "--poll", "600s") as (source, log_file):
        wait_until(lambda: "mailbox: reading" in log_file.read_text(), log_file.read_text, within_s=60)
        server.put(question(1), question(2, is_forged=True))
        wait_until(lambda: len(values(live)) == 1, log_file.read_text, within_s=60)
        server.put(amazons("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", 3, f"Your e-mail {ORDER}"))
        wait_until(lambda: len(values(live)) == 2, log_file.read_text, within_s=60)
        asked, answered = map(json.loads, values(live))
        assert asked["thread_id"] == answered["thread_id"] == "T1"
        unseen = server.ask(lambda line: (line.select("INBOX", readonly=True), line.search(None, "UNSEEN"))[1])
        assert len(unseen[1][0].split()) >= 3
        source.send_signal(signal.SIGTERM)
        assert source.wait(30) == 0
        assert "Traceback" not in log_file.read_text()
        assert ORDER not in log_file.read_text()


def test_how_far_a_mailbox_is_read_stands_still_when_it_goes_away(make_live: MakeLive, server: Server) -> None:
    live, port = make_live(shipped_policies()), free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    server.put(question(1), question(2, is_forged=True))
    with going(live, server, "--copies", "--poll", "1s", "--metrics-port", str(port)) as (source, log_file):
        wait_until(lambda: len(values(live)) == 1, log_file.read_text, within_s=60)
        wait_until(lambda: sample(url, THROUGH) is not None, log_file.read_text, within_s=20)
        first = sample(url, THROUGH)
        assert first is not None
        assert abs(first - time.time()) < 60
        assert sample(url, 'sla_source_notifications_total{source="mailbox",type="message.received"}') == 1
        assert sample(url, left_out("held_back", "unauthenticated")) == 1
        assert sample(url, ERRORS) == 0
        assert "its news may be 15 min late, and buyer-message-reply" in log_file.read_text()
        wait_until(lambda: (sample(url, THROUGH) or 0) > first, log_file.read_text, within_s=30)
        server.stop()
        wait_until(lambda: (sample(url, ERRORS) or 0) >= 1, log_file.read_text, within_s=30)
        stood = sample(url, THROUGH)
        wait_until(lambda: (sample(url, ERRORS) or 0) >= 2, log_file.read_text, within_s=30)
        assert sample(url, THROUGH) == stood
        source.send_signal(signal.SIGTERM)
        assert source.wait(30) == 0


def test_what_was_read_is_not_read_again_and_what_was_not_noted_is_the_same_bytes(
    make_live: MakeLive, server: Server
) -> None:
    live = make_live(shipped_policies())
    large = question(2)
    large.add_attachment(b"\0" * 3_000_000, maintype="application", subtype="octet-stream")
    server.put(question(1), large, amazons("REFUND_ISSUED", 3, f"refund 39.99 USD initiated – order {ORDER}"))
    server.put(question(4))
    assert read_once(live, server, "--copies").status == 0
    first = values(live)
    assert sorted(json.loads(value)["type"] for value in first) == [
        "message.received",
        "message.received",
        "refund.issued",
    ]
    assert read_once(live, server, "--copies").status == 0
    assert values(live) == first
    # Killed after the acknowledgement and before the notes: all of it again, byte by byte.
    for note in (live.folder / ".dueclock" / "sources").glob("*/*.json"):
        note.unlink()
    assert read_once(live, server, "--copies").status == 0
    assert sorted(values(live)) == sorted([*first, *first])


def test_a_server_that_goes_and_comes_back_numbered_anew_is_read_on(make_live: MakeLive, server: Server) -> None:
    live, before = make_live(shipped_policies()), question(1)
    server.put(before)
    assert read_once(live, server, "--copies").status == 0
    server.stop()
    away = read_once(live, server, "--copies")
    assert "does not answer" in away.err
    assert away.status == 1
    time.sleep(1.1)  # pymap's UIDVALIDITY is made of seconds
    server.start()
    server.put(before, question(2))
    assert read_once(live, server, "--copies").status == 0
    assert len(values(live)) == 2


def test_a_reply_of_the_sent_folder_finds_a_thread_of_an_earlier_run(make_live: MakeLive, server: Server) -> None:
    live = make_live(shipped_policies())
    server.put(question(1))
    assert read_once(live, server, "--sent-folder", "Sent").status == 0
    reply = EmailMessage()
    reply["From"], reply["To"], reply["Subject"] = "seller@example.com", "buyer1@marketplace.amazon.com", "Re:"
    reply["Date"], reply["Message-ID"] = format_datetime(datetime.now(UTC)), "<reply@example.com>"
    reply["In-Reply-To"] = "<1@us-east-1.amazonses.com>"
    server.put(reply, folder="Sent")
    assert read_once(live, server, "--sent-folder", "Sent").status == 0
    asked, answered = map(json.loads, values(live))
    assert (answered["type"], answered["thread_id"]) == ("message.sent", asked["thread_id"])
    kept = b"".join(note.read_bytes() for note in (live.folder / ".dueclock" / "sources").glob("*/mailbox-*.json"))
    assert b"marketplace.amazon" not in kept


def test_a_folder_may_be_called_in_any_language(make_live: MakeLive, server: Server) -> None:
    live = make_live(shipped_policies())
    server.ask(lambda line: line.create('"&AMk-l&AOk-ments envoy&AOk-s"'))
    server.put(question(1))
    reply = EmailMessage()
    reply["From"], reply["To"], reply["Subject"] = "seller@example.com", "buyer1@marketplace.amazon.com", "Re:"
    reply["Date"], reply["Message-ID"] = format_datetime(datetime.now(UTC)), "<reply@example.com>"
    reply["In-Reply-To"] = "<1@us-east-1.amazonses.com>"
    server.put(reply, folder='"&AMk-l&AOk-ments envoy&AOk-s"')
    ended = read_once(live, server, "--sent-folder", "Éléments envoyés")
    assert ended.status == 0, ended.err
    assert [json.loads(value)["type"] for value in values(live)] == ["message.received", "message.sent"]


def test_what_a_person_can_mend_is_one_sentence(make_live: MakeLive, server: Server) -> None:
    live = make_live(shipped_policies())
    assert "has no folder 'Nowhere'" in sentence_of(read_once(live, server, "--folder", "Nowhere"))
    (live.folder / "wrong").write_text("nonsense\n")
    assert "refuses the login of demouser" in sentence_of(read_once(live, server, "--password-file", "wrong"))
    (live.folder / "wrong").write_text("\n")
    assert "There is no password in wrong" in sentence_of(read_once(live, server, "--password-file", "wrong"))
    assert "in the clear" in sentence_of(read_once(live, server, "--host", "imap.example.com"))
    assert "Say where the password is" in sentence_of(read_once(live, server, "--password-env", "X"))
    assert "Name the mailbox's host" in sentence_of(read_once(live, server, "--trust-all"))
