"""A round: load with faults falling in, then quiet until everything is through, then the contract held against it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from confluent_kafka import KafkaException
from redis import RedisError

from python_app_template.audit.evidence import Evidence
from python_app_template.embedded import EmbeddedKafka
from tests.chaos.arena import Arena, Field, field
from tests.chaos.asked_faults import SCRIPT, MailFaults, RedisFaults
from tests.chaos.asking import Asking
from tests.chaos.diagnosis import diagnosis
from tests.chaos.evidence import errors_raised, failpoints_hit, gathered, halted, wrong
from tests.chaos.fleet import Fleet
from tests.chaos.foreign_faults import ForeignFaults
from tests.chaos.link_faults import LinkFaults
from tests.chaos.load import Load
from tests.chaos.log_faults import LogFaults
from tests.chaos.progress import AWAY, Progress
from tests.chaos.results import Results, first_notifier
from tests.chaos.schedule import Fault, Plan
from tests.chaos.server_faults import BrokerFaults, ClockFaults, PostgresFaults, ProcessFaults
from tests.chaos.sql_faults import SqlFaults
from tests.chaos.tally import Recovery, Struck, Tally
from tests.clients import World
from tests.processes import wait_until

QUIET_SECONDS = 120.0
FULL_QUIET_SECONDS = 900.0
"""At full speed: where processes have died, thousands of messages go one by one, and failpoints strike at each."""
RESTARTED_SECONDS = 60.0
UNDONE = (*AWAY, KafkaException, RedisError)
"""What a fault meets when another one was there first: it is not counted."""


class Round:
    """One plan on topics and a database of its own."""

    def __init__(self, arena: Arena, plan: Plan) -> None:
        self._arena, self._plan = arena, plan
        self.directory = arena.directory / f"{plan.seed}-{plan.number}"
        self._quiet = FULL_QUIET_SECONDS if plan.full_speed else QUIET_SECONDS
        self._struck: list[Struck] = []
        self._log_began = 0

    def play(self, least: int = 0) -> Tally:
        """Return what happened; the load goes on beyond the plan until there were at least so many faults."""
        self.directory.mkdir(parents=True)
        self._log_began = self._arena.postgres.log.stat().st_size
        began = time.time()
        with ExitStack() as stack:
            ground = stack.enter_context(field(self._arena))
            sql, log = SqlFaults(ground.database_url), LogFaults(ground.direct)
            self._compact(log)
            begun = first_notifier(self._arena, ground, self.directory)
            progress = stack.enter_context(Progress(ground.direct))
            fleet = stack.enter_context(Fleet(self._arena, ground, self._plan, self.directory))
            asking = Asking(self._plan, fleet.members)
            load = Load(ground.direct, self._plan, lambda: progress.consumed() - asking.acknowledged)
            load.start()
            asking.start()
            self._strike(ground, fleet, sql, log)
            wait_until(lambda: self._so_far() >= least, self._quiet, lambda: f"{self._so_far()} of {least} faults")
            self._recover(progress)
            asking.stop()
            load.stop()
            sql.clear()
            findings = settle(ground, self._arena.kafka, progress, fleet, self._quiet)
            told = Results(self._arena, ground, self.directory, begun)
            told.wait()
            fleet.stop()
            evidence = log.whole(gathered(ground.direct))
            tally = self._count(progress, evidence, fleet)
            tally.violations = [*wrong(evidence), *told.wrong(evidence, asking.writes, tally)]
        tally.findings = [*findings, *fleet.findings, *halted(self.directory)]
        tally.seconds = time.time() - began
        return tally

    def _compact(self, log: LogFaults) -> None:
        if self._plan.compacted:
            start = time.time()
            self._struck += [Struck("log.compacted", start, time.time())] * log.compacted(self._plan)

    def _strike(self, ground: Field, fleet: Fleet, sql: SqlFaults, log: LogFaults) -> None:
        """Let all faults happen, each lane's and target's one after the other, and all that beside each other."""
        arena, began = self._arena, time.monotonic()
        hands: Mapping[str, object] = {
            "process": ProcessFaults(fleet),
            "clock": ClockFaults(fleet),
            "postgres": PostgresFaults(arena.postgres),
            "broker": BrokerFaults(arena.kafka),
            "sessions": sql,
            "log": log,
            "postgres_link": LinkFaults(arena.network, arena.postgres_link),
            "kafka_link": LinkFaults(arena.network, arena.kafka_link),
            "redis": RedisFaults(arena.redis),
            "redis_link": LinkFaults(arena.network, arena.redis_link, SCRIPT),
            "mail": MailFaults(arena.network, arena.mail_link, arena.mail),
            "foreign": ForeignFaults(ground.direct),
        }

        def run(lane: Sequence[Fault]) -> None:
            for fault in lane:
                threading.Event().wait(max(0.0, began + fault.at - time.monotonic()))
                _, _, name = fault.kind.rpartition(".")
                strike = getattr(hands[fault.lane], "raised" if fault.kind.startswith("sqlstate.") else name)
                with suppress(*UNDONE):
                    start = time.time()
                    times = strike(fault)
                    self._struck += [Struck(fault.kind, start, time.time())] * times

        lanes = [*by_target(self._plan.faults)]
        with ThreadPoolExecutor(max(1, len(lanes))) as pool:
            for done in [pool.submit(run, lane) for lane in lanes]:
                done.result()
        threading.Event().wait(max(0.0, began + self._plan.seconds - time.monotonic()))  # failpoints need no hand

    def _recover(self, progress: Progress) -> None:
        """Let the load go on after the last fault until all has moved on; what never does is told of later."""
        last = time.time()
        comes_true(lambda: progress.recovered(last) is not None, self._quiet)

    def _so_far(self) -> int:
        return len(self._struck) + sum(1 for _ in failpoints_hit(self.directory)) + sum(1 for _ in self._raised())

    def _raised(self) -> Iterator[Struck]:
        return errors_raised(self._arena.postgres.log, self._log_began)

    def _count(self, progress: Progress, evidence: Evidence, fleet: Fleet) -> Tally:
        hits, raised = [*failpoints_hit(self.directory)], [*self._raised()]
        tally = Tally([self._plan.seed], 1, messages=len(evidence.messages), events=len(evidence.events))
        tally.failpoints, tally.ends = Counter(name for name, _ in hits), fleet.ends
        others = self._struck + raised
        for struck in [*others, *(hit for _, hit in hits)]:
            tally.faults[struck.kind] += 1
            if (recovered := progress.recovered(struck.ended)) is not None:
                whole = struck._replace(ended=recovered)
                alone = sum(whole.overlaps(other) for other in others) <= (struck in others)
                seconds = round(recovered - struck.ended, 3)
                tally.recoveries.setdefault(struck.kind, []).append(Recovery(seconds, alone))
        return tally


def by_target(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Return the faults of each target of each lane, in their order."""
    for lane, target in sorted({(fault.lane, fault.target) for fault in faults}):
        yield [fault for fault in faults if (fault.lane, fault.target) == (lane, target)]


def settle(ground: Field, broker: EmbeddedKafka, progress: Progress, fleet: Fleet, seconds: float) -> list[str]:
    """Wait until all that was sent is consumed and published; return what keeps it.

    What a start of the broker cures was the broker's: it may keep members of a group that are long gone.
    """
    messages = World(ground.direct).read_to_end(ground.direct.kafka.input_topic)
    ends = {m.partition: m.offset + 1 for m in sorted(messages)}

    def through() -> bool:
        positions, pending = progress.standing
        return pending == 0 and all(positions.get(number, -1) >= end for number, end in ends.items())

    findings = []
    if not comes_true(through, seconds):
        findings.append(f"not through within {seconds:g} s: {progress.standing}, sent up to {ends}")
        findings += diagnosis(ground.direct, fleet)
        broker.restart()
        cured = comes_true(through, RESTARTED_SECONDS)
        findings.append(f"with the broker started again it is {'' if cured else 'not '}through: {progress.standing}")
    return findings


def comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for it; whether it came."""
    with suppress(AssertionError):
        wait_until(condition, seconds)
    return condition()


def keep(directory: Path, tally: Tally) -> None:
    """Leave the logs of a round that has something wrong, and drop the others."""
    if tally.violations or tally.findings:
        (directory / "wrong.txt").write_text("\n".join([*tally.violations, *tally.findings]))
        return
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()
