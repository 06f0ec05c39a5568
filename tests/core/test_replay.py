"""Replay (contract §7): lines of a file, what counts as one, and the policies that act before the first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from agents.zones import machine_zones
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import TimeTick, Zones
from schemas.policies import load_policies, shipped_policies
from schemas.policy_types import Policies, PolicyError
from streams import replay as replay_module
from streams.engine import Line, restore_state, step
from streams.logic import NEWEST, OtherVersionError
from streams.replay import Replay, ZonesOf
from streams.row_codec import decode_partition, encode_row
from streams.rows import PARTITION_KEY
from streams.state import new_state
from tests.core.histories import ignore, values
from tests.core.instants import friday_9am, monday_9am, monday_noon, text, thursday_midnight
from tests.core.policy_texts import PLAIN, policies
from tests.core.stories import Story, activation
from tests.zones import DATA, NEWER, OLDER, RELEASES

RECEIPT = (
    b'{"event_id":"e1","type":"return.received","seller_id":"S","marketplace_id":"ATVPDKIKX0DER",'
    b'"occurred_at":"2026-03-02T17:00:00Z","return_id":"R-1","order_id":"111-0000001-0000001","program":"sfp"}'
)

IN_VANCOUVER = PLAIN.replace("America/Los_Angeles", "America/Vancouver")


TICK = json.dumps({"type": "time.tick", "arrived_at": text(monday_9am)}).encode()


def digest_of(toml: str) -> str:
    return hashlib.sha256(toml.encode()).hexdigest()


def test_blank_lines_are_counted_and_skipped() -> None:
    dead: list[int] = []
    replay = Replay(PLAIN, lambda line, raw, rejected: dead.append(line), machine_zones)
    for raw in (b"", b"\r\n", b" \t ", RECEIPT, b"\n", b"{"):
        replay.feed(raw)
    assert dead == [6]
    assert replay.state.lines == 1


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 500])
def test_many_lines_at_once_are_answered_as_one_by_one(count: int) -> None:
    known = (
        RECEIPT,
        b"",
        b"{",
        TICK,
        RECEIPT.replace(b"e1", b"e2"),
        b" \t ",
        RECEIPT.replace(b"R-1", b"R-2") + b"\r\n",
    )
    lines = [known[number * number % 7].replace(b"000001", b"%06d" % number) for number in range(count)]
    slow_letters: list[tuple[int, bytes, Rejected]] = []
    quick_letters: list[tuple[int, bytes, Rejected]] = []
    slow = Replay(PLAIN, lambda *letter: slow_letters.append(letter), machine_zones)
    quick = Replay(PLAIN, lambda *letter: quick_letters.append(letter), machine_zones)
    assert list(map(values, quick.feed_all(lines))) == [values(slow.feed(line)) for line in lines]
    assert (quick_letters, quick.line_number) == (slow_letters, slow.line_number)
    assert quick.state.take_changes() == slow.state.take_changes()


def test_no_further_line_is_read_behind_a_large_one_before_it_is_answered() -> None:
    taken: list[int] = []

    def lines() -> Iterator[bytes]:
        for number in range(10):
            taken.append(number)
            yield b"{" + b" " * 70_000

    answers = Replay(PLAIN, ignore, machine_zones).feed_all(lines())
    assert next(answers) == []
    assert taken == [0]


@pytest.mark.parametrize("line", [RECEIPT, RECEIPT + b"\n", RECEIPT + b"\r\n", b"  " + RECEIPT + b"  "], ids=len)
def test_a_line_is_the_same_with_or_without_its_end(line: bytes) -> None:
    (opened,) = Replay(PLAIN, ignore, machine_zones).feed(line)
    assert values([opened]) == values(Replay(PLAIN, ignore, machine_zones).feed(RECEIPT))


def test_a_bad_line_reaches_the_callback_with_number_bytes_and_reason_and_the_run_goes_on() -> None:
    heard: list[tuple[int, bytes, Rejected]] = []
    replay = Replay(PLAIN, lambda *letter: heard.append(letter), machine_zones)
    replay.feed(b'{"type":"return.received"}\r\n')
    replay.feed(RECEIPT)
    assert heard == [(1, b'{"type":"return.received"}', Rejected("bad_field", "event_id"))]
    assert replay.state.lines == 1


def test_nothing_fires_after_the_last_line() -> None:
    replay = Replay(PLAIN, ignore, machine_zones)
    replay.feed(RECEIPT)
    assert replay.close() == []
    assert replay.state.lines == 1


def test_until_is_a_last_tick() -> None:
    replay, ticked = Replay(PLAIN, ignore, machine_zones), Replay(PLAIN, ignore, machine_zones)
    replay.feed(RECEIPT)
    ticked.feed(RECEIPT)
    tick = json.dumps({"type": "time.tick", "arrived_at": text(friday_9am)}).encode()
    assert values(replay.close(friday_9am)) == values(ticked.feed(tick))


def test_until_before_the_last_line_fires_nothing_more() -> None:
    replay = Replay(PLAIN, ignore, machine_zones)
    replay.feed(RECEIPT)
    assert replay.close(monday_9am - 1) == []
    assert replay.state.journal_ms == monday_9am


def test_without_policies_named_the_shipped_ones_act_before_line_one() -> None:
    replay = Replay(None, ignore, machine_zones)
    replay.feed(b"")
    assert replay.state.digest == ""
    (opened,) = replay.feed(RECEIPT)
    assert replay.state.digest == digest_of(shipped_policies())
    assert opened.type == "clock.opened"


def test_a_file_that_begins_with_an_activation_brings_its_own_policies() -> None:
    own = policies(changed={"sfp-refund": {"target": {"business_days": 3}}})
    replay = Replay(None, ignore, machine_zones)
    assert replay.feed(activation(own, monday_9am)) == []
    assert replay.state.digest == digest_of(own)
    (opened,) = replay.feed(RECEIPT)
    assert json.loads(opened.value)["due_at"] == "2026-03-06T08:00:00.000Z"


def test_blank_lines_before_the_activation_are_no_first_line() -> None:
    replay = Replay(None, ignore, machine_zones)
    for raw in (b"", b" \t", activation(PLAIN, monday_9am)):
        replay.feed(raw)
    assert replay.state.digest == digest_of(PLAIN)


def test_before_a_first_line_that_is_an_activation_nothing_is_in_force() -> None:
    heard: list[str] = []

    def zones(policies: Policies) -> Zones:
        heard.append(policies.digest)
        return machine_zones(policies)

    Replay(None, ignore, zones).feed(activation(PLAIN, monday_9am))
    assert heard == [digest_of(PLAIN)]


NO_ACTIVATION = {
    "a notification": RECEIPT,
    "a tick": TICK,
    "a bad line": b"{",
    "a notification that is bad": RECEIPT.replace(b"R-1", b"R 1"),
    "an activation that is bad": activation(PLAIN, monday_9am).replace(b'"digest": "', b'"digest": "x'),
    "a seal": b'{"type":"state.sealed","journaled_at":"2026-03-02T17:00:00Z","line":1,"logic":1,"offset":0,'
    b'"state":"%b","journal":"%b"}' % (b"0" * 64, b"0" * 64),
}


@pytest.mark.parametrize("first", NO_ACTIVATION)
def test_where_the_first_line_is_no_activation_the_shipped_policies_act_before_it(first: str) -> None:
    replay = Replay(None, ignore, machine_zones)
    replay.feed(NO_ACTIVATION[first])
    assert replay.state.digest == digest_of(shipped_policies())
    with pytest.raises(PolicyError, match="has been activated and is missing"):
        replay.feed(activation(PLAIN, monday_9am))


def test_where_a_policy_file_is_given_an_activation_in_the_first_line_comes_after_it() -> None:
    replay = Replay(PLAIN, ignore, machine_zones)
    with pytest.raises(PolicyError, match="may not change"):
        replay.feed(activation(policies(changed={"sfp-refund": {"target": {"business_days": 3}}}), monday_9am))


def test_policies_that_do_not_load_end_the_run() -> None:
    with pytest.raises(PolicyError):
        Replay("no toml", ignore, machine_zones)
    with pytest.raises(PolicyError):
        Replay(PLAIN, ignore, machine_zones).feed(activation("[calendars.x]", monday_9am))


def test_journal_time_never_goes_back() -> None:
    story = Story()
    story.until(monday_noon)
    story.tell("return.received", monday_9am)
    assert story.state.journal_ms == monday_noon
    assert story.last("clock.opened")["decided_at"] == text(monday_noon)
    story.until(monday_9am)
    assert story.state.journal_ms == monday_noon


def test_journaled_at_comes_before_arrived_at_as_the_journal_time_of_a_line() -> None:
    story = Story()
    story.tell("return.received", monday_9am, known=friday_9am, journaled_at=text(monday_noon))
    assert story.state.journal_ms == monday_noon


def test_rows_that_rest_now_and_then_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        RECEIPT,
        RECEIPT.replace(b"R-1", b"R-2"),
        json.dumps({"type": "time.tick", "arrived_at": text(thursday_midnight)}).encode(),
    ]
    whole = Replay(PLAIN, ignore, machine_zones)
    said = [event.value for line in lines for event in whole.feed(line)]
    monkeypatch.setattr(replay_module, "REST_EVERY", 1)
    resting = Replay(PLAIN, ignore, machine_zones)
    assert [event.value for line in lines for event in resting.feed(line)] == said


# --- zones and logic -----------------------------------------------------------------------------------------------


def machine(release: str) -> ZonesOf:
    """The machine with this release of time-zone data."""
    return lambda policies: machine_zones(policies, str(DATA / release))


def dues(*releases: str) -> list[str]:
    """What is due on a machine where each of these releases was activated before one receipt more."""
    replay = Replay(None, ignore, machine_zones)
    found: list[str] = []
    for number, release in enumerate(releases):
        zones = machine(release)(load_policies(IN_VANCOUVER))
        said = {**json.loads(activation(IN_VANCOUVER, monday_9am)), "zones": zones}
        assert replay.feed(json.dumps(said).encode()) == []
        receipt = {**json.loads(RECEIPT), "event_id": f"e{number}", "return_id": f"R-{number}"}
        receipt |= {"occurred_at": "2026-11-16T17:00:00Z"}
        found += [json.loads(event.value)["due_at"] for event in replay.feed(json.dumps(receipt).encode())]
    return found


def test_what_the_journal_says_of_a_zone_decides_and_a_clock_keeps_the_due_that_it_was_told() -> None:
    assert dues(OLDER) == ["2026-11-19T08:00:00.000Z"]
    assert dues(NEWER) == ["2026-11-19T07:00:00.000Z"]
    assert dues(OLDER, NEWER) == ["2026-11-19T08:00:00.000Z", "2026-11-19T07:00:00.000Z"]


def test_where_nothing_is_said_of_zones_the_machine_decides() -> None:
    receipt = RECEIPT.replace(b"2026-03-02T17:00:00Z", b"2026-11-16T17:00:00Z")
    found = [
        json.loads(Replay(IN_VANCOUVER, ignore, machine(release)).feed(receipt)[0].value)["due_at"]
        for release in RELEASES
    ]
    assert found == ["2026-11-19T08:00:00.000Z", "2026-11-19T07:00:00.000Z"]


@pytest.mark.parametrize(
    "line",
    [
        {"type": "policy.activated", "digest": "0" * 64, "toml": "", "logic": NEWEST + 1},
        {"type": "state.sealed", "line": 1, "offset": 0, "state": "0" * 64, "journal": "0" * 64, "logic": NEWEST + 1},
    ],
    ids=lambda line: line["type"],
)
def test_a_line_of_a_higher_logic_is_refused_and_changes_nothing(line: dict[str, object]) -> None:
    replay = Replay(PLAIN, ignore, machine_zones)
    replay.feed(RECEIPT)
    before = replay.state.take_changes()
    with pytest.raises(OtherVersionError, match=f"Logic {NEWEST + 1} is not known here, where the newest is {NEWEST}"):
        replay.feed(json.dumps({**line, "journaled_at": text(monday_noon)}).encode())
    assert replay.state.take_changes() == before[:1]


def test_a_row_of_a_higher_logic_is_refused() -> None:
    replay = Replay(PLAIN, ignore, machine_zones)
    replay.feed(RECEIPT)
    rows = dict(replay.state.take_changes())
    row = decode_partition(rows[PARTITION_KEY] or b"")
    row.logic = NEWEST + 1
    with pytest.raises(OtherVersionError, match="use a newer dueclock"):
        restore_state(0, [(PARTITION_KEY, encode_row(row))])


# --- the engine's own promises ---------------------------------------------------------------------------------------


def test_a_line_out_of_its_order_is_refused_and_changes_nothing() -> None:
    state = new_state(0)
    step(state, Line(1, monday_9am, TimeTick()))
    with pytest.raises(ValueError, match="line 3 does not follow line 1"):
        step(state, Line(3, monday_9am, TimeTick()))
    with pytest.raises(ValueError, match="before that of the line before it"):
        step(state, Line(2, monday_9am - 1, TimeTick()))
    assert (state.lines, state.journal_ms) == (1, monday_9am)


def test_a_notification_before_any_policies_is_refused() -> None:
    decoded = decode_notification(RECEIPT, from_file=True)
    assert isinstance(decoded, Decoded)
    with pytest.raises(ValueError, match="before any policies"):
        step(new_state(0), Line(1, monday_9am, decoded.body))
