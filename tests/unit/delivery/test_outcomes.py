"""What came of a batch, put together from its parts; and what a fault says of itself."""

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import DeadLetter, Fact, Refused
from python_app_template.core.delivery.outcomes import Outcome
from tests.builders import message, record
from tests.fakes.clock import FakeClock


def part(offset: int) -> Outcome[int]:
    dead = DeadLetter(record(offset), Refused("invalid", "no"))
    return Outcome([message(offset)], [message(offset)], [Fact(offset, record(offset), FakeClock().now())], [dead])


def test_an_outcome_adds_up_in_the_order_of_its_parts() -> None:
    whole = part(1)
    whole.add(part(2))
    whole.add(part(3))
    assert [m.record.offset for m in whole.consumed] == [1, 2, 3]
    assert [m.record.offset for m in whole.duplicates] == [1, 2, 3]
    assert [f.event for f in whole.facts] == [1, 2, 3]
    assert [d.record.offset for d in whole.dead_letters] == [1, 2, 3]


def test_a_fault_that_passes_has_a_text_and_a_code() -> None:
    assert (str(TransientError("away")), TransientError("away").code) == ("away", "unknown")
    assert TransientError("away", code="08006").code == "08006"
