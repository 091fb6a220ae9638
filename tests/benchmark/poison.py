"""What one poisonous message among 5,000 costs: it is found by bisecting; or one by one, if it kills."""

import argparse
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from python_app_template.embedded import Backends
from python_app_template.settings import Settings
from tests.benchmark.load import batches, orders, send
from tests.benchmark.surroundings import prepared, started
from tests.processes import ServiceProcess, wait_until
from tests.sql import run_sql

MESSAGES = 5000
LIMIT_SECONDS = 300
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.order_id LIKE 'poison%' THEN RAISE EXCEPTION 'poison' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$
"""
SUSPECT = f"UPDATE positions SET suspect_end = next_offset + {MESSAGES}"  # noqa: S608 - a constant of ours
"""As three deaths without a commit leave it."""
INSTALL = "CREATE TRIGGER refuse BEFORE INSERT ON order_lines FOR EACH ROW EXECUTE FUNCTION refuse()"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--times", type=int, default=10, help="how often each is done")


def measure(backends: Backends, directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Seconds for 5,000 orders that wait: without and with one that the database refuses, in turns; as suspects."""
    settings = prepared(backends)
    run_sql(settings.database.url.get_secret_value(), REFUSE, INSTALL)
    stock = send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, batches())
    clean, poisoned = [], []
    with started(settings, directory) as (service,):
        service.until_ready()
        wait_until(lambda: service.metric("app_messages_consumed_total") == stock, LIMIT_SECONDS, service.explain)
        for turn in range(asked.times + 1):
            clean.append(_settle(settings, service, turn, poison=-1))
            poisoned.append(_settle(settings, service, -1 - turn, poison=turn * 487 % MESSAGES))
    run_sql(settings.database.url.get_secret_value(), SUSPECT)
    with started(settings, directory) as (service,):
        service.until_ready()
        suspected = _settle(settings, service, asked.times + 1, poison=-1)
    clean, poisoned = clean[1:], poisoned[1:]
    return {
        "clean_seconds": statistics.median(clean),
        "poisoned_seconds": statistics.median(poisoned),
        "poisoned_most_seconds": max(poisoned),
        "one_by_one_seconds": suspected,
        "ratio": statistics.median(b / a for a, b in zip(clean, poisoned, strict=True)),
    }


def _settle(settings: Settings, service: ServiceProcess, seed: int, poison: int) -> float:
    """All in one partition, so that they make one batch; the service is held until they are there."""
    consumed = service.metric("app_messages_consumed_total")
    service.signal(signal.SIGSTOP)
    send(settings.kafka.bootstrap_servers, settings.kafka.input_topic, _orders(seed, poison), partition=0)
    began = time.monotonic()
    service.signal(signal.SIGCONT)
    wait_until(
        lambda: (
            service.metric("app_messages_consumed_total") == consumed + MESSAGES
            and service.metric("app_outbox_pending") == 0
        ),
        LIMIT_SECONDS,
        service.explain,
    )
    return time.monotonic() - began


def _orders(seed: int, poison: int) -> Iterator[dict[str, object]]:
    for number, order in enumerate(orders(MESSAGES, seed)):
        yield order | {"order_id": f"poison-{seed}"} if number == poison else order
