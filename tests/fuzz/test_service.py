"""Malformed records of every kind through the real service: one dead letter each, and their neighbours unharmed.

`make fuzz` sends 50,000 (`FUZZ_MESSAGES`), `make test` a slice.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

import psutil
import pytest

from python_app_template.core.delivery.messages import Record
from tests.clients import Body, Headers, Received, World, batch, order, origin_of, reason_of
from tests.forking.services import ForkedService, ForkServer
from tests.fuzz.judgement import expected
from tests.fuzz.mutations import Mutator
from tests.processes import ServiceProcess, running, wait_until
from tests.servers import Kafka, Postgres
from tests.surroundings import new_database, new_topics, settings_for

pytestmark = pytest.mark.servers

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", "2000"))
ROUNDS = 8
NEIGHBOURS = 10
"""Orders in each round, between the malformed."""
MOST_GROWTH = 24.0
"""Megabytes from the middle of the rounds to their end."""


@pytest.fixture(scope="module")
def service(
    kafka: Kafka, postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory, forks: ForkServer
) -> Iterator[tuple[ServiceProcess, World]]:
    with new_database(postgres, template) as url, new_topics(kafka) as topics:
        settings = settings_for(kafka, url, topics)
        process = ForkedService(forks, settings, tmp_path_factory.mktemp("fuzz"))
        with running(process):
            yield process, World(settings)


def malformed(seed: str) -> Iterator[Record]:
    """Draw those that the contract refuses whatever came before."""
    return (record for record in Mutator(Random(seed)).records() if expected(record.value)[1] is not None)


def sendable(record: Record) -> tuple[bytes | None, bytes | None, Headers]:
    return record.value, record.key, record.headers


def test_each_malformed_record_is_one_dead_letter_and_its_neighbours_go_through(
    service: tuple[ServiceProcess, World],
) -> None:
    process, world = service
    world.send(batch("stock", "CHAIR", 1_000_000))
    world.events_of("CHAIR", 1)
    before, others = process.metric("app_messages_consumed_total"), len(world.all_dead_letters())
    bad, sent, memory = malformed("service"), list[Received](), list[float]()
    for number in range(ROUNDS):
        sent += send_round(world, number, [*islice(bad, MESSAGES // ROUNDS)])
        until_consumed(process, before + len(sent) + NEIGHBOURS * (number + 1))
        memory.append(psutil.Process(process.pid).memory_info().rss / 2**20)
    orders = [event.body["order_id"] for event in world.events_of("CHAIR", 1 + ROUNDS * NEIGHBOURS)[1:]]
    assert sorted(orders) == sorted(f"good-{r}-{n}" for r in range(ROUNDS) for n in range(NEIGHBOURS))
    world.dead_letters(others + len(sent), 300)
    hold(sent, world.all_dead_letters(), others)
    assert max(memory[ROUNDS // 2 :]) - max(memory[: ROUNDS // 2]) < MOST_GROWTH, memory
    print(f"{len(sent)} malformed; megabytes after each eighth: {', '.join(f'{m:.0f}' for m in memory)}")  # noqa: T201


def until_consumed(process: ServiceProcess, count: float) -> None:
    wait_until(lambda: process.metric("app_messages_consumed_total") == count, 300, process.explain)


def send_round(world: World, number: int, records: Sequence[Record]) -> list[Received]:
    """Send them, and good orders among them; return where the malformed stand."""
    half = len(records) // 2
    sent = world.send_records(map(sendable, records[:half]))
    world.send(*[order(f"good-{number}-{n}") for n in range(NEIGHBOURS)])
    return sent + world.send_records(map(sendable, records[half:]))


def hold(sent: Sequence[Received], letters: Sequence[Received], others: int) -> None:
    """Each message has its one dead letter: unchanged, for the contract's reason."""
    found = {origin_of(letter): letter for letter in letters}
    assert len(found) == len(letters) == len(sent) + others
    for message in sent:
        letter = found[message.partition, message.offset]
        assert reason_of(letter) == expected(message.value)[1], message
        assert (letter.key, letter.value) == (message.key, message.value)
        kept = [pair for pair in message.header_list if not pair[0].startswith("dlq.")]
        assert list(letter.header_list[: len(kept)]) == kept


ODD: list[tuple[bytes | None, str]] = [
    (b'{"type":"order.cancelled","order_id":"a\\u0000b"}', "invalid"),  # PostgreSQL refuses it in text
    (b'{"type":"order.placed","order_id":"o","lines":[{"sku":"\\u0000","qty":1}]}', "invalid"),
    (b'{"type":"order.placed","order_id":"o","customer_id":"\\u0000","lines":[{"sku":"s","qty":1}]}', "invalid"),
    (b'{"type":"order.cancelled","order_id":"\\ud800"}', "undecodable"),
    (b'{"type":"order.cancelled","order_id":"o"}\x00', "undecodable"),
    (b'\xef\xbb\xbf{"type":"order.cancelled","order_id":"o"}', "undecodable"),
    (b'{"type":"order.cancelled","order_id":"o","order_id":7}', "invalid"),
    (b"[" * 1_000_000, "undecodable"),
    (b'{"type":"batch.quantity_changed","batch_ref":"b","qty":' + b"9" * 1_000_000 + b"}", "invalid"),
    (b'{"type":"order.cancelled","order_id":"' + b"x" * 1_000_000 + b'"}', "invalid"),
    (b"", "undecodable"),
    (None, "empty"),
]


def test_what_is_known_to_be_hard_is_refused_for_the_right_reason_and_never_fails(
    service: tuple[ServiceProcess, World],
) -> None:
    _, world = service
    sent = world.send_records([(value, b"odd", ()) for value, _ in ODD])
    letters = world.dead_letters_of(sent)
    assert Counter(map(reason_of, letters)) == Counter(reason for _, reason in ODD)
    assert [reason_of(letter) for letter in letters] == [reason for _, reason in ODD]


def test_an_order_of_a_hundred_lines_with_the_longest_names_goes_through(
    service: tuple[ServiceProcess, World],
) -> None:
    _, world = service
    longest = ["\U0001f4e6" * 61 + f"{n:03}" for n in range(100)]
    world.send(*[batch(sku, sku, 5) for sku in longest])
    wait_until(lambda: len(about(world, longest)) == 100)
    world.send(order("\U0001f4e6" * 64, *[(sku, 5) for sku in longest]))
    wait_until(lambda: len(about(world, longest)) == 200)
    assert Counter(body["type"] for body in about(world, longest)) == {"batch.created": 100, "line.allocated": 100}


def about(world: World, skus: Sequence[str]) -> list[Body]:
    return [event.body for event in world.all_events() if (event.key or b"").decode() in skus]
