"""Mail, chat and PagerDuty: what people and their tools are told, by real servers that listen as theirs do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from agents.demo.process import free_port
from tests.broker.harness import wait_until
from tests.delivering.deliverer import Installation, once, table
from tests.delivering.receiver import Got, Receiver
from tests.delivering.test_webhook import CASES, wanted

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

LATE = "18-late-news-retracts-the-breach"
MAIL = {"sender": "dueclock@shop.example", "recipients": ["desk@shop.example", "lead@shop.example"], "tls": "none"}


class Post:
    """A mail server that keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.answer = "250 OK"
        self._controller = Controller(
            self, hostname="127.0.0.1", port=free_port(), authenticator=self.login, auth_require_tls=False
        )
        self._controller.start()
        self.address = f"127.0.0.1:{self._controller.port}"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: Any) -> AuthResult:
        assert isinstance(said, LoginPassword)
        self.logins.append((said.login, said.password))
        return AuthResult(success=said.password == b"a password of the post")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            found = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            assert envelope.rcpt_tos == MAIL["recipients"]
            self.mails.append(found)
        return self.answer

    def close(self) -> None:
        self._controller.stop()


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    yield made
    made.close()


def names_of(post: Post) -> list[str]:
    """The ids of the mails, which name the events."""
    return [mail["Message-ID"].partition("@")[0].lstrip("<") for mail in post.mails]


def test_a_mail_comes_for_each_event_and_a_retraction_says_what_it_takes_back(
    installation: Installation, post: Post
) -> None:
    password = installation.secret("password", "a password of the post")
    said = {**MAIL, "smtp": post.address, "username": "dueclock", "password_file": password, "start": "earliest"}
    installation.configure(table("desk", "mail", **said))
    post.answer = "451 come again"
    events = wanted(installation.tell(LATE))
    deliverer = installation.deliver()
    deliverer.wait_for("parked")
    post.answer = "250 OK"
    wait_until(lambda: len(post.mails) >= len(events), lambda: f"{len(events)} mails, {len(post.mails)}", within_s=30)
    assert names_of(post) == [event["output_id"] for event in events]
    assert set(post.logins) == {(b"dueclock", b"a password of the post")}
    breach, taken_back = (next(e for e in events if e["type"] == t) for t in ("clock.breached", "clock.retracted"))
    mail = post.mails[names_of(post).index(taken_back["output_id"])]
    assert mail["Subject"].startswith("Taken back: that it is overdue: ")
    assert mail["References"] == f"<{breach['output_id']}@shop.example>"
    text = mail.get_content()
    assert f"Takes back: that it is overdue (clock.breached {breach['output_id']})" in text
    assert f"Order: {breach['order_id']}" in text
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "a password of the post" not in deliverer.log()


def test_a_digest_is_one_mail_and_a_crash_before_it_loses_nothing(installation: Installation, post: Post) -> None:
    said = {**MAIL, "smtp": post.address, "start": "earliest", "language": "ja", "digest_s": 12}
    installation.configure(table("desk", "mail", **said))
    events = wanted(installation.tell(*CASES[:3]))
    written_s = time.time()
    first = installation.deliver()
    first.process.kill()  # nothing has been sent, so nothing is committed
    first.process.wait(10)
    assert time.time() < written_s + 12, "the machine is too slow for this test: the digest's time had come"
    assert post.mails == []
    second = installation.deliver()
    wait_until(lambda: len(post.mails) >= 1, lambda: f"the digest\n{second.log()}", within_s=40)
    assert second.stop() == 0
    (mail,) = post.mails
    assert mail["Subject"].startswith(f"通知{len(events)}件：期限超過：")
    text = mail.get_content()
    for event in events:
        assert event["clock_id"] in text
    assert text.index(events[0]["clock_id"]) < text.index(events[-1]["clock_id"])
    installation.deliver()
    later = wanted(installation.tell("12b-marked-after-breach"))
    wait_until(lambda: len(post.mails) >= 2, lambda: "the next digest", within_s=40)
    assert post.mails[1]["Subject"].startswith(f"通知{len(later)}件" if len(later) > 1 else "")


def test_chats_are_told_in_their_forms(installation: Installation, hook: Receiver) -> None:
    tables = [
        table(
            f"{to}-{language}",
            to,
            url_file=installation.secret(f"{to}-{language}", hook.url(f"/{to}/{language}/T0/secret")),
            language=language,
            start="earliest",
            clock_link="https://board.example/clocks/{clock_id}",
        )
        for to, language in (("slack", "en"), ("slack", "zh"), ("teams", "ja"))
    ]
    installation.configure(*tables)
    events = wanted(installation.tell(LATE))
    deliverer = installation.deliver()
    for path in ("/slack/en/T0/secret", "/slack/zh/T0/secret", "/teams/ja/T0/secret"):
        wait_until(
            lambda path=path: len(hook.at(path)) >= len(events),  # type: ignore[misc]  # mypy cannot infer it
            lambda path=path: f"{len(events)} at {path}",  # type: ignore[misc]  # as above
            within_s=30,
        )
    slack = [got.json for got in hook.at("/slack/en/T0/secret")]
    assert [one["text"].partition(":")[0] for one in slack][-1] == "Taken back"
    fields = [field["text"] for field in slack[-1]["blocks"][1]["fields"]]
    assert any("sellercentral.amazon.com/orders-v3/order/" in text for text in fields)
    assert any(text.startswith("*Clock*\n<https://board.example/clocks/A3GOLDEN/") for text in fields)
    assert hook.at("/slack/zh/T0/secret")[-1].json["text"].startswith("撤回：已逾期：")
    (attachment,) = hook.at("/teams/ja/T0/secret")[-1].json["attachments"]
    card = attachment["content"]
    assert (attachment["contentType"], card["type"]) == ("application/vnd.microsoft.card.adaptive", "AdaptiveCard")
    assert card["body"][0]["text"].startswith("取り消し：期限超過：")
    assert {fact["title"] for fact in card["body"][1]["facts"]} >= {"注文", "取り消される通知", "理由", "期限"}
    assert "secret" not in deliverer.log()


def left_open(events: list[dict[str, Any]]) -> set[str]:
    """The clocks whose breach stands at the end and that nothing has ended."""
    standing: dict[str, list[str]] = {}
    for event in events:
        events_of = standing.setdefault(event.get("clock_id", ""), [])
        if event["type"] == "clock.retracted" and event["of"] in events_of:
            events_of.remove(event["of"])
        elif event["type"] in ("clock.breached", "clock.closed_late"):
            events_of.append(event["type"])
        elif event["type"] == "clock.expired":
            events_of.clear()
    return {clock for clock, events_of in standing.items() if events_of == ["clock.breached"]}


def test_an_incident_is_triggered_by_the_breach_and_resolved_by_what_ends_it_or_takes_it_back(
    installation: Installation, hook: Receiver
) -> None:
    key = installation.secret("key", "0123456789abcdef0123456789abcdef")
    url = hook.url("/v2/enqueue")
    installation.configure(table("pager", "pagerduty", routing_key_file=key, url=url, start="earliest"))
    standing: set[str] = set()
    seen: list[tuple[str, str]] = []

    def pagerduty(got: Got) -> web.Response:
        """What PagerDuty does with an event of its API v2: 202, and an incident stands or is gone."""
        said = got.json
        assert said["routing_key"] == "0123456789abcdef0123456789abcdef"
        assert said["event_action"] in ("trigger", "resolve")
        assert len(said["dedup_key"]) <= 255
        if said["event_action"] == "trigger":
            assert said["payload"]["summary"]
            assert said["payload"]["source"]
            assert said["payload"]["severity"] == "critical"
            standing.add(said["dedup_key"])
        else:
            standing.discard(said["dedup_key"])
        seen.append((said["event_action"], said["payload"]["custom_details"]["event"]["type"]))
        return web.Response(status=202, text=json.dumps({"status": "success", "dedup_key": said["dedup_key"]}))

    hook.answer = pagerduty
    events = installation.tell(LATE, CASES[0], CASES[1], "43-forgotten-and-expired")
    installation.deliver()
    open_breaches = left_open(events)
    breaches = sum(event["type"] == "clock.breached" for event in events)
    wait_until(
        lambda: sum(kind == "clock.breached" for _, kind in seen) >= breaches and standing == open_breaches,
        lambda: f"{open_breaches} to stand, there are {standing}; {seen}",
        within_s=30,
    )
    assert ("resolve", "clock.retracted") in seen
    assert ("resolve", "clock.closed_late") in seen
    assert not any(kind in ("clock.opened", "clock.escalated") for _, kind in seen)
    met_at_once = sum(e["type"] == "clock.met" and e["seq"] == 2 for e in events)
    assert met_at_once == 0 or len(seen) < len(events) - met_at_once + 1


def test_cloudevents_go_over_http_as_they_stand_on_the_topic(installation: Installation, hook: Receiver) -> None:
    from cloudevents.core.bindings.http import HTTPMessage, from_binary_event
    from cloudevents.core.formats.json import JSONFormat

    installation.configure(table("ce", "webhook", url=hook.url("/ce"), form="cloudevents", start="earliest"))
    events = wanted(installation.tell(CASES[0]))
    installation.deliver()
    wait_until(lambda: len(hook.at("/ce")) >= len(events), lambda: f"{len(events)} events", within_s=30)
    assert len(once(map(json.loads, (got.body for got in hook.at("/ce"))))) == len(events)
    for got, event in zip(hook.at("/ce"), events, strict=True):
        found = from_binary_event(HTTPMessage(got.headers, got.body), JSONFormat())
        assert found.get_id() == got.headers["webhook-id"] == event["output_id"]
        assert found.get_type() == event["type"]
        assert found.get_subject() == event["clock_id"]
        assert found.get_data() == event
