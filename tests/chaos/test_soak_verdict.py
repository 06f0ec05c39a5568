"""What `make soak` calls flat, and that its plot is a picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.chaos.soak import Sample, verdict
from tests.chaos.soak_plot import plot


def samples(grows_mib: float, matters: int) -> list[Sample]:
    """A run of a minute that grows by so much a second and is told so many matters a second."""
    return [Sample(float(second), 100 + grows_mib * second, matters * second) for second in range(60)]


def test_memory_that_stays_is_flat() -> None:
    assert verdict(samples(0.0, 0))[0]


def test_memory_that_grows_with_nothing_told_is_not_flat() -> None:
    is_flat, sentence = verdict(samples(1.0, 0))
    assert not is_flat
    assert "NOT flat: median 129.5 MiB in the middle third, 149.5 MiB in the last, 136.0 MiB allowed" in sentence


def test_memory_that_grows_by_what_matters_may_cost_is_flat() -> None:
    assert verdict(samples(1.0, 1_024))[0]


def test_of_too_few_samples_nothing_is_said_to_be_flat() -> None:
    assert not verdict(samples(0.0, 0)[:8])[0]


def test_the_plot_has_a_line_for_each_fault_and_one_for_memory() -> None:
    picture = ET.fromstring(plot([(0.0, 100.0), (9.0, 110.0)], [(4.0, "worker killed", 1.5)]))
    names = [element.tag.rpartition("}")[2] for element in picture]
    assert (names.count("polyline"), names.count("line")) == (1, 2)
