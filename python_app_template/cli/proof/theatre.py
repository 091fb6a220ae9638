"""Carries the plan out: two processes that die side by side while the load goes on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

from python_app_template.cli.proof.plan import RELAY, REPLAY, WORKER, Kill, Prompt, plan
from python_app_template.cli.proof.victim import Death, GivenUpError, NotReachedError, Victim
from python_app_template.cli.running import STOP_SECONDS

ASSIGNED, CONSUMED = "app_assigned_partitions", "app_messages_consumed_total"


class Killed(NamedTuple):
    """What came of one kill: the deaths that it took; `fault` says why the failpoint was not reached."""

    kill: Kill
    deaths: Sequence[Death]
    fault: str | None = None


Tell: TypeAlias = Callable[[Killed], None]


class Theatre:
    """A worker and a relay, each in a process of its own; what they die of is told one after the other."""

    def __init__(self, worker: Victim, relay: Victim, partitions: int, points: Sequence[str]) -> None:
        self._worker, self._relay, self._partitions = worker, relay, partitions
        self._kills = plan(points)
        self.replays = self._kills[REPLAY]
        """What is left for later: replays die when there are dead letters, and nothing else dies any more."""
        self._rebalances = [kill for kill in self._kills[WORKER] if kill.prompt is Prompt.REBALANCE]
        self._told: SimpleQueue[Killed] = SimpleQueue()

    @contextmanager
    def playing(self) -> Iterator[Future[None]]:
        """Kill both in threads of their own; the future is done when no kill is left. Leaving early gives up."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(self._play)
            try:
                yield done
            finally:
                if not done.done():
                    self._give_up()

    def told(self) -> Iterator[Killed]:
        """Yield what has happened since the last call."""
        while not self._told.empty():
            yield self._told.get()

    def check(self) -> None:
        """Raise CommandFailed if a process that should live has ended."""
        self._worker.service.check()
        self._relay.service.check()

    def close(self) -> None:
        """Stop both, the worker first: the relay publishes what is committed. Raises CommandFailed."""
        self._worker.stop()
        self._relay.stop()

    def _play(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            side_by_side = [kill for kill in self._kills[WORKER] if kill not in self._rebalances]
            acts = [
                pool.submit(self._kill_all, self._worker, WORKER, side_by_side),
                pool.submit(self._kill_all, self._relay, RELAY, self._kills[RELAY]),
            ]
            if any(act.exception() for act in wait(acts, return_when=FIRST_EXCEPTION).done):
                self._give_up()
        for act in sorted(acts, key=lambda act: isinstance(act.exception(), GivenUpError)):
            act.result()
        for kill in self._rebalances:
            self._rebalance(kill)

    def _kill_all(self, victim: Victim, role: str, kills: Sequence[Kill]) -> None:
        for kill in kills:
            self._told.put(self._killed(victim, role, kill))
        victim.start(role)  # and stays: the other one still needs it

    def _killed(self, victim: Victim, role: str, kill: Kill) -> Killed:
        deaths: list[Death] = []
        try:
            while len(deaths) < kill.lives:
                victim.start(role, kill.setting)
                if kill.prompt is Prompt.STOP:
                    self._await_work(victim)
                    victim.ask_to_stop()
                deaths.append(victim.die(kill))
                if deaths[-1].point == kill.point:
                    return Killed(kill, deaths)
        except NotReachedError as fault:
            return Killed(kill, deaths, str(fault))
        return Killed(kill, deaths, f"{kill.point} was not reached in {kill.lives} lives")

    def _rebalance(self, kill: Kill) -> None:
        """Kill the worker that has everything, when the other process becomes a second one and takes some of it."""
        self._worker.stop()
        self._worker.start(WORKER, kill.setting)
        self._await_work(self._worker)
        self._relay.stop()
        self._relay.start(f"{WORKER},{RELAY}")
        try:
            self._told.put(Killed(kill, [self._worker.die(kill)]))
        except NotReachedError as fault:
            self._told.put(Killed(kill, [], str(fault)))
        self._worker.start(WORKER)

    def _await_work(self, victim: Victim) -> None:
        """Wait until it has all partitions and has done something, or is dead."""

        def at_work() -> bool:
            metric = victim.service.metric
            return victim.has_ended() or (metric(ASSIGNED) == self._partitions and metric(CONSUMED) > 0)

        if not victim.wait(at_work, STOP_SECONDS):
            raise victim.service.fault(f"had {STOP_SECONDS:g} s for all partitions and some messages")

    def _give_up(self) -> None:
        for victim in (self._worker, self._relay):
            victim.given_up.set()
