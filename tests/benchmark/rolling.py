"""Rolling restarts under full load: each ends with 0 within its grace, nothing is lost, doubled or disordered."""

import argparse
import statistics
import threading
import time
from itertools import cycle, islice
from pathlib import Path

from python_app_template.embedded import Backends
from python_app_template.settings import Settings
from tests.benchmark.load import batches, orders, send
from tests.benchmark.reading import gapless
from tests.benchmark.surroundings import prepared, started
from tests.processes import ServiceProcess, wait_until

CHUNK = 1000
PAUSE_SECONDS = 0.2
STOCK_SECONDS = 120.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--restarts", type=int, default=200, help="how many")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long at the most")


class Load(threading.Thread):
    """5,000 orders a second at the most, until it is ended."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._servers, self._topic = settings.kafka.bootstrap_servers, settings.kafka.input_topic
        self.lines, self.sent = 0, 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(PAUSE_SECONDS):
            self.lines += send(self._servers, self._topic, orders(CHUNK, seed=self.sent))
            self.sent += CHUNK


def published(service: ServiceProcess) -> float:
    """How many events a process has published."""
    return service.metric("app_events_published_total")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Seconds that each took from SIGTERM to its end, and what the events say in the end."""
    settings = prepared(backends)
    stock = send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, batches())
    load, seconds = Load(settings), []
    with started(settings, directory, ("worker,relay", "worker,relay")) as services:
        for service in services:
            service.until_ready()
        wait_until(lambda: sum(map(published, services)) >= stock, STOCK_SECONDS, services[0].explain)
        load.start()  # an order is sure to see a batch only when it is sent after that batch's event
        deadline = time.monotonic() + asked.minutes * 60
        for service in islice(cycle(services), asked.restarts):
            if (began := time.monotonic()) > deadline:
                break
            assert service.terminate() == 0, service.explain()
            seconds.append(time.monotonic() - began)
            service.start().until_ready()
        load.ended.set()
        load.join()
        events = gapless(settings.kafka.bootstrap_servers, settings.kafka.output_topic, stock + load.lines)
    return {
        "restarts": len(seconds),
        "orders": load.sent,
        "events_lost": max(stock + load.lines - events, 0),
        "events_doubled": max(events - stock - load.lines, 0),
        "stop_median_seconds": statistics.median(seconds),
        "stop_most_seconds": max(seconds),
    }
