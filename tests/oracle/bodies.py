"""What the facts of random histories say, but for who, when and which line: few ids, so that facts collide."""

import random
from typing import Any

ORDERS = ["111-0000001-0000001", "D01-0000001-0000002"]
PROGRAMS = ["sfp", "mfn", "fba", "csba_jp"]
AMOUNTS = ["10", "10.00", "40.5", "59.50", "60", "99.99", "100.00", "0", "0.00"]
CODES = ["used", "", "box was opened, sorry Jo", "RC ä", "x" * 129]
# The last is what is kept of the one before it.
SUBJECTS = ["h", "h", "h", "h", "h", "ü\u2028", "", "please help", "2533251a617d8e45a96c41a324cd4b4b"]


class Bodies:
    """Each method is a family of facts; `rng` and `orders` are the teller's."""

    rng: random.Random
    orders: list[str]

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
            **self._maybe(0.2, deduction_reason=self._one(*CODES)),
            **self._maybe(0.1, reason_code=self._one(*CODES)),
        }

    def _cancel_refund(self) -> dict[str, Any]:
        refund_id = self._one("F-1", "F-2", "F-3", "F-4")
        return {"type": "refund.cancelled", "refund_id": refund_id, "order_id": self.rng.choice(self.orders)}

    def _replacement(self) -> dict[str, Any]:
        return {
            "type": "replacement.sent",
            "replacement_id": self._one("P-1", "P-2"),
            **self._return_key(),
            **self._maybe(0.3, receipt_id=self._one("RC-1", "RC-2")),
        }

    def _return(self) -> dict[str, Any]:
        key = self._return_key()
        by = self._one("auto_policy", "amazon_cs", "seller")
        in_policy = self._maybe(0.5, in_policy=self._one(True, False))
        return dict(
            self._one(
                {"type": "return.requested", **key, "program": self._program(), **in_policy},
                {"type": "return.requested", **key, "program": "mfn", **in_policy, "reason": self._one(*CODES)},
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
            **self._maybe(0.4, topic=self._one("product", "order", "refund", "other", "REFUND please", "")),
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

    def _cs(self) -> dict[str, Any]:
        return {**self._received(), "from_role": "amazon_cs"}

    def _cs_sent(self) -> dict[str, Any]:
        to = self._one(["buyer"], ["amazon_cs"], ["amazon_cs", "buyer"], ["seller", "amazon_cs"])
        return {**self._sent(), "from_role": "seller", "to_roles": to}

    def _undelivered(self) -> dict[str, Any]:
        return {"type": "message.undelivered", **self._message_key()}

    def _mark(self) -> dict[str, Any]:
        return {"type": self._one("message.marked", "message.marked", "message.unmarked"), **self._message_key()}

    def _switch(self) -> dict[str, Any]:
        program = self._one("csba_jp", "csba_jp", "csba_jp", "sfp")
        return {"type": "program.changed", "program": program, "active": self._one(False, False, True)}

    def _case_key(self) -> dict[str, Any]:
        return {"case_id": self._one("C-1", "C-1", "C-2", "C-3")}

    def _case(self) -> dict[str, Any]:
        return {
            "type": "case.opened",
            **self._case_key(),
            "priority": self._one("high", "normal"),
            "subject_hash": self._one(*SUBJECTS),
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

    def _appeal(self) -> dict[str, Any]:
        key = {"claim_id": self._one("CL-1", "CL-1", "CL-2"), "order_id": self.rng.choice(self.orders)}
        decided = {"type": "claim.decided", **key, "outcome": self._one("granted", "granted", "denied")}
        return dict(self._one(decided, {"type": "claim.appealed", **key}))

    def _chargeback(self) -> dict[str, Any]:
        return {
            "type": self._one("chargeback.opened", "chargeback.opened", "chargeback.answered", "chargeback.decided"),
            "chargeback_id": self._one("CB-1", "CB-1", "CB-2"),
            "order_id": self.rng.choice(self.orders),
        }

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
            "order_count": self._one(0, 199, 200, 201, 1000, 10**9),
            "orders_with_defects": self._one(0, 0, 1, 2, 5, 10, 199),
            "window_days": self._one(30, 60, 366),
        }

    def _vacation(self) -> dict[str, Any]:
        return {"type": "seller.vacation_set", "on": self._one(True, False)}
