"""Worker: for whoever is on call. Does journal time follow, and what holds it back?"""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from schemas.registry import INPUT_TOPICS, REPARTITION_TOPIC
from tests.observe.dashboards.look import BAD, CARE, GOOD, Query, Said, Sheet, coloured, figure, heat, lines, listing

TOPICS = tuple(topic.name for topic in (*INPUT_TOPICS, REPARTITION_TOPIC))
SOURCES = ("mailbox", "sp-api", "sqs", "gateway")
HERE = 'instance=~"$instance"'


def build() -> models.Dashboard:
    """The dashboard."""
    sheet = Sheet("dueclock-worker", "Worker", "Does journal time follow, and what holds it back?")
    sheet.sourced()
    sheet.choosing("instance", "Worker", "label_values(sla_build_info, instance)")
    _now(sheet)
    _watch(sheet)
    _time(sheet)
    _inputs(sheet)
    _sources(sheet)
    _deliveries(sheet)
    _work(sheet)
    _state(sheet)
    return sheet.build()


def _now(sheet: Sheet) -> None:
    sheet.row("Now")
    said = Said(1, "Workers that answer", "Targets of Prometheus that answer.", "none known", ("DueclockWorkerDown",))
    up = Query(f'sum(up{{job="dueclock", {HERE}}})', "answering")
    sheet.add(figure(said, "short", up, steps=((0, BAD), (1, GOOD))), 3, 5)
    meaning = "By all workers together. It should be the partitions of a topic."
    said = Said(2, "Partitions kept", meaning, "none", ("DueclockPartitionUnowned",))
    kept = Query(f"sum(sla_partitions_owned{{{HERE}}})", "kept")
    sheet.add(figure(said, "short", kept, steps=((0, BAD), (1, GOOD))), 3, 5)
    meaning = "Partitions that a worker was given in some topics and not in all: nobody keeps them."
    said = Said(21, "Partitions at rest", meaning, "none", ("DueclockPartitionsAtRest",))
    at_rest = Query(f"sum(sla_partitions_held{{{HERE}}})", "at rest")
    sheet.add(figure(said, "short", at_rest, steps=((0, GOOD), (1, BAD))), 3, 5)
    meaning = "Clocks past their due timer for which it has not fired. Anything but 0 is a duty missed in silence."
    said = Said(5, "Overdue and untold", meaning, "not known", ("DueclockOverdueUndetected",))
    overdue = Query(f"sum(sla_overdue_undetected{{{HERE}}})", "overdue")
    sheet.add(figure(said, "short", overdue, steps=((0, GOOD), (1, BAD))), 3, 5)
    said = Said(20, "Alerts", "What fires now. The runbook has a section for each.", "nothing fires")
    firing = Query('count by (alertname, severity) (ALERTS{alertname=~"Dueclock.*", alertstate="firing"})')
    sheet.add(listing(said, {"times": firing}), 8, 5)
    said = Said(19, "Versions", "Which version each worker runs.", "no worker")
    sheet.add(listing(said, {"running": Query(f"sum by (instance, version) (sla_build_info{{{HERE}}})")}), 4, 5)


def _watch(sheet: Sheet) -> None:
    sheet.row("Can the rest be believed?")
    meaning = "How long ago the worker's loop turned and its watch looked. Above 10 s all other figures of it are old."
    said = Said(24, "Age of the figures", meaning, "no worker", ("DueclockWatchFrozen",))
    ages = [Query(f"sla_{what}_age_seconds{{{HERE}}}", f"{{{{instance}}}} {what}") for what in ("watch", "loop")]
    sheet.add(lines(said, "s", ages, steps=((0, GOOD), (10, BAD))), 12, 7)


def _time(sheet: Sheet) -> None:
    sheet.row("Time")
    meaning = "The broker's now less journal time. Above 60 s nothing is declared in time any more."
    said = Said(3, "Time lag", meaning, "journal time is not known", ("DueclockTimeStopped",))
    lag = Query(f"max by (partition) (sla_time_lag_seconds{{{HERE}}})", "partition {{partition}}")
    sheet.add(lines(said, "s", [lag], steps=((0, GOOD), (10, CARE), (60, BAD))), 8, 8)
    meaning = "The topic that journal time of a partition waits for."
    said = Said(4, "Held back by", meaning, "nothing holds it back", ("DueclockHeldBack",))
    held_back = Query(f"max by (topic, partition) (sla_held_back_by{{{HERE}}})", "{{topic}} {{partition}}")
    sheet.add(coloured(lines(said, "short", [held_back]), TOPICS, is_start=True), 8, 8)
    meaning = "From the instant at which a due timer could fire to the sending of its event: under a second is right."
    said = Said(12, "Lateness of breaches", meaning, "no timer fired")
    lateness = f"sum by (le) (increase(sla_breach_lateness_seconds_bucket{{{HERE}}}[$__rate_interval]))"
    sheet.add(heat(said, "s", Query(lateness)), 8, 8)
    meaning = "Breaches of the synthetic account, one a minute, through all of the real path."
    said = Said(6, "Canary", meaning, "no canary is sent", ("DueclockCanarySilent",))
    canary = 'sum(increase(sla_events_total{type="clock.breached", marketplace="CANARY"}[5m]))'
    sheet.add(lines(said, "short", [Query(canary, "breaches in 5 min")], steps=((0, BAD), (1, GOOD))), 8, 7)
    meaning = "The broker's clock decides; the worker's only helps it along."
    said = Said(15, "The broker's clock less this machine's", meaning, "not measured", ("DueclockClockOffset",))
    offset = Query(f"sla_clock_offset_seconds{{{HERE}}}", "{{instance}}")
    sheet.add(lines(said, "s", [offset], steps=((0, GOOD), (5, CARE)), is_signed=True), 8, 7)
    said = Said(16, "Rebalances and recoveries", "How often partitions changed hands in ten minutes.", "none")
    changes = Query(f"changes(sla_recovery_seconds{{{HERE}}}[10m])", "{{instance}}")
    sheet.add(lines(said, "short", [changes], bars=True), 8, 7)


def _inputs(sheet: Sheet) -> None:
    sheet.row("Inputs")
    said = Said(7, "Notifications", "Journaled each second, by topic.", "nothing comes")
    notifications = Query(f"sum by (topic) (rate(sla_notifications_total{{{HERE}}}[$__rate_interval]))", "{{topic}}")
    sheet.add(coloured(lines(said, "cps", [notifications]), TOPICS), 12, 8)
    meaning = "Since the newest record of each topic. Each feed has a limit of its own, in recording.yml."
    said = Said(8, "Silence of the feeds", meaning, "no feed is known", ("DueclockFeedSilent",))
    sheet.add(coloured(lines(said, "s", [Query("topic:sla_feed_silence:seconds", "{{topic}}")]), TOPICS), 12, 8)
    said = Said(10, "Records not finished", "Records on the broker that no worker has dealt with.", "not known")
    behind = Query(f"sum by (topic) (sla_input_lag_records{{{HERE}}})", "{{topic}}")
    sheet.add(coloured(lines(said, "short", [behind]), TOPICS), 12, 8)
    meaning = "Notifications that came under another key than their account's, and were sent on."
    said = Said(9, "Misrouted", meaning, "none", ("DueclockMisrouted",))
    misrouted = Query(f"sum by (topic) (rate(sla_misrouted_total{{{HERE}}}[$__rate_interval]))", "{{topic}}")
    sheet.add(coloured(lines(said, "cps", [misrouted]), TOPICS), 12, 8)
    meaning = "Records that were gone before they were read, in all. `dueclock audit` names them."
    said = Said(22, "Lost input", meaning, "no partition is kept", ("DueclockLostInput",))
    lost = Query(f"max by (partition) (sla_lost_input_records{{{HERE}}})", "partition {{partition}}")
    sheet.add(lines(said, "short", [lost], steps=((0, GOOD), (1, BAD))), 8, 8)
    meaning = "Since input was last found to be gone before it was read. The alert goes on for a day after that."
    said = Said(25, "Loss last found", meaning, "never", ("DueclockLostInput",))
    found = Query(f"time() - max(sla_lost_input_timestamp_seconds{{{HERE}}})", "since")
    sheet.add(figure(said, "s", found, steps=((0, BAD), (86_400, GOOD))), 4, 8)
    meaning = "Records whose producer stamped them (CreateTime): they are read, and move no time."
    said = Said(23, "Stamped by producers", meaning, "none")
    unstamped = Query(f"sum by (topic) (rate(sla_unstamped_total{{{HERE}}}[$__rate_interval]))", "{{topic}}")
    sheet.add(coloured(lines(said, "cps", [unstamped]), TOPICS), 12, 8)


def _sources(sheet: Sheet) -> None:
    sheet.row("Sources")
    meaning = "Since the instant until which a source is read to its end. The gateway, to which others push, has none."
    said = Said(42, "How far sources are behind", meaning, "no source runs", ("DueclockSourceBehind",))
    lag = Query("source_feed:sla_source_lag:seconds", "{{source}} {{feed}}")
    sheet.add(lines(said, "s", [lag]), 8, 8)
    meaning = "Since the newest entry that a source has shown, by its own time: it may be read, and empty."
    said = Said(43, "Newest entry of each source", meaning, "no source runs", ("DueclockSourceSilent",))
    silence = Query("source_feed:sla_source_silence:seconds", "{{source}} {{feed}}")
    sheet.add(lines(said, "s", [silence]), 8, 8)
    meaning = "Since a source was last read, or a request last acknowledged."
    said = Said(44, "Sources last succeeded", meaning, "no source runs", ("DueclockSourceDown",))
    success = Query("time() - min by (source) (sla_source_last_success_timestamp_seconds)")
    sheet.add(listing(said, {"ago": success}, unit="s"), 8, 8)
    meaning = "The source or the broker was away. It is tried again, and nothing is lost."
    said = Said(45, "Failed readings", meaning, "none", ("DueclockSourceFailing",))
    errors = Query("sum by (source) (increase(sla_source_errors_total[$__rate_interval]))", "{{source}}")
    sheet.add(coloured(lines(said, "short", [errors], bars=True), SOURCES, bars=True), 8, 8)
    meaning = "Entries that became nothing, by class. What is unrecognised the mapping may have to learn."
    said = Said(46, "What sources left out", meaning, "nothing", ("DueclockSourceUnrecognised",))
    left_out = 'sum by (source, reason) (increase(sla_source_left_out_total{kind!="ignored"}[$__rate_interval])) > 0'
    sheet.add(lines(said, "short", [Query(left_out, "{{source}} {{reason}}")], bars=True), 8, 8)
    said = Said(47, "What sources brought", "Entries looked at, and notifications acknowledged.", "nothing")
    brought = (
        Query("sum by (source) (increase(sla_source_entries_total[$__rate_interval]))", "{{source}} looked at"),
        Query("sum by (source) (increase(sla_source_notifications_total[$__rate_interval]))", "{{source}} brought"),
    )
    sheet.add(lines(said, "short", brought, bars=True), 8, 8)
    said = Said(48, "Answers of the gateway", "Requests by the status of their answer.", "no gateway runs")
    answers = "sum by (path, status) (increase(sla_gateway_answers_total[$__rate_interval]))"
    sheet.add(lines(said, "short", [Query(answers, "{{path}} {{status}}")], bars=True), 12, 8)
    said = Said(49, "What waits in the gateway", "For its return, or for the broker.", "no gateway runs")
    waits = (
        Query("sum(sla_gateway_parked)", "for its return"),
        Query("sum(sla_gateway_on_their_way)", "for the broker"),
    )
    sheet.add(lines(said, "short", waits), 12, 8)


def _deliveries(sheet: Sheet) -> None:
    sheet.row("Deliveries")
    meaning = "Age of the oldest event that should have been delivered; of a digest since its time."
    said = Said(60, "How far deliveries are behind", meaning, "nothing is delivered", ("DueclockDeliveryBehind",))
    lag = Query("max by (delivery) (sla_deliver_lag_seconds)", "{{delivery}}")
    sheet.add(lines(said, "s", [lag]), 8, 8)
    meaning = "Targets that were tried in vain so often that they count as away. What waits behind them waits on."
    said = Said(61, "Parked deliveries", meaning, "nothing is delivered", ("DueclockDeliveryParked",))
    parked = Query("max by (delivery) (sla_deliver_parked)", "{{delivery}}")
    sheet.add(lines(said, "short", [parked], steps=((0, GOOD), (1, BAD))), 8, 8)
    meaning = "Since the target last acknowledged something."
    said = Said(64, "Deliveries last sent", meaning, "nothing is delivered", ("DueclockDeliverDown",))
    last = Query("time() - max by (delivery) (sla_deliver_last_sent_timestamp_seconds)")
    sheet.add(listing(said, {"ago": last}, unit="s"), 8, 8)
    said = Said(62, "Events delivered", "That the target has acknowledged, and that were skipped by hand.", "none")
    sent = (
        Query("sum by (delivery) (increase(sla_deliver_sent_total[$__rate_interval]))", "{{delivery}}"),
        Query("sum by (delivery) (increase(sla_deliver_skipped_total[$__rate_interval])) > 0", "{{delivery}} skipped"),
    )
    sheet.add(lines(said, "short", sent, bars=True), 8, 8)
    said = Said(63, "Tries in vain", "By reason. Each is tried again.", "none")
    failed = "sum by (delivery, why) (increase(sla_deliver_failed_total[$__rate_interval])) > 0"
    sheet.add(lines(said, "short", [Query(failed, "{{delivery}} {{why}}")], bars=True), 8, 8)
    said = Said(65, "Records not delivered", "On the topics of events, wanted or not.", "nothing is delivered")
    waiting = Query("max by (delivery) (sla_deliver_lag_records)", "{{delivery}}")
    sheet.add(lines(said, "short", [waiting]), 8, 8)


def _work(sheet: Sheet) -> None:
    sheet.row("Work")
    said = Said(11, "Time of a slice", "The mean, by stage.", "no slice")
    mean = (
        f"sum by (stage) (rate(sla_batch_seconds_sum{{{HERE}}}[$__rate_interval]))"
        f" / sum by (stage) (rate(sla_batch_seconds_count{{{HERE}}}[$__rate_interval]) > 0)"
    )
    stages = ("fold", "write")
    sheet.add(coloured(lines(said, "s", [Query(mean, "{{stage}}")]), stages), 8, 8)
    said = Said(17, "Lines of a slice", "The more there are, the higher the load.", "no slice")
    sizes = f"sum by (le) (increase(sla_batch_lines_bucket{{{HERE}}}[$__rate_interval]))"
    sheet.add(heat(said, "short", Query(sizes)), 8, 8)
    meaning = "From when it happened to when we knew: nine tenths within this. Late facts retract what was said."
    said = Said(18, "Delay of facts", meaning, "nothing came")
    delay = f"histogram_quantile(0.9, sum by (le) (rate(sla_fact_delay_seconds_bucket{{{HERE}}}[$__rate_interval])))"
    sheet.add(coloured(lines(said, "s", [Query(delay, "nine tenths")]), ("nine tenths",)), 8, 8)


def _state(sheet: Sheet) -> None:
    sheet.row("State")
    said = Said(
        13, "Rows of the state", "By kind. Memory and recovery time grow with them.", "none", ("DueclockStateGrowth",)
    )
    rows = Query(f"sum by (kind) (sla_state_rows{{{HERE}}})", "{{kind}}")
    sheet.add(coloured(lines(said, "short", [rows]), ("matter", "account", "partition")), 12, 8)
    meaning = "How long partitions stood still when they were taken over, the last time."
    said = Said(14, "Recovery", meaning, "none yet", ("DueclockRecoveryLong",))
    took = Query(f"sla_recovery_seconds{{{HERE}}}", "{{instance}}")
    sheet.add(lines(said, "s", [took], steps=((0, GOOD), (60, CARE))), 12, 8)
    meaning = (
        "Rows that stand by on other workers than their own; `standby_replicas` copies of each, once all are warm."
    )
    said = Said(26, "Warm copies", meaning, "no copies are kept")
    copies = Query(f"sum by (instance) (sla_standby_rows{{{HERE}}})", "{{instance}}")
    sheet.add(lines(said, "short", [copies]), 12, 8)
    meaning = "Records of the changelog that a copy has not read: so many are read when it is needed."
    said = Said(27, "Copies behind", meaning, "no copies are kept")
    behind = Query(f"max by (partition) (sla_standby_lag_records{{{HERE}}})", "partition {{partition}}")
    sheet.add(lines(said, "short", [behind]), 12, 8)
