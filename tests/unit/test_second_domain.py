"""Sensors through the same machinery, on the fakes: nothing of the frame knows orders."""

import json

import pytest

from python_app_template.core.delivery.messages import Fact, Message, Partition, Refused
from python_app_template.core.use_cases.relay_outbox import RelayOutbox
from tests.builders import P, Q, record
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.faults import Fault
from tests.fakes.publishing import FakeBroker, FakeOutboxReader
from tests.fakes.source import FakeLog, FakeSource
from tests.second_domain.sensors import (
    SENSORS,
    AlertCleared,
    AlertRaised,
    Command,
    Event,
    Read,
    Register,
    Sensor,
    Sensors,
)
from tests.unit.use_cases.worker import Worker

LIMIT = b'{"type":"register","sensor":"s","limit":10}'


def reading(sequence: int, value: float, sensor: str = "s") -> bytes:
    return json.dumps({"type": "read", "sensor": sensor, "sequence": sequence, "value": value}).encode()


def log(values: list[bytes | None], partition: Partition = P) -> FakeLog[Command]:
    found = [SENSORS.decode(record(n, partition, value)) for n, value in enumerate(values)]
    return FakeLog(found, len(values))


def database() -> Database[Event, Sensors]:
    return Database(Sensors(), encode=lambda facts: SENSORS.encode(facts, "alerts", "sensors"))


async def consume(db: Database[Event, Sensors], *logs: FakeLog[Command]) -> None:
    partitions = (P, Q)[: len(logs)]
    source = FakeSource(dict(zip(partitions, logs, strict=True)), FakeClock())
    source.assign(*partitions)
    await Worker(db, source, SENSORS.want, SENSORS.decide).run()


VALUES = [LIMIT, *(reading(n, value) for n, value in enumerate([9, 11, 12, 3, 4, 30]))]
ALERTS = [AlertRaised("s", 11), AlertCleared("s"), AlertRaised("s", 30)]


async def test_readings_become_alerts() -> None:
    db = database()
    await consume(db, log([*VALUES]))
    assert [f.event for f in db.facts] == ALERTS
    assert [f.cause.offset for f in db.facts] == [2, 4, 6]
    assert db.state.known == {"s": Sensor(10, last=5, alarmed=True)}


async def test_the_same_messages_again_have_no_effect() -> None:
    db = database()
    await consume(db, log([*VALUES, *VALUES]))
    assert [f.event for f in db.facts] == ALERTS
    assert db.dead_letters == []


@pytest.mark.parametrize("fault", [Fault.TRANSIENT, Fault.SLOW, Fault.LOST, Fault.REFUSED])
async def test_faults_of_the_world_change_nothing(fault: Fault) -> None:
    for call in range(1, 12):
        db = database()
        db.faults.script = {call: fault}
        await consume(db, log([*VALUES]))
        assert [f.event for f in db.facts] == ALERTS


async def test_what_can_not_be_applied_becomes_a_dead_letter() -> None:
    db = database()
    other_limit = b'{"type":"register","sensor":"s","limit":11}'
    bad = [None, b"{", b'{"type":"read"}', b'{"type":"other"}', b"\xff", reading(1, 1, "x"), other_limit]
    await consume(db, log([LIMIT, *bad, reading(0, 11)]))
    reasons = ["undecodable", "undecodable", "invalid", "invalid", "undecodable", "unknown_sensor", "conflict"]
    assert [d.why.reason for d in db.dead_letters] == reasons
    assert [f.event for f in db.facts] == [AlertRaised("s", 11)]


async def test_a_reading_that_the_store_refuses_does_not_hold_up_the_others() -> None:
    db = database()
    db.poison = lambda facts, _letters: any(f.event == AlertRaised("s", 11) for f in facts)
    await consume(db, log([*VALUES]))
    assert [d.why.reason for d in db.dead_letters] == ["failed"]
    assert [f.event for f in db.facts] == [AlertRaised("s", 12), AlertCleared("s"), AlertRaised("s", 30)]


async def test_alerts_reach_their_topic_once() -> None:
    db, clock = database(), FakeClock()
    other = log([b'{"type":"register","sensor":"t","limit":1}', reading(0, 2, "t")], Q)
    await consume(db, log([*VALUES]), other)
    broker, outbox = FakeBroker(), FakeOutboxReader(db.outbox, clock)
    broker.faults.script = {6: Fault.LOST, 11: Fault.TRANSIENT}
    relay = RelayOutbox(broker.lead, broker.open_publisher, outbox, clock.pause, clock, lambda _part, _why: None)
    outbox.idle = relay.drain
    await relay()
    frames = [f for f in broker.frames if f.key == b"s"]
    assert [f.type for f in frames] == ["alert.raised", "alert.cleared", "alert.raised"]
    assert frames[0].value == b'{"type":"alert.raised","sensor":"s","value":11.0}'
    assert len(broker.frames) == 4


def test_a_message_knows_its_type_and_a_fact_its_headers() -> None:
    assert SENSORS.decode(record(0, P, LIMIT)) == Message(record(0, P, LIMIT), "register", Register("s", 10))
    assert SENSORS.decode(record(0, P, reading(1, 2))).content == Read("s", 1, 2)
    assert isinstance(SENSORS.decode(record(0, P, None)).content, Refused)
    [frame] = SENSORS.encode([Fact(AlertCleared("s"), record(0), FakeClock().now())], "alerts", "sensors")
    assert (frame.topic, frame.headers) == ("alerts", (("ce_type", b"alert.cleared"), ("ce_source", b"sensors")))
    assert SENSORS.want([Register("s", 1), Read("t", 1, 1), Read("s", 1, 1)]) == {"s", "t"}
