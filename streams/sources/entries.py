"""One entry of a source on its way to notifications: the only place that makes them.

A notification is written as JSON and read by the worker's own decoder. What that refuses is left out as `invalid`, with
the field that the contract blames: so no way in can send what the worker would not take.
"""

from __future__ import annotations

from schemas.codec import canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.fields import Program
from schemas.notifications import Notification, type_name
from streams.sources.accounts import SourceAccount
from streams.sources.findings import REASONS, LeftOut, Mapped, Tracked
from streams.sources.naming import digest


class Entry:
    """Collects what becomes of one entry. `prefix` begins the event ids of its source."""

    def __init__(self, prefix: str, account: SourceAccount, where: tuple[str, ...], about: str = "") -> None:
        self.account = account
        self.about = about
        self._prefix = prefix
        self._where = where
        self._notifications: list[Notification] = []
        self._left_out: list[LeftOut] = []
        self._tracked: list[Tracked] = []
        self._dated_by_reader: set[str] = set()

    def say(
        self,
        body_type: type[Notification],
        key: str,
        occurred_ms: int,
        *,
        is_dated_by_reader: bool = False,
        **fields: object,
    ) -> None:
        """Make a notification of this type for the source's own key; fields that are None are absent."""
        kind, account = type_name(body_type), self.account
        event_id = f"{self._prefix}:{digest(self._prefix, account.seller_id, account.marketplace_id, kind, key)[:32]}"
        document = {name: value for name, value in fields.items() if value is not None}
        document |= {"type": kind, "event_id": event_id}
        document |= {"seller_id": account.seller_id, "marketplace_id": account.marketplace_id}
        try:
            raw = canonical_json({**document, "occurred_at": format_instant(occurred_ms)})
        except (TypeError, ValueError):  # text that is no Unicode, a year that has not four digits
            self.leave_out("invalid", kind)
            return
        decoded = decode_notification(raw, from_file=False)
        if not isinstance(decoded, Decoded):
            self.leave_out("invalid", decoded.field or kind)
            return
        assert isinstance(decoded.body, Notification)  # body_type is one, and live there is nothing else
        self._notifications.append(decoded.body)
        if is_dated_by_reader:
            self._dated_by_reader.add(event_id)

    def track(self, tracking: str, carrier: str, *, return_id: str, order_id: str, program: Program) -> None:
        """Note the parcel that brings a return back."""
        account = self.account
        self._tracked.append(
            Tracked(tracking, carrier, account.seller_id, account.marketplace_id, return_id, order_id, program)
        )

    def leave_out(self, reason: str, field: str = "") -> None:
        """Say why something becomes nothing."""
        assert reason in REASONS, reason
        left_out = LeftOut(reason, field)
        if left_out not in self._left_out:
            self._left_out.append(left_out)

    def done(self) -> Mapped:
        """What became of it."""
        return Mapped(
            self._where,
            self.about,
            tuple(self._notifications),
            tuple(self._left_out),
            tuple(self._tracked),
            frozenset(self._dated_by_reader),
        )
