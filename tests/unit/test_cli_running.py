"""How the service is started as a process of its own."""

import pytest

from python_app_template.cli.running import environment_of
from python_app_template.settings import load
from python_app_template.settings.faults import variable

GIVEN = {
    "auth.mode": "jwt",
    "auth.issuer": "i",
    "auth.audience": "a",
    "auth.secret": "a secret of thirty-two bytes, or more",
    "auth.algorithms": "HS256",
    "redis.url": "redis://:password@127.0.0.1:6379/0",
    "roles": "worker,relay,api",
}


def test_a_process_is_led_to_the_same_settings_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KAFKA__GROUP_ID", "somebody-elses")
    settings = load(GIVEN | {"kafka.group_id": "ours"})
    environment = environment_of(settings)
    monkeypatch.delenv("APP_KAFKA__GROUP_ID")
    for name, value in environment.items():
        if name.startswith("APP_"):
            monkeypatch.setenv(name, value)
    again = load()
    assert again.auth == settings.auth
    assert (again.redis, again.roles, again.kafka) == (settings.redis, settings.roles, settings.kafka)
    assert environment[variable(("auth", "secret"))] == GIVEN["auth.secret"]
