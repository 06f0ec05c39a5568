"""The generator's verdict: what it calls broken, and that it can fail. Its shapes are told by `make hostile` alone."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from schemas.registry import TOPICS
from tests.hostile import worst
from tests.hostile.shapes import evidence_of_one_item
from tests.hostile.worst import Cost, Worst, broken

CHEAP = Cost(7, "TimeTick", cpu_s=0.01, piece_s=0.01, events=3, caused=3, row_bytes=100, row_id="a/b/c", record_bytes=9)
LARGEST = {topic.kind: topic.max_message_bytes for topic in TOPICS}


def of(cost: Cost) -> list[str]:
    return broken([Worst("a shape", 9, 0, cost, cost, cost.piece_s, cost, cost.record_bytes)])


@pytest.mark.parametrize(
    ("change", "is_broken"),
    [
        ({}, False),
        ({"cpu_s": 0.0502}, False),
        ({"cpu_s": 0.0504}, True),
        ({"cpu_s": 0.1, "caused": 501}, False),
        ({"piece_s": 0.061}, True),
        ({"row_bytes": LARGEST["changelog"] + 1}, True),
        ({"record_bytes": LARGEST["output"] + 1}, True),
    ],
)
def test_what_is_above_a_bound_is_a_sentence_that_names_the_line(change: dict[str, Any], is_broken: bool) -> None:
    said = of(CHEAP._replace(**change))
    assert bool(said) is is_broken
    assert all(sentence.startswith("a shape: line 7 (TimeTick, 3 events) cost ") for sentence in said)


@pytest.mark.parametrize(("own_fact_s", "status"), [(60.0, 0), (1e-9, 1)])
def test_the_generator_fails_above_its_bounds(
    own_fact_s: float, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["worst"])
    monkeypatch.setattr(worst, "OWN_FACT_S", own_fact_s)
    monkeypatch.setattr(worst, "PIECE_S", 60.0)
    assert worst.main((evidence_of_one_item,)) == status
    said = capsys.readouterr().out
    assert "evidence of one item" in said
    assert said.endswith(f"1 seeds, {status} bounds broken.\n")
