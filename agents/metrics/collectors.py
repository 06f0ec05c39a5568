"""Two collectors beside those of prometheus_client: levels that change all at once, and histograms filled by the slice.

`Levels`: the gauges that are set anew each second. A scrape sees one second's values or another's, never a mixture, and
a partition or rule that is gone has no series any more.
`Spread`: a histogram that takes many values in one call; observing one by one costs more than what is observed.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from agents.metrics.names import LevelName, Metric

Labels = tuple[str, ...]
Shown = Mapping[LevelName, Mapping[Labels, float]]
"""By metric and labels: what holds now."""


class Levels(Collector):
    """Gauges, shown all at once."""

    def __init__(self, metrics: Mapping[LevelName, Metric]) -> None:
        self._metrics: Final = metrics
        self._shown: Shown = {}

    def show(self, shown: Shown) -> None:
        """From now on these values; a series that is not among them is gone."""
        self._shown = shown

    def collect(self) -> Iterator[Family]:
        """What a scrape sees."""
        shown = self._shown
        for name, metric in self._metrics.items():
            family = GaugeMetricFamily(name, metric.meaning, labels=metric.labels)
            for labels, value in shown.get(name, {}).items():
                family.add_metric(labels, value)
            yield family


class Spread(Collector):
    """A histogram, filled once a slice from the worker's one thread and read by the thread that serves."""

    def __init__(self, metric: Metric) -> None:
        self._metric: Final = metric
        self._counts: dict[Labels, tuple[list[int], float]] = {}

    def add(self, labels: Labels, values: Iterable[float]) -> None:
        """Take these values in, in the metric's unit."""
        buckets = self._metric.buckets
        counts, total = self._counts.get(labels, ([0] * (len(buckets) + 1), 0.0))
        counts = counts.copy()
        for value in values:
            counts[bisect_left(buckets, value)] += 1
            total += value
        self._counts[labels] = (counts, total)  # in one piece: a scrape never sees a count without its sum

    def collect(self) -> Iterator[Family]:
        """What a scrape sees."""
        metric = self._metric
        family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        names = [*map(floatToGoString, metric.buckets), "+Inf"]
        for labels, (counts, total) in list(self._counts.items()):
            risen, cumulative = 0, []
            for name, count in zip(names, counts, strict=True):
                risen += count
                cumulative.append((name, float(risen)))
            family.add_metric(labels, cumulative, total)
        yield family
