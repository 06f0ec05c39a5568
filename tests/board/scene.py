"""A scene for the board: two months of four accounts, as workers would have left them on the topics.

Everything follows from a seed and from the instant at which the scene ends. Journal, events and rows are those of the
same fold, so that the story of each clock can be read. `ORDER` is the order whose breach late news takes back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from schemas.codec import DAY_MS, HOUR_MS, MINUTE_MS, canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.policies import shipped_policies
from streams.engine import new_state, next_fire_ms
from streams.partitioner import partition_of
from tests.audit.history import History
from tests.kafka_fixtures import Outgoing, produce

US, DE, JP, CA = "ATVPDKIKX0DER", "A1PA6795UKMFR9", "A1VC38T7YXB528", "A2EUQ1WTGCTBG2"
NORTH, TOYS, KITCHEN = "A1NORTHLAMP", "A2TOYSHOP", "A3KITCHEN"
ACCOUNTS: Final = ((NORTH, US), (NORTH, JP), (TOYS, DE), (KITCHEN, US))
ORDER: Final = "113-7715120-4419063"
RETRACTED: Final = f"{NORTH}/{US}/sfp-refund/{ORDER}/RET-4419063"
LATER: Final = f"{NORTH}/{US}/sfp-refund/113-2044871-7130022/RET-7130022"
"""Its due is days ahead, and a weekend may lie before it."""
DAYS: Final = 60
_CURRENCY: Final = {US: "USD", DE: "EUR", JP: "JPY", CA: "CAD"}


class Said(NamedTuple):
    """A notification, and when it became known."""

    known_ms: int
    seller: str
    marketplace: str
    type: str
    occurred_ms: int
    fields: dict[str, Any]


def told(now_ms: int, seed: int = 1) -> list[Said]:
    """All notifications of the scene, in the order in which they became known."""
    chance = random.Random(seed)
    found = [one for account in ACCOUNTS for one in _account(*account, now_ms, chance)]
    found += _the_order(now_ms)
    found += _the_later_order(now_ms)
    found += [one for account in ACCOUNTS for one in _waiting(*account, now_ms, chance)]
    found += [
        Said(now_ms - n * DAY_MS, seller, marketplace, "account.metrics_reported", now_ms - n * DAY_MS, fields)
        for seller, marketplace in ACCOUNTS
        for n, defects in ((50, 3), (36, 5), (22, 9 if seller == KITCHEN else 4), (8, 11 if seller == KITCHEN else 2))
        for fields in ({"order_count": 1000, "orders_with_defects": defects, "window_days": 60},)
    ]
    return sorted(one for one in found if one.known_ms <= now_ms)


def _account(seller: str, marketplace: str, now_ms: int, chance: random.Random) -> Iterator[Said]:
    busy = {TOYS: 2, NORTH: 3, KITCHEN: 2}[seller]
    number = 0
    for day in range(DAYS, -1, -1):
        for _ in range(chance.randrange(1, busy + 1)):
            number += 1
            at_ms = now_ms - day * DAY_MS - chance.randrange(DAY_MS)
            tag = f"{chance.randrange(10**7):07d}"
            if chance.random() < 0.6:
                yield from _question(seller, marketplace, at_ms, tag, chance)
            else:
                yield from _return(seller, marketplace, at_ms, tag, chance)


def _question(seller: str, marketplace: str, at_ms: int, tag: str, chance: random.Random) -> Iterator[Said]:
    ids = {"message_id": f"MSG-{tag}", "thread_id": f"T-{tag}"}
    yield Said(at_ms, seller, marketplace, "message.received", at_ms, {**ids, "from_role": "buyer"})
    is_late = chance.random() < (0.16 if seller == KITCHEN else 0.04)
    reply_ms = at_ms + (chance.randrange(25, 40) * HOUR_MS if is_late else chance.randrange(1, 23) * HOUR_MS)
    yield Said(
        reply_ms,
        *(seller, marketplace, "message.sent", reply_ms),
        {"message_id": f"ANS-{tag}", "thread_id": f"T-{tag}", "to_roles": ["buyer"]},
    )


def _return(seller: str, marketplace: str, at_ms: int, tag: str, chance: random.Random) -> Iterator[Said]:
    order = f"{chance.randrange(100, 800)}-{chance.randrange(10**7):07d}-{tag}"
    ids = {"order_id": order, "return_id": f"RET-{tag}"}
    program = "csba_jp" if marketplace == JP else chance.choice(["sfp", "mfn"])
    yield Said(at_ms, seller, marketplace, "return.received", at_ms, {**ids, "program": program})
    refund_ms = at_ms + chance.choice([6, 20, 30, 44, 130]) * HOUR_MS
    amount = {"amount": f"{chance.randrange(12, 240)}.00", "currency": _CURRENCY[marketplace]}
    yield Said(
        refund_ms + chance.randrange(60) * MINUTE_MS,
        *(seller, marketplace, "refund.issued", refund_ms),
        {"order_id": order, "refund_id": f"REF-{tag}", "issued_by": "seller", **amount},
    )


def _the_order(now_ms: int) -> Iterator[Said]:
    """It arrived nine days ago and was refunded the next day; that became known four days ago."""
    arrived_ms = now_ms - 9 * DAY_MS
    refund_ms = arrived_ms + 7 * HOUR_MS
    ids = {"order_id": ORDER, "return_id": "RET-4419063"}
    yield Said(arrived_ms, NORTH, US, "return.received", arrived_ms, {**ids, "program": "sfp"})
    fields = {"order_id": ORDER, "refund_id": "REF-4419063", "issued_by": "seller"}
    money = {"amount": "129.00", "currency": "USD"}
    yield Said(now_ms - 2 * DAY_MS, NORTH, US, "refund.issued", refund_ms, {**fields, **money})


def _the_later_order(now_ms: int) -> Iterator[Said]:
    arrived_ms = now_ms - 5 * HOUR_MS
    ids = {"order_id": "113-2044871-7130022", "return_id": "RET-7130022", "program": "sfp"}
    yield Said(arrived_ms, NORTH, US, "return.received", arrived_ms, ids)


def _waiting(seller: str, marketplace: str, now_ms: int, chance: random.Random) -> Iterator[Said]:
    """What nobody has answered yet, old and new, of each kind of matter."""

    def said(hours: float, of_type: str, /, **fields: Any) -> Said:
        at_ms = now_ms - int(hours * HOUR_MS) - chance.randrange(50 * MINUTE_MS)
        return Said(at_ms, seller, marketplace, of_type, at_ms, fields)

    for hours in (1, 4, 9, 15, 20, 22, 23, 26):
        tag = f"{chance.randrange(10**7):07d}"
        yield said(hours, "message.received", message_id=f"MSG-{tag}", thread_id=f"T-{tag}", from_role="buyer")
    for hours in (2, 13, 31, 45, 80):
        tag, order = f"{chance.randrange(10**7):07d}", f"{chance.randrange(100, 800)}-{chance.randrange(10**7):07d}"
        ids = {"order_id": f"{order}-{tag}", "return_id": f"RET-{tag}"}
        yield said(hours, "return.received", **ids, program={JP: "csba_jp", DE: "mfn"}.get(marketplace, "sfp"))
    for hours in (5, 50, 70):
        tag, order = f"{chance.randrange(10**7):07d}", f"{chance.randrange(100, 800)}-{chance.randrange(10**7):07d}"
        yield said(hours, "claim.opened", claim_id=f"CLM-{tag}", order_id=f"{order}-{tag}", kind="a_to_z")
        if hours < 60:
            priority = "high" if hours < 10 else "normal"
            yield said(hours, "case.opened", case_id=f"CASE-{tag}", priority=priority, subject_hash=f"subject-{tag}")
    tag, order = f"{chance.randrange(10**7):07d}", f"{chance.randrange(100, 800)}-{chance.randrange(10**7):07d}"
    yield said(30, "chargeback.opened", chargeback_id=f"CB-{tag}", order_id=f"{order}-{tag}")
    yield said(40, "return.requested", order_id=f"{order}-{tag}", return_id=f"RQ-{tag}", program="mfn")


def histories(now_ms: int, partitions: int, seed: int = 1) -> list[History]:
    """The scene as journals, one for each partition, each brought to its end by a tick."""
    found = [begun(partition, now_ms - (DAYS + 2) * DAY_MS) for partition in range(partitions)]
    for number, one in enumerate(told(now_ms, seed)):
        said = {
            "type": one.type,
            "event_id": f"ev-{number:05d}",
            "seller_id": one.seller,
            "marketplace_id": one.marketplace,
            "occurred_at": format_instant(one.occurred_ms),
            **one.fields,
        }
        decoded = decode_notification(canonical_json(said), from_file=True)
        assert isinstance(decoded, Decoded), (decoded, said)
        history = found[partition_of(f"{one.seller}/{one.marketplace}".encode(), partitions)]
        _tick(history, one.known_ms)
        history.add(decoded.body, one.known_ms)
    for history in found:
        _tick(history, now_ms)
        history.wait_until(now_ms)
    return found


def _tick(history: History, until_ms: int) -> None:
    """Each timer until then fires when it is due, as a worker's ticks have it."""
    while (fire_ms := next_fire_ms(history.state)) is not None and fire_ms <= until_ms:
        history.wait_until(fire_ms)


def begun(partition: int, at_ms: int) -> History:
    """A journal whose first line has a time of these months: a broker takes away what is older than its retention."""
    history = History(partition, shipped_policies())
    first = history.lines[0].body
    history.lines.clear()
    history.state = new_state(partition)
    return history.add(first, at_ms)


def write_scene(settings: Settings, now_ms: int, seed: int = 1) -> list[History]:
    """Put the scene on the topics, which are there."""
    made = histories(now_ms, settings.partitions, seed)
    asyncio.run(produce(settings.broker, [record for one in made for record in records_of(settings, one)]))
    return made


def records_of(settings: Settings, history: History) -> list[Outgoing]:
    """Journal, events and rows of a history, as its workers would have written them."""
    rows = [
        Outgoing(settings.topic(CHANGELOG), value, key=key, partition=history.partition)
        for key, value in history.state.take_changes()
    ]
    return [*history.journal_records(settings), *history.event_records(settings), *rows]
