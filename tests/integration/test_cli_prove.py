"""`prove` as a person runs it, on a few failpoints: a process of its own, and nothing left of it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.command_line import SCRIPT, bare_environment

pytestmark = [pytest.mark.servers, pytest.mark.slow]

POINTS = ("relay.frames_produced", "replay.committed", "worker.before_release", "worker.committed")


@pytest.mark.timeout(240)  # some 25 s, and many times that on a machine that has other things to do
def test_a_worker_and_a_relay_are_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    environment = bare_environment() | {"TMPDIR": str(tmp_path), "APP_KAFKA__BOOTSTRAP_SERVERS": "production.example:9"}
    command = [*SCRIPT, "prove", "--json", "--seed", "5", "--points", ",".join(POINTS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=220, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    killed = {row["point"]: row["deaths"] for row in rows if row["kind"] == "killed"}
    assert {point: [one["point"] for one in deaths] for point, deaths in killed.items()} == {
        point: [point] for point in POINTS
    }
    certificate = rows[-1]
    assert {name: certificate[name] for name in ("lost", "doubled", "disordered", "violations", "not_reached")} == {
        "lost": 0,
        "doubled": 0,
        "disordered": 0,
        "violations": 0,
        "not_reached": [],
    }
    assert sum(certificate["events"].values()) > sum(certificate["sent"].values()) > 200
    assert certificate["returned"] > 10, "who died had returned some"
    assert (certificate["deaths"], certificate["holds"], done.returncode, done.stderr) == (4, True, 0, "")
    assert list(tmp_path.iterdir()) == []
