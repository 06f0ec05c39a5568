"""Metrics and health of one worker, on a port of their own.

Counters are raised once a slice, gauges set once a second: nothing here is on the path of a single notification. Label
values are bounded: topics, types, rules, marketplaces, partitions; never an id. `/healthz`: the process answers;
`/readyz`: it owns partitions, they are recovered, journal time follows, and all of this has been looked at just now.
"""

from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from agents.metrics.collectors import Labels, Levels, Spread
from agents.metrics.freshness import Freshness
from agents.metrics.names import LEVELS, METRIC_BY_NAME
from agents.topic_roles import READ_TOPICS
from schemas.dead_letters import ALL_REASONS
from schemas.policy_types import DUE_TYPES
from schemas.registry import INPUT_TOPIC_OF
from streams.sla_event import SlaEvent

Counts = defaultdict[Labels, int]
_OUTCOMES = {"clock.met": "met", "clock.closed_late": "closed_late", "clock.superseded": "superseded"}


class SliceTally:
    """What one slice brought, to be added to the counters when it is committed."""

    def __init__(self) -> None:
        # By the labels of the metric that each becomes.
        self.notifications: Counts = defaultdict(int)
        self.dead_letters: Counts = defaultdict(int)
        self.misrouted: Counts = defaultdict(int)
        self.unstamped: Counts = defaultdict(int)
        self.events: Counts = defaultdict(int)
        self.escalations: Counts = defaultdict(int)
        self.violations: Counts = defaultdict(int)
        self.repeats: Counts = defaultdict(int)
        self.delays_s: defaultdict[Labels, list[float]] = defaultdict(list)
        self.elapsed_s: defaultdict[Labels, list[float]] = defaultdict(list)
        self.fired: list[tuple[str, int]] = []
        """Rule and timer instant (ms UTC) of each due event that a timer brought."""
        self.newest_ms: dict[str, int] = {}
        self.lines = 0
        self.seconds: dict[str, float] = {}

    def tell(self, topic: str, kind: str, delay_s: float, *, is_repeat: bool) -> None:
        """Count a notification that is journaled, `delay_s` after it happened."""
        self.notifications[topic, kind] += 1
        self.delays_s[(kind,)].append(delay_s)
        if is_repeat:
            self.repeats[(kind,)] += 1

    def count(self, event: SlaEvent) -> None:
        """Count an event that is to be sent."""
        kind, rule, account = event.type, event.rule, event.account
        self.events[kind, rule, account[account.index("/") + 1 :]] += 1
        if kind == "clock.escalated":
            self.escalations[rule, event.detail] += 1
        elif kind in _OUTCOMES:
            self.elapsed_s[rule, _OUTCOMES[kind]].append(event.elapsed_ms / 1000)
        elif kind in DUE_TYPES:
            if event.fired_ms:
                self.fired.append((rule, event.fired_ms))
        elif kind == "policy.violation":
            self.violations[(event.detail,)] += 1

    def lateness_s(self, sent_ms: int | None, since_ms: int) -> dict[Labels, list[float]]:
        """How late each due event was sent, by rule; of timers whose instant was `since_ms` or later."""
        late: defaultdict[Labels, list[float]] = defaultdict(list)
        if sent_ms is not None:
            for rule, fired_ms in self.fired:
                if fired_ms >= since_ms:
                    late[(rule,)].append(max(0, sent_ms - fired_ms) / 1000)
        return late


class Metrics:
    """The metrics of one worker; names and labels are those of agents/metrics/names.py."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation there
        self.registry = CollectorRegistry()
        self.is_ready: Callable[[], bool] = lambda: False
        self.freshness = Freshness()
        self.registry.register(self.freshness)
        self.clocks_page: Callable[[str], tuple[int, bytes]] | None = None
        """That of agents/worker/clocks_page.py, where there is one: query in, status and body out."""
        # A counter finds its child by its labels under a lock, each time: found once is enough.
        self._children: dict[Counter, dict[Labels, Counter]] = {}
        self.notifications = self._counter("sla_notifications_total")
        self.dead_letters = self._counter("sla_dead_letters_total")
        self.misrouted = self._counter("sla_misrouted_total")
        self.unstamped = self._counter("sla_unstamped_total")
        self.events = self._counter("sla_events_total")
        self.escalations = self._counter("sla_escalations_total")
        self.violations = self._counter("sla_violations_total")
        self.repeats = self._counter("sla_repeats_total")
        self.newest = self._gauge("sla_last_notification_timestamp_seconds")
        self.fact_delay = self._spread("sla_fact_delay_seconds")
        self.elapsed = self._spread("sla_clock_elapsed_seconds")
        self.lateness = self._spread("sla_breach_lateness_seconds")
        self.levels = Levels({name: METRIC_BY_NAME[name] for name in LEVELS})
        self.registry.register(self.levels)
        self.batch_seconds = self._histogram("sla_batch_seconds")
        self.batch_lines = self._histogram("sla_batch_lines")
        self.partitions_owned = self._gauge("sla_partitions_owned")
        self.partitions_held = self._gauge("sla_partitions_held")
        self.recovery = self._gauge("sla_recovery_seconds")
        self.clock_offset = self._gauge("sla_clock_offset_seconds")
        self._gauge("sla_build_info").labels(version("dueclock")).set(1)
        for kind in INPUT_TOPIC_OF:
            self.repeats.labels(kind)
        for topic in READ_TOPICS:
            self.newest.labels(topic).set(time())
            self.unstamped.labels(topic)
            for reason in ALL_REASONS:
                self.dead_letters.labels(topic, reason)

    def _counter(self, name: str) -> Counter:
        metric = METRIC_BY_NAME[name]
        return Counter(name, metric.meaning, metric.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        metric = METRIC_BY_NAME[name]
        return Gauge(name, metric.meaning, metric.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        metric = METRIC_BY_NAME[name]
        return Histogram(name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets)

    def _spread(self, name: str) -> Spread:
        spread = Spread(METRIC_BY_NAME[name])
        self.registry.register(spread)
        return spread

    def add(self, tally: SliceTally, *, sent_ms: int | None = None, since_ms: int = 0) -> None:
        """Raise the counters by what a committed slice brought.

        `sent_ms`: the broker's time after the commit. Lateness is that of timers whose instant came while this keeper
        kept the partition (`since_ms` or later): what fell due in an outage says nothing about the live path.
        """
        for counter, counts in (
            (self.notifications, tally.notifications),
            (self.dead_letters, tally.dead_letters),
            (self.misrouted, tally.misrouted),
            (self.unstamped, tally.unstamped),
            (self.repeats, tally.repeats),
            (self.events, tally.events),
            (self.escalations, tally.escalations),
            (self.violations, tally.violations),
        ):
            children = self._children.setdefault(counter, {})
            for labels, count in counts.items():
                child = children.get(labels)
                if child is None:
                    child = children[labels] = counter.labels(*labels)
                child.inc(count)
        for spread, values_s in (
            (self.fact_delay, tally.delays_s),
            (self.elapsed, tally.elapsed_s),
            (self.lateness, tally.lateness_s(sent_ms, since_ms)),
        ):
            for labels, values in values_s.items():
                spread.add(labels, values)
        for topic, newest_ms in tally.newest_ms.items():
            self.newest.labels(topic).set(newest_ms / 1000)
        for stage, seconds in tally.seconds.items():
            self.batch_seconds.labels(stage).observe(seconds)
        if tally.lines:
            self.batch_lines.observe(tally.lines)
