"""An SLA event as it is sent: its bytes, and what its record needs beside them (contract §4)."""

from __future__ import annotations

import msgspec

from schemas.events import EventTopic
from schemas.headers import Header, Headers, event_headers, judged_by, line_header


class SlaEvent(msgspec.Struct, frozen=True, gc=False):
    """One event, ready to send: logical topic, type, canonical bytes, and what its headers and key need.

    `subject` is the CloudEvents subject (the clock's id, or the account), `at` its RFC 3339 instant, `account` the
    record key. For those who count: `rule` of a clock's event; `detail`, an escalation's level or a violation's kind;
    `elapsed_ms` of an answered clock; `fired_ms`, the instant of the timer that brought it (ms UTC), 0 without one.
    """

    topic: EventTopic
    type: str
    value: bytes
    output_id: str
    subject: str
    at: str
    account: str
    rule: str = ""
    detail: str = ""
    elapsed_ms: int = 0
    fired_ms: int = 0

    def headers(self, line: int, digest: str, logic: int) -> Headers:
        """The headers of its record: `line` brought it, under the policies with this `digest`, judged by `logic`."""
        return self.headed(line_header(line), judged_by(digest, logic))

    def headed(self, line: Header, judged: Headers) -> Headers:
        """The same from what the events of a line, and of all lines under these policies, share."""
        return event_headers(self.output_id, self.type, self.at, self.subject, line, judged)
