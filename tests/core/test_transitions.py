"""The table of transitions: as contract §3 writes it, and each of its pairs lived through by a real clock."""

from __future__ import annotations

from itertools import permutations

import pytest

from streams.clock import FROM_OPEN, OUTCOMES, TRANSITIONS, Say
from streams.rows import BREACHED, CLOSED_LATE, EXEMPT, MET, OPEN, SUPERSEDED, Outcome
from tests.core.instants import (
    HOUR,
    friday_9am,
    monday_9am,
    monday_noon,
    next_monday_9am,
    saturday_9am,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
)
from tests.core.policy_texts import PLAIN, effective, policies
from tests.core.stories import Story

NAMES = {
    OPEN: "open",
    MET: "met",
    SUPERSEDED: "superseded",
    EXEMPT: "exempt",
    BREACHED: "breached",
    CLOSED_LATE: "closed_late",
}
PAIRS = list(permutations(NAMES, 2))

# "as from open": what contract §3 says of an open clock.
AS_FROM_OPEN = {
    OPEN: [Say.PASSED_STEPS],
    MET: [Say.ENDED],
    SUPERSEDED: [Say.ENDED],
    EXEMPT: [Say.ENDED],
    BREACHED: [Say.BREACH],
    CLOSED_LATE: [Say.BREACH, Say.ENDED],
}
TAKEN_BACK = [Say.RETRACT_ALL, Say.REOPEN_IF_MOVED]

# The table of contract §3, row by row, written out.
TABLE = {
    (OPEN, OPEN): [],
    (OPEN, MET): [Say.ENDED],
    (OPEN, SUPERSEDED): [Say.ENDED],
    (OPEN, EXEMPT): [Say.ENDED],
    (OPEN, BREACHED): [Say.BREACH],
    (OPEN, CLOSED_LATE): [Say.BREACH, Say.ENDED],
    (MET, OPEN): [*TAKEN_BACK, Say.PASSED_STEPS],
    (MET, MET): [],
    (MET, SUPERSEDED): [*TAKEN_BACK, Say.ENDED],
    (MET, EXEMPT): [*TAKEN_BACK, Say.ENDED],
    (MET, BREACHED): [*TAKEN_BACK, Say.BREACH],
    (MET, CLOSED_LATE): [*TAKEN_BACK, Say.BREACH, Say.ENDED],
    (SUPERSEDED, OPEN): [*TAKEN_BACK, Say.PASSED_STEPS],
    (SUPERSEDED, MET): [*TAKEN_BACK, Say.ENDED],
    (SUPERSEDED, SUPERSEDED): [],
    (SUPERSEDED, EXEMPT): [*TAKEN_BACK, Say.ENDED],
    (SUPERSEDED, BREACHED): [*TAKEN_BACK, Say.BREACH],
    (SUPERSEDED, CLOSED_LATE): [*TAKEN_BACK, Say.BREACH, Say.ENDED],
    (EXEMPT, OPEN): [*TAKEN_BACK, Say.PASSED_STEPS],
    (EXEMPT, MET): [*TAKEN_BACK, Say.ENDED],
    (EXEMPT, SUPERSEDED): [*TAKEN_BACK, Say.ENDED],
    (EXEMPT, EXEMPT): [],
    (EXEMPT, BREACHED): [*TAKEN_BACK, Say.BREACH],
    (EXEMPT, CLOSED_LATE): [*TAKEN_BACK, Say.BREACH, Say.ENDED],
    (BREACHED, OPEN): [*TAKEN_BACK, Say.PASSED_STEPS],
    (BREACHED, MET): [*TAKEN_BACK, Say.ENDED],
    (BREACHED, SUPERSEDED): [*TAKEN_BACK, Say.ENDED],
    (BREACHED, EXEMPT): [*TAKEN_BACK, Say.ENDED],
    (BREACHED, BREACHED): [],
    (BREACHED, CLOSED_LATE): [Say.ENDED],
    (CLOSED_LATE, OPEN): [*TAKEN_BACK, Say.PASSED_STEPS],
    (CLOSED_LATE, MET): [*TAKEN_BACK, Say.ENDED],
    (CLOSED_LATE, SUPERSEDED): [*TAKEN_BACK, Say.ENDED],
    (CLOSED_LATE, EXEMPT): [*TAKEN_BACK, Say.ENDED],
    (CLOSED_LATE, BREACHED): [Say.RETRACT_LAST],
    (CLOSED_LATE, CLOSED_LATE): [],
}


def test_the_table_is_that_of_the_contract_for_all_pairs() -> None:
    assert {pair: list(words) for pair, words in TRANSITIONS.items()} == TABLE


def test_as_from_open_is_as_the_contract_says() -> None:
    assert {outcome: list(words) for outcome, words in FROM_OPEN.items()} == AS_FROM_OPEN
    assert set(OUTCOMES) == set(NAMES)


# --- each pair lived through -----------------------------------------------------------------------------------------
# A return is received on Monday, due when Wednesday ends. F-1 is the refund that brings the outcome before, F-2 the one
# that brings the outcome after; cancelling F-1 lets F-2 count, an older F-2 known late comes before F-1.

RETRACTED_IN_ORDER = {
    OPEN: [],
    MET: ["met"],
    SUPERSEDED: ["superseded"],
    EXEMPT: ["exempt"],
    BREACHED: ["breached"],
    CLOSED_LATE: ["closed_late", "breached"],
}
SAID_IN_ORDER = {
    **{outcome: [name] for outcome, name in NAMES.items()},
    OPEN: [],
    CLOSED_LATE: ["breached", "closed_late"],
}


def expected(old: Outcome, new: Outcome) -> list[str]:
    if old == OPEN:
        return SAID_IN_ORDER[new]
    if (old, new) == (BREACHED, CLOSED_LATE):
        return ["closed_late"]
    if (old, new) == (CLOSED_LATE, BREACHED):
        return ["retracted closed_late"]
    return [f"retracted {name}" for name in RETRACTED_IN_ORDER[old]] + SAID_IN_ORDER[new]


def lived(story: Story) -> list[str]:
    """The news without rule, reason and level, and without escalations."""
    words = [word.replace(":", "").split() for word in story.news()]
    return [f"retracted {w[2]}" if w[0] == "retracted" else w[0] for w in words if w[0] not in ("escalated", "opened")]


REFUND_BEFORE = {
    MET: ("seller", tuesday_noon),
    SUPERSEDED: ("amazon_auto", tuesday_noon),
    CLOSED_LATE: ("seller", friday_9am),
}


def refund_story(old: Outcome, policies: str = PLAIN) -> Story:
    """A receipt on Monday whose clock stands at `old`."""
    story = Story(policies)
    story.tell("return.received", monday_9am)
    if old in REFUND_BEFORE:
        issuer, at = REFUND_BEFORE[old]
        story.tell("refund.issued", at, issued_by=issuer)
    elif old == BREACHED:
        story.until(friday_9am)
    return story


def known_late(story: Story, issuer: str, at: int, known: int = friday_9am) -> None:
    story.tell("refund.issued", at, known=known, refund_id="F-2", issued_by=issuer)


def message_story(old: Outcome) -> Story:
    """A buyer's message to csba of Monday 9 am, due at 3 pm, whose clock stands at `old`."""
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba", program="fba", topic="order")
    if old == MET:
        story.tell("message.sent", monday_noon, from_role="csba")
    elif old == SUPERSEDED:
        story.tell("program.changed", monday_noon)
    elif old == BREACHED:
        story.until(tuesday_9am)
    elif old == CLOSED_LATE:
        story.tell("message.sent", tuesday_9am, from_role="csba")
    return story


def marked(old: Outcome) -> Story:
    story = message_story(old)
    story.news()
    story.tell("message.marked", max(monday_noon + HOUR, story.state.journal_ms))
    return story


def unmarked(new: Outcome) -> Story:
    """Marked as needing no response; what happened meanwhile shows when the mark is taken back."""
    story = message_story(OPEN)
    story.tell("message.marked", monday_9am + HOUR)
    if new == MET:
        story.tell("message.sent", monday_noon, from_role="csba")
    elif new == SUPERSEDED:
        story.tell("program.changed", monday_noon)
    elif new == CLOSED_LATE:
        story.tell("message.sent", tuesday_9am, from_role="csba")
    story.news()
    story.tell("message.unmarked", monday_noon if new == OPEN else tuesday_noon)
    return story


def moved_to_later(old: Outcome) -> Story:
    """Breached, or closed late; then a version comes into the journal that would have moved the due while it ran."""
    story = refund_story(old)
    longer = {"effective_from": effective(tuesday_9am), "target": {"business_days": 9}, "applies_to": "open"}
    story.activate(policies(added={"sfp-refund": [longer]}), friday_9am)
    story.news()
    if old == BREACHED:
        story.tell("refund.issued", monday_noon, known=saturday_9am, full=False)
    else:
        story.tell("refund.cancelled", saturday_9am)
    return story


def lived_refund(old: Outcome, new: Outcome) -> Story:
    # Waiting for late news, a clock goes from open to closed late without having been breached by its timer.
    is_waiting = (old, new) == (OPEN, CLOSED_LATE)
    story = refund_story(old, policies(changed={"sfp-refund": {"confirm_after": "2d"}}) if is_waiting else PLAIN)
    story.news()
    known = tuesday_9am if old == OPEN else friday_9am
    if old in (MET, SUPERSEDED, CLOSED_LATE) and new in (OPEN, BREACHED):
        story.tell("refund.cancelled", wednesday_9am if new == OPEN else next_monday_9am)
    elif old in (MET, SUPERSEDED) and new == CLOSED_LATE:
        known_late(story, "seller", friday_9am)
        story.tell("refund.cancelled", saturday_9am)
    elif new == MET:
        known_late(story, "seller", monday_noon, known)
    elif new == SUPERSEDED:
        known_late(story, "amazon_auto", monday_noon, known)
    elif new == CLOSED_LATE:
        known_late(story, "seller", friday_9am)
    else:
        assert (old, new) == (OPEN, BREACHED)
        story.until(friday_9am)
    return story


def through(old: Outcome, new: Outcome) -> Story:
    if new == EXEMPT:
        return marked(old)
    if old == EXEMPT:
        return unmarked(new)
    if (old, new) in ((BREACHED, OPEN), (CLOSED_LATE, OPEN)):
        return moved_to_later(old)
    return lived_refund(old, new)


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=[f"{NAMES[old]}-to-{NAMES[new]}" for old, new in PAIRS])
def test_a_clock_goes_from_one_outcome_to_another_as_the_table_says(old: Outcome, new: Outcome) -> None:
    assert lived(through(old, new)) == expected(old, new)


def received_by_the_seller(old: Outcome) -> Story:
    """A seller's return, received on Monday and due when Friday ends, whose clock stands at `old`."""
    story = Story()
    story.tell("return.received", monday_9am, program="mfn")
    if old == MET:
        story.tell("refund.issued", tuesday_noon)
    elif old == SUPERSEDED:
        story.tell("refund.issued", tuesday_noon, issued_by="amazon_auto")
    elif old == EXEMPT:
        story.tell("replacement.sent", tuesday_noon)
    elif old == CLOSED_LATE:
        story.tell("refund.issued", saturday_9am)
    elif old == BREACHED:
        story.until(saturday_9am)
    story.news()
    return story


@pytest.mark.parametrize("old", [outcome for outcome in NAMES if outcome != EXEMPT], ids=NAMES.get)
def test_an_earlier_replacement_exempts_the_clock_whatever_it_stood_at(old: Outcome) -> None:
    story = received_by_the_seller(old)
    story.tell("replacement.sent", monday_noon, known=max(monday_noon, story.state.journal_ms))
    assert lived(story) == expected(old, EXEMPT)


@pytest.mark.parametrize(("new", "issuer"), [(MET, "seller"), (SUPERSEDED, "amazon_auto")])
def test_an_earlier_refund_takes_the_exemption_of_a_replacement_back(new: Outcome, issuer: str) -> None:
    story = received_by_the_seller(EXEMPT)
    story.tell("refund.issued", monday_noon, known=tuesday_noon, issued_by=issuer)
    assert lived(story) == expected(EXEMPT, new)


def test_a_breached_clock_that_was_moved_meanwhile_opens_again_with_its_new_due() -> None:
    story = moved_to_later(BREACHED)
    assert story.news() == [
        "retracted sfp-refund breached: late_arrival",
        "opened sfp-refund again, revision 2",
    ]
    assert story.last("clock.opened")["rule_version"] == 2
