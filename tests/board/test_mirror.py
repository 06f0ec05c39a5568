"""The mirror and what is asked of it: the same clocks as the rows hold, whatever came first, and every page of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from agents.board import mirror as mirrored
from agents.board.asked import PAGE, Asked, asked_of, count, find
from agents.board.entries import LIVE, OVER, Entry
from agents.board.happenings import BREACHES_KEPT, Happenings
from agents.board.mirror import Mirror
from agents.board.places import shop
from agents.phrases import order_link
from schemas.codec import HOUR_MS
from streams.due_list import Asked as DueAsked
from streams.due_list import due_clocks
from streams.row_codec import encode_row
from streams.rows import OrderRow
from tests.board.scene import JP, KITCHEN, NORTH, ORDER, RETRACTED, TOYS, US, histories

NOW_MS = 1_795_800_000_000

Change = tuple[int, bytes, bytes | None]


@pytest.fixture(scope="module")
def changes() -> list[Change]:
    """The rows of the scene, and before them older ones of the same matters, as a changelog has them."""
    found: list[Change] = []
    for history in histories(NOW_MS - 3 * HOUR_MS, 2):
        found += [(history.partition, key, value) for key, value in history.state.take_changes()]
    for history in histories(NOW_MS, 2):
        found += [(history.partition, key, value) for key, value in history.state.take_changes()]
    return found


def mirror_of(changes: list[Change], loaded_after: int | None = None) -> Mirror:
    """A mirror that has seen these; those behind `loaded_after` came live."""
    made = Mirror()
    for number, change in enumerate(changes):
        if number == loaded_after:
            made.loaded()
        made.see(*change)
    made.loaded()
    return made


def everything(_: str) -> bool:
    return True


def walk(mirror: Mirror, asked: Asked) -> Iterator[Entry]:
    """All pages, one after the other."""
    import msgspec

    while True:
        found = find(mirror, asked, everything, NOW_MS)
        yield from found.clocks
        if not found.after:
            return
        asked = msgspec.structs.replace(asked, after=found.after)


def test_what_is_live_is_what_the_rows_hold_in_the_same_order(changes: list[Change]) -> None:
    rows: dict[str, bytes] = {}
    for _, key, value in changes:
        if b"/" in key:
            if value is None:
                rows.pop(key.decode(), None)
            else:
                rows[key.decode()] = value
    wanted = due_clocks(rows.items(), DueAsked(limit=10_000))
    assert len(wanted) > PAGE
    for loaded_after in (None, 0, len(changes) // 2, len(changes) - 20):
        mirror = mirror_of(changes, loaded_after)
        shown = [entry for _, _, entry in mirror.places(None, None)]
        assert [(one.due_ms, one.clock_id, one.state) for one in shown] == [
            (one.due_ms, one.clock_id, one.state) for one in wanted
        ]
        assert sum(mirror.counts.values()) == len(wanted)
        assert mirror.unreadable == set()


def test_a_row_that_is_taken_away_takes_its_clocks_along(changes: list[Change]) -> None:
    mirror = mirror_of(changes)
    for partition, key, _ in changes:
        if b"/" in key:
            mirror.see(partition, key, None)
    assert (mirror.live, mirror.ended, mirror.by_due, dict(mirror.counts)) == ({}, {}, [], {})


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(seller=NORTH),
        Asked(marketplace=US),
        Asked(seller=NORTH, marketplace=JP, rule="buyer-message-reply"),
        Asked(state="over"),
        Asked(state="ended"),
        Asked(state="met", seller=TOYS),
        Asked(within="4h"),
        Asked(q="RET-"),
        Asked(q="RET-", state="ended"),
        Asked(from_ms=NOW_MS, until_ms=NOW_MS + 9 * HOUR_MS),
    ],
    ids=str,
)
def test_the_pages_hold_each_clock_that_is_meant_once(changes: list[Change], asked: Asked) -> None:
    mirror = mirror_of(changes, len(changes) // 2)
    every = [*mirror.live.values(), *mirror.ended.values()]

    def is_meant(one: Entry) -> bool:
        seller, marketplace = one.account.split("/")
        states = {"": LIVE, "over": OVER, "ended": ("met", "closed_late", "superseded", "exempt")}
        until_ms = NOW_MS + 4 * HOUR_MS if asked.within else asked.until_ms
        from_ms = NOW_MS if asked.within else asked.from_ms
        return (
            asked.seller in ("", seller)
            and asked.marketplace in ("", marketplace)
            and asked.rule in ("", one.rule)
            and one.state in states.get(asked.state, (asked.state,))
            and asked.q in one.clock_id
            and (not from_ms or from_ms <= one.due_ms)
            and (not until_ms or one.due_ms < until_ms)
        )

    wanted = {one.clock_id for one in every if is_meant(one)}
    found = [one.clock_id for one in walk(mirror, asked)]
    assert len(found) == len(set(found))
    assert set(found) == wanted
    assert wanted
    assert find(mirror, asked, everything, NOW_MS).total == len(wanted)


def test_the_figures_of_the_head_add_up(changes: list[Change]) -> None:
    mirror = mirror_of(changes)
    counted = count(mirror, Asked(seller=KITCHEN, state="met", q="x"), everything, NOW_MS)
    own = [one for one in mirror.live.values() if one.account.startswith(KITCHEN)]
    assert counted.live == len(own)
    assert counted.over == sum(one.state in OVER for one in own)
    assert counted.in_4h == sum(one.state == "open" and one.due_ms < NOW_MS + 4 * HOUR_MS for one in own)
    assert min(counted) >= 0


def test_who_may_see_an_account_sees_its_clocks_alone(changes: list[Change]) -> None:
    mirror = mirror_of(changes)
    for asked in (Asked(), Asked(state="ended"), Asked(q="RET-"), Asked(seller=NORTH), Asked(within="24h")):
        found = find(mirror, asked, lambda account: account.startswith(TOYS), NOW_MS)
        assert {one.account.split("/")[0] for one in found.clocks} <= {TOYS}
        assert found.total == 0 or asked.seller != NORTH
    assert count(mirror, Asked(), lambda _: False, NOW_MS).live == 0


def test_an_address_that_says_nonsense_is_answered_as_if_it_said_nothing() -> None:
    query = {
        "rule": "no-rule",
        "state": "odd",
        "within": "9y",
        "from": "x",
        "until": "-5",
        "after": "\u0669~x",
        "q": " ",
    }
    assert asked_of(query) == Asked(after="\u0669~x")
    assert find(Mirror(), asked_of(query), everything, NOW_MS).clocks == []
    assert asked_of({"from": "9" * 15}).from_ms < 10**15


def test_an_address_says_the_filters_again() -> None:
    from urllib.parse import parse_qsl, urlsplit

    asked = Asked(seller="A&B", rule="sfp-refund", state="open", q="1 2", from_ms=5, until_ms=9)
    assert asked_of(dict(parse_qsl(urlsplit(asked.address()).query))) == asked
    assert Asked().address() == "/"


def test_of_the_ended_clocks_the_newest_are_kept(changes: list[Change], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mirror_of(changes)
    monkeypatch.setattr(mirrored, "ENDED_KEPT", 25)
    few = mirror_of(changes, 10)
    newest = sorted(whole.ended.values(), key=lambda one: (one.ended_ms, one.clock_id))[-25:]
    assert set(few.ended) == {one.clock_id for one in newest}
    assert set(few.live) == set(whole.live)


def test_a_row_that_cannot_be_read_is_counted_and_stops_nothing(changes: list[Change]) -> None:
    mirror = mirror_of(changes)
    before = len(mirror.live)
    mirror.see(0, b"S/M/order/111-0000001-0000001", b"\x00no row")
    mirror.see(0, b"policies", b"none either")
    assert len(mirror.unreadable) == 2
    assert len(mirror.live) == before
    mirror.see(0, b"S/M/order/111-0000001-0000001", encode_row(OrderRow()))
    assert len(mirror.unreadable) == 1


def test_the_canary_is_nobodys_duty(changes: list[Change]) -> None:
    mirror = Mirror()
    key, value = next((key, value) for _, key, value in changes if value is not None and b"/thread/" in key)
    mirror.see(0, b"CANARY-0/CANARY/thread/" + key.rsplit(b"/", 1)[1], value)
    assert (mirror.live, mirror.ended, mirror.accounts) == ({}, {}, {})


# --- what was told ---------------------------------------------------------------------------------------------------


def test_the_events_of_a_clock_are_told_in_their_order_from_whatever_topic_they_come() -> None:
    events = [one.event for history in histories(NOW_MS, 2) for one in history.events]
    own = [one for one in events if one.subject == RETRACTED]
    random.Random(3).shuffle(events)
    happenings = Happenings()
    for one in events:
        assert happenings.see(one.value) == one.account
    told = happenings.of_clock(RETRACTED)
    assert [one.output_id.hex() for one in told] == [one.output_id for one in own]
    assert told[4].more["of"] == "clock.breached"
    assert happenings.of_clock("S/M/none") == []
    week = happenings.breaches(f"{NORTH}/{US}", NOW_MS - 60 * 24 * HOUR_MS)
    assert [taken_back for one, taken_back in week if one.clock_id == RETRACTED] == [True]
    assert len(week) <= BREACHES_KEPT
    metrics = {metric for metric, _ in happenings.figures(f"{NORTH}/{US}")}
    assert "late_response_rate" in metrics


def test_what_is_no_event_is_left_out() -> None:
    happenings = Happenings()
    for value in (b"", b"[]", b"{}", b"null", b'{"type":"clock.met"}', b"\xff"):
        assert happenings.see(value) is None


def test_what_nobody_lists_any_more_is_dropped_once_it_is_much() -> None:
    happenings = Happenings()
    events = [one.event for history in histories(NOW_MS, 2) for one in history.events]
    for one in events:
        happenings.see(one.value)
    clocks = {one.subject for one in events if one.subject.count("/") > 1}
    happenings.drop_all_but({}, {})
    assert bool(happenings.of_clock(RETRACTED)) == (len(clocks) <= 1_000)
    for number in range(1_100):
        happenings.see(
            next(one.value for one in events if one.subject == RETRACTED).replace(b"4419063", b"%07d" % number)
        )
    happenings.drop_all_but({RETRACTED: None}, {})
    assert happenings.of_clock(RETRACTED)
    assert not happenings.of_clock(RETRACTED.replace("4419063", "0000007"))


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marketplace", "name", "host"),
    [
        (US, "amazon.com", "sellercentral.amazon.com"),
        (JP, "amazon.co.jp", "sellercentral.amazon.co.jp"),
        ("A1PA6795UKMFR9", "amazon.de", "sellercentral-europe.amazon.com"),
        ("A2NODRKZP88ZB9", "amazon.se", "sellercentral.amazon.se"),
    ],
)
def test_an_orders_page_is_where_the_marketplace_has_it(marketplace: str, name: str, host: str) -> None:
    assert shop(marketplace) == name
    assert order_link(marketplace, ORDER) == f"https://{host}/orders-v3/order/{ORDER}"


def test_no_page_is_guessed() -> None:
    assert order_link("SOMEWHERE", ORDER) == ""
    assert order_link(US, "") == ""
    assert shop("SOMEWHERE") == "SOMEWHERE"
