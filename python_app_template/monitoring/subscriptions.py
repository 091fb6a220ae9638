"""Subscriptions: how many there are, and how many of them the service ended."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

REASONS = ("too_slow", "missed")


class SubscriptionMetrics:
    """Called from the event loop alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("app_subscriptions", "Subscriptions that are open.", registry=registry)
        self._ended = Counter(
            "app_subscriptions_ended",
            "Subscriptions that the service ended: too many events waited, or some were missed.",
            ["reason"],
            registry=registry,
        )
        for reason in REASONS:
            self._ended.labels(reason)

    def shows(self, count: Callable[[], int]) -> None:
        """Ask for how many there are whenever somebody looks."""
        self._open.set_function(count)

    def ended(self, reason: str) -> None:
        """Count one that the service ended."""
        self._ended.labels(reason).inc()
