"""The notifications in one HTTP request: CloudEvents 1.0 (binary, structured, batch), or plain JSON, one or a list.

A CloudEvent's `data` is our notification; what it leaves out of `event_id`, `type` and `occurred_at` is taken from the
event's `id`, `type` and `time`. Where both say it they must agree, save for the time: the fact's own counts.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from schemas.codec import canonical_json

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
PLAIN: Final = frozenset({"", "application/json"})
AT_MOST: Final = 500
"""Notifications in one request."""
_SPEC: Final = "1.0"
_TAKEN: Final = {"id": "event_id", "type": "type", "time": "occurred_at"}


class RequestError(Exception):
    """Why a request holds no notifications, in words for whoever wrote the client."""


def notifications_in(content_type: str, headers: Mapping[str, str], body: bytes) -> list[bytes]:
    """Each notification as JSON, in order; nothing in them is checked yet. Raises RequestError."""
    kind = content_type.partition(";")[0].strip().lower()
    document = _document(body)
    if kind == BATCH:
        events = _listed(document)
    elif kind == STRUCTURED:
        events = [document]
    elif kind not in PLAIN:
        raise RequestError(f"Content-Type {kind!r} is neither application/json nor a form of CloudEvents in JSON")
    elif "ce-specversion" in headers:
        attributes = {name: headers[f"ce-{name}"] for name in ("specversion", *_TAKEN) if f"ce-{name}" in headers}
        events = [{**attributes, "data": document}]
    else:
        found = _listed(document) if isinstance(document, list) else [document]
        return [_json_of(one) for one in found]
    return [_json_of(_data_of(event)) for event in events]


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("the body is no JSON") from None


def _listed(document: Any) -> list[Any]:
    if not isinstance(document, list) or not 1 <= len(document) <= AT_MOST:
        raise RequestError(f"a batch is a list of 1 to {AT_MOST}")
    return document


def _data_of(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict) or event.get("specversion") != _SPEC:
        raise RequestError("no CloudEvent of version 1.0")
    data = event.get("data")
    if not isinstance(data, dict):
        raise RequestError("a CloudEvent here has the notification as its `data`")
    fields = dict(data)
    for attribute, name in _TAKEN.items():
        value = event.get(attribute)
        if value is None:
            continue
        if fields.setdefault(name, value) != value and attribute != "time":
            raise RequestError(f"`{attribute}` of the CloudEvent and `{name}` of its data differ")
    return fields


def _json_of(document: Any) -> bytes:
    if not isinstance(document, dict):
        raise RequestError("a notification is an object")
    try:
        return canonical_json(document)
    except TypeError:
        raise RequestError("a text is no Unicode, or a number too large") from None
