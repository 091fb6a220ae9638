from itertools import islice, pairwise
from statistics import fmean

import msgspec
import pytest

from python_app_template.adapters.wire.messages import decode
from python_app_template.core.delivery.messages import Partition, Record, Refused
from tests.benchmark.open_loop.percentiles import Durations
from tests.benchmark.open_loop.schedule import NANOSECONDS, due
from tests.benchmark.open_loop.stream import POOL, lines_of, number_of, stream
from tests.benchmark.open_loop.watcher import Tally, judged

MILLISECOND = 1_000_000


def test_orders_are_due_at_the_rate_on_the_average() -> None:
    assert [*due(1000, 20_000, seed=1)][-1] == pytest.approx(20 * NANOSECONDS, rel=0.03)


@pytest.mark.slow
def test_orders_come_as_independent_customers_do() -> None:
    gaps = [late - early for early, late in pairwise(due(1000, 20_000, seed=1))]
    assert min(gaps) >= 0
    assert sum(gap < fmean(gaps) for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.01)


def test_sender_and_watcher_have_the_same_schedule() -> None:
    assert [*due(50, 100, seed=7)] == [*due(50, 100, seed=7)] != [*due(50, 100, seed=8)]


def test_an_order_tells_its_number_and_its_lines() -> None:
    for number, order in enumerate(islice(stream(seed=1, first=5), 100), 5):
        wanted = msgspec.json.decode(order.value)
        assert wanted["order_id"] == order.order_id.decode()
        assert number_of(wanted["order_id"]) == number
        assert lines_of(wanted["order_id"]) == order.lines == len(wanted["lines"])


def test_every_order_is_one_that_the_service_takes() -> None:
    for order in islice(stream(seed=1), 100):
        message = decode(Record(Partition("in", 0), 0, 0, order.order_id, order.value))
        assert not isinstance(message.content, Refused)


def test_no_id_comes_twice_and_their_order_is_random() -> None:
    ids = [order.order_id for order in islice(stream(seed=1), POOL + 1000)]
    assert len({*ids}) == len(ids)
    assert sum(early < late for early, late in pairwise(ids)) / len(ids) == pytest.approx(0.5, abs=0.02)


def order_id(number: int, lines: int) -> str:
    return f"{0:013x}{lines:02x}{number:09x}"


def test_an_order_is_visible_with_its_last_event() -> None:
    tally = Tally(first=10, count=2)
    for now in (100, 200, 300):
        tally.note(order_id(11, lines=2), now)
    assert tally.complete == 1
    assert [*tally.visible] == [0, 200]


@pytest.mark.parametrize("foreign", ["", "probe", order_id(9, lines=1), order_id(12, lines=1)])
def test_events_of_other_runs_count_for_nothing(foreign: str) -> None:
    tally = Tally(first=10, count=2)
    tally.note(foreign, 100)
    assert tally.complete == 0


def test_latency_counts_from_when_an_order_was_due() -> None:
    due_at, visible = [0, 10, 15, 20], [8, 0, 0, 50]
    began = 5 * NANOSECONDS
    watched = judged(
        [began + at * MILLISECOND if at else 0 for at in visible],
        [began + at * MILLISECOND for at in due_at],
        cpu_share=0.1,
    )
    assert (watched.samples, watched.missing) == (2, 2)
    assert watched.latency["p50"] == pytest.approx(8, rel=0.001)
    assert watched.latency["max"] == pytest.approx(30, rel=0.001)


def test_the_longest_duration_is_never_lost() -> None:
    found = Durations([MILLISECOND] * 99_999 + [3 * NANOSECONDS]).milliseconds()
    assert found["p99_9"] == pytest.approx(1, rel=0.001)
    assert found["max"] == pytest.approx(3000, rel=0.001)
