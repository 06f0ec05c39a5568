"""A clock's id taken apart, and which facts its duty leans on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.zones import machine_zones
from schemas.policies import load_policies, shipped_policies
from schemas.rules import RULES
from streams.explaining import clock_name, duty_of, parts_of
from streams.facts import (
    Fact,
    MessageMarked,
    MessageReceived,
    MessageSent,
    MessageUndelivered,
    OrderMessage,
    ProgramChanged,
    RefundIssued,
    ReplacementSent,
    ReturnReceived,
)
from streams.matters import next_of_clock
from streams.policies import PolicyBook
from streams.rows import MET, OPEN, Clock, OrderRow, ThreadRow
from streams.timer import DUE_STEP

GOLDEN = Path(__file__).parent.parent / "golden"
ACCOUNT = "A3GOLDEN/ATVPDKIKX0DER"
ORDER = "111-0000001-0000001"


def golden_clocks() -> set[str]:
    return {
        json.loads(line)["clock_id"]
        for expected in GOLDEN.glob("*/expected.jsonl")
        for line in expected.read_text().splitlines()
        if '"clock_id"' in line
    }


def test_every_clock_of_the_golden_cases_has_a_name_and_a_matter() -> None:
    clocks = golden_clocks()
    assert {clock_name(clock).rule for clock in clocks} == set(RULES)
    for clock in clocks:
        name = clock_name(clock)
        assert f"{name.account}/{name.name}" == clock
        assert name.row_id.split("/")[3] == name.subject.split("/")[0]


@pytest.mark.parametrize(
    "clock",
    [
        "",
        "A/B",
        "A/B/sfp-refund",
        f"A/B/sfp-refund/{ORDER}",
        f"A/B/sfp-refund/{ORDER}/R/P/X",
        f"A/B/safe-t-window/{ORDER}/R/P",
        f"A/B/chargeback-answer/{ORDER}",
        f"A/B/chargeback-answer/{ORDER}/CB/X",
        f"A/B/a-to-z-appeal/{ORDER}/CL/X",
        "A/B/case-stalled/C",
        "A/B/case-resolution/C/E",
        "A/B/buyer-message-reply/T",
        "A/B/no-rule/T/M",
        "A/B/buyer-message-reply/T/M M",
        f"{'A' * 65}/B/buyer-message-reply/T/M",
        f"A/{'B' * 33}/buyer-message-reply/T/M",
        "A//buyer-message-reply/T/M",
    ],
)
def test_what_is_no_clock_id_is_refused(clock: str) -> None:
    with pytest.raises(ValueError, match=r"it is not|is not a rule|has the subject"):
        clock_name(clock)


RECEIVED = ReturnReceived(1_000, "n1", "R", "sfp", None, None, None)
REFUND = RefundIssued(2_000, "n2", "F", "seller", 100, "USD", "return", None, None, None, None, False)
LATER = RefundIssued(3_000, "n3", "G", "seller", 100, "USD", "return", None, None, None, None, False)


def order_parts(fact: Fact, *facts: ReturnReceived | RefundIssued) -> tuple[str, ...]:
    name = clock_name(f"{ACCOUNT}/sfp-refund/{ORDER}/R")
    return parts_of(name.name, name.row_id, OrderRow(facts=list(facts), programs={"R": "sfp"}), [], fact)


def test_a_fact_bears_on_a_clock_if_the_duty_would_be_another_without_it() -> None:
    assert order_parts(RECEIVED, RECEIVED, REFUND, LATER) == ("start",)
    assert order_parts(REFUND, RECEIVED, REFUND, LATER) == ("end",)
    assert order_parts(LATER, RECEIVED, REFUND, LATER) == ()


def test_where_nothing_calls_for_the_clock_nothing_bears_on_it() -> None:
    assert order_parts(REFUND, REFUND) == ()


def test_a_switch_of_csba_that_starts_a_clock_bears_on_it() -> None:
    asked = MessageReceived(1_000, "n1", "M", "buyer", "csba", None, None, None)
    later = MessageReceived(1_500, "n3", "N", "buyer", "seller", None, None, None)
    off, off_again = ProgramChanged(2_000, "n2", "csba_jp", False), ProgramChanged(2_500, "n4", "csba_jp", False)
    answer = MessageSent(3_000, "n5", "P", "seller", ("buyer",), False, None)
    row = ThreadRow(facts=[asked, later, answer])
    name = clock_name(f"{ACCOUNT}/buyer-message-reply/T/M")
    assert parts_of(name.name, name.row_id, row, [off], off) == ("start",)
    assert parts_of(name.name, name.row_id, row, [off, off_again], off) == ("start",)
    assert parts_of(name.name, name.row_id, row, [off, off_again], off_again) == ()
    assert duty_of("buyer-message-reply/T", name.row_id, row, [off]) is None


def test_of_several_replies_together_each_that_is_needed_bears_on_the_clock_and_an_undelivered_one_by_being_known() -> (
    None
):
    asked = MessageReceived(1_000, "n1", "M", "amazon_cs", "seller", None, None, None)
    to_cs = MessageSent(2_000, "n2", "P", "seller", ("amazon_cs",), False, None)
    to_both = MessageSent(2_500, "n3", "Q", "seller", ("amazon_cs", "buyer"), False, None)
    bounced = MessageUndelivered(2_600, "n4", "Q")
    to_buyer = MessageSent(3_000, "n5", "R", "seller", ("buyer",), False, None)
    name = clock_name(f"{ACCOUNT}/cs-contact-reply/T/M")

    def parts(fact: Fact, *facts: MessageReceived | MessageSent | MessageUndelivered) -> tuple[str, ...]:
        return parts_of(name.name, name.row_id, ThreadRow(facts=list(facts)), [], fact)

    assert parts(to_buyer, asked, to_cs, to_buyer) == parts(to_cs, asked, to_cs, to_buyer) == ("end",)
    assert parts(bounced, asked, to_cs, to_both, bounced, to_buyer) == ("end",)
    assert parts(to_both, asked, to_cs, to_both, bounced, to_buyer) == ()


def test_a_replacement_bears_on_the_refund_that_it_spares() -> None:
    received = ReturnReceived(1_000, "n1", "R", "mfn", None, None, None)
    sent = ReplacementSent(1_500, "n2", "X", "R", None)
    later = ReplacementSent(1_600, "n3", "Y", "R", None)
    name = clock_name(f"{ACCOUNT}/mfn-refund/{ORDER}/R")
    row = OrderRow(facts=[received, sent, later], programs={"R": "mfn"})
    assert parts_of(name.name, name.row_id, row, [], sent) == ("end",)
    assert parts_of(name.name, name.row_id, row, [], later) == ()


def test_a_fact_that_names_the_program_of_a_refund_bears_on_the_start_of_its_window() -> None:
    refund = RefundIssued(2_000, "n1", "F", "amazon_cs", 100, "USD", "return", None, None, None, None, False)
    older = OrderMessage(1_000, "n2", "M", "buyer", None, "mfn")
    newer = OrderMessage(3_000, "n3", "N", "buyer", None, "sfp")
    name = clock_name(f"{ACCOUNT}/safe-t-window/{ORDER}/F")
    row = OrderRow(facts=[refund, older, newer])
    assert parts_of(name.name, name.row_id, row, [], newer) == ("start",)
    assert parts_of(name.name, name.row_id, row, [], older) == ()
    assert parts_of(name.name, name.row_id, OrderRow(facts=[refund, older]), [], older) == ("start",)


def test_a_mark_bears_on_the_clock_of_its_message() -> None:
    asked = MessageReceived(1_000, "n1", "M", "buyer", "seller", None, None, None)
    mark = MessageMarked(2_000, "n2", "M")
    name = clock_name(f"{ACCOUNT}/buyer-message-reply/T/M")
    assert parts_of(name.name, name.row_id, ThreadRow(facts=[asked, mark]), [], mark) == ("mark",)


def test_the_next_timer_of_a_clock_is_its_own() -> None:
    policies = load_policies(shipped_policies())
    agreement = PolicyBook(policies, machine_zones(policies)).agreement(ACCOUNT)
    binding = agreement.bind("buyer-message-reply", 1_770_000_000_000, 1_770_000_000_000)
    assert binding is not None
    clock = Clock("buyer-message-reply", "T/M", 1_770_000_000_000, 1, binding.due_ms, "", None, "", 1, outcome=OPEN)
    assert next_of_clock(agreement, clock) == (binding.step_ms(1), 1)
    clock.passed = 0b110
    assert next_of_clock(agreement, clock) == (binding.due_timer_ms, DUE_STEP)
    clock.outcome = MET
    assert next_of_clock(agreement, clock) is None
