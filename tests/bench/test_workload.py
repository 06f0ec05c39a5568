"""The load is what it says, and the table says what was measured."""

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agents.zones import machine_zones
from schemas.policies import load_policies, shipped_policies
from schemas.registry import INPUT_TOPIC_OF, INPUT_TOPICS
from streams.engine import restore_state
from streams.replay import Replay
from tests.bench import compiled, simple
from tests.bench.charts import write_charts
from tests.bench.figures import GOAL_BY_KEY, GOALS, Figures, Goal, is_met, number, percentile, table, write
from tests.bench.growth import LINE_US, Point
from tests.bench.page import BEGIN, END, rewrite
from tests.bench.passes import Yardstick
from tests.bench.pure import MONDAY_MS, is_valid
from tests.bench.seeding import open_clocks, seeded, state_of
from tests.bench.workload import DAY_MS, HOUR_MS, Sent, workload

COUNT = 6_000
ABOUT = {
    "mode": "quick",
    "date": "2026-02-02T08:00:00+00:00",
    "machine": "a machine",
    "versions": {"Python": "3.11"},
    "commit": "abc",
    "seed": 7,
    "load_average": [0.5, 2.0],
    "took_s": 12.0,
}
ASKED = {
    "replay.passes", "live.passes", "live.cpu_us", "live.per_second", "live.ratio_to_naive", "live2.per_second",
    "lateness.p50_s", "lateness.p99_s", "tick.cost_ratio_1m_to_1k", "burst.seconds_100k",
    "memory.bytes_per_open_clock", "memory.bytes_per_settled_matter", "start.fresh_s", "start.restart_s",
    "start.after_kill_s", "start.seconds_1m",
}  # fmt: skip


@pytest.fixture(scope="module")
def load() -> list[Sent]:
    return workload(7, COUNT, start_ms=MONDAY_MS, span_ms=30 * DAY_MS)


def test_the_same_seed_gives_the_same_load_and_another_one_another(load: list[Sent]) -> None:
    assert load == workload(7, COUNT, start_ms=MONDAY_MS, span_ms=30 * DAY_MS)
    assert load != workload(8, COUNT, start_ms=MONDAY_MS, span_ms=30 * DAY_MS)


def test_the_load_is_valid_and_told_in_order_of_time_within_its_span(load: list[Sent]) -> None:
    assert len(load) == COUNT
    assert all(is_valid(sent.value) for sent in load)
    assert [sent.at_ms for sent in load] == sorted(sent.at_ms for sent in load)
    assert load[0].at_ms >= MONDAY_MS
    assert load[-1].at_ms < MONDAY_MS + 30 * DAY_MS


def test_the_load_tells_every_type_from_accounts_of_uneven_size_with_repeats(load: list[Sent]) -> None:
    assert {json.loads(sent.value)["type"] for sent in load} == set(INPUT_TOPIC_OF)
    assert {sent.topic for sent in load} == {topic.name for topic in INPUT_TOPICS}
    by_account = Counter(sent.key for sent in load).most_common()
    assert len(by_account) > 100
    assert by_account[0][1] > 20 * by_account[len(by_account) // 2][1]
    repeats = COUNT - len({sent.value for sent in load})
    assert 0.02 < repeats / COUNT < 0.04


def test_the_load_makes_every_rule_open_clocks_and_some_of_its_facts_late(load: list[Sent]) -> None:
    refused: list[int] = []
    replay = Replay(None, lambda line, raw, why: refused.append(line), machine_zones)
    events = [json.loads(event.value) for sent in load for event in replay.feed(sent.value)]
    assert refused == []
    opened = {event["rule"] for event in events if event["type"] == "clock.opened"}
    assert opened == set(load_policies(shipped_policies()).rules)
    kinds = {event["type"] for event in events}
    assert {"clock.met", "clock.breached", "clock.closed_late", "clock.retracted", "account.health"} <= kinds


def test_the_simple_job_opens_a_clock_for_each_return_and_question_and_none_falls_due() -> None:
    told = simple.workload(7, COUNT, start_ms=MONDAY_MS)
    assert told == simple.workload(7, COUNT, start_ms=MONDAY_MS)
    assert [sent.at_ms for sent in told] == sorted(sent.at_ms for sent in told)
    replay = Replay(simple.policies(), lambda line, raw, why: pytest.fail(f"line {line}: {why}"), machine_zones)
    kinds = Counter(json.loads(event.value)["type"] for sent in told for event in replay.feed(sent.value))
    opening = sum(json.loads(sent.value)["type"] in simple.OPENING for sent in told)
    assert kinds["clock.opened"] == opening
    assert 0.5 < opening / COUNT < 0.58
    assert {kind for kind in kinds if kind != "account.health"} == {"clock.opened", "clock.met"}
    assert 0.85 < (kinds["clock.opened"] + kinds["clock.met"]) / COUNT < 0.91


def test_a_pass_is_what_one_line_through_orjson_costs_and_ours_is_counted_in_them(load: list[Sent]) -> None:
    yardstick = Yardstick([sent.value for sent in load])
    with pytest.raises(ValueError, match="no stretch was taken"):
        yardstick.passes(10.0)
    yardstick.take_all()
    assert 0.1 < yardstick.pass_us < 100
    assert yardstick.passes(3 * yardstick.pass_us) == pytest.approx(3)


def test_the_compiled_figures_are_called_after_ours() -> None:
    asked = {goal.key for goal in GOALS if "_compiled." in goal.key}
    ours = {f"{part}.{name}" for part in compiled.PARTS for name in compiled.KEYS} & set(GOAL_BY_KEY)
    assert {compiled.renamed(key) for key in ours} == asked


def test_seeded_rows_are_open_clocks_to_the_engine_due_one_after_the_other() -> None:
    due_ms = MONDAY_MS + 23 * HOUR_MS
    one = seeded(
        1, 2, shipped_policies(), clocks=300, due_from_ms=due_ms, due_within_ms=HOUR_MS, now_ms=MONDAY_MS + HOUR_MS
    )
    state = restore_state(1, state_of(one.rows))
    assert open_clocks(state) == 300
    clocks = [clock for _, row in state.matters() for clock in row.clocks]
    assert {clock.subject for clock in clocks} == {f"T-{n:08}/M-{n:08}" for n in range(300)}
    assert sorted(clock.due_ms for clock in clocks) == [due_ms + n * HOUR_MS // 300 for n in range(300)]
    assert all(clock.due_ms - clock.start_ms == DAY_MS for clock in clocks)
    assert state.lines == int(dict(one.journal_headers)["line"])


def test_every_figure_that_is_asked_for_has_a_row() -> None:
    assert {goal.key for goal in GOALS} >= ASKED
    assert len(GOAL_BY_KEY) == len(GOALS)


def test_a_figure_is_the_median_of_its_runs() -> None:
    figures = Figures()
    for value in (60.0, 50.0, 90.0):
        figures.add({"live.passes": value})
    assert figures.figure("live.passes") == 60.0
    assert figures.is_met("live.passes") is False


def test_a_goal_is_met_from_its_own_side_and_exactly() -> None:
    most, least = GOAL_BY_KEY["live.passes"], Goal("a.rate", "as many as can be", "at least", 40_000)
    assert is_met(most, 55.0) is True
    assert is_met(most, 55.01) is False
    assert is_met(least, 40_000.0) is True
    assert is_met(least, 39_999.0) is False
    assert is_met(GOAL_BY_KEY["live2.per_second"], 1.0) is None
    assert is_met(most, None) is None


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not measured"), (0.0, "0"), (0.1234, "0.123"), (25.04, "25"), (41234.5, "41,234")]
)
def test_figures_are_said_with_about_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_what_was_not_measured_is_null_and_says_why(tmp_path: Path) -> None:
    figures = Figures()
    figures.add({"live.passes": 20.0, "live2.per_second": 50_000.0})
    figures.fail("the broker went away", "start.fresh_s")
    write(figures, ABOUT, tmp_path, {})
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["live.passes"] == 20.0
    assert results["goals"]["live.passes"] == {"sense": "at most", "target": 55, "is_met": True}
    assert results["start.fresh_s"] is None
    assert results["goals"]["start.fresh_s"]["is_met"] is None
    assert results["failures"] == {"start.fresh_s": "the broker went away"}
    assert "live2.per_second" not in results["goals"]
    said = (tmp_path / "table.txt").read_text()
    assert "not measured" in said
    assert "the broker went away" in said
    assert "0.5 to 2.0" in said
    assert table(figures, ABOUT).row_count == len(GOALS)


def test_the_plots_show_every_point_and_what_it_is(tmp_path: Path) -> None:
    curves = {"restart_s": [Point(10_000, 2.5), Point(1_000_000, 9.25)], "line_us": [Point(10_000, 61.0)]}
    written = write_charts(curves, tmp_path)
    assert [path.name for path in written] == ["growth-line.svg", "growth-restart.svg"]
    drawn = ET.parse(tmp_path / "growth-restart.svg")
    words = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Restart, s", "10,000", "1,000,000", "2.5", "9.25"} <= set(words)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2


def test_the_page_gets_the_figures_that_were_measured_and_nothing_else_of_it_changes(tmp_path: Path) -> None:
    figures = Figures()
    for value in (20.0, 30.0, 90.0):
        figures.add({"live.passes": value})
    figures.note("beside others", "live.passes")
    write(figures, ABOUT, tmp_path, {})
    page = tmp_path / "figures.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        rewrite(page, tmp_path / "results.json")
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\nMeasured on 2026-02-02 (quick run): a machine; Python 3.11;")
    meaning = "live path, mixed load: CPU of the worker for a notification, in passes (beside others)"
    row = f"| {meaning} (`live.passes`) | 30 | ≤ 55 | yes | 3 |"
    assert text.endswith(f"\n{row}\n\n{END}\nafter\n")
    write_charts({LINE_US: [Point(1_000, 50.0), Point(10_000, 60.0)]}, tmp_path)
    rewrite(page, tmp_path / "results.json")
    text = page.read_text()
    plot = "![CPU of a line, µs, against open clocks](figures-growth-line.svg)"
    assert text.endswith(f"\n{row}\n\n{plot}\n\n{END}\nafter\n")
    assert (tmp_path / "figures-growth-line.svg").read_bytes() == (tmp_path / "growth-line.svg").read_bytes()
    assert "old" not in text
    assert "start.fresh_s" not in text


def test_what_an_earlier_run_measured_stands_beside_the_new_with_its_day(tmp_path: Path) -> None:
    first = Figures()
    first.add({"live.passes": 70.0, "replay.passes": 60.0, "start.fresh_s": 2.0})
    first.note("beside others", "replay.passes")
    second = Figures()
    second.add({"live.passes": 50.0})
    second.fail("no broker", "start.fresh_s")
    third = Figures()
    third.add({"naive.cpu_us": 200.0})
    for figures, day in ((first, "2026-02-02"), (second, "2026-02-03"), (third, "2026-02-04")):
        if figures is not first:
            assert figures.keep(json.loads((tmp_path / "results.json").read_text()), day, "quick") == []
        write(figures, {**ABOUT, "date": f"{day}T08:00:00+00:00"}, tmp_path, {})
    assert third.runs == {"naive.cpu_us": [200.0], "live.passes": [50.0], "replay.passes": [60.0]}
    page = tmp_path / "figures.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    rewrite(page, tmp_path / "results.json")
    text = page.read_text()
    then = "quick run, load average 0.5 to 2.0"
    assert f"(beside others; 2026-02-02, {then}) (`replay.passes`)" in text
    assert f"(2026-02-03, {then}) (`live.passes`)" in text
    assert "µs a notification (`naive.cpu_us`)" in text
    assert "start.fresh_s" not in text
    fourth = Figures()  # on the day of the third
    assert fourth.keep(json.loads((tmp_path / "results.json").read_text()), "2026-02-04", "quick") == [0.5, 2.0]
    assert fourth.earlier == {key: third.earlier[key] for key in ("live.passes", "replay.passes")}
    assert fourth.runs == third.runs


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "figures.md"
    page.write_text(f"{BEGIN}\n")
    with pytest.raises(ValueError, match="has not both marks"):
        rewrite(page, tmp_path / "results.json")


def test_the_page_of_figures_has_a_row_for_every_figure_of_the_goals() -> None:
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "figures.md").read_text()
    table = text[text.index(BEGIN) : text.index(END)]
    assert [key for key in ASKED if f"(`{key}`)" not in table] == []
