"""What a gateway counts: answers, notifications by type, webhooks that became nothing, what waits. Never an id."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class GatewayMetrics:
    """The metrics of one gateway; the two functions are asked when somebody looks."""

    def __init__(self, parked: Callable[[], int], on_their_way: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.answers = self._counter("answers", "Requests by path and status.", "path", "status")
        self.notifications = self._counter("notifications", "Notifications acknowledged, by type.", "type")
        self.left_out = self._counter("left_out", "Webhooks that became nothing.", "provider", "reason")
        self.last_success = self._gauge("last_success_seconds", "When something was acknowledged last.")
        self._gauge("parked", "Deliveries of unknown parcels that wait.").set_function(parked)
        self._gauge("on_their_way", "Notifications not yet acknowledged.").set_function(on_their_way)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"dueclock_gateway_{name}", words, labels, registry=self._registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(f"dueclock_gateway_{name}", words, registry=self._registry)

    def page(self) -> bytes:
        """What is served under `/metrics`."""
        return generate_latest(self._registry)
