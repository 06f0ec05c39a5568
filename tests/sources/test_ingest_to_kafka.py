"""`dueclock ingest` into a real broker and a real worker: due dates, and that a file again brings nothing new."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.policies import shipped_policies
from streams.calendar import Calendar
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live
from tests.cli.command import Ended, dueclock, sentence_of
from tests.schemas.answered import held
from tests.sources.samples import (
    BOOK,
    JAPAN,
    LAMP,
    SELLER,
    US,
    changed,
    refund_line,
    settlement_file,
    tab_file,
    transaction,
)

__all__ = ["make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

TODAY = datetime.now(UTC).date()


def days_ago(days: int) -> str:
    """A date as the report writes it; no locale is asked."""
    day = TODAY - timedelta(days=days)
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][day.month - 1]
    return f"{day.day:02}-{month}-{day.year}"


def report(**cells: str) -> str:
    said = {"Order_date": days_ago(20), "Return_request_date": days_ago(10), "Return_delivery_date": days_ago(3)}
    return tab_file((changed(LAMP, **{**said, **cells}),))


def ingest(live: Live, *arguments: str, marketplace: str = US) -> Ended:
    account = ("--seller", SELLER, "--marketplace", marketplace)
    return dueclock("--settings", live.settings_file, "ingest", *arguments, *account, "--json", folder=live.folder)


def sent(ended: Ended) -> int:
    assert ended.status == 0, ended.err
    found: int = held("ingest", ended.out)["sent"]
    return found


def calendar_of(marketplace: str) -> Calendar:
    calendar = BOOK.agreement(f"{SELLER}/{marketplace}").calendar
    assert calendar is not None
    return calendar


def opened(live: Live, rule: str) -> list[dict[str, Any]]:
    return [event for event in live.wait_for_event("clock.opened", "sla-clock") if event["rule"] == rule]


def test_a_report_opens_one_clock_with_the_right_due_and_again_brings_nothing(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    file = live.folder / "returns.txt"
    file.write_text(report(Return_delivery_date=" "))
    assert sent(ingest(live, "returns-report", "returns.txt")) == 2
    assert sent(ingest(live, "returns-report", "returns.txt")) == 0
    # The delivery date is filled in later: that alone is sent.
    file.write_text(report())
    again = ingest(live, "returns-report", "returns.txt")
    assert sent(again) == 1
    assert json.loads(again.out)["left_out"]["sent_before"]["count"] == 2
    assert sent(ingest(live, "returns-report", "returns.txt", marketplace=JAPAN)) == 3
    live.worker()
    live.wait_until_finished(6)
    told = live.told()
    told.prove()
    assert told.dead_letters == []
    due = {e["marketplace_id"]: e["due_at"] for e in told.events("clock.opened") if e["rule"] == "mfn-refund"}
    assert set(due) == {US, JAPAN}
    for marketplace, target in ((US, "calendar"), (JAPAN, "business")):
        calendar = calendar_of(marketplace)
        received_ms = calendar.begins_ms((TODAY - date(1970, 1, 1)).days - 3)
        wanted_ms = (
            calendar.calendar_days_due(received_ms, 4)
            if target == "calendar"
            else calendar.business_days_due(received_ms, 2)
        )
        assert datetime.fromisoformat(due[marketplace]).timestamp() * 1000 == wanted_ms


def test_a_process_that_died_before_its_note_doubles_no_event(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    (live.folder / "returns.txt").write_text(report())
    assert sent(ingest(live, "returns-report", "returns.txt")) == 3
    (note,) = Path(live.folder / ".dueclock" / "sources").glob("*/*@*.json")
    note.unlink()  # as if it had been killed between the acknowledgement and the note
    assert sent(ingest(live, "returns-report", "returns.txt")) == 3
    live.worker()
    live.wait_until_finished(6)
    told = live.told()
    told.prove()
    kinds = Counter(event["type"] for event in told.events() if not event["type"].startswith("account"))
    assert kinds["clock.opened"] == 2
    assert kinds["clock.retracted"] == 0


def test_a_cancellation_is_sent_once_though_each_reading_dates_it_anew(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    (live.folder / "returns.txt").write_text(report(Return_request_status="Cancelled", Return_delivery_date=" "))
    assert sent(ingest(live, "returns-report", "returns.txt")) == 2
    assert sent(ingest(live, "returns-report", "returns.txt")) == 0


def test_duties_that_were_done_long_ago_are_never_called_breached(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    day = TODAY - timedelta(days=15)
    orders = [f"111-{number:07}-{number:07}" for number in range(1, 9)]  # in whatever order their names would come
    dates = {"Return_request_date": days_ago(20), "Return_delivery_date": days_ago(16), "Refunded_Amount": "39.99"}
    rows = [changed(LAMP, Order_ID=order, Amazon_RMA_ID=f"D{order[-2:]}", **dates) for order in orders]
    posted = (
        refund_line(order, adjustment_id=f"A{order[-2:]}", posted_date_time=f"{day} 09:22:10 UTC") for order in orders
    )
    (live.folder / "returns.txt").write_text(tab_file(rows))
    (live.folder / "settlement.txt").write_text(settlement_file(*posted))
    assert sent(ingest(live, "returns-report", "returns.txt", "--refunds", "settlement.txt")) == 4 * len(orders)
    live.worker()
    live.wait_until_finished(4 * len(orders))
    told = live.told()
    told.prove()
    assert Counter(event["rule"] for event in told.events("clock.opened")) == dict.fromkeys(
        ("mfn-refund", "return-response"), len(orders)
    )
    for kind in ("clock.breached", "clock.escalated", "clock.retracted"):
        assert told.events(kind) == []


def test_an_accounts_refunds_have_one_source(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    day = TODAY - timedelta(days=1)
    (live.folder / "settlement.txt").write_text(settlement_file(refund_line(posted_date_time=f"{day} 09:22:10 UTC")))
    (live.folder / "transactions.json").write_text(json.dumps([transaction(postedDate=f"{day}T09:22:10Z")]))
    first = ingest(live, "settlement", "settlement.txt")
    assert sent(first) == 1
    assert "settlement: its news may be 336 h late, and sfp-refund, mfn-refund wait less" in first.err
    refused = ingest(live, "transactions", "transactions.json")
    assert "would count twice" in sentence_of(refused)
    assert refused.status == 2
    assert sent(ingest(live, "transactions", "transactions.json", "--switch-refunds")) == 1


def test_what_the_worker_would_refuse_is_left_out_at_the_source(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    (live.folder / "returns.txt").write_text(
        report(Return_request_date=days_ago(300), Return_delivery_date=days_ago(-9))
    )
    ended = ingest(live, "returns-report", "returns.txt")
    assert sent(ended) == 0
    assert {reason: one["count"] for reason, one in json.loads(ended.out)["left_out"].items()} == {
        "future": 1,
        "too_old": 2,
    }


def test_topics_that_are_missing_are_named(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    (live.folder / "returns.txt").write_text(report())
    ended = ingest(live, "returns-report", "returns.txt", "--topic-prefix", "nobodys-")
    assert "There is no topic nobodys-return-" in sentence_of(ended)
