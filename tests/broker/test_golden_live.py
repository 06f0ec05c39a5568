"""The golden cases through a real broker: what comes out equals the replay of the journal that was written."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.broker.conftest import MakeLive
from tests.broker.harness import MARKETPLACE
from tests.kafka_fixtures import Outgoing

pytestmark = [pytest.mark.broker]

GOLDEN = Path(__file__).parents[1] / "golden"
TOPICS = ("return-approved", "return-received", "refund-issued", "buyer-message", "a-to-z-claim", "seller-account")
SETTLED_LATE = "[retention]\nsettled_days = 3000\nunsettled_days = 3300\nevidence_days = 3300\n"


def shifted(line: bytes, days: int, case: str) -> tuple[bytes, bytes]:
    """Key and value of a golden line as a live record: some days earlier, its seller told apart by the case.

    What is no JSON object, or has no earlier day, stays as it is.
    """
    try:
        said = json.loads(line)
        said["seller_id"] = f"{said['seller_id']}-{case}"
        if "occurred_at" in said:
            at = datetime.fromisoformat(said["occurred_at"])
            if at.tzinfo is not None:
                said["occurred_at"] = (at - timedelta(days=days)).isoformat(timespec="milliseconds")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return case.encode(), line
    key = f"{said['seller_id']}/{said.get('marketplace_id', MARKETPLACE)}"
    return key.encode(), json.dumps(said).encode()


def records_of(case: Path, days: int) -> list[Outgoing]:
    """The records of one case: notifications, good and bad; what only files may say is left out."""
    records = []
    for number, line in enumerate(case.joinpath("notifications.jsonl").read_bytes().splitlines()):
        if line.strip() and b'"time.tick"' not in line and b'"policy.activated"' not in line:
            key, value = shifted(line, days, case.name)
            records.append(Outgoing(TOPICS[number % len(TOPICS)], value, key=key))
    return records


def policies_and_shift() -> tuple[str, int]:
    """The golden policies with a retention that lets old facts in, and how far to shift all facts into the past."""
    shipped = GOLDEN.joinpath("policies.toml").read_text()
    newest = datetime(2028, 3, 10, tzinfo=UTC)  # few golden facts are later; they come from the future
    early = "[retention]\nsettled_days = 45\n"
    assert early in shipped
    return shipped.replace(early, SETTLED_LATE), max(0, (newest - datetime.now(UTC)).days + 1)


@pytest.mark.timeout(120)
def test_golden_cases_pushed_through_the_topics_come_out_as_the_replay_of_the_journal(make_live: MakeLive) -> None:
    policies, days = policies_and_shift()
    cases = sorted(path.parent for path in GOLDEN.glob("*/notifications.jsonl"))
    assert len(cases) >= 47
    live = make_live(policies, partitions=3)
    worker = live.worker()
    sent = [record for case in cases for record in records_of(case, days)]
    live.send_raw(sent)
    live.wait_until_finished(len(sent))
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    reasons = Counter(dict(letter.headers)["dl_reason"].decode() for letter in told.dead_letters)
    types = {event["type"] for event in told.events()}
    assert types >= {"clock.opened", "clock.met", "clock.breached", "clock.closed_late", "clock.retracted"}
    assert {"not_json", "bad_field", "unknown_type", "no_calendar"} <= reasons.keys()
    assert len(told.dead_letters) < len(sent) / 2, reasons
