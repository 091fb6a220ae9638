import json
import os
import traceback
from pathlib import Path

import pytest
import yaml

from python_app_template.settings import Settings, SettingsError, documents, explained, load
from python_app_template.settings.faults import fields, variable

HIDDEN = "s3cr3t"
URL = f"postgresql+asyncpg://bob:{HIDDEN}@db.example:5433/orders"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def faults(**overrides: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load({name.replace("__", "."): value for name, value in overrides.items()})
    return caught.value.lines


def origin(settings: Settings, name: str) -> tuple[str, str]:
    return next((row.value, row.origin) for row in explained(settings) if row.name == name)


def test_defaults_are_enough() -> None:
    settings = load()
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert settings.kafka.topics == ("raw-push", "allocations", "raw-push.dlq", "allocations.positions")
    assert settings.roles == {"worker", "relay"}
    assert settings.consumer.batch_bytes == 4 * 2**20


def test_every_source_yields_to_the_stronger_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "APP_KAFKA__GROUP_ID"
    found = [origin(load(), name)]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / name.lower()).write_text("of-secrets\n")
    monkeypatch.setenv("APP_SECRETS_DIR", "secrets")
    found.append(origin(load(), name))
    (tmp_path / "some.yaml").write_text("kafka: {group_id: of-file}")
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    found.append(origin(load(), name))
    (tmp_path / ".env").write_text(f"{name}=of-dotenv\nSOMEBODY_ELSES=1\n")
    found.append(origin(load(), name))
    monkeypatch.setenv(name, "of-environment")
    found.append(origin(load(), name))
    found.append(origin(load({"kafka.group_id": "of-command"}), name))
    assert found == [
        ("python-app-template", "default"),
        ("of-secrets", "secrets"),
        ("of-file", "file"),
        ("of-dotenv", ".env"),
        ("of-environment", "environment"),
        ("of-command", "command line"),
    ]


def test_a_section_is_made_of_several_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("APP_KAFKA__INPUT_TOPIC=in\nAPP_CONFIG_FILE=some.yaml\n")
    (tmp_path / "some.yaml").write_text("kafka:\n  output_topic: out\nroles: [relay]\nlog:\n")
    monkeypatch.setenv("app_kafka__group_id", "me")
    settings = load()
    assert settings.kafka.topics == ("in", "out", "raw-push.dlq", "out.positions")
    assert settings.kafka.group_id == "me"
    assert settings.roles == {"relay"}


def test_secret_files_are_found_in_either_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "APP_DATABASE__URL").write_text(URL)
    (tmp_path / "app_kafka__sasl_password").write_text(HIDDEN)
    monkeypatch.setenv("APP_SECRETS_DIR", str(tmp_path))
    settings = load(
        {"kafka.security_protocol": "SASL_SSL", "kafka.sasl_mechanism": "PLAIN", "kafka.sasl_username": "bob"}
    )
    assert settings.database.url.get_secret_value() == URL
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == HIDDEN


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_HTTP__PORT", "")
    assert origin(load(), "APP_HTTP__PORT") == ("8000", "default")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("APP_HTTP__PORT", "70000", "'70000' is not allowed; allowed: integer, 0 to 65535"),
        ("APP_HTTP__PORT", "http", "'http' is not allowed; allowed: integer, 0 to 65535"),
        ("APP_ENVIRONMENT", "live", "'live' is not allowed; allowed: dev, test, prod"),
        ("APP_LOG__LEVEL", "loud", "'LOUD' is not allowed; allowed: DEBUG, INFO, WARNING, ERROR"),
        ("APP_ROLES", "worker,baker", "'baker' is not allowed; allowed: one or more of worker, relay, api"),
        ("APP_KAFKA__INPUT_TOPIC", "a b", "no name for a topic; allowed: 1 to 249 of"),
        ("APP_KAFKA__OUTPUT_TOPIC", "..", "no name for a topic"),
        ("APP_KAFKA__BOOTSTRAP_SERVERS", "ok:1,bad:99999", "'bad:99999' is no host:port"),
        ("APP_CONSUMER__BATCH_SIZE", "0", "'0' is not allowed; allowed: integer, 1 to 100000"),
        ("APP_CONSUMER__BATCH_BYTES", "lots", "'lots' is not allowed; allowed: bytes, also such as 16MiB"),
        ("APP_RETRY__FIRST_SECONDS", "nan", "'nan' is not allowed; allowed: number, more than 0, at most 86400"),
        ("APP_DATABASE__LOCK_TIMEOUT_SECONDS", "0", "'0' is not allowed; allowed: number, more than 0"),
        ("APP_DATABASE__URL", "postgres://h/db", "does not begin with postgresql+asyncpg://"),
        ("APP_DATABASE__URL", "postgresql+asyncpg://h/db?sslmode=require", "asyncpg says ?ssl="),
        ("APP_DATABASE__URL", "postgresql+asyncpg://h/db?pool=3", "has other options than host, port, ssl"),
        ("APP_DATABASE__URL", "postgresql+asyncpg://h:port/db", "no URL"),
        ("APP_DATABASE__URL", "postgresql+asyncpg://bob@h", "names no database"),
        ("APP_DATABASE__URL", "postgresql+asyncpg:///db", "names no host"),
        ("APP_KAFKA__CLIENT", "{", "no JSON: "),
        ("APP_KAFKA__CLIENT", "[]", "no JSON object"),
        ("APP_KAFKA__CLIENT", '{"linger.ms": null}', "the value of 'linger.ms' is no string, number, true or false"),
        ("APP_KAFKA__CLIENT", '{"acks": 1}', "'acks' can not be set: exactly once rests on it"),
        ("APP_KAFKA__CLIENT", '{"ssl.ca.location": "x"}', "setting of its own: APP_KAFKA__SSL_CA_LOCATION"),
        ("APP_KAFKA__GROUPID", "x", "unknown; did you mean APP_KAFKA__GROUP_ID?"),
        ("APP_KAKFA__GROUP_ID", "x", "unknown; did you mean APP_KAFKA__GROUP_ID?"),
        ("APP_KAFKA_GROUP_ID", "x", "unknown; did you mean APP_KAFKA__GROUP_ID?"),
        ("APP_NOPE__THIS", "1", "unknown; docs/configuration.md has all"),
        ("APP_ENVIROMENT", "prod", "unknown; did you mean APP_ENVIRONMENT?"),
        ("APP_KAFKA", "{}", "a section, which takes no value"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    (line,) = faults()
    assert line.startswith(f"{name} (environment): ")
    assert says in line


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_HTTP__PORT", "x")
    monkeypatch.setenv("APP_KAFKA", "x")
    monkeypatch.setenv("APP_KAFKA__TYPO", "x")
    monkeypatch.setenv("APP_DATABASE__POOL_SIZE", "x")
    monkeypatch.setenv("APP_KAFKA__CLIENT", '{"acks": 1, "group.id": "g"}')
    named = sorted(line.split(" ")[0] for line in faults())
    assert named == ["APP_DATABASE__POOL_SIZE", "APP_HTTP__PORT", "APP_KAFKA"] + ["APP_KAFKA__CLIENT"] * 2 + [
        "APP_KAFKA__TYPO"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kafka: 5\nhttp: {port: x}", {": no mapping below kafka", "APP_HTTP__PORT (file)"}),
        ("kafka: [", {"some.yaml, line 1: no YAML"}),
        ("kafka: [1]\ndrain: x\nlog: {level: LOUD}", {": no mapping below kafka, drain", "APP_LOG__LEVEL (file)"}),
    ],
)
def test_what_is_wrong_with_a_file_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, says: set[str]
) -> None:
    """And a login that may be complete in there is not called half there."""
    (tmp_path / "some.yaml").write_text(text)
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    monkeypatch.setenv("APP_DATABASE__POOL_SIZE", "x")
    monkeypatch.setenv("APP_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("APP_SECRETS_DIR", "nowhere")
    lines = faults()
    for said in {"APP_DATABASE__POOL_SIZE (environment)", "APP_SECRETS_DIR: ", *says}:
        assert [said for line in lines if said in line] == [said], lines
    assert len(lines) == len(says) + 2


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "APP_TEST_KAFKA",
        "APP_PORT",
        "APP_SERVICE_HOST",
        "APP_PORT_8000_TCP_ADDR",
        "APPLE__PIE",
        "MYAPP_PORT",
    ):
        monkeypatch.setenv(name, "x")
    assert load() == load()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kafka__sasl_password": "x"}, ["APP_KAFKA__SASL_PASSWORD"]),
        (
            {"kafka__security_protocol": "SASL_SSL"},
            ["APP_KAFKA__SASL_MECHANISM", "APP_KAFKA__SASL_USERNAME", "APP_KAFKA__SASL_PASSWORD"],
        ),
        ({"kafka__ssl_ca_location": "x"}, ["APP_KAFKA__SSL_CA_LOCATION"]),
        (
            {"kafka__security_protocol": "SSL", "kafka__ssl_key_location": "x"},
            ["APP_KAFKA__SSL_CERTIFICATE_LOCATION"],
        ),
        (
            {"kafka__group_protocol": "consumer", "kafka__session_timeout_ms": 9000},
            ["APP_KAFKA__SESSION_TIMEOUT_MS"],
        ),
        ({"kafka__max_poll_interval_ms": 9000}, ["APP_KAFKA__SESSION_TIMEOUT_MS"]),
        ({"kafka__dead_letter_topic": "raw-push"}, ["APP_KAFKA__*_TOPIC"]),
        ({"kafka__positions_topic": "raw-push_dlq"}, ["APP_KAFKA__*_TOPIC"]),
        ({"database__lock_timeout_seconds": 30}, ["APP_DATABASE__LOCK_TIMEOUT_SECONDS"]),
        ({"database__transaction_timeout_seconds": 20}, ["APP_DATABASE__STATEMENT_TIMEOUT_SECONDS"]),
        ({"retry__first_seconds": 6}, ["APP_RETRY__FIRST_SECONDS"]),
        ({"drain__killed_after_seconds": 34}, ["APP_DRAIN__KILLED_AFTER_SECONDS"]),
    ],
)
def test_values_that_do_not_go_together_are_told(given: dict[str, object], named: list[str]) -> None:
    assert [line.split(":")[0] for line in faults(**given)] == named


def test_logins_of_other_kinds_come_through_client() -> None:
    client = {"sasl.mechanism": "OAUTHBEARER"}
    settings = load({"kafka.security_protocol": "SASL_SSL", "kafka.client": client})
    assert settings.kafka.client_properties() == client


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "can not be read: No such file or directory"),
        ("kafka: [", "some.yaml, line 1: no YAML"),
        ("\0", "no YAML"),
        ("http: {port: !!int ''}", "some.yaml: no YAML"),
        ("http: {port: !!bool x}", "some.yaml: no YAML"),
        ("http: {port: !!timestamp x}", "some.yaml: no YAML"),
        ("&a\nhttp: *a", "some.yaml: no YAML"),
        ("- kafka", "holds no mapping of sections, but a list"),
        ("kafka: 3", "no mapping below kafka"),
        ("kafka: {topic: x}", "APP_KAFKA__TOPIC (file): unknown"),
        ("kafak: {group_id: x}", "APP_KAFAK (file): unknown; did you mean APP_KAFKA?"),
        ("1: 2", "APP_1 (file): unknown"),
        ("http: {port: -1}", "APP_HTTP__PORT (file): -1 is not allowed"),
    ],
)
def test_a_bad_file_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "some.yaml").write_text(text)
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    (line,) = faults()
    assert says in line


def test_an_empty_file_sets_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("")
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    assert {row.origin for row in explained(load())} == {"default"}


def test_the_command_lines_faults_are_told_alike() -> None:
    assert faults(http__prot=1) == ("APP_HTTP__PROT (command line): unknown; did you mean APP_HTTP__PORT?",)
    assert faults(http=1) == ("APP_HTTP: a section, which takes no value; set APP_HTTP__...",)


def test_a_file_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_bytes(b"\xff\xfe\xff")
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    assert faults() == ("APP_CONFIG_FILE: can not be read: no UTF-8",)


@pytest.mark.parametrize("name", [variable(path) for path, _ in fields(Settings)])
def test_a_variable_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, os.fsdecode(b"a\x80"))
    assert faults() == (f"{name} (environment): no UTF-8; allowed: text in it",)


def test_what_is_no_text_in_a_file_or_an_argument_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text('kafka: {client: {"\\ud800": 1}}')
    monkeypatch.setenv("APP_CONFIG_FILE", "some.yaml")
    assert faults(auth__secret="\udc80" * 99) == (
        "APP_AUTH__SECRET (command line): no UTF-8; allowed: text in it",
        "APP_KAFKA__CLIENT (file): no UTF-8; allowed: text in it",
    )


def test_a_missing_folder_of_secrets_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRETS_DIR", "nowhere")
    (line,) = faults()
    assert line.startswith("APP_SECRETS_DIR: directory")


def test_a_password_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    client = {"sasl.oauthbearer.client.secret": HIDDEN, "ssl.key.pem": HIDDEN, "linger.ms": 5}
    monkeypatch.setenv("APP_DATABASE__URL", URL)
    monkeypatch.setenv("APP_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("APP_KAFKA__SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("APP_KAFKA__SASL_USERNAME", "bob")
    monkeypatch.setenv("APP_KAFKA__SASL_PASSWORD", HIDDEN)
    monkeypatch.setenv("APP_KAFKA__SSL_KEY_PASSWORD", HIDDEN)
    monkeypatch.setenv("APP_KAFKA__CLIENT", json.dumps(client))
    settings = load()
    for text in (repr(settings), str(settings), f"{settings.model_dump()}", settings.model_dump_json()):
        assert HIDDEN not in text
    assert HIDDEN not in repr(explained(settings))
    assert origin(settings, "APP_DATABASE__URL")[0] == "postgresql+asyncpg://bob:***@db.example:5433/orders"
    assert settings.kafka.client_properties() == client


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_DATABASE__URL", f"postgres://bob:{HIDDEN}@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://bob:{HIDDEN}/x@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://bob:12/{HIDDEN}@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://bob:12?{HIDDEN}@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://bob:12#{HIDDEN}@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://[bob:{HIDDEN}@h/db"),
        ("APP_DATABASE__URL", f"postgresql+asyncpg://bob@h/db?password={HIDDEN}"),
        ("APP_KAFKA__CLIENT", f'{{"ssl.key.password": "{HIDDEN}'),
        ("APP_KAFKA__CLIENT", f'{{"ssl.key.password": ["{HIDDEN}"]}}'),
        ("APP_KAFKA__SASL_PASSWORD", HIDDEN),
        ("APP_KAFKA__PASSWORD", HIDDEN),
    ],
)
def test_a_password_in_a_wrong_value_shows_nowhere(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().http.port = 1  # type: ignore[misc]  # what mypy forbids, Python shall too


def test_every_setting_is_described() -> None:
    assert [row.variable for row in documents.rows() if not row.meaning or not row.allowed] == []


def test_the_documentation_is_fresh() -> None:
    assert (DOCS / "configuration.md").read_text("utf-8") == documents.configuration(), "run: make docs"
    assert (DOCS / "settings.example.yaml").read_text("utf-8") == documents.example(), "run: make docs"


def test_the_example_holds_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = documents.example()
    (tmp_path / "comments.yaml").write_text(text)
    monkeypatch.setenv("APP_CONFIG_FILE", "comments.yaml")
    assert load() == load()
    filled = "\n".join(
        line.replace("#", "", 1) if line.lstrip().startswith("#") and not line.lstrip().startswith("# ") else line
        for line in text.splitlines()
    )
    assert set(yaml.safe_load(filled)["kafka"]) == set(type(load().kafka).model_fields)
    (tmp_path / "filled.yaml").write_text(filled)
    monkeypatch.setenv("APP_CONFIG_FILE", "filled.yaml")
    in_file = {row.name: row.value for row in explained(load())}
    monkeypatch.delenv("APP_CONFIG_FILE")
    assert in_file == {row.name: row.value for row in explained(load())}
