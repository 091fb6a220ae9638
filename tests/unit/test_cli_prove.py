"""The proof can fail: what was not reached, lost, doubled or out of order is told, and no certificate covers it."""

import json
import os
import sys
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import pytest

from python_app_template.adapters.dead_letters import ATTEMPTS, RETURNED_FROM
from python_app_template.adapters.wire.messages import BODIES
from python_app_template.audit.evidence import Cut, Evidence, Log, Record
from python_app_template.cli.faults import CommandFailed
from python_app_template.cli.proof.certificate import Certificate, Witness
from python_app_template.cli.proof.plan import KILLED, RELAY, REPLAY, WORKER, Kill, Prompt, plan
from python_app_template.cli.proof.theatre import Killed
from python_app_template.cli.proof.verdict import Verdict, judge
from python_app_template.cli.proof.victim import Death, NotReachedError, Victim
from python_app_template.cli.prove import named
from python_app_template.cli.story.stream import Stream
from python_app_template.embedded.process import ServerProcess
from python_app_template.exit_codes import ExitCode
from python_app_template.service import SERVICE
from python_app_template.settings.failpoints import PLACES, Term, parse

ATTEMPTED = ((ATTEMPTS, b"1"),)
CLEAN = Verdict(12, {"batch.created": 12}, {"invalid": 1}, 2, 5, 0, 0, 0, ())
DEATH = Death("relay.led", 77, 1.5)


def certificate(*killed: Killed, verdict: Verdict = CLEAN) -> Certificate:
    return Certificate(7, killed or (Killed(Kill("relay.led"), [DEATH]),), {"order.placed": 10}, verdict, 60.0)


# --- The plan


def test_every_failpoint_is_in_the_plan_once_in_the_process_of_its_role() -> None:
    kills = plan()
    assert sorted(kill.point for role in kills.values() for kill in role) == sorted(KILLED)
    roles = {role: {kill.role for kill in found} for role, found in kills.items()}
    assert roles == {role: {role} for role in (WORKER, RELAY, REPLAY)}
    assert {*KILLED} == {name for name in PLACES if name.startswith(("worker.", "relay.", "replay."))}


def test_a_database_is_new_when_its_first_cursor_is_written_and_a_rebalance_comes_last() -> None:
    kills = plan()
    assert kills[RELAY][0].point == "relay.before_started"
    assert kills[WORKER][-1].prompt is Prompt.REBALANCE


def test_what_is_set_ends_the_process_at_the_point_and_nowhere_else_but_on_the_way_there() -> None:
    for role in plan().values():
        for kill in role:
            points = parse(kill.setting)
            assert points[kill.point][-1] == Term("crash", times=1)
            assert sum(term.times or 0 for term in points[kill.point]) == kill.nth
            assert set(points) == {kill.point, *filter(None, [kill.until])}


def test_some_points_alone_are_planned_if_asked_for() -> None:
    kills = plan(["relay.led", "worker.begun"])
    assert [kill.point for role in kills.values() for kill in role] == ["worker.begun", "relay.led"]


def test_a_point_that_there_is_not_is_one_line_and_exit_code_2() -> None:
    with pytest.raises(CommandFailed, match=r"no failpoint 'worker\.begn'; there are worker\.assigned") as caught:
        named("relay.led,worker.begn")
    assert caught.value.code == ExitCode.SETTINGS


# --- The stream


def test_the_same_seed_makes_the_same_stream() -> None:
    assert [*islice(Stream(4), 500)] == [*islice(Stream(4), 500)]
    assert [*islice(Stream(4), 500)] != [*islice(Stream(5), 500)]


def test_the_stream_has_every_type_duplicates_of_each_and_every_reason_but_failed() -> None:
    stream = Stream(0)
    sent = [*islice(stream, 5000)]
    assert sum(stream.kinds.values()) == 5000
    assert set(stream.kinds) == {*BODIES, "sent again", *SERVICE.dead_letter_reasons} - {"failed"}
    again = [one.value or b"" for one in sent if one.kind == "sent again"]
    for name in BODIES:
        assert any(value.startswith(f'{{"type":"{name}"'.encode()) for value in again), name


# --- The death

HIT = """print('{"event": "failpoint.hit", "point": "relay.led", "action": "crash"}', flush=True);"""
DELAYED = """print('{"event": "failpoint.hit", "point": "relay.led", "action": "delay"}', flush=True);"""
SIGKILL = "import os; os.kill(os.getpid(), 9)"


def death(script: str) -> Death:
    """What is said of a process that runs this script."""
    process = ServerProcess("Victim")
    try:
        process.run([sys.executable, "-c", script], os.environ)
        return Victim(process, 0, {}).die(Kill("relay.led"))
    finally:
        process.close()


def test_a_death_is_one_when_log_and_kernel_say_the_same() -> None:
    assert death(f"{HIT} {SIGKILL}").point == "relay.led"


@pytest.mark.parametrize("script", [SIGKILL, f"{HIT} raise SystemExit(1)", HIT, f"{DELAYED} {SIGKILL}"])
def test_a_process_that_ends_in_another_way_did_not_reach_its_failpoint(script: str) -> None:
    with pytest.raises(NotReachedError, match=r"relay\.led was not reached: the process ended with"):
        death(script)


# --- The verdict


def event(sku: str, version: int) -> Record:
    value = msgspec.json.encode({"type": "batch.created", "sku": sku, "version": version})
    return Record(0, version, sku.encode(), value)


@pytest.mark.parametrize(
    ("versions", "lost", "doubled", "disordered"),
    [((1, 2, 3), 0, 0, 0), ((1, 3), 1, 0, 0), ((1, 2, 2), 0, 1, 0), ((2, 1, 3), 0, 0, 1), ((3, 3), 2, 1, 0)],
)
def test_versions_tell_what_is_lost_doubled_and_out_of_order(
    versions: tuple[int, ...], lost: int, doubled: int, disordered: int
) -> None:
    verdict = judge(counted(*versions))
    assert (verdict.lost, verdict.doubled, verdict.disordered) == (lost, doubled, disordered)


def counted(*versions: int) -> Evidence:
    records = [event("A", version)._replace(offset=n) for n, version in enumerate(versions)]
    return Evidence(messages=[], events=records)


def test_what_is_left_to_be_applied_or_published_is_lost() -> None:
    """The cut would let it pass: of a live service it is only not yet done."""
    evidence = Evidence(messages=[], events=[], cut=Cut({0: 7, 1: 9}), message_log=Log(ends={0: 7, 1: 12}))
    assert judge(evidence, pending=2).violations == [
        "lost: 3 messages were not applied",
        "lost: 2 records were committed and not published",
    ]
    through = replace(evidence, cut=Cut({0: 7, 1: 12}))
    assert judge(through).is_clean


def test_a_message_without_an_effect_is_a_violation() -> None:
    message = Record(0, 0, b"b", b'{"type":"batch.created","batch_ref":"b","sku":"A","qty":5,"eta":null}')
    verdict = judge(Evidence(messages=[message], events=[]))
    assert (verdict.messages, verdict.is_clean) == (1, False)
    assert "batch.created" in verdict.violations[0]


def test_a_dead_letter_that_was_not_returned_is_lost_and_one_that_was_twice_is_doubled() -> None:
    letters = [Record(0, n, b"k", b"{", ATTEMPTED if n == 3 else ()) for n in range(4)]
    back = [
        Record(1, n, b"k", b"{", ((RETURNED_FROM, b"raw-push.dlq/0/%d" % at),)) for n, at in enumerate((0, 2, 2, 3))
    ]
    evidence = Evidence(messages=back, events=[], dead_letters=letters)
    verdict = judge(evidence, replayed=True)
    assert verdict.returned == 4
    assert verdict.violations[:3] == [
        "lost: dead letter 0:1 was not returned",
        "doubled: dead letter 0:2 was returned 2 times",
        "doubled: dead letter 0:3 was returned 1 times",
    ]
    assert not any("returned" in line for line in judge(evidence).violations)


# --- The certificate


def test_a_certificate_holds_when_all_was_reached_and_nothing_is_wrong() -> None:
    assert certificate().holds


@pytest.mark.parametrize(
    "given",
    [
        certificate(Killed(Kill("relay.led"), [], "relay.led was not reached within 25 s")),
        certificate(verdict=CLEAN._replace(lost=1)),
        certificate(verdict=CLEAN._replace(doubled=1)),
        certificate(verdict=CLEAN._replace(disordered=1)),
        certificate(verdict=CLEAN._replace(violations=["lost: something"])),
        certificate(verdict=CLEAN._replace(messages=11)),
        certificate(verdict=CLEAN._replace(returned=3)),
    ],
)
def test_nothing_that_is_wrong_is_covered(given: Certificate, capsys: pytest.CaptureFixture[str]) -> None:
    assert not given.holds
    Witness(as_json=True).certificate(given)
    rows: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (rows[-1]["kind"], rows[-1]["holds"]) == ("certificate", False)


def test_a_person_reads_what_was_killed_and_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Witness(as_json=False)
    tell.preamble()
    kill = Kill("worker.announced", until="worker.advanced", lives=6)
    tell.killed(Killed(kill, [Death("worker.advanced", 76, 2.0), Death("worker.announced", 77, 1.5)]))
    tell.killed(Killed(Kill("relay.led"), [], "relay.led was not reached within 25 s"))
    tell.certificate(certificate(verdict=CLEAN._replace(violations=["lost: something"])))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "✓ worker.announced SIGKILL to process 77, 1.5 s after its start, after 1 at worker.advanced",
        "✗ relay.led was not reached within 25 s",
        "✗ lost: something",
        "sent 10 messages: order.placed 10",
        "events 12: batch.created 12",
        "lost 0",
        "It does not hold (seed 7, 60 s)",
    ):
        assert line in lines
