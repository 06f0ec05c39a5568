"""Events as the board keeps them: what was said of each clock, what went wrong lately, how health went.

Events are small when kept: a clock's stand in one string of bytes, since there are several for each of many clocks.
Whatever an event holds that is not known here is left out, never guessed.
"""

from collections import deque
from typing import Any, Final

import msgspec
import orjson

from schemas.codec import parse_instant

BREACHES_KEPT: Final = 400
"""Of one account, the newest."""
FIGURES_KEPT: Final = 130
"""Of one metric and window of an account: a quarter's midnights, and corrections."""

_KEPT_FIELDS: Final = (
    *("cause", "reason", "by", "level", "urgent", "collapsed", "late_by_ms", "elapsed_ms", "of", "retracts"),
    *("revision", "obligor", "consequences", "kind", "subject", "order_id", "rule"),
)


class Happening(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event of a clock, or a violation. Instants in ms UTC; `more` holds the fields that its type has."""

    seq: int
    type: str
    output_id: bytes
    at_ms: int
    decided_ms: int
    due_ms: int
    more: dict[str, Any]


class Figure(msgspec.Struct, frozen=True, gc=False):
    """What was said of one metric and window of an account's health at a midnight, or at a report."""

    at_ms: int
    numerator: int
    denominator: int
    unit: str
    value: int
    status: str


class Breach(msgspec.Struct, frozen=True, gc=False):
    """What went wrong: a breach, a right that lapsed, a violation. `clock_id` is "" for a violation."""

    clock_id: str
    happening: Happening


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Happening)
_LENGTH_BYTES: Final = 2


class Happenings:
    """All of it, by clock and by account."""

    def __init__(self) -> None:
        self._of_clock: dict[str, bytes] = {}
        self._breaches: dict[str, deque[Breach]] = {}
        self._retracted: dict[str, set[bytes]] = {}
        self._figures: dict[str, dict[tuple[str, int], list[Figure]]] = {}

    def see(self, value: bytes) -> str | None:
        """Take in the value of a record of an output topic; the account, or None where it is no event of ours."""
        try:
            event: dict[str, Any] = orjson.loads(value)
            account = f"{event['seller_id']}/{event['marketplace_id']}"
            if event["type"] == "account.health":
                self._see_figure(account, event)
            else:
                self._see(account, event)
        except (KeyError, TypeError, ValueError):
            return None
        return account

    def _see(self, account: str, event: dict[str, Any]) -> None:
        at_ms = parse_instant(event["at"])
        happening = Happening(
            event.get("seq", 0),
            event["type"],
            bytes.fromhex(event["output_id"]),
            at_ms,
            parse_instant(event["decided_at"]),
            parse_instant(event["due_at"]) if "due_at" in event else at_ms,
            {name: event[name] for name in _KEPT_FIELDS if name in event},
        )
        clock_id = event.get("clock_id", "")
        if clock_id:
            encoded = _encoder.encode(happening)
            before = self._of_clock.get(clock_id, b"")
            self._of_clock[clock_id] = before + len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded
        if happening.type in ("clock.breached", "clock.lapsed", "policy.violation"):
            self._breaches.setdefault(account, deque(maxlen=BREACHES_KEPT)).append(Breach(clock_id, happening))
        elif happening.type == "clock.retracted" and happening.more.get("of") in ("clock.breached", "clock.lapsed"):
            self._retracted.setdefault(account, set()).add(bytes.fromhex(happening.more["retracts"]))

    def _see_figure(self, account: str, event: dict[str, Any]) -> None:
        known = self._figures.setdefault(account, {}).setdefault((event["metric"], event["window_days"]), [])
        figure = Figure(
            parse_instant(event["at"]),
            event["numerator"],
            event["denominator"],
            event["unit"],
            event["value"],
            event.get("status", ""),
        )
        if known and known[-1].at_ms == figure.at_ms:  # a correction of the same midnight
            known.pop()
        known.append(figure)
        del known[:-FIGURES_KEPT]

    def of_clock(self, clock_id: str) -> list[Happening]:
        """What was said of a clock, in order: it comes from three topics, and `seq` counts over all of them."""
        blob, found, at = self._of_clock.get(clock_id, b""), [], 0
        while at < len(blob):
            length = int.from_bytes(blob[at : at + _LENGTH_BYTES], "big")
            at += _LENGTH_BYTES
            found.append(_decoder.decode(blob[at : at + length]))
            at += length
        return sorted(found, key=lambda one: one.seq)

    def breaches(self, account: str, since_ms: int) -> list[tuple[Breach, bool]]:
        """What went wrong since then, the newest first, each with whether it was taken back."""
        taken_back = self._retracted.get(account, set())
        found = [
            (one, one.happening.output_id in taken_back)
            for one in self._breaches.get(account, ())
            if one.happening.at_ms >= since_ms
        ]
        return sorted(found, key=lambda one: one[0].happening.at_ms, reverse=True)

    def figures(self, account: str) -> dict[tuple[str, int], list[Figure]]:
        """What was said of the account's health, by metric and window, in order."""
        return self._figures.get(account, {})

    def drop_all_but(self, is_known: "dict[str, Any]", also: "dict[str, Any]") -> None:
        """Forget what was said of clocks that nobody lists any more, once they are many."""
        if len(self._of_clock) > 1_000 + 1.2 * (len(is_known) + len(also)):
            for clock_id in [one for one in self._of_clock if one not in is_known and one not in also]:
                del self._of_clock[clock_id]
