"""What an activation says beside the policies (contract §5): what their zones mean, and the logic that judges."""

from __future__ import annotations

from typing import Any

import pytest

from agents.zones import machine_zones
from schemas.notifications import PolicyActivated
from schemas.policies import load_policies
from schemas.policy_types import PolicyError
from streams import logic
from streams.engine import Line, restore_state, step
from streams.row_codec import decode_partition, decode_policies
from streams.rows import POLICIES_KEY
from streams.state import new_state
from streams.zones import zones_digest
from tests.core.histories import replay_of
from tests.core.instants import (
    DAY,
    HOUR,
    monday_9am,
    monday_noon,
    text,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    utc,
    wednesday_9am,
)
from tests.core.policy_texts import PLAIN, effective, policies
from tests.core.stories import JP, Story, due_counts

LA, TOKYO = "America/Los_Angeles", "Asia/Tokyo"


def saying(los_angeles: int, tokyo: int = 9) -> dict[str, Any]:
    """Zones without changes, in hours east of UTC."""
    return {"zones": {LA: [[0, los_angeles * 3600]], TOKYO: [[0, tokyo * 3600]]}}


def due_at(story: Story) -> str:
    due: str = story.last("clock.opened")["due_at"]
    return due


# --- zones -----------------------------------------------------------------------------------------------------------


def test_what_the_activation_says_of_zones_decides_and_not_the_machines_data() -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, **saying(0, tokyo=-12))
    story.tell("return.received", monday_9am)
    assert due_at(story) == text(utc(3, 5))
    story.tell("return.received", monday_9am, marketplace_id=JP, program="csba_jp")
    assert due_at(story) == text(utc(3, 5, 12))


def test_running_clocks_keep_their_due_and_the_next_has_one_of_the_new_zones() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    assert story.activate(PLAIN, monday_noon, **saying(-10)) == []
    story.tell("return.received", monday_noon, return_id="R-2")
    assert due_at(story) == text(thursday_midnight + 2 * HOUR)
    story.news()
    story.until(thursday_midnight)
    assert story.news()[-1] == "breached sfp-refund"
    assert story.last("clock.breached")["due_at"] == text(thursday_midnight)


def test_a_clock_that_ended_or_stands_breached_keeps_its_due_too() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight)
    story.activate(PLAIN, thursday_midnight, **saying(-10))
    story.news()
    story.tell("refund.issued", thursday_midnight)
    assert story.news() == ["closed_late sfp-refund by seller"]
    assert story.last("clock.closed_late")["late_by_ms"] == 0


def test_a_clock_whose_start_moves_is_measured_by_the_zones_of_now() -> None:
    story = Story()
    story.tell("return.received", monday_noon)
    story.activate(PLAIN, monday_noon, **saying(-10))
    story.tell("return.received", monday_9am, known=monday_noon)
    assert story.news() == ["opened sfp-refund", "opened sfp-refund again, revision 2"]
    assert due_at(story) == text(thursday_midnight + 2 * HOUR)


def test_an_open_version_to_come_moves_clocks_by_the_zones_of_now() -> None:
    longer = policies(
        added={
            "sfp-refund": [
                {"effective_from": effective(wednesday_9am), "applies_to": "open", "target": {"calendar_days": 9}}
            ]
        }
    )
    story = Story(longer)
    story.tell("return.received", monday_9am)
    story.activate(longer, tuesday_9am, **saying(0))
    story.until(wednesday_9am)
    assert due_at(story) == text(utc(3, 12))


def test_coverage_is_asked_by_local_dates_of_the_zones_said() -> None:
    first = utc(1, 1, year=2024)
    for hours, is_covered in ((0, True), (-1, False)):
        story = Story()
        story.activate(PLAIN, first, **saying(hours))
        story.tell("return.received", first)
        assert story.dead_letters == ([] if is_covered else [(2, "calendar_not_covered", "occurred_at")])


def test_a_change_of_offset_ends_a_day_sooner() -> None:
    story = Story()
    zones = {LA: [[0, -8 * 3600], [tuesday_9am, -7 * 3600]], TOKYO: [[0, 9 * 3600]]}
    story.activate(PLAIN, monday_9am, zones=zones)
    story.tell("return.received", monday_9am)
    assert due_at(story) == text(thursday_midnight - HOUR)


def test_where_nothing_is_said_the_machine_is_asked_at_once() -> None:
    story = Story()
    assert story.state.book is not None
    before = story.state.book.zones
    assert before == machine_zones(load_policies(PLAIN))
    story.activate(PLAIN, monday_9am, **saying(0))
    story.activate(PLAIN, monday_noon)
    assert story.state.book.zones == before


def test_a_zone_that_no_machine_knows_may_be_said() -> None:
    on_mars = PLAIN.replace(LA, "Mars/Olympus")
    story = Story(None)
    story.activate(on_mars, monday_9am, zones={"Mars/Olympus": [[0, 37 * 60]], TOKYO: [[0, 9 * 3600]]})
    story.tell("return.received", monday_9am)
    assert due_at(story) == text(utc(3, 5) - 37 * 60_000)


def test_zones_that_no_calendar_names_are_no_error() -> None:
    story = Story()
    zones = {**saying(-8)["zones"], "Mars/Olympus": [[0, 1]], "Asia/Tokyo/": [[0, 2], [1, 3]]}
    story.activate(PLAIN, monday_9am, zones=zones)
    story.tell("return.received", monday_9am)
    assert due_at(story) == text(thursday_midnight)


def test_zones_that_lack_one_that_a_calendar_names_are_refused_by_its_name() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    with pytest.raises(PolicyError, match=r"'Asia/Tokyo', which the activation's 'zones' lack; add it"):
        story.activate(PLAIN, monday_noon, zones={LA: [[0, 0]]})
    assert story.state.lines == 1


@pytest.mark.parametrize(
    "zones",
    [
        {LA: []},
        {LA: [[0, 86_400]]},
        {LA: [[0, -86_400]]},
        {LA: [[5, 0], [5, 3600]]},
        {LA: [[5, 0], [4, 3600]]},
        {LA: [[0.0, 0]]},
        {LA: [[0, 0, 0]]},
        {LA: "-08:00"},
        [],
    ],
    ids=str,
)
def test_what_is_no_table_of_zones_is_a_bad_field(zones: Any) -> None:
    story = Story()
    said = zones if isinstance(zones, list) else {**saying(0)["zones"], **zones}
    story.activate(PLAIN, monday_9am, zones=said)
    assert story.dead_letters == [(1, "bad_field", "zones")]


def test_the_engine_itself_asks_no_machine_and_says_that_a_journal_without_zones_is_of_0_1() -> None:
    state = new_state(0)
    line = Line(1, monday_9am, PolicyActivated(digest=load_policies(PLAIN).digest, toml=PLAIN))
    with pytest.raises(
        PolicyError, match=r"Line 1 .*: it was written by dueclock 0\.1, .*; begin anew with empty topics .*\."
    ):
        step(state, line)
    assert (state.lines, state.book) == (0, None)


# --- logic -----------------------------------------------------------------------------------------------------------


def test_the_newest_logic_judges_where_nothing_is_said_and_one_where_an_activation_says_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(logic.CHANGES, 2, "What is to come.")
    monkeypatch.setattr(logic, "NEWEST", 2)
    story = Story()
    assert story.state.logic == 2
    story.activate(PLAIN, monday_9am)
    assert story.state.logic == 1
    story.activate(PLAIN, monday_noon, logic=2)
    assert story.state.logic == 2
    unsaid = Story(None)
    unsaid.tell("return.received", monday_9am)
    assert unsaid.state.logic == 2
    begun = Story(None)
    begun.activate(PLAIN, monday_9am)
    assert begun.state.logic == 1


def test_a_logic_that_is_not_known_here_is_refused_and_nothing_is_changed() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    with pytest.raises(PolicyError, match=r"Logic 2 is not known here, where the newest is 1; use a newer dueclock\."):
        story.activate(PLAIN, monday_noon, logic=2)
    assert (story.state.lines, story.state.logic) == (1, 1)


@pytest.mark.parametrize("number", [0, -1, 1.0, "1", True])
def test_what_is_no_logic_is_a_bad_field(number: Any) -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, logic=number)
    assert story.dead_letters == [(1, "bad_field", "logic")]


def test_an_event_carries_the_logic_that_judged_it_beside_its_bytes() -> None:
    (event,) = replay_of(PLAIN).feed(Story().line("return.received", monday_9am))
    headers = dict(event.headers(7, "ab" * 32, 3))
    assert (headers["line"], headers["policy"], headers["logic"]) == (b"7", b"abababababab", b"3")


# --- what the partition keeps of it ----------------------------------------------------------------------------------


def kept(story: Story) -> tuple[list[str], list[str]]:
    """Digests of policies and zones that the partition has left, as its row says."""
    row = decode_policies(dict(story.state.policies_row())[POLICIES_KEY])
    return row.left_policies, row.left_zones


OTHER = policies(retention={"settled_days": 50})
PLAIN_DIGEST, OTHER_DIGEST = load_policies(PLAIN).digest, load_policies(OTHER).digest


def test_the_partitions_row_says_which_policies_zones_and_logic_are_in_force() -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, **saying(0))
    rows = dict(story.state.take_changes())
    own = decode_partition(rows[b"partition"] or b"")
    assert (own.digest, own.zones, own.logic) == (PLAIN_DIGEST, said_digest(0), 1)
    assert decode_policies(rows[POLICIES_KEY] or b"").zones == {
        LA: ((0, 0),),
        TOKYO: ((0, 9 * 3600),),
    }


def said_digest(los_angeles: int) -> str:
    return zones_digest({name: tuple(map(tuple, pairs)) for name, pairs in saying(los_angeles)["zones"].items()})


def test_policies_and_zones_that_gave_way_are_left() -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, **saying(0))
    machines = zones_digest(machine_zones(load_policies(PLAIN)))
    assert kept(story) == ([], [machines])
    story.activate(OTHER, monday_noon, **saying(1))
    assert kept(story) == ([PLAIN_DIGEST], sorted([machines, said_digest(0)]))
    assert story.state.has_left(PLAIN_DIGEST, "")
    assert story.state.has_left("", said_digest(0))
    assert story.state.has_left(OTHER_DIGEST, machines)
    assert not story.state.has_left(OTHER_DIGEST, said_digest(1))


def test_a_journal_may_go_back_and_what_is_in_force_again_is_not_left() -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, **saying(0))
    story.activate(OTHER, monday_noon, **saying(1))
    story.activate(PLAIN, tuesday_9am, **saying(0))
    machines = zones_digest(machine_zones(load_policies(PLAIN)))
    assert kept(story) == ([OTHER_DIGEST], sorted([machines, said_digest(1)]))
    assert story.state.digest == PLAIN_DIGEST
    assert not story.state.has_left(PLAIN_DIGEST, said_digest(0))
    story.tell("return.received", tuesday_9am)
    assert due_at(story) == text(utc(3, 6))


def test_the_same_activated_again_leaves_nothing() -> None:
    story = Story()
    story.activate(PLAIN, monday_9am, **saying(0))
    before = kept(story)
    story.activate(PLAIN, monday_noon, **saying(0))
    assert kept(story) == before


def test_a_restored_partition_judges_by_the_zones_and_knows_what_it_has_left() -> None:
    on_mars = PLAIN.replace(LA, "Mars/Olympus")
    story = Story(None)
    story.activate(on_mars, monday_9am, zones={"Mars/Olympus": [[0, 3600]], TOKYO: [[0, 9 * 3600]]})
    story.activate(on_mars, monday_noon, zones={"Mars/Olympus": [[0, 7200]], TOKYO: [[0, 9 * 3600]]})
    rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
    again = restore_state(0, rows)
    assert again.policies_row() == story.state.policies_row()
    assert (again.row.zones, again.logic) == (story.state.row.zones, 1)
    assert again.book is not None
    calendar = again.book.agreement("SELLER-1/ATVPDKIKX0DER").calendar
    assert calendar is not None
    assert calendar.calendar_days_due(tuesday_noon, 1) == utc(3, 4, 22)


def test_an_activation_says_nothing_of_clocks_that_no_open_version_moves() -> None:
    story = Story()
    for number in range(3):
        story.tell("return.received", monday_9am, return_id=f"R-{number}")
    story.news()
    story.activate(OTHER, monday_noon, **saying(3))
    assert story.news() == []
    assert story.open_clocks() == 3
    assert due_counts(story.state) == {("sfp-refund", "ATVPDKIKX0DER", thursday_midnight): 3}


def test_retention_that_the_file_leaves_out_is_the_shipped_one() -> None:
    without = PLAIN.replace("[retention]\nsettled_days = 45\n", "")
    assert without != PLAIN
    story = Story(without)
    story.tell("return.cancelled", monday_9am)
    story.until(monday_9am + 120 * DAY - 1)
    assert len(list(story.state.matters())) == 1
    story.until(monday_9am + 120 * DAY)
    assert list(story.state.matters()) == []
