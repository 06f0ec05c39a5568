"""Every metric of the worker, the sources and the deliveries: name, type, labels, meaning. All are an interface.

From these tables come the metrics themselves, the page of metrics, and what rules and dashboards are tested with. A
metric that is not here is not served; one that is here is. Label values are bounded (a topic by its logical name, a
type, rule, marketplace, partition number), never an id. A counter whose label values are known beforehand (topic and
reason, kind) stands at 0 from the start, so that its first rise is seen; a gauge of a partition goes when the partition
goes.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
LevelName: TypeAlias = Literal[
    "sla_clocks_open",
    "sla_clocks_breached",
    "sla_clocks_due",
    "sla_accounts",
    "sla_overdue_undetected",
    "sla_time_lag_seconds",
    "sla_held_back_by",
    "sla_input_lag_records",
    "sla_lost_input_records",
    "sla_lost_input_timestamp_seconds",
    "sla_state_rows",
    "sla_standby_rows",
    "sla_standby_lag_records",
    "sla_policy_info",
    "sla_policy_covered_until_timestamp_seconds",
]
"""The gauges that are set anew each second, all at once (agents/worker/watch.py). Typed: a slip would be a series that
never appears."""

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0

_MOMENTS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENESS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, _MINUTE, 5 * _MINUTE, _HOUR, 6 * _HOUR)
_DELAYS: Final = (0.1, 1.0, 5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY)
_ANSWERS: Final = (
    *(hours * _HOUR for hours in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 20.0, 24.0)),
    *(days * _DAY for days in (2.0, 3.0, 4.0, 7.0, 14.0, 30.0, 60.0)),
)
_LINES: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0)


class Metric(NamedTuple):
    """One metric by the name under which Prometheus stores it (a histogram: without `_bucket`, `_sum`, `_count`)."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", labels, meaning)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "gauge", labels, meaning)


def _histogram(name: str, buckets: tuple[float, ...], meaning: str, *labels: str) -> Metric:
    return Metric(name, "histogram", labels, meaning, buckets)


METRICS: Final[tuple[Metric, ...]] = (
    # what comes in
    _counter("sla_notifications_total", "Notifications journaled.", "topic", "type"),
    _counter(
        "sla_dead_letters_total", "Records that are no fact, by the reason in their dead letter.", "topic", "reason"
    ),
    _counter("sla_repeats_total", "Notifications that repeat a fact already known.", "type"),
    _counter("sla_misrouted_total", "Notifications sent on to their account's partition.", "topic"),
    _counter(
        "sla_unstamped_total",
        "Records read that their producer stamped (CreateTime): they move no time.",
        "topic",
    ),
    _gauge(
        "sla_lost_input_records",
        "Records of an input that were gone before they were read, in all: 0.",
        "partition",
    ),
    _gauge(
        "sla_lost_input_timestamp_seconds",
        "When the newest loss of input was found; absent where there was none.",
        "partition",
    ),
    _histogram("sla_fact_delay_seconds", _DELAYS, "Journal time of a notification less its `occurred_at`.", "type"),
    _gauge(
        "sla_last_notification_timestamp_seconds",
        "Broker time of the newest record finished; until there is one, of the worker's start.",
        "topic",
    ),
    # duties
    _gauge("sla_clocks_open", "Clocks that are open.", "rule", "marketplace"),
    _gauge("sla_clocks_breached", "Clocks that stand breached: due, and the duty not done.", "rule", "marketplace"),
    _gauge("sla_clocks_due", "Open clocks that fall due within 1 h, 4 h, 24 h.", "rule", "within"),
    _counter("sla_events_total", "SLA events sent.", "type", "rule", "marketplace"),
    _counter("sla_escalations_total", "Escalations sent; level 0 is urgent.", "rule", "level"),
    _counter("sla_violations_total", "Policy violations sent.", "kind"),
    _histogram(
        "sla_clock_elapsed_seconds",
        _ANSWERS,
        "From start to stop of a clock, by outcome: `met`, `closed_late`, `superseded`.",
        "rule",
        "outcome",
    ),
    _gauge("sla_accounts", "Accounts by the worst status last emitted for them.", "status"),
    # time
    _histogram(
        "sla_breach_lateness_seconds",
        _LATENESS,
        "From the instant at which a due timer could fire to the sending of its event; live timers only.",
        "rule",
    ),
    _gauge(
        "sla_overdue_undetected",
        "Clocks with a timer that is past by 5 s by the wall clock and has not fired: 0.",
        "partition",
    ),
    _gauge("sla_time_lag_seconds", "The broker's now less journal time W(p).", "partition"),
    _gauge("sla_held_back_by", "1: this topic holds journal time of the partition back.", "topic", "partition"),
    _gauge("sla_input_lag_records", "Records on the broker that are not finished.", "topic", "partition"),
    _gauge("sla_clock_offset_seconds", "The broker's clock less this machine's."),
    # the worker
    _gauge("sla_loop_age_seconds", "How long ago the worker's loop last turned, by another thread's clock."),
    _gauge("sla_watch_age_seconds", "How long ago the watch last set the gauges that are set anew each second."),
    _histogram("sla_batch_seconds", _MOMENTS, "Time that a slice takes, by stage: `fold`, `write`.", "stage"),
    _histogram("sla_batch_lines", _LINES, "Journal lines of a slice."),
    _gauge("sla_state_rows", "Rows of the state, by kind.", "kind"),
    _gauge("sla_standby_rows", "Rows of the warm copy of a partition that another worker keeps.", "partition"),
    _gauge(
        "sla_standby_lag_records",
        "Records of the changelog that the warm copy of a partition has not read.",
        "partition",
    ),
    _gauge("sla_partitions_owned", "Partitions that this worker keeps."),
    _gauge("sla_partitions_held", "Partitions at rest: this worker does not own them in every topic."),
    _gauge("sla_recovery_seconds", "How long it took to take partitions over, the last time."),
    _gauge("sla_policy_info", "1: these policies are in force in a partition of this worker.", "digest"),
    _gauge("sla_policy_covered_until_timestamp_seconds", "End of the calendar's last complete day.", "calendar"),
    _gauge("sla_build_info", "1: this version runs.", "version"),
)
SOURCE_METRICS: Final[tuple[Metric, ...]] = (
    _gauge(
        "sla_source_read_through_timestamp_seconds",
        "What the source had to show until this instant is read and acknowledged; the gateway, to which others push, "
        "cannot know it.",
        "source",
        "feed",
    ),
    _gauge(
        "sla_source_newest_timestamp_seconds",
        "The newest entry of the source, by its own time; until there is one, the start.",
        "source",
        "feed",
    ),
    _gauge(
        "sla_source_last_success_timestamp_seconds",
        "When the source was last read, or a request last acknowledged; until then, the start.",
        "source",
    ),
    _counter("sla_source_errors_total", "Readings that came to nothing: the source or the broker was away.", "source"),
    _counter("sla_source_entries_total", "Entries looked at: mails, rows, transactions, requests.", "source", "feed"),
    _counter("sla_source_notifications_total", "Notifications acknowledged by the broker.", "source", "type"),
    _counter(
        "sla_source_left_out_total",
        "What became nothing: as it should be (`ignored`), half known (`held_back`), of an unknown form "
        "(`unrecognised`).",
        "source",
        "kind",
        "reason",
    ),
    _counter("sla_gateway_answers_total", "Requests to the gateway, by the status of the answer.", "path", "status"),
    _gauge("sla_gateway_parked", "Deliveries of unknown parcels that wait for their return."),
    _gauge("sla_gateway_on_their_way", "Notifications of the gateway that the broker has not acknowledged."),
)
"""What a source says of itself, on an endpoint of its own. A table apart: no worker serves them."""
DELIVER_METRICS: Final[tuple[Metric, ...]] = (
    _counter("sla_deliver_sent_total", "Events that the target has acknowledged; of a digest each.", "delivery"),
    _counter(
        "sla_deliver_failed_total",
        "Tries in vain: `no_answer`, `timeout`, `busy` (429, 503), `broken` (other 5xx), `refused` (any other answer), "
        "`secret` (a file of it cannot be read).",
        "delivery",
        "why",
    ),
    _counter("sla_deliver_skipped_total", "Events passed over by an operator's word (`--skip`).", "delivery"),
    _gauge("sla_deliver_parked", "1: the target was tried in vain so often that it counts as away.", "delivery"),
    _gauge(
        "sla_deliver_lag_seconds",
        "Age of the oldest event that should be delivered and is not (a digest's: since its time); 0 where none waits.",
        "delivery",
    ),
    _gauge("sla_deliver_lag_records", "Records on the topics of events that the delivery has not done.", "delivery"),
    _gauge(
        "sla_deliver_last_sent_timestamp_seconds",
        "When the target last acknowledged; until it has, the start.",
        "delivery",
    ),
)
"""What `dueclock deliver` says of its deliveries, on an endpoint of its own. A table apart: no worker serves them."""
METRIC_BY_NAME: Final[dict[str, Metric]] = {
    metric.name: metric for metric in (*METRICS, *SOURCE_METRICS, *DELIVER_METRICS)
}
LEVELS: Final[tuple[LevelName, ...]] = get_args(LevelName)


def metric_rows(metrics: Sequence[Metric] = METRICS) -> list[tuple[str, str, str]]:
    """A table of the page of metrics: metric with labels, type, meaning. A test holds the two equal."""
    return [
        (
            f"`{metric.name}{{{','.join(metric.labels)}}}`" if metric.labels else f"`{metric.name}`",
            metric.kind,
            metric.meaning,
        )
        for metric in metrics
    ]
