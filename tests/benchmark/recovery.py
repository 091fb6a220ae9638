"""How long until every partition's events come again after a worker, the relay, the database or the broker was gone."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from python_app_template.embedded import Backends
from tests.benchmark.probe import Probe
from tests.benchmark.surroundings import prepared, started
from tests.processes import ServiceProcess

SESSION_SECONDS = 3.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--times", type=int, default=10, help="how often each is done")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Seconds: median and most of each kind. A worker's are beyond the session timeout of its group."""
    settings = prepared(backends)
    session = {"APP_KAFKA__SESSION_TIMEOUT_MS": str(int(SESSION_SECONDS * 1000))}
    found: dict[str, list[float]] = {}
    with Probe(settings) as probe:
        with started(settings, directory / "workers", ("worker,relay", "worker,relay"), **session) as workers:
            with _taking_turns(workers, probe) as victims:
                times = [_killed(next(victims), probe) for _ in range(asked.times)]
                found["worker_killed_beyond_session_timeout"] = [seconds - SESSION_SECONDS for seconds in times]
            _all_at_work(workers, probe)
            restart = backends.postgres.restart
            found["postgres_restarted"] = [_after(lambda: restart("immediate"), probe) for _ in range(asked.times)]
            found["broker_killed"] = [_after(lambda: _bounce(backends), probe) for _ in range(asked.times)]
        with (
            started(settings, directory / "worker", ("worker",)) as (worker,),
            started(settings, directory / "relays", ("relay", "relay")) as relays,
        ):
            _all_at_work([worker, *relays], probe)
            with _taking_turns(relays, probe) as victims:
                found["relay_killed"] = [_killed(next(victims), probe) for _ in range(asked.times)]
    return {
        f"{kind}_{name}": how(seconds)
        for kind, seconds in found.items()
        for name, how in (("median", statistics.median), ("most", max))
    }


def _killed(victim: ServiceProcess, probe: Probe) -> float:
    began = time.monotonic()
    victim.kill()
    return probe.answered(probe.ask()) - began


def _after(outage: Callable[[], None], probe: Probe) -> float:
    outage()
    began = time.monotonic()
    return probe.answered(probe.ask()) - began


def _bounce(backends: Backends) -> None:
    backends.kafka.kill()
    backends.kafka.restart()


@contextmanager
def _taking_turns(services: list[ServiceProcess], probe: Probe) -> Iterator[Iterator[ServiceProcess]]:
    """Each in turn, once the one before it is back: of two relays it is then always the one that leads."""

    def turns() -> Iterator[ServiceProcess]:
        while True:
            for service in services:
                _all_at_work(services, probe)
                yield service

    yield turns()
    _all_at_work(services, probe)


def _all_at_work(services: list[ServiceProcess], probe: Probe) -> None:
    for service in services:
        if not service.running:
            service.start()
        service.until_ready()
    probe.answered(probe.ask())
