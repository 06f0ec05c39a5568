"""From two partitions to five, with real workers before and after: no promise lost, none kept twice, audits clean."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from agents.desk import growing
from agents.journal.keeping import KeptTopic
from agents.kafka.clients import run_with_broker
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from streams.partitioner import partition_of
from tests.audit.history import journal_of
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import (
    MARKETPLACE,
    OUTPUTS,
    Live,
    Notice,
    answer,
    instant,
    question,
    reply_within,
    seller_on,
    wait_until,
)
from tests.cli.command import Ended, dueclock, sentence_of
from tests.hostile.foreign import send, spoil

__all__ = ["make_live"]
pytestmark = pytest.mark.broker

DAY_MS = 86_400_000
NEXT = 5
LARGEST = 1_048_500
"""Bytes of a value that an input topic takes and a client of ours would not send unasked: its frame comes on top."""


class Generations(NamedTuple):
    """The old installation, the new one, and where both keep their snapshots."""

    old: Live
    new: Live
    place: Path

    def run(self, live: Live, *arguments: str) -> Ended:
        return dueclock("--settings", live.settings_file, *arguments, folder=live.folder)

    def grow(self, *more: str) -> Ended:
        prefix = self.new.settings.topic_prefix
        return self.run(self.old, "grow", "--partitions", str(NEXT), "--to-prefix", prefix, *more)

    def audited(self, live: Live) -> dict[str, Any]:
        ended = self.run(live, "audit", "--json")
        assert ended.status == 0, ended
        return json.loads(ended.out)  # type: ignore[no-any-return] # the audit's document

    def breached(self) -> list[str]:
        """The clocks of all breaches, once for each."""
        return sorted(
            clock for clock, events in self.events().items() for event in events if event["type"] == "clock.breached"
        )

    def events(self) -> dict[str, list[dict[str, Any]]]:
        """All that was sent of each clock, by both generations, in order."""
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for live in (self.old, self.new):
            for record in live.read(*OUTPUTS):
                event = json.loads(record.value)
                if "clock_id" in event:
                    told[event["clock_id"]].append(event)
        return {clock: sorted(events, key=lambda event: event["seq"]) for clock, events in told.items()}


@pytest.fixture
def generations(make_live: MakeLive, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Generations]:
    """Their snapshots are in a folder, or in topics where a test asks for that."""
    place = tmp_path / "place" if getattr(request, "param", "folder") == "folder" else Path("topic")
    old = make_live(snapshots=str(place))
    folder = tmp_path / "next"
    folder.mkdir()
    new = Live(
        old.bootstrap, f"{old.prefix}next-", folder, reply_within("hours = 24"), partitions=NEXT, snapshots=str(place)
    )
    new.settings = new.settings.changed(group=new.settings.group)
    yield Generations(old, new, place)
    new.close()


def sellers(count: int) -> list[str]:
    """So many sellers, at home in both of the old partitions."""
    return [seller_on(number % 2, 2, number // 2) for number in range(count)]


def due_soon(seller: str, name: str) -> Notice:
    """A question that is due some seconds from now: about when the partitions change hands."""
    return question(seller, name, occurred_at=instant(int(time.time() * 1000) - DAY_MS + 12_000))


ARE_YEARS = bool(os.environ.get("DUECLOCK_TEST_YEARS"))


@pytest.mark.timeout(150)
@pytest.mark.parametrize("generations", ["folder", "topic"] if ARE_YEARS else ["folder"], indirect=True)
def test_clocks_go_on_in_more_partitions_and_audits_walk_across(generations: Generations) -> None:
    old, new = generations.old, generations.new
    worker, everyone = old.worker("old"), sellers(12)
    old.send([question(seller, "one") for seller in everyone])
    old.send([answer(everyone[0], "one"), *(due_soon(seller, "soon") for seller in everyone[6:10])])
    old.wait_until_finished(17)
    assert worker.terminate() == 0
    unread = [question(seller, "unread") for seller in everyone[:4]]
    old.send(unread)
    foreign = Producer({"bootstrap.servers": old.bootstrap, "message.max.bytes": 2 * LARGEST})
    foreign.produce(old.settings.topic("buyer-message"), b"x" * LARGEST, b"none of ours", partition=0)
    assert foreign.flush(20) == 0

    grown = generations.grow()
    assert grown.status == 0, grown
    assert f"are in {NEXT} partitions now; 5 unread records were sent on" in grown.out
    again = generations.grow()
    assert again.status == 0, again

    refused = old.worker("too-late", is_ready=False)
    assert refused.wait_for_end() != 0
    assert "has moved to" in refused.log()
    assert "dueclock grow --back" in refused.log()

    new.worker("new")
    new.send([answer(everyone[1], "one"), question(everyone[2], "two"), answer(everyone[0], "unread")])
    wait_until(
        lambda: len(generations.breached()) >= 4 and len(generations.events()) == 12 + 4 + 4 + 1,
        lambda: f"four breaches and 21 clocks: {sorted(generations.events())}\n{new.logs()}",
        within_s=50,
    )
    told = generations.events()
    assert generations.breached() == sorted(
        f"{seller}/{MARKETPLACE}/buyer-message-reply/T-soon/M-soon" for seller in everyone[6:10]
    )
    for clock, events in told.items():
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), (clock, events)
        assert [event["type"] for event in events].count("clock.opened") == 1
    met = {clock for clock, events in told.items() if events[-1]["type"] == "clock.met"}
    assert met == {
        f"{everyone[0]}/{MARKETPLACE}/buyer-message-reply/T-one/M-one",
        f"{everyone[1]}/{MARKETPLACE}/buyer-message-reply/T-one/M-one",
        f"{everyone[0]}/{MARKETPLACE}/buyer-message-reply/T-unread/M-unread",
    }
    for record in new.read(*OUTPUTS):
        assert record.key is not None
        assert record.partition == partition_of(record.key, NEXT)

    assert all(one["from_line"] == 1 for one in generations.audited(old)["partitions"])
    assert sum(one["seals"] for one in generations.audited(new)["partitions"]) >= NEXT
    story = generations.run(new, "explain", f"{everyone[0]}/{MARKETPLACE}/buyer-message-reply/T-one/M-one", "--json")
    assert [fact["type"] for fact in json.loads(story.out)["facts_before"]] == ["message.received", "message.sent"]
    rebuilt = generations.run(new, "rebuild", "--force", "--dry-run", "--json")
    assert rebuilt.status == 0, rebuilt


PLACES = ("begun", "sealed", "marked", "passed on")
"""Where the walk is interrupted: one of them in `make test`, all in `make years`."""


@pytest.mark.timeout(150)
@pytest.mark.parametrize("place", PLACES if ARE_YEARS else PLACES[:1])
def test_interrupted_anywhere_it_goes_on_or_goes_back(
    generations: Generations, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, everyone = generations.old, sellers(6)
    worker = old.worker("old")
    old.send([due_soon(seller, "one") for seller in everyone])
    old.wait_until_finished(6)
    assert worker.terminate() == 0

    class Stopped(Exception):
        """As Ctrl-C, or a crash."""

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    class Second(growing._Beginner):
        async def begin(self, *arguments: Any) -> None:
            if self._number:
                stop()
            await super().begin(*arguments)

    steps = {"sealed": "_dealt", "marked": "mark", "passed on": "pass_on"}
    if place == "begun":
        monkeypatch.setattr(growing, "_Beginner", Second)
    else:
        monkeypatch.setattr(growing, steps[place], stop)
    new: Settings = generations.new.settings
    with pytest.raises(Stopped):
        run_with_broker(old.settings, lambda: growing.grow(old.settings, new, lambda _: None))
    monkeypatch.undo()

    back = generations.run(old, "grow", "--back")
    assert back.status == 0, back
    worker = old.worker("old-again")
    assert worker.terminate() == 0
    grown = generations.grow()
    assert grown.status == 0, grown
    generations.new.worker("new")
    wait_until(
        lambda: len(generations.breached()) >= 6,
        lambda: f"six breaches: {generations.breached()}\n{generations.new.logs()}",
        within_s=50,
    )
    assert len(set(generations.breached())) == len(generations.breached()) == 6
    generations.audited(generations.new)
    generations.audited(old)


@pytest.mark.timeout(150)
def test_it_refuses_what_would_break_a_promise(generations: Generations) -> None:
    old = generations.old
    worker = old.worker("old")
    old.send([question(sellers(1)[0], "one")])
    old.wait_until_finished(1)
    ended = generations.grow()
    assert ended.status == 2
    assert "stop them" in sentence_of(ended)
    assert worker.terminate() == 0
    same = generations.run(old, "grow", "--partitions", "2", "--to-prefix", old.settings.topic_prefix)
    assert "needs topics of its own" in sentence_of(same)
    nothing = generations.run(old, "grow")
    assert "Say where to" in sentence_of(nothing)
    new_worker = generations.new.worker("new")
    generations.new.send([question(sellers(1)[0], "one")])
    generations.new.wait_until_finished(1)
    assert new_worker.terminate() == 0
    taken = generations.grow()
    assert "has lines of its own" in sentence_of(taken)


def test_a_state_that_was_changed_on_the_way_is_found_by_the_audit(generations: Generations) -> None:
    old = generations.old
    worker = old.worker("old")
    old.send([question(seller, "one") for seller in sellers(4)])
    old.wait_until_finished(4)
    assert worker.terminate() == 0
    assert generations.grow().status == 0
    for snapshot in (generations.place / f"{old.settings.topic('sla-journal')}").parent.glob(
        f"{old.settings.topic('sla-journal')}-*/0/snapshots/*"
    ):
        snapshot.unlink()
    ended = generations.run(generations.new, "audit", "--json")
    assert ended.status == 1
    findings = json.loads(ended.out)["findings"]
    assert all("is not kept any more" in one["sentence"] for one in findings)
    assert len(findings) == NEXT


@pytest.mark.skipif(not ARE_YEARS, reason="`make years`: it differs by where snapshots lie alone")
@pytest.mark.parametrize("generations", ["topic"], indirect=True)
def test_with_snapshots_in_a_topic_the_border_is_crossed_by_the_topic_of_the_next_generation(
    generations: Generations,
) -> None:
    old, new = generations.old, generations.new
    worker = old.worker("old")
    old.send([question(seller, "one") for seller in sellers(4)])
    old.wait_until_finished(4)
    assert worker.terminate() == 0
    assert generations.grow().status == 0
    generations.audited(old)
    assert all(one["seals"] == 1 for one in generations.audited(new)["partitions"])
    story = generations.run(new, "explain", f"{sellers(1)[0]}/{MARKETPLACE}/buyer-message-reply/T-one/M-one", "--json")
    assert [fact["type"] for fact in json.loads(story.out)["facts_before"]] == ["message.received"]

    journal = journal_of(old.settings)

    async def forgotten() -> None:
        store = KeptTopic(new.settings)
        assert await KeptTopic(old.settings).names(f"{journal}/0/snapshots") == [], "the old workers wrote none"
        await store.remove(await store.names(f"{journal}/0/snapshots"))

    asyncio.run(forgotten())
    ended = generations.run(new, "audit", "--json")
    assert ended.status == 1
    findings = json.loads(ended.out)["findings"]
    assert [one["sentence"].endswith("is not kept any more") for one in findings] == [True] * NEXT


def garble(batch: bytearray) -> None:
    batch[70:90] = bytes(range(20))


@pytest.mark.skipif("DUECLOCK_TEST_YEARS" not in os.environ, reason="`make years` looks: it grows six times")
@pytest.mark.timeout(150)
def test_what_no_next_input_can_take_is_a_dead_letter_once_and_a_damaged_log_is_gone_past_by_a_flag(
    generations: Generations, kafka: EmbeddedKafka
) -> None:
    old, seller = generations.old, sellers(1)[0]
    worker = old.worker("old")
    old.send([question(seller, "one")])
    old.wait_until_finished(1)
    assert worker.terminate() == 0
    messages, returns, refunds = (
        old.settings.topic(name) for name in ("buyer-message", "return-received", "refund-issued")
    )
    value = question(seller, "unread").value("unread")
    send(old.bootstrap, messages, [value, b"x" * 3 * 1024 * 1024, None], partition=0, codec="gzip")
    for topic in (returns, refunds):
        send(old.bootstrap, topic, [value] * 5, partition=0, codec="gzip")
        spoil(kafka.folder, topic, 0, garble, is_signed=topic == returns)
    damaged = f"{refunds}/0/0-4"

    for _ in range(2):
        ended = generations.grow()
        assert ended.status == 2
        assert f"The unread input record {damaged} cannot be read" in sentence_of(ended)
        assert f"with `--skip-line {damaged}`." in sentence_of(ended)
    nowhere = generations.grow("--skip-line", "nowhere/0/0")
    assert "--skip-line nowhere/0/0 names no record of an input topic" in sentence_of(nowhere)
    for _ in range(2):
        ended = generations.grow("--skip-line", damaged)
        assert ended.status == 0, ended
        assert (
            "1 unread records were sent on.\n4 could not be: they are dead letters of the old generation" in ended.out
        )

    letters = [dict(letter.headers) for letter in old.read("dead-letter")]
    assert sorted((one["dl_reason"], one["dl_topic"], one["dl_offset"]) for one in letters) == [
        (b"not_json", messages.encode(), b"3"),
        (b"skipped", refunds.encode(), b"0"),
        (b"too_large", messages.encode(), b"2"),
        (b"unreadable", returns.encode(), b"0"),
    ]
    generations.new.worker("new")
    unread = f"{seller}/{MARKETPLACE}/buyer-message-reply/T-unread/M-unread"
    wait_until(
        lambda: unread in generations.events(),
        lambda: f"the clock {unread}: {sorted(generations.events())}\n{generations.new.logs()}",
        within_s=40,
    )
