"""What the fleet's verdict calls lost, twice and different; what its plots and its page show of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from schemas.decoding import journal_value
from schemas.registry import Logical
from streams import logic
from streams.engine import Line, restore_state, step
from streams.partitioner import partition_of
from tests.bench.seeding import MARKETPLACE, open_clocks, question, state_of
from tests.bench.workload import DAY_MS
from tests.broker.harness import OUTPUTS
from tests.fleet import sizing
from tests.fleet.figures import Breach, Run, figures
from tests.fleet.page import BEGIN, END, PAGE, markdown, rewrite
from tests.fleet.plots import cpu, lateness, memory
from tests.fleet.population import Population, seller_named
from tests.fleet.proof import Found, differences, verdict
from tests.fleet.steps import BROKER_LOST, CALM, IDLE, RESTART, WORKER_LOST, Step
from tests.fleet.watch import Usage
from tests.upgrades.newer import LATER

GOOD = Found(
    acknowledged=frozenset({"e1", "e2"}),
    inputs={"in/0/0": "e1", "in/0/1": "e2"},
    finished={"in/0/0": 1, "in/0/1": 1},
    asked=frozenset({"T-1"}),
    breached={"T-1": 1},
    outputs={"a": 1},
    differences=(),
    audit="",
)


def test_a_fleet_that_kept_its_promises_has_no_sentence() -> None:
    assert verdict(GOOD) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"acknowledged": frozenset({"e1", "e2", "e3"})}, "1 acknowledged, and in no input topic: e3."),
        ({"finished": {"in/0/0": 1}}, "1 input records that nothing finished: in/0/1."),
        ({"finished": {"in/0/0": 2, "in/0/1": 1}}, "1 input records finished twice: in/0/0."),
        ({"finished": {"in/0/0": 1, "in/0/1": 1, "in/9/9": 1}}, "1 finished, and in no input topic: in/9/9."),
        ({"breached": {}}, "1 breaches lost: T-1."),
        ({"breached": {"T-1": 2}}, "1 breaches twice: T-1."),
        ({"breached": {"T-1": 1, "T-2": 1}}, "1 breaches that nobody asked for: T-2."),
        ({"outputs": {"a": 2}}, "1 events twice: a."),
        ({"differences": ("sla-breach 3 has 1",)}, "1 differences from the replay: sla-breach 3 has 1."),
        ({"audit": "differences"}, "The audit: differences"),
        ({"asked": frozenset(), "breached": {}}, "Nothing was asked, so nothing is proved."),
    ],
)
def test_each_broken_promise_has_its_sentence(change: Mapping[str, Any], sentence: str) -> None:
    assert verdict(GOOD._replace(**change)) == [sentence]


def test_the_first_seller_has_the_most_clocks_and_every_partition_what_its_sellers_have() -> None:
    people = Population(clocks=2_000, accounts=80, partitions=4, now_ms=1_780_000_000_000)
    first = partition_of(f"{seller_named(1)}/{MARKETPLACE}".encode(), people.partitions)
    counts = [people.clocks_of(partition) for partition in range(people.partitions)]
    assert counts[first] == max(counts)
    assert sum(counts) == pytest.approx(people.clocks, rel=0.05)
    for partition, count in enumerate(counts):
        assert open_clocks(restore_state(partition, state_of(people.seeded(partition).rows))) == count


def run() -> Run:
    """A short one, in which what follows a kill is slow."""
    steps = [
        Step(IDLE, 0.0, 5.0),
        Step("steady", 5.0, 10.0),
        Step(WORKER_LOST, 10.0, 20.0, (4.0,)),
        Step(CALM, 20.0, 21.0),
        Step(RESTART, 21.0, 22.0, (2.0, 4.0)),
        Step(BROKER_LOST, 22.0, 23.0, (30.0,)),
        Step(CALM, 23.0, 24.0),
    ]
    breaches = [Breach(second / 10, 0.1 if second < 100 else 5.0) for second in range(200)]
    usage = [Usage(float(s), who, 100.0, 0.5) for s in range(20) for who in ("pod-0", "pod-1", "broker-1")]
    about = {
        "date": "2026-01-01 00:00",
        "machine": "a machine",
        "workers": 2,
        "partitions": 4,
        "clocks": 2_000,
        "accounts": 80,
        "largest": 900,
        "smallest": 200,
        "seeded bytes": 9_000_000,
        "rate": 10,
        "due": 10,
        "sent": 400,
        "journal lines": 500,
        "load average": 2.0,
        "ended by themselves": 0,
    }
    took_s = {"topics": 1.0, "start": 2.0, "start again": 3.0, "audit": 4.0}
    return Run(steps, breaches, usage, took_s, about, [])


def test_each_step_has_its_own_lateness_and_cores() -> None:
    named = {one.name: one for one in figures(run())}
    steady, killed = named["steady"], named[WORKER_LOST]
    assert [*named][-1] == CALM
    assert named[CALM].for_s == 2.0
    assert (steady.breaches, steady.p99_s, killed.p50_s, killed.away_s) == (50, 0.1, 5.0, (4.0,))
    assert (steady.workers_cores, steady.brokers_cores) == (1.0, 0.5)


def test_a_run_that_was_written_down_is_read_again() -> None:
    assert Run.read(run().document()) == run()


@pytest.mark.parametrize("draw", [lateness, memory, cpu])
def test_each_plot_is_a_picture_that_names_its_steps(draw: Any) -> None:
    words = [element.text for element in ET.fromstring(draw(run())).iter() if element.text]
    assert "kill -9 of a worker" in words


def test_the_page_takes_a_run_that_holds_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / PAGE
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    sizes = tmp_path / "SIZING.md"
    sizes.write_text(f"{sizing.BEGIN}{sizing.END}")
    results = tmp_path / "results"
    results.mkdir()
    (results / "results.json").write_text(json.dumps(run().document()))
    rewrite(tmp_path, sizes, results)
    assert page.read_text() == f"before\n{BEGIN}\n\n{markdown(run())}\n{END}\nafter\n"
    assert "more to do than they can" not in page.read_text()
    busy = run()._replace(about={**run().about, "load average": 20.0})
    assert "more to do than they can" in markdown(busy)
    assert "| worker CPU of such a fetch | 16.67 ms |" in sizes.read_text()
    assert "| the same a broker, fetches | 20 | 80 | 2,560 |" in sizes.read_text()
    assert "| kill -9 of a worker | 10 | 4.0 | 100 | 5.00 | 5.00 | 5.00 | 1.00 | 0.50 |" in page.read_text()
    (results / "results.json").write_text(json.dumps(run()._replace(verdict=["1 events twice: a."]).document()))
    with pytest.raises(ValueError, match="does not hold: 1 events twice"):
        rewrite(tmp_path, sizes, results)


def test_the_replay_misses_a_breach_that_was_left_out_and_sees_one_that_was_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(logic.CHANGES, LATER, "Nothing: a number of the tests.")  # gone again behind it
    people = Population(clocks=80, accounts=40, partitions=2, now_ms=1_780_000_000_000)
    begun = people.seeded(0)
    state = restore_state(0, state_of(begun.rows))
    seller = begun.journal_key.decode().partition("/")[0]
    asked = question(seller, "ASKED0000001", people.now_ms - DAY_MS)
    journal = [(state.lines, begun.journal_ms, begun.journal_value)]
    journal.append((state.lines + 1, people.now_ms + 2, journal_value(asked)))
    told: dict[Logical, list[bytes]] = {name: [] for name in OUTPUTS}
    for event in step(state, Line(journal[1][0], journal[1][1], asked)):
        told[event.topic].append(event.value)
    assert [b"clock.breached" in value for value in told["sla-breach"]] == [True]
    assert differences(people, 0, journal, told) == []
    lost = {**told, "sla-breach": list[bytes]()}
    assert differences(people, 0, journal, lost) == [
        "sla-breach 0 has 0 events where the replay gives 1, the same up to event 1"
    ]
    twice = {**told, "sla-breach": told["sla-breach"] * 2}
    assert differences(people, 0, journal, twice) == [
        "sla-breach 0 has 2 events where the replay gives 1, the same up to event 2"
    ]
