"""Secrets that are planted wherever one can stand, and everything that failing runs print."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from python_app_template.cli.app import run
from python_app_template.settings import Settings, SettingsError, explained, load
from tests.forking.services import ForkedService, ForkServer

PLANTED = "pl4nted"
URL = f"postgresql+asyncpg://bob:{PLANTED}@db.invalid:5432/orders"
SASL = {
    "APP_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "APP_KAFKA__SASL_MECHANISM": "PLAIN",
    "APP_KAFKA__SASL_USERNAME": "bob",
    "APP_KAFKA__SASL_PASSWORD": PLANTED,
}


@pytest.fixture(autouse=True)
def _in_an_empty_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


WRONG: Mapping[str, Mapping[str, str]] = {
    "scheme": {"APP_DATABASE__URL": URL.replace("postgresql+asyncpg", "mysql")},
    "no scheme": {"APP_DATABASE__URL": f"bob:{PLANTED}@db/orders"},
    "port": {"APP_DATABASE__URL": URL.replace("5432", "54x2")},
    "large port": {"APP_DATABASE__URL": URL.replace("5432", "99999")},
    "no host": {"APP_DATABASE__URL": f"postgresql+asyncpg://bob:{PLANTED}@/orders"},
    "no database": {"APP_DATABASE__URL": URL.removesuffix("orders")},
    "@ unencoded": {"APP_DATABASE__URL": URL.replace(PLANTED, f"a@{PLANTED}/b@c")},
    "/ unencoded": {"APP_DATABASE__URL": URL.replace(PLANTED, f"a/{PLANTED}")},
    "# unencoded": {"APP_DATABASE__URL": URL.replace(PLANTED, f"a#{PLANTED}")},
    "? unencoded": {"APP_DATABASE__URL": URL.replace(PLANTED, f"a?{PLANTED}")},
    "[ unencoded": {"APP_DATABASE__URL": URL.replace(PLANTED, f"[{PLANTED}")},
    "option": {"APP_DATABASE__URL": f"{URL}?password={PLANTED}"},
    "option's value": {"APP_DATABASE__URL": f"{URL}?sslmode={PLANTED}"},
    "password without login": {"APP_KAFKA__SASL_PASSWORD": PLANTED},
    "key password without encryption": {"APP_KAFKA__SSL_KEY_PASSWORD": PLANTED},
    "login half there": {name: value for name, value in SASL.items() if "USERNAME" not in name},
    "typo in a name": {"APP_KAFKA__SASL_PASSWROD": PLANTED},
    "a section": {"APP_KAFKA": json.dumps({"sasl_password": PLANTED})},
    "no JSON": {"APP_KAFKA__CLIENT": '{"sasl.jaas.password": "' + PLANTED},
    "no object": {"APP_KAFKA__CLIENT": f'["{PLANTED}"]'},
    "no value": {"APP_KAFKA__CLIENT": json.dumps({"ssl.key.pem": [PLANTED]})},
    "guaranteed": {"APP_KAFKA__CLIENT": json.dumps({"acks": 1, "ssl.keystore.password": PLANTED})},
    "elsewhere": {"APP_KAFKA__CLIENT": json.dumps({"sasl.password": PLANTED})},
    "servers": {"APP_KAFKA__BOOTSTRAP_SERVERS": f"bob:{PLANTED}@broker"},
    "with others wrong": {"APP_DATABASE__URL": URL, "APP_HTTP__PORT": "x", **SASL},
    "refused by librdkafka": {**SASL, "APP_KAFKA__CLIENT": json.dumps({"no.such.property": "x"})},
    "refused value": {"APP_KAFKA__CLIENT": json.dumps({"ssl.key.pem": PLANTED}), "APP_KAFKA__SECURITY_PROTOCOL": "SSL"},
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_settings_are_told_without_secrets(
    fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"APP_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", **WRONG[fault]}.items():
        monkeypatch.setenv(name, value)
    code = run(["topics"])
    out, err = capsys.readouterr()
    assert code in {2, 3}, err
    assert err
    assert "Traceback" not in err
    assert PLANTED not in out + err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", f"database.url:{URL}", "settings"],
        ["--set", PLANTED, "settings"],
        ["--set", f"kafka.sasl_passwrod={PLANTED}", "settings"],
        ["--set", f"database.url=mysql://bob:{PLANTED}@h/d", "settings"],
        ["--set", f"kafka.client={{{PLANTED}", "settings"],
    ],
    ids=["colon", "no name", "typo", "scheme", "no JSON"],
)
def test_wrong_options_are_told_without_secrets(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert PLANTED not in out + err


FILES = {
    "tabs": f"kafka:\n\tsasl_password: {PLANTED}\n",
    "not closed": f'database: {{url: "{URL}',
    "colons": f"database: url: {URL}\n",
    "a list": f"kafka:\n  sasl_password: [{PLANTED}]\n",
    "a mapping": f"database:\n  url: {{{PLANTED}: {PLANTED}}}\n",
    "own tag": f"kafka:\n  sasl_password: !{PLANTED} x\n",
    "alias": f"kafka:\n  sasl_password: *{PLANTED}\n",
    "tag": f"kafka:\n  sasl_password: !!python/object/apply:os.system [{PLANTED}]\n",
    "control": f"kafka:\n  sasl_password: {PLANTED}\x07\n",
    "flat": f"kafka: {PLANTED}\n",
    "text": PLANTED,
}


@pytest.mark.parametrize("fault", FILES)
def test_a_wrong_settings_file_is_told_without_secrets(
    fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.yaml").write_text(FILES[fault])
    monkeypatch.setenv("APP_CONFIG_FILE", str(tmp_path / "some.yaml"))
    assert run(["settings"]) == 2
    out, err = capsys.readouterr()
    assert err
    assert PLANTED not in out + err


def test_settings_that_are_right_show_no_secret_anywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = {"ssl.keystore.password": PLANTED, "sasl.oauthbearer.config": f"secret={PLANTED}", "ssl.key.pem": PLANTED}
    given = {**SASL, "APP_DATABASE__URL": URL, "APP_KAFKA__SSL_KEY_PASSWORD": PLANTED}
    for name, value in {**given, "APP_KAFKA__CLIENT": json.dumps(client)}.items():
        monkeypatch.setenv(name, value)
    settings = load()
    shown = [repr(settings), str(settings), f"{settings.kafka!r}{settings.database!r}", settings.model_dump_json()]
    shown += [repr(settings.model_dump()), repr(explained(settings)), repr(vars(settings.kafka))]
    assert run(["settings", "--json"]) == run(["settings"]) == 0
    assert PLANTED not in "".join([*shown, *capsys.readouterr()])
    assert settings.database.url.get_secret_value() == URL
    assert settings.kafka.client_properties()["ssl.key.pem"] == PLANTED


def test_neither_errors_nor_what_led_to_them_hold_a_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"database.url": URL.replace("5432", "x"), "kafka.sasl_password": PLANTED})
    assert PLANTED not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValidationError) as invalid:
        Settings.model_validate({"kafka": {"sasl_password": [PLANTED]}, "database": {"url": 7}})
    assert PLANTED not in f"{invalid.value}{invalid.value!r}"


@pytest.mark.servers
@pytest.mark.parametrize("style", ["json", "console"])
def test_a_run_that_fails_for_a_wrong_password_shows_none(
    settings: Settings, tmp_path: Path, forks: ForkServer, style: str
) -> None:
    url = make_url(settings.database.url.get_secret_value()).set(password=PLANTED)
    wrong = {
        "APP_DATABASE__URL": url.render_as_string(hide_password=False),
        "APP_KAFKA__CLIENT": json.dumps({"sasl.oauthbearer.config": f"principal={PLANTED}"}),
        "APP_PREFLIGHT__WAIT_SECONDS": "0",
        "APP_LOG__LEVEL": "DEBUG",
        "APP_LOG__FORMAT": style,
    }
    process = ForkedService(forks, settings, tmp_path, **wrong)
    try:
        assert process.start().wait() == 3, process.explain()
    finally:
        process.close()
    assert "password authentication failed" in process.log()
    assert PLANTED not in process.log()
