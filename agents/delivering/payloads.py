"""What goes over the wire to each kind of target: bodies and headers, as each target's own documentation asks. Pure.

Standard Webhooks (standardwebhooks.com): `webhook-id` is the event's `output_id`, the same for every try; the signature
is over id, time and body. CloudEvents 1.0 over HTTP, binary mode: the body is the event as it stands on its topic.
Slack: blocks, with a text for notifications. Teams: an Adaptive Card. PagerDuty: Events API v2; one incident a clock.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, NamedTuple

from agents.delivering import texts
from agents.delivering.matching import ENDINGS, RETRACTED, Event, is_late_end_taken_back
from agents.delivering.wording import Message, message, plain_text
from agents.phrases import words_for
from agents.subscriptions import Language, Mail, Webhook
from schemas.codec import canonical_json
from schemas.headers import CE_SOURCE, CE_SPECVERSION, CONTENT_TYPE

_BASE64_FOLLOWS: Final = "whsec_"
_SLACK_FIELD: Final = 2_000
_SUMMARY: Final = 1_024
_COLOURS: Final = {"critical": "attention", "error": "attention", "warning": "warning", "info": "default"}
_GRAVITIES: Final = ("info", "warning", "error", "critical")


class Request(NamedTuple):
    """A POST."""

    body: bytes
    headers: dict[str, str]


def webhook(delivery: Webhook, event: Event, value: bytes, secret: str, now_s: int) -> Request:
    """A signed webhook; `value` is the event's canonical JSON, `now_s` the time of this try."""
    headers = {"content-type": CONTENT_TYPE, "webhook-id": event["output_id"], "webhook-timestamp": str(now_s)}
    if delivery.form == "cloudevents":
        body = value
        headers |= {
            "ce-specversion": CE_SPECVERSION,
            "ce-id": event["output_id"],
            "ce-source": CE_SOURCE,
            "ce-type": event["type"],
            "ce-time": event["at"],
            "ce-subject": event.get("clock_id") or f"{event['seller_id']}/{event['marketplace_id']}",
        }
    else:
        body = canonical_json({"data": event, "timestamp": event["decided_at"], "type": event["type"]})
    if secret:
        headers["webhook-signature"] = signature(secret, event["output_id"], now_s, body)
    return Request(body, headers)


def signature(secret: str, identity: str, now_s: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 in base64. A secret with `whsec_` is base64, any other the bytes of its text."""
    signed = f"{identity}.{now_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. ValueError where what follows `whsec_` is no base64."""
    if not secret.startswith(_BASE64_FOLLOWS):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_BASE64_FOLLOWS), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def slack(event: Event, language: Language, clock_link: str) -> Request:
    """A message of an incoming webhook."""
    found = message(event, language, clock_link)
    fields = []
    for row in found.rows:
        text = f"<{_slack(row.link)}|{_slack(row.text)}>" if row.link else _slack(row.text)
        fields.append({"type": "mrkdwn", "text": f"*{_slack(row.label)}*\n{text}"[:_SLACK_FIELD]})
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{_slack(found.headline)}*"}},
        {"type": "section", "fields": fields[:10]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"{event['type']} {event['output_id']}"}]},
    ]
    return _json({"text": _slack(found.headline), "blocks": blocks})


def teams(event: Event, language: Language, clock_link: str) -> Request:
    """An Adaptive Card for a workflow that waits for a webhook."""
    found = message(event, language, clock_link)
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "text": found.headline,
                "size": "medium",
                "weight": "bolder",
                "wrap": True,
                "color": _COLOURS[found.gravity],
            },
            {"type": "FactSet", "facts": [{"title": row.label, "value": row.text} for row in found.rows]},
            {"type": "TextBlock", "text": f"{event['type']} {event['output_id']}", "isSubtle": True, "size": "small"},
        ],
        "actions": [
            {"type": "Action.OpenUrl", "title": f"{row.label} {row.text}"[:80], "url": row.link}
            for row in found.rows
            if row.link
        ],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _json({"type": "message", "attachments": [content]})


def pagerduty(event: Event, language: Language, clock_link: str, routing_key: str) -> Request:
    """Triggers the incident of a clock, or resolves it; the clock's id is what both name it by."""
    is_over = event["type"] in (RETRACTED, *ENDINGS) or event.get("status") in ("good", "excellent")
    is_over = is_over and not is_late_end_taken_back(event)
    said_of: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if is_over else "trigger",
        "dedup_key": incident_of(event),
        "client": "dueclock",
    }
    found = message(event, language, clock_link)
    said_of["payload"] = {
        "summary": found.headline[:_SUMMARY],
        "source": f"{event['seller_id']}/{event['marketplace_id']}",
        "severity": "critical" if is_late_end_taken_back(event) else found.gravity,
        "timestamp": event["at"],
        "component": event.get("rule") or event["type"],
        "class": event["type"],
        "custom_details": {"event": event, **{row.label: row.text for row in found.rows}},
    }
    said_of["links"] = [{"href": row.link, "text": row.text} for row in found.rows if row.link]
    return _json(said_of)


def incident_of(event: Event) -> str:
    """What an incident is about: a clock, a figure of an account, or one violation. At most 255 characters."""
    if "clock_id" in event:
        name = str(event["clock_id"])
    elif event["type"] == "account.health":
        name = "/".join(str(event[part]) for part in ("seller_id", "marketplace_id", "metric", "window_days"))
    else:
        name = str(event["output_id"])
    return name if len(name) <= 255 else hashlib.sha256(name.encode()).hexdigest()


def mail(delivery: Mail, events: Sequence[Event], now_ms: int) -> EmailMessage:
    """One mail for one event or many. The id is made of the events', so that the same mail twice is known as such."""
    found = [message(event, delivery.language, delivery.clock_link) for event in events]
    worst = max(found, key=lambda one: _GRAVITIES.index(one.gravity))
    form = words_for(texts.DIGEST, "subject_of_one" if len(found) == 1 else "subject", delivery.language)
    made = new_mail(delivery, form.format(count=len(found), worst=worst.headline), now_ms)
    names = [event["output_id"] for event in events]
    name = names[0] if len(names) == 1 else hashlib.sha256("".join(names).encode()).hexdigest()[:32]
    made["Message-ID"] = f"<{name}@{_domain(delivery)}>"
    taken_back = [event["retracts"] for event in events if "retracts" in event]
    if taken_back:  # where both came alone, they stand together
        made["References"] = " ".join(f"<{one}@{_domain(delivery)}>" for one in taken_back[:20])
    made.set_content(_mail_text(found))
    return made


def new_mail(delivery: Mail, subject: str, now_ms: int) -> EmailMessage:
    """A mail without a body, to everybody of a delivery."""
    made = EmailMessage()
    made["Subject"] = subject.replace("\n", " ").replace("\r", " ")
    made["From"] = delivery.sender
    made["To"] = ", ".join(delivery.recipients)
    made["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    made["Auto-Submitted"] = "auto-generated"
    return made


def _mail_text(found: Sequence[Message]) -> str:
    return "\n".join(plain_text(one) for one in found)


def _domain(delivery: Mail) -> str:
    return delivery.sender.rpartition("@")[2]


def _slack(text: str) -> str:
    """Slack's three characters of its own, told to be text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _json(said_of: dict[str, Any]) -> Request:
    return Request(canonical_json(said_of), {"content-type": CONTENT_TYPE})
