"""The baseline: the sfp-refund rule as one would first write it in Faust. One Record, one Table, one agent, one output.

No journal, no transaction, no repeats, no other rule; a breach is seen when the refund comes, so there is no timer
either. All settings are Faust's own, as in its documentation: what it costs is what the slices of `agents/` save.
`python -m tests.bench.naive BOOTSTRAP PREFIX` runs it as a worker.
"""

from __future__ import annotations

import sys
from datetime import datetime

import faust

from schemas.policies import load_policies, shipped_policies
from tests.zones import calendar_of

PARTITIONS = 4


class Notice(faust.Record, serializer="json"):
    """What the rule needs of a return or a refund."""

    type: str
    seller_id: str
    marketplace_id: str
    order_id: str
    occurred_at: str
    program: str | None = None


class Duty(faust.Record, serializer="json"):
    """A refund that is owed for one order."""

    order_id: str
    start_ms: int = 0
    due_ms: int = 0
    refunded_ms: int = 0
    outcome: str = "none"


def build(bootstrap: str, prefix: str) -> faust.App:
    """The app with its one agent."""
    app = faust.App(
        f"{prefix}naive",
        broker=f"kafka://{bootstrap}",
        topic_partitions=PARTITIONS,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
    )
    notices = app.topic(f"{prefix}notices", key_type=bytes, value_type=Notice)
    outcomes = app.topic(f"{prefix}outcomes", key_type=bytes, value_type=Duty)
    duties = app.Table("duties", partitions=PARTITIONS)
    calendar = calendar_of(load_policies(shipped_policies()).calendars["us-federal-pacific"])

    @app.agent(notices)
    async def sfp_refund(stream: faust.StreamT[Notice]) -> None:
        async for notice in stream:
            duty = duties.get(notice.order_id) or Duty(order_id=notice.order_id)
            at_ms = int(datetime.fromisoformat(notice.occurred_at).timestamp() * 1000)
            if notice.type == "return.received" and notice.program == "sfp":
                duty.start_ms, duty.due_ms = at_ms, calendar.business_days_due(at_ms, 2)
            elif notice.type == "refund.issued":
                duty.refunded_ms = at_ms
            outcome = judged(duty)
            if outcome != duty.outcome:
                duty.outcome = outcome
                await outcomes.send(key=notice.order_id.encode(), value=duty)
            duties[notice.order_id] = duty

    return app


def judged(duty: Duty) -> str:
    """The outcome, as far as it is known."""
    if not duty.start_ms:
        return "none"
    if not duty.refunded_ms:
        return "open"
    return "met" if duty.refunded_ms < duty.due_ms else "closed_late"


if __name__ == "__main__":
    faust.Worker(build(*sys.argv[1:3]), loglevel="WARN", redirect_stdouts=False).execute_from_commandline()
