"""All that sees everything and decides nothing, put together."""

from collections.abc import Sequence

from python_app_template.core.ports.clock import Clock
from python_app_template.monitoring.health import Check, Health
from python_app_template.monitoring.metrics import Metrics
from python_app_template.monitoring.observer import Observer
from python_app_template.monitoring.watch import Watch


class Monitoring:
    """Metrics, health, and who feeds them. Not ready before preflight is noted as passed, and the roles as open."""

    def __init__(self, clock: Clock, version: str, environment: str, stalled_seconds: float) -> None:
        self.clock = clock
        self.metrics = Metrics(version, environment)
        self.health = Health(stalled_seconds)
        self.health.checked("preflight", ok=False, detail="not done yet")
        self.health.checked("roles", ok=False, detail="not open yet")
        self.watch = Watch(self.metrics, self.health, clock)
        self.observer = Observer(self.metrics, self.health, self.watch, clock)

    def live(self) -> Sequence[Check]:
        """Say what a restart would mend."""
        return self.health.liveness(self.clock.monotonic())

    def stopping(self) -> None:
        """Say that nothing more is taken in."""
        self.health.checked("serving", ok=False, detail="stopping")
