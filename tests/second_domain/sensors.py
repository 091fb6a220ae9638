"""Sensor readings become alerts: a second domain beside orders. This file is all that a service has to bring.

A reading above its sensor's limit raises an alert, once, until a reading that is not above it clears it. A sensor
must be registered before it is read; its readings are numbered, and an old number has no effect.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.adapters.secondary.postgres.repository import PostgresRepository
from python_app_template.core.delivery.messages import OTHER, Fact, Frame, Message, Record, Refused
from python_app_template.core.delivery.outcomes import Decision, NoEffect
from python_app_template.core.use_cases.message_bus import MessageBus
from python_app_template.frame import Service


class Register(msgspec.Struct, frozen=True, tag="register"):
    sensor: str
    limit: float


class Read(msgspec.Struct, frozen=True, tag="read"):
    sensor: str
    sequence: int
    value: float


class AlertRaised(msgspec.Struct, frozen=True, tag="alert.raised"):
    sensor: str
    value: float


class AlertCleared(msgspec.Struct, frozen=True, tag="alert.cleared"):
    sensor: str


Command: TypeAlias = Register | Read
Event: TypeAlias = AlertRaised | AlertCleared


@dataclass(slots=True)
class Sensor:
    limit: float
    last: int = -1
    alarmed: bool = False


@dataclass(slots=True)
class Sensors:
    known: dict[str, Sensor] = field(default_factory=dict)


def register(command: Register, sensors: Sensors) -> Decision[Event]:
    known = sensors.known.setdefault(command.sensor, fresh := Sensor(command.limit))
    if known.limit != command.limit:
        return Refused("conflict", f"sensor {command.sensor} has the limit {known.limit}")
    return () if known is fresh else NoEffect.DUPLICATE


def read(command: Read, sensors: Sensors) -> Decision[Event]:
    sensor = sensors.known.get(command.sensor)
    if sensor is None:
        return Refused("unknown_sensor", f"sensor {command.sensor} was never registered")
    if command.sequence <= sensor.last:
        return NoEffect.DUPLICATE
    was, sensor.alarmed, sensor.last = sensor.alarmed, command.value > sensor.limit, command.sequence
    if was == sensor.alarmed:
        return ()
    return [AlertRaised(command.sensor, command.value) if sensor.alarmed else AlertCleared(command.sensor)]


def want(commands: Sequence[Command]) -> frozenset[str]:
    return frozenset(command.sensor for command in commands)


DECODER = msgspec.json.Decoder[Command](Command)


def decode(record: Record) -> Message[Command]:
    try:
        command = DECODER.decode(record.value or b"")
    except msgspec.ValidationError as error:
        return Message(record, OTHER, Refused("invalid", str(error)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Message(record, OTHER, Refused("undecodable", str(error)))
    return Message(record, type(command).__name__.lower(), command)


def encode(facts: Iterable[Fact[Event]], topic: str, source: str) -> Iterator[Frame]:
    for event, _cause, _at in facts:
        kind = str(type(event).__struct_config__.tag)
        headers = (("ce_type", kind.encode()), ("ce_source", source.encode()))
        yield Frame(topic, event.sensor.encode(), msgspec.json.encode(event), headers, kind)


TABLE = """
CREATE TABLE sensors (
    sensor        text COLLATE "C" PRIMARY KEY,
    limit_value   double precision,  -- null while the sensor is no more than a placeholder
    last_sequence bigint NOT NULL DEFAULT -1,
    alarmed       boolean NOT NULL DEFAULT false
)
"""

PLACE = """
INSERT INTO sensors (sensor) SELECT name FROM unnest(CAST(:wanted AS text[])) AS w (name) ORDER BY name COLLATE "C"
ON CONFLICT DO NOTHING
"""

LOCK = """
SELECT sensor, limit_value, last_sequence, alarmed FROM sensors WHERE sensor = ANY(CAST(:wanted AS text[]))
ORDER BY sensor FOR NO KEY UPDATE
"""

STORE = """
UPDATE sensors AS s SET limit_value = n.limit_value, last_sequence = n.last_sequence, alarmed = n.alarmed
FROM unnest(CAST(:sensors AS text[]), CAST(:limits AS double precision[]), CAST(:lasts AS bigint[]),
            CAST(:alarms AS boolean[])) AS n (sensor, limit_value, last_sequence, alarmed)
WHERE s.sensor = n.sensor
"""

UNPLACE = "DELETE FROM sensors WHERE sensor = ANY(CAST(:wanted AS text[])) AND limit_value IS NULL"


async def create_tables(connection: AsyncConnection) -> None:
    await connection.execute(text(TABLE))


class PostgresSensors(PostgresRepository[frozenset[str], Sensors]):
    """Four statements, however many sensors. What is missing gets a placeholder, so that it can be locked."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._wanted: list[str] = []
        self._loaded: dict[str, Sensor] = {}
        self._sensors = Sensors()

    async def load(self, wanted: frozenset[str]) -> Sensors:
        self._wanted = sorted(wanted)
        await self._execute(PLACE, wanted=self._wanted)
        rows = (await self._connection.execute(text(LOCK), {"wanted": self._wanted})).all()
        self._loaded = {sensor: Sensor(*rest) for sensor, *rest in rows if rest[0] is not None}
        self._sensors = Sensors({name: replace(sensor) for name, sensor in self._loaded.items()})
        return self._sensors

    async def flush(self) -> None:
        changed = {name: s for name, s in self._sensors.known.items() if s != self._loaded.get(name)}
        states = list(changed.values())
        limits, lasts, alarms = [s.limit for s in states], [s.last for s in states], [s.alarmed for s in states]
        await self._execute(STORE, sensors=list(changed), limits=limits, lasts=lasts, alarms=alarms)
        await self._execute(UNPLACE, wanted=self._wanted)

    async def _execute(self, statement: str, **values: list[Any]) -> None:
        await self._connection.execute(text(statement), values)


BUS: MessageBus[Command, Sensors, Event] = MessageBus(Command, {Register: register, Read: read})

SENSORS: Service[Command, Event, frozenset[str], Sensors] = Service(
    decode=decode,
    want=want,
    decide=BUS,
    encode=encode,
    repository=PostgresSensors,
)
