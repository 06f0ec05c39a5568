"""Counters, midnights, streaks, corrections and reports of an account (contract §6)."""

from .duties import Fact
from .rows import Account, count_of, judged
from .world import World
from .zones import DAY_MS

LATE_30 = ("late_response_rate", 30)
WINDOWS = (7, 30, 90)


class Health(World):
    def _window(self, row: Account, metric: str, midnight: int, window: int) -> tuple[int, int]:
        """Numerator and denominator over the days M - w to M - 1."""
        clocks = [c for m in self.matters.values() if m.account == row.account for c in m.running()]
        counts = row.forgotten_counts + [count_of(clock) for clock in clocks]
        newest = midnight // DAY_MS - 1
        inside = [c for c in counts if newest - window < c.day <= newest]
        if metric == "average_response_ms":
            return sum(c.elapsed for c in inside), sum(c.answered for c in inside)
        if metric == "late_response_rate":
            return sum(c.late for c in inside), sum(c.on_time + c.late for c in inside)
        return sum(c.r_met for c in inside), sum(c.r_met + c.r_late for c in inside)

    def _pass_midnight(self, row: Account) -> None:
        midnight = row.next_midnight
        row.next_midnight += DAY_MS
        row.midnight = midnight
        row.streak_before = row.streak
        row.emitted_at_midnight = 0
        for metric in ("average_response_ms", "late_response_rate", "refund_on_time_rate"):
            for window in WINDOWS:
                n, d = self._window(row, metric, midnight, window)
                status = ""
                if (metric, window) == LATE_30:
                    row.streak, status = judged(n, d, row.streak_before)
                at_first = (0, 0, "good" if status else "")
                if (n, d, status) != row.last.get((metric, window), at_first):
                    row.last[metric, window] = (n, d, status)
                    row.emitted_at_midnight += (metric, window) == LATE_30
                    self._emit_health(row, metric, window, n, d, status, midnight, 1, None)

    def _correct(self, row: Account, fact: Fact | None) -> None:
        if row.midnight is None:
            return
        n, d = self._window(row, "late_response_rate", row.midnight, 30)
        row.streak, status = judged(n, d, row.streak_before)
        if status == row.last.get(LATE_30, (0, 0, "good"))[2]:
            return
        row.last[LATE_30] = (n, d, status)
        row.emitted_at_midnight += 1
        revision = row.emitted_at_midnight
        self._emit_health(row, *LATE_30, n, d, status, row.midnight, revision, fact)

    def _apply_report(self, row: Account, fact: Fact) -> None:
        window, count, defects = fact.get("window_days"), fact.get("order_count"), fact.get("orders_with_defects")
        if window in row.reports and row.reports[window] >= fact.order:
            return
        row.reports[window] = fact.order
        if count == 0:
            return
        status = "bad" if 100 * defects >= count else "excellent" if 200 * defects < count else "good"
        self._emit_health(row, "order_defect_rate", window, defects, count, status, fact.at, 1, fact)
