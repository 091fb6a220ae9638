"""`python -m python_app_template` when it does not come to serving."""

import json
import os
import subprocess
import sys

import pytest


def start(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run it to its end; return the exit code, what it logged, what it said."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
    command = [sys.executable, "-m", "python_app_template", *arguments]
    done = subprocess.run(
        command, env=bare | {"APP_HTTP__PORT": "0"} | variables, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_arguments_are_refused_and_who_takes_them_is_named() -> None:
    said = "no arguments are taken here, not '--nope'; use: python-app-template serve --nope\n"
    assert start("--nope") == (2, "", said)


@pytest.mark.parametrize("client", ['{"no.such.property": 1}', '{"linger.ms": "abc"}'])
def test_a_property_that_librdkafka_refuses_is_a_wrong_setting(client: str) -> None:
    code, log, _ = start(APP_KAFKA__CLIENT=client)
    assert code == 2
    assert "APP_KAFKA__CLIENT" in log
    assert "Traceback" not in log


IMPORTED = """
import gc, json, sys
before = sum(generation["collections"] for generation in gc.get_stats())
import python_app_template.__main__
after = sum(generation["collections"] for generation in gc.get_stats())
print(json.dumps([after - before, gc.isenabled(), gc.get_freeze_count() > 0, sorted(sys.modules)]))
"""


def test_importing_the_service_is_quick() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=60)
    collections, enabled, frozen, modules = json.loads(done.stdout)
    assert collections <= 2  # before the module began; with the collector on there were 250
    assert enabled
    assert frozen
    foreign = {"aiosmtplib", "alembic", "ariadne", "httpx", "jinja2", "jwt", "limits", "litestar", "redis", "typer"}
    assert foreign.isdisjoint(modules), "a worker needs none of what other roles and the command line bring along"
