"""Random histories in which facts collide: few accounts, orders, threads and cases, late and repeated news, edges.

`random_case(seed, lines)` is fast and plain; `cases()` and `histories()` give the same kind of histories to Hypothesis,
which can shrink them. A line is a dict ready to be dumped as JSON, or bytes that no dict can say.
"""

import hashlib
import json
import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from . import agreements, instants
from .agreements import JP, US, Agreement

Line = dict[str, Any] | bytes

ACCOUNTS = [("S-1", US), ("S-1", JP), ("S-3", US)]
ORDERS = ["111-0000001-0000001", "111-0000001-0000002"]
PROGRAMS = ["sfp", "mfn", "fba", "csba_jp"]
AMOUNTS = ["10", "10.00", "40.5", "59.50", "60", "99.99", "100.00"]

# What a history is mostly about; the numbers are weights.
THEMES: list[dict[str, int]] = [
    {"receipt": 6, "refund": 9, "cancel_refund": 3, "return": 4, "question": 2, "safet": 1},
    {"receipt": 2, "return": 9, "refund": 3, "claim": 2, "cancel_refund": 1},
    {"received": 8, "sent": 7, "mark": 4},
    {"csba": 7, "csba_sent": 5, "sent": 3, "switch": 4, "mark": 2, "received": 2},
    {"case": 5, "activity": 8, "close": 4},
    {"claim": 8, "evidence": 4, "report": 3, "vacation": 1, "safet": 3, "refund": 3},
    {
        "receipt": 4, "refund": 5, "cancel_refund": 2, "return": 5, "question": 3, "safet": 2, "received": 5, "sent": 5,
        "mark": 3, "csba": 3, "csba_sent": 3, "switch": 2, "case": 3, "activity": 4, "close": 2, "claim": 4,
        "evidence": 2, "report": 2, "vacation": 1,
    },
]  # fmt: skip


@dataclass
class Case:
    policies: str
    lines: list[Line]
    until_ms: int | None = None

    def raw(self) -> list[bytes]:
        return [dump(line) for line in self.lines]


def dump(line: Line) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()


def random_case(seed: int, lines: int) -> Case:
    """The same seed gives the same policies and lines on every machine."""
    return Teller(random.Random(seed)).tell(lines)


def random_history(seed: int, lines: int) -> list[bytes]:
    """A history for `plain_policies()`; it may activate others."""
    return Teller(random.Random(seed), plain=True).tell(lines).raw()


def plain_policies() -> str:
    return agreements.plain().toml()


@st.composite
def cases(draw: st.DrawFn, max_lines: int = 40, plain: bool = False) -> Case:
    rng = draw(st.randoms(use_true_random=False))
    case = Teller(rng, plain=plain).tell(draw(st.integers(1, max_lines)))
    # Zero leaves a line out: so Hypothesis shrinks by leaving lines out.
    case.lines = [line for line in case.lines if draw(st.integers(0, 24)) > 0]
    return case


def histories(max_lines: int = 40) -> st.SearchStrategy[list[Line]]:
    """Histories for `plain_policies()`."""
    return cases(max_lines, plain=True).map(lambda case: case.lines)


class Teller:
    """Tells one history, line by line."""

    def __init__(self, rng: random.Random, plain: bool = False) -> None:
        self.rng = rng
        self.now = instants.beginning(rng)
        self.agreement: Agreement = agreements.plain() if plain else agreements.random_agreement(rng, self.now)
        self.policies = self.agreement.toml()
        self.known: list[int] = []  # instants of facts told
        self.told: list[dict[str, Any]] = []
        self.count = 0
        theme = dict(rng.choice(THEMES))
        if rng.random() < 0.2:
            theme.update(rng.choice(THEMES))
        self.theme = theme
        self.accounts = ACCOUNTS if rng.random() < 0.25 else [rng.choice(ACCOUNTS)]
        self.orders = ORDERS[: rng.choice([1, 1, 2])]
        self.lateness = rng.choice([0.15, 0.5, 0.8])
        self.pace = rng.choice([0.02, 0.06, 0.15, 0.4])
        self.bad = rng.choice([0.0, 0.0, 0.05])
        self.activations = rng.choice([0.0, 0.02, 0.1])

    def tell(self, lines: int) -> Case:
        told = [self.line() for _ in range(lines)]
        until = self.now + self.rng.randrange(9 * instants.DAY_MS) if self.rng.random() < 0.5 else None
        return Case(self.policies, told, until)

    # ------------------------------------------------------------ lines

    def line(self) -> Line:
        roll = self.rng.random()
        if roll < self.bad:
            return self.spoilt(self.fact())
        if roll < self.bad + self.activations:
            return self.activation()
        if roll < self.bad + self.activations + 0.12:
            return self.tick()
        if self.told and roll < self.bad + self.activations + 0.24:
            return self.repeat()
        return self.fact()

    def later(self) -> int:
        return instants.later(self.rng, self.now, self.known, self.pace)

    def tick(self) -> dict[str, Any]:
        at = self.later()
        self.now = max(self.now, at)
        name = self.rng.choice(["arrived_at", "arrived_at", "journaled_at"])
        return {"type": "time.tick", name: instants.text(self.rng, at)}

    def activation(self) -> dict[str, Any]:
        self.now = self.later()
        self.agreement = agreements.successor(self.rng, self.agreement, self.now)
        toml = self.agreement.toml()
        digest = hashlib.sha256(toml.encode()).hexdigest()
        at = instants.text(self.rng, self.now)
        return {"type": "policy.activated", "arrived_at": at, "digest": digest, "toml": toml}

    def fact(self) -> dict[str, Any]:
        families = sorted(self.theme)
        family = self.rng.choices(families, [self.theme[name] for name in families])[0]
        body = getattr(self, "_" + family)()
        self.count += 1
        seller, marketplace = self.rng.choice(self.accounts)
        line = {
            "event_id": f"{self.rng.choice('kmz')}{self.count:03d}",
            **body,
            "seller_id": seller,
            "marketplace_id": marketplace,
        }
        self.told.append(line)
        return self.timed(line)

    def timed(self, line: dict[str, Any]) -> dict[str, Any]:
        """When it happened, and when the news came."""
        rng = self.rng
        arrived = self.later()
        occurred = instants.earlier(rng, arrived, self.known) if rng.random() < self.lateness else arrived
        if rng.random() < 0.02:
            occurred = arrived + rng.choice([1, 300_000, 300_001])
        line["occurred_at"] = instants.text(rng, occurred)
        if arrived != occurred or rng.random() < 0.1:
            name = "journaled_at" if rng.random() < 0.03 else "arrived_at"
            line[name] = instants.text(rng, arrived)
        self.known.append(occurred)
        self.now = max(self.now, arrived)
        return dict(line)

    def repeat(self) -> dict[str, Any]:
        """The same fact once more: the same line, or another time, id or content under the same business key."""
        rng = self.rng
        line = dict(rng.choice(self.told[-12:]))
        original = line["occurred_at"]
        line.pop("arrived_at", None)
        line.pop("journaled_at", None)
        line = self.timed(line)
        if rng.random() < 0.4:
            line["occurred_at"] = original
            line.setdefault("arrived_at", instants.text(rng, self.now))
        if rng.random() < 0.5 and line["type"] != "account.metrics_reported":
            self.count += 1
            line["event_id"] = f"{rng.choice('akmz')}{self.count:03d}"
        if rng.random() < 0.3:
            fresh = {"refund.issued": self._refund, "return.received": self._receipt, "claim.opened": self._claim}
            body = fresh[line["type"]]() if line["type"] in fresh else {}
            line.update({name: value for name, value in body.items() if not name.endswith("_id") and name != "type"})
        self.told.append(line)
        return line

    def spoilt(self, line: dict[str, Any]) -> Line:
        return spoil(self.rng, line)

    # ------------------------------------------------------------ facts

    def _maybe(self, likely: float, **fields: Any) -> dict[str, Any]:
        return fields if self.rng.random() < likely else {}

    def _one(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def _program(self) -> str:
        return str(self.rng.choices(PROGRAMS, [4, 4, 1, 2])[0])

    def _return_key(self) -> dict[str, Any]:
        return {"return_id": self._one("R-1", "R-1", "R-2"), "order_id": self.rng.choice(self.orders)}

    def _receipt(self) -> dict[str, Any]:
        return {
            "type": "return.received",
            **self._return_key(),
            "program": self._program(),
            **self._maybe(0.4, receipt_id=self._one("RC-1", "RC-2")),
            **self._maybe(0.4, refundable_amount=self._one(*AMOUNTS)),
            **self._maybe(0.3, currency=self._one("USD", "USD", "JPY")),
        }

    def _refund(self) -> dict[str, Any]:
        return {
            "type": "refund.issued",
            "refund_id": self._one("F-1", "F-2", "F-3", "F-4"),
            "order_id": self.rng.choice(self.orders),
            "issued_by": self._one("seller", "seller", "seller", "amazon_cs", "amazon_cs", "amazon_auto", "unknown"),
            "amount": self._one(*AMOUNTS),
            "currency": self._one("USD", "USD", "USD", "JPY"),
            **self._maybe(0.25, kind=self._one("return", "shipping", "goodwill", "other")),
            **self._maybe(0.3, program=self._program()),
            **self._maybe(0.35, return_id=self._one("R-1", "R-2")),
            **self._maybe(0.2, receipt_id=self._one("RC-1", "RC-2")),
            **self._maybe(0.3, full=self._one(True, False)),
            **self._maybe(0.2, deduction_reason=self._one("used", "")),
            **self._maybe(0.1, reason_code="RC ä"),
        }

    def _cancel_refund(self) -> dict[str, Any]:
        refund_id = self._one("F-1", "F-2", "F-3", "F-4")
        return {"type": "refund.cancelled", "refund_id": refund_id, "order_id": self.rng.choice(self.orders)}

    def _return(self) -> dict[str, Any]:
        key = self._return_key()
        by = self._one("auto_policy", "amazon_cs", "seller")
        in_policy = self._maybe(0.5, in_policy=self._one(True, False))
        return dict(
            self._one(
                {"type": "return.requested", **key, "program": self._program(), **in_policy},
                {"type": "return.requested", **key, "program": "mfn", **in_policy},
                {"type": "return.approved", **key, "program": self._program(), "approved_by": by, **in_policy},
                {"type": "return.responded", **key, "response": self._one("label", "offer", "declined", "closed")},
                {"type": "return.refused", **key},
                {"type": "return.cancelled", **key},
            )
        )

    def _question(self) -> dict[str, Any]:
        order_id = self.rng.choice(self.orders)
        return {**self._received(), "from_role": "buyer", "topic": "refund", "order_id": order_id}

    def _safet(self) -> dict[str, Any]:
        return {
            "type": "safet.filed",
            "claim_id": self._one("ST-1", "ST-2"),
            "order_id": self.rng.choice(self.orders),
            **self._maybe(0.5, refund_id=self._one("F-1", "F-2")),
        }

    def _message_key(self) -> dict[str, Any]:
        return {"message_id": f"M-{self.rng.randrange(1, 7)}", "thread_id": self._one("T-1", "T-1", "T-2")}

    def _received(self) -> dict[str, Any]:
        return {
            "type": "message.received",
            **self._message_key(),
            "from_role": self._one("buyer", "buyer", "buyer", "amazon_cs", "csba"),
            **self._maybe(0.15, routed_to=self._one("seller", "csba")),
            **self._maybe(0.3, order_id=self.rng.choice(self.orders)),
            **self._maybe(0.4, program=self._program()),
            **self._maybe(0.4, topic=self._one("product", "order", "refund", "other")),
        }

    def _csba(self) -> dict[str, Any]:
        return {**self._received(), "from_role": self._one("buyer", "buyer", "csba"), "routed_to": "csba"}

    def _sent(self) -> dict[str, Any]:
        to = self._one(["buyer"], ["buyer"], ["csba"], ["buyer", "amazon_cs"], ["amazon_cs"], ["buyer", "csba"], [])
        return {
            "type": "message.sent",
            **self._message_key(),
            "to_roles": to,
            **self._maybe(0.2, from_role=self._one("seller", "csba")),
            **self._maybe(0.2, auto_reply=self._one(True, False)),
            **self._maybe(0.2, order_id=self.rng.choice(self.orders)),
        }

    def _csba_sent(self) -> dict[str, Any]:
        return {**self._sent(), "from_role": "csba", "to_roles": ["buyer"]}

    def _mark(self) -> dict[str, Any]:
        return {"type": self._one("message.marked", "message.marked", "message.unmarked"), **self._message_key()}

    def _switch(self) -> dict[str, Any]:
        program = self._one("csba_jp", "csba_jp", "csba_jp", "sfp")
        return {"type": "program.changed", "program": program, "active": self._one(False, False, True)}

    def _case_key(self) -> dict[str, Any]:
        return {"case_id": self._one("C-1", "C-1", "C-2", "C-3")}

    def _case(self) -> dict[str, Any]:
        hashed = self._one("h", "h", "ü\u2028")
        return {
            "type": "case.opened",
            **self._case_key(),
            "priority": self._one("high", "normal"),
            "subject_hash": hashed,
        }

    def _activity(self) -> dict[str, Any]:
        return {"type": "case.activity", **self._case_key(), "actor": self._one("amazon", "seller")}

    def _close(self) -> dict[str, Any]:
        return {"type": "case.closed", **self._case_key()}

    def _claim(self) -> dict[str, Any]:
        key = {"claim_id": self._one("CL-1", "CL-1", "CL-2"), "order_id": self.rng.choice(self.orders)}
        opened = {"type": "claim.opened", **key, "kind": self._one("a_to_z", "not_received", "not_received")}
        return dict(
            self._one(
                opened,
                opened,
                {"type": "claim.evidence_submitted", **key},
                {"type": "claim.withdrawn", **key},
                {"type": "claim.decided", **key, "outcome": self._one("granted", "denied")},
            )
        )

    def _evidence(self) -> dict[str, Any]:
        return {
            "type": self._one("evidence.stored", "evidence.deleted"),
            "evidence_id": self._one("E-1", "E-2"),
            "kind": self._one("chat_log", "delivery_proof", "qc_report"),
            "order_id": self.rng.choice(self.orders),
        }

    def _report(self) -> dict[str, Any]:
        return {
            "type": "account.metrics_reported",
            "order_count": self._one(0, 199, 200, 201, 1000),
            "orders_with_defects": self._one(0, 1, 2, 5, 10),
            "window_days": self._one(30, 60, 366),
        }

    def _vacation(self) -> dict[str, Any]:
        return {"type": "seller.vacation_set", "on": self._one(True, False)}


def spoil(rng: random.Random, line: dict[str, Any]) -> Line:
    """A line that is not quite right, or only looks so: each of these is an edge of contract §2."""
    name = rng.choice(sorted(line))
    raw = dump(line)
    id_name = rng.choice(sorted(key for key in line if key.endswith("_id")))
    without_journal = {key: value for key, value in line.items() if key != "journaled_at"}
    wrong: list[Line] = [
        {key: value for key, value in line.items() if key != name},
        {**line, name: None},
        {**line, name: 7},
        {**line, name: rng.choice(["", "no such", True, 1.0, [], {}, -1])},
        {**line, id_name: rng.choice(["a/b", "x" * 129, "x" * 65, "x" * 33, "ü", "", "A.b:c@d=e+f-_"])},
        {**line, "type": rng.choice(["no.such", None, 5, "Return.received", ["return.received"]])},
        {**line, "occurred_at": rng.choice(BAD_TIMES)},
        {**line, "arrived_at": rng.choice(BAD_TIMES)},
        {**without_journal, "occurred_at": rng.choice(FAR_TIMES)},
        {**line, "marketplace_id": "A1PA6795UKMFR9"},
        {**line, "occurred_at": "2028-12-15T00:00:00Z", "arrived_at": "2026-01-01T00:00:00Z"},
        {**line, "occurred_at": "2023-12-31T23:59:59Z"},
        {**line, "occurred_at": "2025-01-01T00:00:00Z"},
        {**line, "unknown": {"occurred_at": [None, 1.5, {"\u2028": "ü"}]}, "toml": "x"},
        {**line, "pad": "x" * rng.choice([65_000, 66_000])},
        {"type": "time.tick"},
        {"type": "time.tick", "occurred_at": line["occurred_at"]},
        {"type": "policy.activated", "arrived_at": line["occurred_at"], "digest": 5, "toml": "x"},
        raw[:-1],
        b"",
        b"  \t",
        b"\xef\xbb\xbf" + raw,
        b"[" + raw + b"]",
        raw[:-1] + b', "x": NaN}',
        raw[:-1] + b', "x": "\\ud800"}',
        raw[:-1] + b', "x": "\\ud83d\\ude00"}',
        raw[:-1] + b', "x": "\xff"}',
        raw[:-1] + b', "x": 01}',
        raw[:-1] + b",}",
        raw + b" x",
        raw[:-1] + b', "event_id": "twice"}',
        raw[:-1] + b', "event_id": 5}',
        raw[:-1] + b', "' + name.encode() + b'": null}',
        b" " + raw + b" \r",
        exactly(raw, 65_536),
        exactly(raw, 65_537),
    ]
    return rng.choice(wrong)


def exactly(raw: bytes, size: int) -> bytes:
    frame = raw[:-1] + b', "pad": ""}'
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


FAR_TIMES = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z", "2024-01-01T07:59:59Z"]
BAD_TIMES = [
    "2026-03-05T10:15:60Z",
    "2026-03-05T24:00:00Z",
    "2026-02-29T10:15:00Z",
    "2026-03-05T10:15:00",
    "2026-03-05T10:15:00.1234567891Z",
    "2026-03-05T10:15:00.Z",
    "2026-03-05T10:15:00+24:00",
    "2026-03-05T10:15:00+0900",
    "2026-03-05 10:15:00",
    "2026-3-5T10:15:00Z",
    "2026-W10-4T10:15:00Z",
    "20260305T101500Z",
    "2026-03-05T10:15Z",
    "２026-03-05T10:15:00Z",
    "2026-03-05T10:15:00,5Z",
    "2026-03-05T10:15:00Z ",
    1_770_000_000,
]
