"""Shapes: valid histories that nobody sends by accident, each of which drives one cost of a line as far as it goes.

A shape is a function of chance and of a scale: it tells lines that the contract admits (`Told`), most of them about one
matter, or about many matters that one line then touches. Ids are as long as they may be, numbers as large, and what
comes is shuffled where order may be chosen. The same seed and scale tell the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from schemas.notifications import Body, TimeTick
from schemas.policies import shipped_policies
from streams.matters import FULL
from tests.core.instants import DAY, HOUR, MINUTE, SECOND, text
from tests.core.policy_texts import PLAIN, effective, policies
from tests.zones import activation

START_MS: Final = 1_770_019_200_000
"""2026-02-02T08:00:00Z, a Monday midnight in Los Angeles: what is due at one is due together."""
ID_LENGTH: Final = 128
SELLER: Final = "S" * 64
US: Final = "ATVPDKIKX0DER"
JP: Final = "A1VC38T7YXB528"
ORDER: Final = "123-0000001-0000001"
LARGEST_AMOUNT: Final = "999999999999.99"
LARGEST_BYTES: Final = 65_536

Chance = random.Random
Fields = dict[str, Any]


class Told(NamedTuple):
    """One line to come: its journal time, and a record's value, or a line of the worker's own."""

    at_ms: int
    said: bytes | Body


Shape = Callable[[Chance, float], Iterator[Told]]


def long_id(name: str) -> str:
    """An id as long as one may be; equal to its end, which is where a comparison finds the difference last."""
    return name.rjust(ID_LENGTH, "x")


def said(type_: str, at_ms: int, name: str, /, *, known_ms: int = 0, **fields: Any) -> Told:
    """A notification with an event id as long as one may be."""
    marketplace = fields.pop("marketplace_id", US)
    line = {
        "type": type_,
        "event_id": long_id(name),
        "seller_id": fields.pop("seller_id", SELLER),
        "marketplace_id": marketplace,
        "occurred_at": text(at_ms),
        **fields,
    }
    return Told(max(at_ms, known_ms), json.dumps(line).encode())


def begun(toml: str | None = None) -> Told:
    """The policies come into force."""
    return Told(START_MS, activation(shipped_policies() if toml is None else toml))


def at_once(chance: Chance, lines: Sequence[Told]) -> Iterator[Told]:
    """All of it is known only when the last of it has happened, in any order."""
    known_ms = max(line.at_ms for line in lines)
    for line in chance.sample(lines, len(lines)):
        yield Told(known_ms, line.said)


# --- one order ---------------------------------------------------------------------------------------------------


def receipt(number: int, at_ms: int, **more: Any) -> Told:
    named: Fields = {"order_id": ORDER, "return_id": long_id(f"R{number}"), "receipt_id": long_id(f"C{number}")}
    return said("return.received", at_ms, f"r{number}", **{"program": "sfp", **named, **more})


def refund(number: int, at_ms: int, **more: Any) -> Told:
    named: Fields = {"order_id": ORDER, "refund_id": long_id(f"F{number}"), "issued_by": "seller"}
    return said("refund.issued", at_ms, f"f{number}", **{"amount": LARGEST_AMOUNT, "currency": "USD", **named, **more})


def refund_question(number: int, at_ms: int, *, thread: str = "", **more: Any) -> Told:
    named: Fields = {"message_id": long_id(f"M{number}"), "thread_id": long_id(thread or f"T{number}")}
    asked: Fields = {"order_id": ORDER, "from_role": "buyer", "topic": "refund"}
    return said("message.received", at_ms, f"m{number}", **asked, **named, **more)


def receipts_and_refunds(chance: Chance, scale: float) -> Iterator[Told]:
    """Half an order's facts are receipts, half are refunds that fit any of them: each is dealt out anew by each."""
    yield begun()
    half = FULL // 2
    lines = [receipt(n, START_MS + n * SECOND, refundable_amount=LARGEST_AMOUNT) for n in range(half)]
    lines += [refund(n, START_MS + HOUR + n * SECOND) for n in range(half)]
    yield from at_once(chance, lines)


def refunds_taken_away(chance: Chance, scale: float) -> Iterator[Told]:
    """A late receipt of boundless worth takes every refund from all others, and each question is urgent for each."""
    yield begun()
    third = (FULL - 1) // 3
    lines = [receipt(n, START_MS + HOUR + n * SECOND, refundable_amount="0.01") for n in range(1, third + 1)]
    lines += [refund(n, START_MS + 2 * HOUR + n * SECOND, amount="1.00") for n in range(third)]
    yield from chance.sample(lines[:third], third)
    yield from chance.sample(lines[third:], third)
    yield from (refund_question(n, START_MS + 3 * HOUR + n * SECOND) for n in range(third))
    yield receipt(0, START_MS, known_ms=START_MS + 4 * HOUR, refundable_amount=LARGEST_AMOUNT, program="fba")


def questions_of_an_order(chance: Chance, scale: float) -> Iterator[Told]:
    """Each question about a refund is urgent for each receipt that stands."""
    yield begun()
    half = FULL // 2
    yield from (receipt(n, START_MS + n * SECOND) for n in range(half))
    yield from (refund_question(n, START_MS + HOUR + n * SECOND, thread="T") for n in range(half))


def answers_to_one_return(chance: Chance, scale: float) -> Iterator[Told]:
    """Every kind of fact that a return request may be ended by, on returns of one order, in any order."""
    yield begun()
    lines = []
    for number in range(FULL // 4):
        named: Fields = {"order_id": ORDER, "return_id": long_id(f"R{number}")}
        at_ms = START_MS + number * SECOND
        lines += [
            said("return.requested", at_ms, f"q{number}", program="mfn", in_policy=True, **named),
            said("return.approved", at_ms + HOUR, f"a{number}", program="mfn", approved_by="auto_policy", **named),
            said("return.responded", at_ms + MINUTE, f"d{number}", response="declined", **named),
            refund(number, at_ms + DAY, return_id=named["return_id"]),
        ]
    yield from at_once(chance, lines)


def claims_of_an_order(chance: Chance, scale: float) -> Iterator[Told]:
    """Claims, decided and appealed, and chargebacks, each of which looks for its ends among all."""
    yield begun()
    lines = []
    for number in range(FULL // 6):
        claim: Fields = {"order_id": ORDER, "claim_id": long_id(f"L{number}")}
        charge: Fields = {"order_id": ORDER, "chargeback_id": long_id(f"B{number}")}
        at_ms = START_MS + number * SECOND
        lines += [
            said("claim.opened", at_ms, f"o{number}", kind="not_received", **claim),
            said("claim.evidence_submitted", at_ms + HOUR, f"s{number}", **claim),
            said("claim.decided", at_ms + DAY, f"d{number}", outcome="granted", **claim),
            said("claim.appealed", at_ms + 2 * DAY, f"a{number}", **claim),
            said("chargeback.opened", at_ms, f"b{number}", **charge),
            said("chargeback.answered", at_ms + HOUR, f"c{number}", **charge),
        ]
    yield from at_once(chance, lines)


def windows_of_an_order(chance: Chance, scale: float) -> Iterator[Told]:
    """Refunds by customer service, and filings that name none: each ends each window."""
    yield begun()
    half = FULL // 2
    lines = [refund(n, START_MS + n * SECOND, issued_by="amazon_cs", program="sfp") for n in range(half)]
    for number in range(half):
        named: Fields = {"claim_id": long_id(f"Z{number}"), "order_id": ORDER}
        lines.append(said("safet.filed", START_MS + HOUR - number * SECOND, f"z{number}", **named))
    yield from at_once(chance, lines)


def replacements_of_an_order(chance: Chance, scale: float) -> Iterator[Told]:
    """One return with many receipts, and as many items sent in its place."""
    yield begun()
    half, lines = FULL // 2, []
    for number in range(half):
        same: Fields = {"return_id": long_id("R")}
        lines.append(receipt(number, START_MS + number * SECOND, program="mfn", **same))
        item: Fields = {"order_id": ORDER, "replacement_id": long_id(f"X{number}"), **same}
        lines.append(said("replacement.sent", START_MS + HOUR - number * SECOND, f"x{number}", **item))
    yield from at_once(chance, lines)


# --- one thread, case, item of evidence -------------------------------------------------------------------------


def message(kind: str, number: int, at_ms: int, **more: Any) -> Told:
    named: Fields = {"message_id": long_id(f"M{number}"), "thread_id": long_id("T"), **more}
    return said(kind, at_ms, f"{kind[8]}{number}", **named)


def unanswered_thread(chance: Chance, scale: float) -> Iterator[Told]:
    """Questions of everybody, and replies that answer none of them: each is looked through for each."""
    yield begun()
    half = FULL // 2
    lines = []
    for number in range(half):
        role = ("buyer", "amazon_cs", "csba")[number % 3]
        lines.append(message("message.received", number, START_MS + number * SECOND, from_role=role))
        reply: Fields = {"from_role": "csba", "to_roles": ["seller"]}
        lines.append(message("message.sent", -number, START_MS + HOUR + number * SECOND, **reply))
    yield from at_once(chance, lines)


def interfered_thread(chance: Chance, scale: float) -> Iterator[Told]:
    """The seller writes wherever csba was asked, after 256 switches that were all too early."""
    yield begun()
    yield from switches(FULL, START_MS)
    half, at = FULL // 2, START_MS + HOUR
    lines = []
    for number in range(half):
        asked: Fields = {"from_role": "buyer", "routed_to": "csba", "marketplace_id": JP}
        sent: Fields = {"to_roles": ["buyer"], "marketplace_id": JP}
        lines.append(message("message.received", number, at + number * SECOND, **asked))
        lines.append(message("message.sent", -number, at + HOUR + number * SECOND, **sent))
    yield from at_once(chance, lines)


def undelivered_thread(chance: Chance, scale: float) -> Iterator[Told]:
    """Messages, their bounces and their marks: the third part of each."""
    yield begun()
    lines = []
    for number in range(FULL // 4):
        at_ms = START_MS + number * SECOND
        lines += [
            message("message.received", number, at_ms, from_role="buyer"),
            message("message.sent", -number, at_ms + HOUR, to_roles=["buyer", "amazon_cs"]),
            message("message.undelivered", -number, at_ms + 2 * HOUR),
            message("message.marked", number, at_ms + 3 * HOUR),
        ]
    yield from at_once(chance, lines)


def steps_of_a_case(chance: Chance, scale: float) -> Iterator[Told]:
    """Every activity is a step of its own, ended by the next and by any closing."""
    yield begun()
    case: Fields = {"case_id": long_id("K")}
    lines = [said("case.opened", START_MS, "o", priority="high", subject_hash=long_id("H"), **case)]
    for number in range(FULL // 2 - 1):
        at_ms = START_MS + number * MINUTE
        lines.append(said("case.activity", at_ms, f"a{number}", actor=("amazon", "seller")[number % 2], **case))
        lines.append(said("case.closed", at_ms + SECOND, f"c{number}", **case))
    yield from at_once(chance, lines)


def cases_on_a_subject(chance: Chance, scale: float) -> Iterator[Told]:
    """As many cases on one subject as there may be, closed and opened again; the oldest comes last."""
    yield begun()
    lines = []
    for number in range(1, FULL):
        case: Fields = {"case_id": long_id(f"K{number}")}
        at_ms = START_MS + HOUR + number * MINUTE
        lines.append(said("case.opened", at_ms, f"o{number}", priority="normal", subject_hash=long_id("H"), **case))
        lines += [said("case.closed", at_ms + SECOND * n, f"c{number}.{n}", **case) for n in range(int(3 * scale) + 1)]
    yield from at_once(chance, lines)
    first: Fields = {"case_id": long_id("K0"), "priority": "normal", "subject_hash": long_id("H")}
    yield said("case.opened", START_MS, "o0", known_ms=START_MS + DAY, **first)
    yield said("case.closed", START_MS + DAY, "c0", case_id=first["case_id"])


def evidence_of_one_item(chance: Chance, scale: float) -> Iterator[Told]:
    yield begun()
    item: Fields = {"evidence_id": long_id("E"), "kind": "chat_log", "order_id": ORDER}
    kinds = ("evidence.stored", "evidence.deleted")
    yield from at_once(chance, [said(kinds[n % 2], START_MS + n * SECOND, f"e{n}", **item) for n in range(FULL)])


# --- one account -------------------------------------------------------------------------------------------------


def switches(count: int, from_ms: int, *, known_ms: int = 0) -> Iterator[Told]:
    for number in range(count):
        change: Fields = {"program": "csba_jp", "active": False, "marketplace_id": JP}
        yield said("program.changed", from_ms + number * SECOND, f"w{number}", known_ms=known_ms, **change)


def reports_of_an_account(chance: Chance, scale: float) -> Iterator[Told]:
    """Every window that may be reported, with the largest figures."""
    yield begun()
    figures: Fields = {"order_count": 10**9, "orders_with_defects": 10**9}
    lines = [
        said("account.metrics_reported", START_MS + days * SECOND, f"d{days}", window_days=days, **figures)
        for days in range(1, 367)
    ]
    yield from at_once(chance, lines)


def midnights_of_an_account(chance: Chance, scale: float) -> Iterator[Told]:
    """Three months of answers, good and late by turns, then a line that skips all midnights of as many again."""
    yield begun()
    for number in range(int(360 * scale)):
        at_ms = START_MS + number * 6 * HOUR
        yield said("message.received", at_ms, f"q{number}", from_role="buyer", **_thread(number))
        late_ms = (12 * HOUR, 30 * HOUR)[number // 4 % 2]
        yield said("message.sent", at_ms + late_ms, f"a{number}", to_roles=["buyer"], **_thread(number, "A"))
    yield Told(START_MS + 190 * DAY, TimeTick())


def _thread(number: int, prefix: str = "M") -> dict[str, Any]:
    return {"message_id": long_id(f"{prefix}{number}"), "thread_id": long_id(f"T{number}")}


# --- many matters, touched by one line -----------------------------------------------------------------------------


def threads_under_a_switch(chance: Chance, scale: float) -> Iterator[Told]:
    """Every thread waits for csba when it is switched off; then an earlier switch comes to light, and a later."""
    yield begun()
    count = int(2_000 * scale)
    for number in range(count):
        asked: Fields = {"from_role": "buyer", "routed_to": "csba", "marketplace_id": JP, **_thread(number)}
        yield said("message.received", START_MS + number, f"q{number}", **asked)
    yield from switches(3, START_MS + 10 * MINUTE)
    yield from switches(1, START_MS + MINUTE, known_ms=START_MS + HOUR)


def crowded_threads_under_a_switch(chance: Chance, scale: float) -> Iterator[Told]:
    """The same, where each thread is as full as it may be, and one question of it is csba's."""
    yield begun()
    for thread in range(int(20 * scale)):
        named: Fields = {"thread_id": long_id(f"T{thread}"), "marketplace_id": JP}
        for number in range(FULL - 1):
            asked: Fields = {"message_id": long_id(f"M{number}"), "from_role": ("amazon_cs", "csba")[number % 2]}
            yield said("message.received", START_MS + number, f"q{thread}.{number}", **named, **asked)
        last: Fields = {**named, "message_id": long_id("last"), "from_role": "buyer", "routed_to": "csba"}
        yield said("message.received", START_MS + FULL, f"q{thread}", **last)
    yield from switches(2, START_MS + HOUR)


def timers_of_one_midnight(chance: Chance, scale: float) -> Iterator[Told]:
    """Refunds of many orders are due at one midnight, with all that escalates before it, and one line brings it."""
    yield begun()
    for number in range(int(2_000 * scale)):
        named: Fields = {"order_id": f"123-{number:07}-0000001", "return_id": long_id(f"R{number}"), "program": "sfp"}
        yield said("return.received", START_MS + HOUR + number * SECOND, f"r{number}", **named)
    yield Told(START_MS + 10 * DAY, TimeTick())


def timers_of_one_order(chance: Chance, scale: float) -> Iterator[Told]:
    """The same, where all are due in one order; then nothing is heard until all is forgotten."""
    yield begun()
    yield from (receipt(n, START_MS + n * SECOND) for n in range(FULL))
    yield Told(START_MS + 10 * DAY, TimeTick())
    yield Told(START_MS + 300 * DAY, TimeTick())


def midnights_of_many_accounts(chance: Chance, scale: float) -> Iterator[Told]:
    """Many accounts have an answer to count, and one line skips a month of midnights for all of them."""
    yield begun()
    for number in range(int(200 * scale)):
        seller: Fields = {"seller_id": f"{number}".rjust(64, "S")}
        yield said("message.received", START_MS + number, f"q{number}", from_role="buyer", **_thread(number), **seller)
        sent: Fields = {"to_roles": ["buyer"], **_thread(number, "A"), **seller}
        yield said("message.sent", START_MS + MINUTE + number, f"a{number}", **sent)
    yield Told(START_MS + 35 * DAY, TimeTick())


def even_days_of_accounts(chance: Chance, scale: float) -> Iterator[Told]:
    """Every day of three months is like the one before: each midnight has to be summed up, and none says anything."""
    yield begun()
    sellers = [f"{number}".rjust(64, "S") for number in range(int(30 * scale))]
    for day in range(92):
        for number, seller in enumerate(sellers):
            at_ms, thread = START_MS + day * DAY + number * MINUTE, f"{day}.{number}"
            named: Fields = {"thread_id": long_id(f"T{thread}"), "seller_id": seller}
            yield said("message.received", at_ms, f"q{thread}", from_role="buyer", message_id=long_id("M"), **named)
            sent: Fields = {"to_roles": ["buyer"], "message_id": long_id("A"), **named}
            yield said("message.sent", at_ms + SECOND, f"a{thread}", **sent)
    yield Told(START_MS + 100 * DAY, TimeTick())


def breaches_of_a_busy_account(chance: Chance, scale: float) -> Iterator[Told]:
    """An account with figures of three months: each of many breaches bears on its health."""
    yield begun()
    for day in range(91):
        yield said("message.received", START_MS + day * DAY, f"q{day}", from_role="buyer", **_thread(day))
        sent: Fields = {"to_roles": ["buyer"], **_thread(day, "A")}
        yield said("message.sent", START_MS + day * DAY + (1, 30)[day // 10 % 2] * HOUR, f"a{day}", **sent)
    for number in range(int(800 * scale)):
        at_ms = START_MS + 91 * DAY + number
        yield said("message.received", at_ms, f"b{number}", from_role="buyer", **_thread(1_000 + number))
    yield Told(START_MS + 92 * DAY + HOUR, TimeTick())


def forgotten_together(chance: Chance, scale: float) -> Iterator[Told]:
    """Matters of all kinds, open and settled, and a line that comes after the last of them is forgotten."""
    yield begun()
    for number in range(int(600 * scale)):
        at_ms = START_MS + number
        yield said("message.received", at_ms, f"q{number}", from_role="buyer", **_thread(number))
        case: Fields = {"case_id": long_id(f"K{number}"), "priority": "high", "subject_hash": long_id(f"H{number}")}
        yield said("case.opened", at_ms, f"o{number}", **case)
        named: Fields = {"order_id": f"123-{number:07}-0000001", "claim_id": long_id(f"L{number}")}
        yield said("claim.opened", at_ms, f"l{number}", kind="a_to_z", **named)
    yield Told(START_MS + 400 * DAY, TimeTick())


def moved_by_an_activation(chance: Chance, scale: float) -> Iterator[Told]:
    """An `open` version moves every clock, in many orders and in a full one, and retention is another."""
    yield begun(PLAIN)
    for number in range(int(1_500 * scale)):
        named: Fields = {"order_id": f"123-{number:07}-0000002", "return_id": long_id(f"R{number}"), "program": "sfp"}
        yield said("return.received", START_MS + number, f"r{number}", **named)
    yield from (receipt(n, START_MS + HOUR + n) for n in range(FULL))
    moving = {"effective_from": effective(START_MS + 2 * HOUR), "applies_to": "open", "target": {"business_days": 5}}
    toml = policies(added={"sfp-refund": [moving]}, retention={"settled_days": 121})
    yield Told(START_MS + 3 * HOUR, activation(toml))


# --- sizes, and chance ---------------------------------------------------------------------------------------------


def largest_notifications(chance: Chance, scale: float) -> Iterator[Told]:
    """Notifications as large as they may be: unknown fields, numbers without end, as deep as may be nested."""
    yield begun()
    fillings: list[Callable[[int], Any]] = [
        lambda room: "x" * room,
        lambda room: "\u20ac" * (room // 6),
        lambda room: [0] * (room // 3),
        lambda room: {f"{n:05}": {} for n in range(room // 13)},
        lambda room: int("9" * 300),
    ]
    for number in range(int(40 * scale)):
        filling = fillings[number % len(fillings)](LARGEST_BYTES - 1_000)
        named: Fields = {"from_role": "buyer", **_thread(number)}
        yield said("message.received", START_MS + number * SECOND, f"q{number}", unknown=filling, **named)
    filled = said("message.received", START_MS + HOUR, "deep", from_role="buyer", unknown="deep", **_thread(-1))
    assert isinstance(filled.said, bytes)
    yield filled._replace(said=filled.said.replace(b'"deep"', b"[" * 1_023 + b"]" * 1_023))


def drawn(chance: Chance, scale: float) -> Iterator[Told]:
    """Whatever an order and a thread may hold, drawn from few ids, so that everything bears on everything."""
    yield begun()
    now_ms = START_MS
    for number in range(int(1_200 * scale)):
        now_ms += chance.choice([0, SECOND, HOUR])
        kind, fields = chance.choice(_DRAWN)(chance)
        at_ms = max(START_MS, now_ms - chance.choice([0, MINUTE, 3 * DAY]))
        yield said(kind, at_ms, f"{number}", known_ms=now_ms, **fields)
    yield Told(now_ms + 300 * DAY, TimeTick())


def _one_of(chance: Chance, prefix: str, count: int) -> str:
    return long_id(f"{prefix}{chance.randrange(count)}")


def _drawn_receipt(chance: Chance) -> tuple[str, dict[str, Any]]:
    fields: dict[str, Any] = {"order_id": ORDER, "program": chance.choice(["sfp", "mfn", "csba_jp", "fba"])}
    fields |= {"return_id": _one_of(chance, "R", 9), "receipt_id": _one_of(chance, "C", 40)}
    if chance.random() < 0.5:
        fields |= {"refundable_amount": chance.choice(["0.00", "0.01", LARGEST_AMOUNT]), "currency": "USD"}
    return "return.received", fields


def _drawn_refund(chance: Chance) -> tuple[str, dict[str, Any]]:
    issuer = chance.choice(["seller", "amazon_cs", "amazon_auto", "unknown"])
    fields: dict[str, Any] = {"order_id": ORDER, "refund_id": _one_of(chance, "F", 60), "issued_by": issuer}
    fields |= {"amount": chance.choice(["0.00", "0.01", LARGEST_AMOUNT]), "currency": "USD"}
    if chance.random() < 0.3:
        fields["return_id"] = _one_of(chance, "R", 9)
    if chance.random() < 0.3:
        fields["full"] = chance.random() < 0.5
    return "refund.issued", fields


def _drawn_cancelled(chance: Chance) -> tuple[str, dict[str, Any]]:
    return "refund.cancelled", {"order_id": ORDER, "refund_id": _one_of(chance, "F", 60)}


def _drawn_received(chance: Chance) -> tuple[str, dict[str, Any]]:
    fields: dict[str, Any] = {"message_id": _one_of(chance, "M", 90), "thread_id": _one_of(chance, "T", 2)}
    fields |= {"from_role": chance.choice(["buyer", "amazon_cs", "csba"]), "topic": chance.choice(["refund", "other"])}
    fields |= {"routed_to": chance.choice(["seller", "csba"]), "order_id": ORDER}
    return "message.received", fields


def _drawn_sent(chance: Chance) -> tuple[str, dict[str, Any]]:
    roles = chance.sample(["buyer", "amazon_cs", "csba", "seller"], chance.randint(1, 4))
    fields = {"message_id": _one_of(chance, "S", 60), "thread_id": _one_of(chance, "T", 2), "to_roles": roles}
    return "message.sent", {**fields, "from_role": chance.choice(["seller", "csba"])}


def _drawn_bounce(chance: Chance) -> tuple[str, dict[str, Any]]:
    return "message.undelivered", {"message_id": _one_of(chance, "S", 60), "thread_id": _one_of(chance, "T", 2)}


def _drawn_mark(chance: Chance) -> tuple[str, dict[str, Any]]:
    kind = chance.choice(["message.marked", "message.unmarked"])
    return kind, {"message_id": _one_of(chance, "M", 90), "thread_id": _one_of(chance, "T", 2)}


def _drawn_switch(chance: Chance) -> tuple[str, dict[str, Any]]:
    return "program.changed", {"program": "csba_jp", "active": chance.random() < 0.4}


_DRAWN: Final = (
    _drawn_receipt, _drawn_receipt, _drawn_refund, _drawn_refund, _drawn_cancelled,
    _drawn_received, _drawn_received, _drawn_sent, _drawn_bounce, _drawn_mark, _drawn_switch,
)  # fmt: skip

SHAPES: Final[tuple[Shape, ...]] = (
    receipts_and_refunds,
    refunds_taken_away,
    questions_of_an_order,
    answers_to_one_return,
    claims_of_an_order,
    windows_of_an_order,
    replacements_of_an_order,
    unanswered_thread,
    interfered_thread,
    undelivered_thread,
    steps_of_a_case,
    cases_on_a_subject,
    evidence_of_one_item,
    reports_of_an_account,
    midnights_of_an_account,
    threads_under_a_switch,
    crowded_threads_under_a_switch,
    timers_of_one_midnight,
    timers_of_one_order,
    midnights_of_many_accounts,
    even_days_of_accounts,
    breaches_of_a_busy_account,
    forgotten_together,
    moved_by_an_activation,
    largest_notifications,
    drawn,
)
