"""The canary: an account in each partition, a question that breaches under its own policies, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.desk.canary import MARKETPLACE, accounts, answer, question
from agents.settings import Settings
from agents.zones import machine_zones
from schemas.policies import load_policies, shipped_policies
from schemas.policy_succession import check_successor
from streams.partitioner import partition_of
from streams.replay import Replay
from tests.cli.command import dueclock, sentence_of

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize("partitions", [1, 2, 12])
def test_each_partition_has_one_account_of_its_own(partitions: int) -> None:
    homes = [partition_of(f"{seller}/{MARKETPLACE}".encode(), partitions) for seller in accounts(partitions)]
    assert homes == list(range(partitions))


def test_its_question_breaches_after_two_seconds_and_is_answered_too_late_and_counts_for_no_ones_health() -> None:
    refused: list[object] = []
    replay = Replay(shipped_policies(canary=True), lambda *why: refused.append(why), machine_zones)
    asked, value = question("CANARY-0", NOW_MS)
    events = replay.feed(value)
    _, following = question("CANARY-0", NOW_MS + 60_000, asked)
    for line in (answer("CANARY-0", asked), following):
        events += replay.feed(line)
    events += replay.close(NOW_MS + 62_001)
    assert [event.type for event in events] == [
        "clock.opened",
        "clock.breached",
        "clock.closed_late",
        "clock.opened",
        "clock.breached",
    ]
    assert refused == []
    assert replay.state.row_ids() == [f"CANARY-0/CANARY{name}" for name in ("", f"/thread/{asked.thread}")]


def test_however_often_it_asks_no_thread_of_it_is_ever_full() -> None:
    refused: list[object] = []
    replay = Replay(shipped_policies(canary=True), lambda *why: refused.append(why), machine_zones)
    asked, value = question("CANARY-0", NOW_MS)
    replay.feed(value)
    for number in range(1, 250):
        replay.feed(answer("CANARY-0", asked))
        asked, value = question("CANARY-0", NOW_MS + number * 6_000, asked)
        replay.feed(value)
    assert refused == []
    threads = [name for name in replay.state.row_ids() if "/thread/" in name]
    assert threads == [f"CANARY-0/CANARY/thread/canary-{NOW_MS + number * 600_000}" for number in range(3)]


def test_its_policies_may_follow_the_shipped_ones_but_not_the_other_way() -> None:
    check_successor(load_policies(shipped_policies()), load_policies(shipped_policies(canary=True)))


def test_it_goes_with_the_shipped_policies_only(tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(shipped_policies())
    ended = dueclock(
        "worker", folder=tmp_path, variables={"DUECLOCK_CANARY": "true", "DUECLOCK_POLICIES_PATH": "policies.toml"}
    )
    assert "dueclock policies show --canary" in sentence_of(ended)
    assert ended.status == 2


def test_it_does_not_ask_before_the_last_question_has_fallen_due(tmp_path: Path) -> None:
    ended = dueclock("canary", "--every", "2s", folder=tmp_path)
    assert "6s or longer" in sentence_of(ended)
    assert ended.status == 2


def test_it_needs_a_broker(tmp_path: Path) -> None:
    ended = dueclock("canary", "--broker", "localhost:1", folder=tmp_path)
    assert "No Kafka answers at localhost:1" in sentence_of(ended)


def test_the_setting_brings_its_policies() -> None:
    assert MARKETPLACE in load_policies(Settings(canary=True).read_policies()).marketplaces
