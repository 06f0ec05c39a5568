"""`dueclock notify`: one notification from a person, with the checks of the worker before it is sent."""

from typing import Any

from agents.errors import UserError
from agents.settings import Settings
from agents.sources.passing_on import OWN, state_of, takes_refunds
from agents.sources.sending import send_all
from schemas.codec import canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.forms import FORMS
from schemas.notifications import Notification, RefundIssued
from streams.admission import admit
from streams.routing import account_key
from streams.sources.naming import digest

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def notification_of(kind: str, account: dict[str, str], fields: dict[str, str], at_ms: int) -> Notification:
    """The notification that these words make. UserError (status 2) with the field to blame."""
    form = FORMS[kind]
    known = {field.name: field for field in form.fields}
    own = [name for name in known if name not in ("event_id", "occurred_at", "arrived_at", "journaled_at", *account)]
    for name in fields:
        if name not in own:
            flags = ", ".join(f"--{one.replace('_', '-')}" for one in own)
            raise UserError(f"{kind} has no field {name}; it has {flags}.", 2)
    given = {name: _value(text, str(known[name].hint)) for name, text in fields.items()}
    occurred_at = format_instant(at_ms)
    name = digest(kind, *account.values(), occurred_at, *(f"{key}={fields[key]}" for key in sorted(fields)))
    whole = {**given, **account, "type": kind, "event_id": f"hand:{name[:32]}", "occurred_at": occurred_at}
    decoded = decode_notification(canonical_json(whole), from_file=False)
    if not isinstance(decoded, Decoded):
        field = decoded.field or "type"
        flag = field.removesuffix("_id") if field in account else field.replace("_", "-")
        raise UserError(f"{kind} needs a valid --{flag}.", 2)
    assert isinstance(decoded.body, Notification)  # live there is nothing else
    return decoded.body


def _value(text: str, hint: str) -> Any:
    """A flag's text in the type of its field."""
    if "tuple" in hint:
        return [one.strip() for one in text.split(",")]
    if "bool" in hint:
        return _TRUTH.get(text.lower(), text)
    if "int" in hint and text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    return text


def send_by_hand(settings: Settings, notification: Notification, now_ms: int, *, is_dry: bool) -> str:
    """Send it, unless the worker would refuse it; what was sent, as it was sent."""
    rejected = admit(state_of(settings), notification, now_ms, now_ms)
    if rejected is not None:
        raise UserError(f"The worker would refuse this: {rejected.reason} ({rejected.field}).", 2)
    if isinstance(notification, RefundIssued) and not takes_refunds(settings, account_key(notification), OWN):
        raise UserError(
            f"The refunds of {account_key(notification)} are taken from another source (`refunds` in [[accounts]]); "
            "this one would count twice.",
            2,
        )
    if not is_dry:
        send_all(settings, [notification], lambda _: None)
    return journal_value(notification).decode()
