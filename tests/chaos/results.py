"""What came out for those who ask: commands' statuses, stock in Redis, mails. Gathered from outside."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import httpx

from python_app_template.audit.evidence import Evidence, Record
from python_app_template.cli.app import run
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings
from tests.chaos.answers import Answers, Outcome, Write, unkept
from tests.chaos.arena import RECIPIENTS, Arena, Field
from tests.chaos.letters import Line, Mail, digest_of, out_of_stock, untold
from tests.chaos.tally import Tally
from tests.clients import World
from tests.command_line import given
from tests.forking.services import ForkedService
from tests.processes import START_SECONDS, wait_until
from tests.sql import run_sql

FOLLOW_SECONDS = 60
"""For the copy to come to the versions that the tables have."""

FIRST = 5
"""Of each kind, so many are told of; the rest follows from them."""

FAILED = """
SELECT coalesce(json_agg(json_build_object('content', convert_from(content, 'UTF8'), 'refused', refused)), '[]')
FROM digests WHERE state = 'failed'
"""


def first_notifier(arena: Arena, ground: Field, directory: Path) -> Mapping[int, int]:
    """Start the notifier for the first time, without faults; return the offsets from which on people are to be told."""
    service = ForkedService(
        arena.forks, ground.direct, directory, "first-notifier", **ground.variables, APP_ROLES="notifier"
    )
    try:
        service.start().until_ready()
        begun = service.lines("digests.begun")[0]["offsets"]
        assert service.terminate() == 0, service.explain()
    finally:
        service.close()
    return {int(partition): offset for partition, offset in begun.items()}


def command_answers(arena: Arena, ground: Field, directory: Path, writes: Sequence[Write]) -> Answers:
    """Ask a process that has just started for each command that somebody was given."""
    ids = [write.command_id for write in writes if write.outcome is Outcome.ACKNOWLEDGED]
    service = ForkedService(arena.forks, ground.direct, directory, "answers", APP_ROLES="api", APP_AUTH__MODE="none")
    try:
        service.start().until_ready()
        with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=START_SECONDS) as client:
            answers = {ref: client.get(f"/v1/commands/{ref}").json() for ref in ids}
        assert service.terminate() == 0, service.explain()
    finally:
        service.close()
    return answers


def views_verified(settings: Settings) -> tuple[int, list[dict[str, Any]], str]:
    """Return what `views verify` ends with, shows, and says."""
    redis = [f"--set=redis.url={settings.redis.url.get_secret_value()}", f"--set=redis.prefix={settings.redis.prefix}"]
    command = [*given(settings), *redis, "views", "verify", f"--wait={FOLLOW_SECONDS}", "--json"]
    out = BytesIO()  # rows are written as bytes
    with redirect_stdout(TextIOWrapper(out, write_through=True)), redirect_stderr(StringIO()) as said:
        code = run(command)
        return code, [json.loads(line) for line in out.getvalue().splitlines()], said.getvalue()


def differences(settings: Settings, seconds: float) -> Iterator[str]:
    """Wait until there is a copy of stock to be read, and hold it against the tables."""
    found: list[tuple[int, list[dict[str, Any]], str]] = []

    def is_there() -> bool:
        found.append(views_verified(settings))
        return found[-1][0] != ExitCode.PREFLIGHT

    wait_until(is_there, seconds, lambda: f"views verify: {found[-1]}")
    code, rows, said = found[-1]
    if code != ExitCode.STOPPED or rows[-1]["moving"] or not rows[-1]["equal"]:
        yield from (f"views verify, exit {code}: {one}" for one in [*rows[-FIRST:], said])


class Results:
    """What a round left for those who ask and those who are told."""

    def __init__(self, arena: Arena, ground: Field, directory: Path, begun: Mapping[int, int]) -> None:
        self._arena, self._ground, self._directory, self._begun = arena, ground, directory, begun
        self._views: list[str] = []

    def wait(self) -> None:
        """Let the copy of stock follow and the mails arrive, while processes still run; what does not is told later."""
        try:
            self._views = [*differences(self._ground.direct, FOLLOW_SECONDS)]
        except AssertionError as never:
            self._views = [str(never)]
        lines = out_of_stock([Record(*event) for event in World(self._ground.direct).all_events()])
        with suppress(AssertionError):
            wait_until(lambda: not self._untold(lines), FOLLOW_SECONDS)

    def wrong(self, evidence: Evidence, writes: Sequence[Write], tally: Tally) -> list[str]:
        """Hold it all against the evidence, and count it; return a line for each of the first violations."""
        answers = command_answers(self._arena, self._ground, self._directory, writes)
        lines = out_of_stock(evidence.events)
        tally.answers, tally.mails = counted(writes, answers), self._counted(lines)
        promises = [*unkept(writes, evidence.messages, evidence.dead_letters, answers)]
        return [*self._views, *promises[:FIRST], *self._untold(lines)[:FIRST]]

    def _untold(self, lines: Sequence[Line]) -> list[str]:
        arrived = [Mail(mail.recipients, mail.content) for mail in [*self._arena.mail.mails]]
        return untold(lines, self._begun, RECIPIENTS, [*arrived, *self._refused()])

    def _refused(self) -> list[Mail]:
        kept = json.loads(run_sql(self._ground.database_url, FAILED))
        return [Mail([*one["refused"]], one["content"].encode()) for one in kept]

    def _counted(self, lines: Sequence[Line]) -> Counter[str]:
        ids = Counter(digest_of(mail.content)[0] for mail in self._arena.mail.mails)
        arrived, again = ids.total(), ids.total() - len(ids)
        refused = len(self._refused())
        return Counter({"arrived": arrived, "of them again": again, "refused for good": refused, "lines": len(lines)})


def counted(writes: Sequence[Write], answers: Answers) -> Counter[str]:
    """Return how often writes were answered with what, and what became of them."""
    statuses = (answers.get(write.command_id, {}).get("status", "") for write in writes)
    return Counter(f"{write.outcome} {status}".strip() for write, status in zip(writes, statuses, strict=True))
