"""What a halt looks like from outside, and what the operator does about it."""

from collections.abc import Sequence

from python_app_template.cli.app import run
from python_app_template.settings import Settings
from tests.clients import Received
from tests.command_line import given
from tests.processes import ServiceProcess, wait_until

PARTITIONS = {f"partition-{n}" for n in range(3)}


def until_halted(service: ServiceProcess, reason: str, parts: set[str], remedy: str = "positions set") -> None:
    """Wait until just these parts are halted, by metric, health and log, which name the remedy; the process lives."""
    wait_until(lambda: halted(service, reason, parts), 60, service.explain)
    lines = [service.line("part.halted", part=part, reason=reason) for part in parts]
    assert all(remedy in line["remedy"] for line in lines), lines
    assert service.get("/health/ready").status_code == 503
    assert service.get("/health/live").status_code == 200, "not dead"


def halted(service: ServiceProcess, reason: str, parts: set[str]) -> bool:
    """Whether just these parts are halted, for this reason, by metric and by health."""
    found = {
        (dict(labels)["part"], dict(labels)["reason"])
        for (name, labels), value in service.samples("app_halted").items()
        if name == "app_halted" and value
    }
    failing = service.failing()
    return found == {(part, reason) for part in parts} and all(reason in failing.get(part, "") for part in parts)


def foreseen(service: ServiceProcess, check: str) -> str:
    """What preflight warned of, though it let the service start."""
    (line,) = [line for line in service.lines("preflight") if line["name"] == check]
    assert (line["level"], line["ok"]) == ("warning", True)
    assert line["remedy"]
    return str(line["found"])


def set_positions(settings: Settings, *arguments: str) -> None:
    """What the operator decides; whoever is halted goes on by itself."""
    assert run([*given(settings), "positions", "set", *arguments, "--reason", "a test"]) == 0


def until_resumed(service: ServiceProcess) -> None:
    """Wait until nothing is wrong any more."""
    wait_until(lambda: not service.failing(), 60, service.explain)
    assert service.line("part.resumed")


def allocated_orders(events: Sequence[Received]) -> list[str]:
    """The orders that have a line allocated, once for each line."""
    return sorted(e.body["order_id"] for e in events if e.body["type"] == "line.allocated")
