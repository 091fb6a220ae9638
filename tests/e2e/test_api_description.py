"""The running API against its own description: all that it allows and some that it does not, by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch
from tests.e2e.test_api import JWT, token
from tests.processes import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLES = 30
"""For each operation; many more by hand: `schemathesis run`, as below."""


def test_the_api_is_as_it_is_described(launch: Launch, tmp_path: Path) -> None:
    service = launch("api", APP_ROLES="api,worker,relay", **JWT).until_ready()
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{service.port}/openapi.json"),
        *("--header", f"Authorization: Bearer {token()}", "--max-examples", str(EXAMPLES), "--continue-on-failure"),
        *("--checks", "all", "--no-color", "--seed", "7", "--request-timeout", "40"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.e2e.description_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert not [line for line in service.lines() if line["level"] == "error"]
