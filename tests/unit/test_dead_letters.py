"""A message buried as a dead letter, read there, and made a message again."""

import pytest

from python_app_template.adapters.dead_letters import MANY, bury, read, truncated, unbury
from python_app_template.core.delivery.messages import DeadLetter, Frame, Headers, Partition, Record, Refused
from python_app_template.core.delivery.returning import Letter, Origin, Place

IN = Partition("in", 2)


def buried(headers: Headers = (), value: bytes | None = b"value", key: bytes | None = b"key") -> Frame:
    record = Record(IN, 1041, 900, key, value, headers)
    return bury(DeadLetter(record, Refused("invalid", "qty: é")), "dlq", "service/1")


def found(frame: Frame) -> Letter:
    return read(Record(Partition("dlq", 1), 17, 1000, frame.key, frame.value, frame.headers))


@pytest.mark.parametrize("value", [b"value", b"", None])
@pytest.mark.parametrize("key", [b"key", b"", None])
def test_what_is_buried_is_read(key: bytes | None, value: bytes | None) -> None:
    headers = [("b", b"\xff"), ("a", None), ("b", b""), ("dlq.reason", b"old")]
    origin = Origin(IN, 1041, 900)
    assert found(buried(headers, value, key)) == Letter(
        Place(1, 17), 1000, key, value, headers[:3], origin, "invalid", "qty: é", 0, None, "service/1"
    )


def test_what_is_unburied_is_as_it_was_received_and_says_where_it_came_from() -> None:
    headers = [("b", b"\xff"), ("a", None), ("b", b"")]
    assert unbury(found(buried(headers)), "in", "dlq") == Frame(
        "in", b"key", b"value", [*headers, ("dlq.attempts", b"1"), ("dlq.returned-from", b"dlq/1/17")], "", 2
    )


def test_returns_are_counted_as_often_as_it_goes_round() -> None:
    frame = buried()
    for attempts in range(5):
        letter = found(frame)
        assert letter.attempts == attempts
        message = unbury(letter, "in", "dlq")
        frame = buried(message.headers, message.value, message.key)
    assert [name for name, _ in frame.headers].count("dlq.attempts") == 1


@pytest.mark.parametrize(
    ("said", "attempts"), [(b"3", 3), (b"003", 3), (b"-1", 0), (b"x", 0), (b"", 0), (None, 0), (b"9" * 5000, MANY)]
)
def test_a_count_is_read_whatever_stands_there(said: bytes | None, attempts: int) -> None:
    assert found(buried([("dlq.attempts", said)])).attempts == attempts


def test_how_much_is_missing_is_read() -> None:
    assert found(truncated(buried(value=b"x" * 3000))).truncated == 3000


@pytest.mark.parametrize(
    "headers",
    [
        (),
        [("dlq.reason", b"failed")],
        [("dlq.topic", b"in"), ("dlq.partition", b"0"), ("dlq.offset", b"x"), ("dlq.timestamp", b"1")],
        [("dlq.topic", b"in"), ("dlq.partition", b"0"), ("dlq.offset", b"1" * 5000), ("dlq.timestamp", b"1")],
        [("dlq.topic", b""), ("dlq.partition", b"0"), ("dlq.offset", b"1"), ("dlq.timestamp", b"1")],
        [("dlq.topic", b"in"), ("dlq.partition", None), ("dlq.offset", b"1"), ("dlq.timestamp", b"1")],
    ],
)
def test_a_record_that_does_not_tell_where_it_came_from_has_no_origin(headers: Headers) -> None:
    assert found(Frame("dlq", None, b"", headers)).origin is None


def test_a_record_without_a_timestamp_has_an_origin() -> None:
    record = Record(IN, 0, -1, None, b"")
    assert found(bury(DeadLetter(record, Refused("failed", "")), "dlq", "s/1")).origin == Origin(IN, 0, -1)
