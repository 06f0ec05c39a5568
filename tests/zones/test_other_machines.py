"""What a journal says of its zones is what every command goes by, on a machine with other time-zone data too (§5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.settings import Settings
from schemas.codec import parse_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from tests.audit.conftest import settings
from tests.audit.history import GOLDEN_ACCOUNT, History
from tests.cli.command import Ended, dueclock, sentence_of
from tests.zones import NEWER, OLDER, activation
from tests.zones.machines import MACHINES, NOBODYS, machine
from tests.zones.test_data import IN_VANCOUVER

__all__ = ["settings"]

ORDER = "111-0000001-0000001"
CLOCKS = [f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}/RET-{number}" for number in (1, 2)]
WINTER = "2026-11-19T08:00:00.000Z"
SUMMER = "2026-11-19T07:00:00.000Z"
A_DAY_MORE = IN_VANCOUVER.replace("target = { business_days = 2 }", "target = { business_days = 3 }", 1)


def received(number: int) -> Any:
    """A return reaches the warehouse on Monday 16 November 2026, its refund is due at the end of Wednesday."""
    seller, _, marketplace = GOLDEN_ACCOUNT.partition("/")
    said = {
        "event_id": f"e{number}",
        "type": "return.received",
        "seller_id": seller,
        "marketplace_id": marketplace,
        "occurred_at": f"2026-11-16T20:0{number}:00Z",
        "return_id": f"RET-{number}",
        "order_id": ORDER,
        "program": "sfp",
    }
    decoded = decode_notification(json.dumps(said).encode(), from_file=True)
    assert isinstance(decoded, Decoded)
    return decoded.body


def told() -> History:
    """Two duties that began alike, one under the older data and one under the newer; both are breached."""
    history = History(policies=IN_VANCOUVER, release=OLDER)
    history.add(received(1), parse_instant("2026-11-16T21:00:00Z"))
    history.add(activation(IN_VANCOUVER, NEWER), parse_instant("2026-11-16T22:00:00Z"))
    history.add(received(2), parse_instant("2026-11-16T23:00:00Z"))
    return history.wait_until(parse_instant("2026-11-20T00:00:00Z"))


class Cluster:
    """Runs commands against these topics, on one machine or another."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def run(self, data: str, *arguments: str | Path) -> Ended:
        broker = {"DUECLOCK_BROKER": self._settings.broker, "DUECLOCK_TOPIC_PREFIX": self._settings.topic_prefix}
        return dueclock(*arguments, folder=self._folder, variables={**broker, **machine(self._folder, data)})

    def same(self, *arguments: str | Path) -> str:
        """What a command says, which is the same on every machine."""
        ended = [self.run(data, *arguments) for data in MACHINES]
        assert [one.status for one in ended] == [0] * len(MACHINES), ended
        assert len({one.out for one in ended}) == 1, ended
        return ended[0].out


@pytest.fixture
def cluster(settings: Settings, tmp_path: Path) -> Cluster:
    told().write(settings)
    return Cluster(settings, tmp_path)


@pytest.mark.broker
def test_an_audit_is_clean(cluster: Cluster) -> None:
    report = json.loads(cluster.same("audit", "--json"))
    assert (report["clean"], report["lines"]) == (True, 5)
    assert report["partitions"][told().partition]["logics"] == [1]


@pytest.mark.broker
@pytest.mark.parametrize(("clock", "due_at"), [(CLOCKS[0], WINTER), (CLOCKS[1], SUMMER)])
def test_a_clock_is_explained_by_the_data_that_bound_it(cluster: Cluster, clock: str, due_at: str) -> None:
    story = json.loads(cluster.same("explain", clock, "--json"))
    assert story["due_at"] == story["due"]["due_at"] == story["due"]["days"][-1]["ends_at"] == due_at
    assert story["due"]["raised_to"] is None
    assert [event["type"] for event in story["events"]].count("clock.opened") == 1
    assert "local dates in America/Vancouver" in cluster.same("explain", clock)


@pytest.mark.broker
def test_a_pack_of_evidence_is_the_same_and_says_what_the_zone_means(cluster: Cluster, tmp_path: Path) -> None:
    packs: list[dict[str, bytes]] = []
    for data in MACHINES:
        ended = cluster.run(data, "explain", CLOCKS[0], "--evidence", tmp_path / f"pack-{data}")
        assert ended.status == 0, ended
        packs.append({file.name: file.read_bytes() for file in (tmp_path / f"pack-{data}").iterdir()})
    assert packs[0] == packs[1] == packs[2]
    zones = activation(IN_VANCOUVER, OLDER).zones
    assert zones is not None
    said = json.loads(packs[0]["calendar.json"])["zones"]
    assert said == {"America/Vancouver": [list(pair) for pair in zones["America/Vancouver"]]}


@pytest.mark.broker
def test_other_policies_are_tried_with_the_zones_of_the_journal(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "longer.toml").write_text(A_DAY_MORE)
    document = json.loads(cluster.same("what-if", "--policies", tmp_path / "longer.toml", "--json"))
    assert [clock["before"]["due_at"] for clock in document["clocks"]] == [WINTER, SUMMER]
    assert [clock["after"]["due_at"][:10] for clock in document["clocks"]] == ["2026-11-20"] * 2
    assert [clock["after"]["due_at"][11:13] for clock in document["clocks"]] == ["08", "07"]


@pytest.mark.broker
def test_a_zone_that_the_journal_does_not_say_is_refused_by_name(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "moved.toml").write_text(IN_VANCOUVER.replace("America/Vancouver", "America/Los_Angeles"))
    refused = cluster.run(NEWER, "what-if", "--policies", tmp_path / "moved.toml")
    assert refused.status == 2
    assert "name the time zone America/Los_Angeles, and line 1 of the journal does not say" in sentence_of(refused)
    assert "name one that it says: America/Vancouver, Asia/Tokyo" in sentence_of(refused)


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_a_rebuild_sends_nothing_and_the_list_of_clocks_is_the_same(cluster: Cluster) -> None:
    first, *others = (json.loads(cluster.run(data, "rebuild", "--json").out) for data in MACHINES)
    assert (first["clean"], first["changed"]) == (True, True)
    assert [one["sent"] for one in first["partitions"]] == [{}, {}]
    assert [(one["clean"], one["changed"]) for one in others] == [(True, False)] * 2
    clocks = [json.loads(line) for line in cluster.same("clocks", "--json").splitlines()]
    assert {clock["clock_id"]: clock["due_at"] for clock in clocks} == {CLOCKS[0]: WINTER, CLOCKS[1]: SUMMER}


def test_an_exported_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    history = told()
    journal, events = history.journal_file(tmp_path / "j.jsonl"), history.events_file(tmp_path / "e.jsonl")
    for data in MACHINES:
        replayed = dueclock("replay", journal, folder=tmp_path, variables=machine(tmp_path, data))
        assert (replayed.status, replayed.out) == (0, events.read_text()), data
        audited = dueclock(
            "audit", "--journal", journal, "--events", events, folder=tmp_path, variables=machine(tmp_path, data)
        )
        assert audited.status == 0, audited


def test_where_a_file_says_nothing_of_zones_each_machine_takes_its_own(tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(IN_VANCOUVER)
    line = json.loads(told().journal_file(tmp_path / "j.jsonl").read_text().splitlines()[1])
    (tmp_path / "line.jsonl").write_text(json.dumps(line))
    ended = {
        data: dueclock(
            "replay", "line.jsonl", "--policies", "policies.toml", folder=tmp_path, variables=machine(tmp_path, data)
        )
        for data in MACHINES
    }
    assert [json.loads(ended[data].out)["due_at"] for data in (OLDER, NEWER)] == [WINTER, SUMMER]
    assert "this command looks at the machine" in ended[NOBODYS].err
