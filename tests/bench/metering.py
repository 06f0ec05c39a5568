"""What the metrics cost: folded lines and events are counted slice by slice, as the keeper counts them."""

from __future__ import annotations

import gc
import time
from typing import Final

from agents.metrics.counters import Metrics, SliceTally
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import Notification, type_name
from schemas.policies import shipped_policies
from streams.engine import Line, new_state, step
from streams.sla_event import SlaEvent
from tests.bench.workload import DAY_MS, workload
from tests.zones import activation

LINES_IN_A_SLICE: Final = 500
START_MS: Final = 1_770_019_200_000


def metering(seed: int, count: int) -> dict[str, float]:
    """CPU for each notification that goes into tallies and counters, gauges left out: those are set once a second."""
    state = new_state(0)
    step(state, Line(1, START_MS, activation(shipped_policies())))
    folded: list[tuple[str, list[SlaEvent], bool]] = []
    for sent in workload(seed, count, start_ms=START_MS, span_ms=3 * DAY_MS):
        decoded = decode_notification(sent.value, from_file=False)
        assert isinstance(decoded, Decoded)
        assert isinstance(decoded.body, Notification)
        line = Line(state.lines + 1, max(state.journal_ms, decoded.body.occurred_ms), decoded.body)
        folded.append((type_name(decoded.body), step(state, line), state.is_repeat))
    metrics = Metrics()
    gc.collect()
    cpu_s = time.process_time()
    for first in range(0, len(folded), LINES_IN_A_SLICE):
        tally = SliceTally()
        for kind, events, is_repeat in folded[first : first + LINES_IN_A_SLICE]:
            tally.tell("buyer-message", kind, 0.5, is_repeat=is_repeat)
            for event in events:
                tally.count(event)
        metrics.add(tally, sent_ms=START_MS)
    return {"metrics.cpu_us": (time.process_time() - cpu_s) / count * 1e6}
