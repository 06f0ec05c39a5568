"""A month of mails (two thousand in `make sources`) and its reports: every clock ends as the stories meant it to."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import pytest

from agents.sources.cursor import Cursor
from agents.sources.harvest import Harvest, harvest
from agents.sources.reports import read_mails, returns_reports
from agents.zones import machine_zones
from schemas.decoding import journal_value
from schemas.policies import load_policies, shipped_policies
from streams import logic
from streams.replay import Replay
from streams.sources.mail import map_mails
from streams.sources.mail_fields import MailWish
from streams.state import State, new_state
from tests.sources.mailbox import HOST, LANGUAGES, SELLER, STORIES, Mailbox, Month, outcomes
from tests.sources.samples import account

pytestmark = pytest.mark.timeout(600 if STORIES > 60 else 60)

TODAY = date(2026, 11, 20)
UNTIL_MS = 1_795_132_800_000  # 2026-11-20T00:00:00Z


def state() -> State:
    policies = load_policies(shipped_policies())
    made = new_state(0)
    made.activate(policies, machine_zones(policies), logic.NEWEST)
    return made


@pytest.fixture(scope="module")
def month() -> Mailbox:
    return Month(TODAY).told()


@pytest.fixture(scope="module")
def harvests(month: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Harvest]:
    """What the mail and the report of each marketplace became."""
    folder = tmp_path_factory.mktemp("mailbox")
    received, sent, report = folder / "received.mbox", folder / "sent.mbox", folder / "returns.txt"
    received.write_bytes(month.received)
    sent.write_bytes(month.sent)
    found: dict[str, Harvest] = {}
    knowing_policies = state()
    read, unread = read_mails([str(received)], [str(sent)], authserv_id=HOST)
    assert unread == []
    for language in LANGUAGES:
        one = account(language.marketplace, SELLER)
        report.write_text(month.reports[language.marketplace])
        wish = MailWish(replies_watched=True, returns_program=None, refunds_from_mail=True)
        mapped = returns_reports([str(report)], one, refunded_orders=None, seen_ms=None)
        mapped += map_mails(read, one, wish)
        found[language.marketplace] = harvest(mapped, knowing_policies, now_ms=None, cursor=Cursor())
    return found


def test_it_is_a_month_of_mails_in_four_languages_some_forged_some_unknown(month: Mailbox) -> None:
    total = sum(month.counts.values())
    assert total >= STORIES * 20 / 3
    assert {name: round(month.counts[name] / total, 2) for name in ("forged", "unknown")} == {
        "forged": 0.05,
        "unknown": 0.05,
    }
    assert {key.marketplace for key in month.ledger} == {language.marketplace for language in LANGUAGES}
    assert set(month.ledger.values()) == {"met", "closed_late", "breached", "exempt", "lapsed"}


def test_every_clock_ends_as_the_ledger_says(month: Mailbox, harvests: dict[str, Harvest]) -> None:
    notifications = sorted(
        (said for found in harvests.values() for said in found.notifications),
        key=lambda said: (said.occurred_ms, said.event_id),
    )
    refused: list[Any] = []
    replay = Replay(shipped_policies(), lambda *why: refused.append(why), machine_zones)
    events = [event for said in notifications for event in replay.feed(journal_value(said))]
    events += replay.close(UNTIL_MS)
    assert refused == []
    assert outcomes(json.loads(event.value) for event in events) == month.ledger


def test_forged_and_unknown_mails_are_counted_and_nothing_else(month: Mailbox, harvests: dict[str, Harvest]) -> None:
    for found in harvests.values():
        assert found.reasons["unauthenticated"] == month.counts["forged"]
    unknown = {"type_unknown", "phrase_unknown", "amount_unknown", "no_order", "no_thread"}
    counted = sum((found.reasons for found in harvests.values()), Counter[str]())
    found_reasons = {reason for reason in counted if counted[reason]}
    expected = unknown | {"unauthenticated", "other_marketplace", "no_type_of_ours", "returns_from_report"}
    assert found_reasons <= expected
    assert found_reasons == expected or STORIES < 300, "a short month has not every kind of mail"
    assert sum(counted[reason] for reason in unknown) == month.counts["unknown"]


def test_nobody_of_the_mailbox_is_in_what_comes_out(month: Mailbox, harvests: dict[str, Harvest]) -> None:
    out = b"\n".join(journal_value(said) for found in harvests.values() for said in found.notifications)
    for personal in month.personal:
        assert personal.encode() not in out
    assert b"@" not in out
    assert b"Example Road" not in out


def test_the_same_seed_tells_the_same_month() -> None:
    first, again, other = (Month(TODAY, seed=seed, stories=16).told() for seed in (1, 1, 2))
    assert (again.ledger, again.received, again.reports) == (first.ledger, first.received, first.reports)
    assert other.received != first.received
