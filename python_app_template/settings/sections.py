"""What can be set: sections with their fields, bounds and defaults. Yours: the topics' names and defaults."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from python_app_template.settings import sources
from python_app_template.settings.kinds import (
    Allowed,
    Bytes,
    Count,
    DatabaseUrl,
    Failpoints,
    LogLevel,
    Milliseconds,
    Properties,
    Roles,
    Seconds,
    Servers,
    Text,
    TopicName,
    Url,
)
from python_app_template.settings.sources import Explained


class Section(BaseModel):
    """Settings that belong together. Immutable; a wrong value never stands in an error's text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    def contradictions(self) -> Iterator[str]:
        """Say in a line each which values do not go together."""
        yield from ()

    @model_validator(mode="after")
    def _agrees(self) -> "Section":
        if lines := list(self.contradictions()):
            raise ValueError("\n".join(lines))
        return self


class Kafka(Section):
    """The broker, its topics, and how to get in."""

    bootstrap_servers: Servers = "127.0.0.1:9092"
    """Brokers to ask first, separated by commas."""
    group_id: Text = "python-app-template"
    """Consumer group; the positions in the database belong to it."""
    group_protocol: Literal["classic", "consumer"] = "classic"
    """How the group shares partitions out; `consumer` is KIP-848."""
    input_topic: TopicName = "raw-push"
    """Topic that messages come from."""
    output_topic: TopicName = "allocations"
    """Topic that events go to."""
    dead_letter_topic: TopicName = "raw-push.dlq"
    """Topic for messages that can not be applied."""
    positions_topic: TopicName = Field(default_factory=lambda data: f"{data['output_topic']}.positions")
    """Topic that holds how far events have been published; by default the output topic's name and `.positions`."""
    input_partitions: Count = 3
    """Partitions of the input topic."""
    output_partitions: Count = 3
    """Partitions of the output topic."""
    dead_letter_partitions: Count = 3
    """Partitions of the dead letter topic."""
    replication_factor: Annotated[int, Field(ge=1, le=32767)] = 1
    """Copies of each partition, for `topics create`; 3 in production."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Encryption and login of the connection to the broker."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How to log in."""
    sasl_username: str | None = None
    """Who logs in."""
    sasl_password: SecretStr | None = None
    """The password of who logs in."""
    ssl_ca_location: str | None = None
    """File or folder with the certificates of trusted authorities; the system's when not set."""
    ssl_certificate_location: str | None = None
    """File with the client's certificate (PEM)."""
    ssl_key_location: str | None = None
    """File with the client's private key (PEM)."""
    ssl_key_password: SecretStr | None = None
    """Password of the client's private key."""
    session_timeout_ms: Milliseconds = 45_000
    """Milliseconds without a heartbeat until the group goes on without this member; for `classic` alone."""
    max_poll_interval_ms: Milliseconds = 300_000
    """Milliseconds without a poll until the group goes on without this member."""
    transactional_id: Text | None = None
    """Seeds the id that the database keeps (by default a UUID); another value later is refused."""
    transaction_timeout_ms: Annotated[int, Field(ge=1000, le=900_000)] = 10_000
    """Milliseconds until the broker aborts a transaction that is not ended."""
    client: Properties = Field(default_factory=dict)
    """Any other property of librdkafka, for all clients alike."""

    @property
    def topics(self) -> tuple[str, str, str, str]:
        """Input, output, dead letters, positions."""
        return self.input_topic, self.output_topic, self.dead_letter_topic, self.positions_topic

    def client_properties(self) -> dict[str, str | int | float | bool]:
        """`client` with its secrets in clear text, for librdkafka alone."""
        return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in self.client.items()}

    def contradictions(self) -> Iterator[str]:
        """Topics that clash, logins that are half there, times that the group protocol refuses."""
        # Kafka takes names that differ in nothing but . and _ for the same.
        if len({name.replace(".", "_") for name in self.topics}) < len(self.topics):
            yield "APP_KAFKA__*_TOPIC: the four topics need names of their own (. and _ count as the same)"
        if self.group_protocol == "consumer" and "session_timeout_ms" in self.model_fields_set:
            yield "APP_KAFKA__SESSION_TIMEOUT_MS: not with APP_KAFKA__GROUP_PROTOCOL=consumer: the broker sets it"
        elif self.group_protocol == "classic" and self.session_timeout_ms > self.max_poll_interval_ms:
            yield "APP_KAFKA__SESSION_TIMEOUT_MS: more than APP_KAFKA__MAX_POLL_INTERVAL_MS"
        yield from self._login()
        yield from self._encryption()

    def _login(self) -> Iterator[str]:
        given = {
            "SASL_MECHANISM": self.sasl_mechanism,
            "SASL_USERNAME": self.sasl_username,
            "SASL_PASSWORD": self.sasl_password,
        }
        # Kerberos and OAuth come through `client`, and need neither name nor password.
        foreign = bool({"sasl.mechanism", "sasl.mechanisms"} & self.client.keys())
        protocol = f"APP_KAFKA__SECURITY_PROTOCOL={self.security_protocol}"
        for name, value in given.items():
            if value is not None and "SASL" not in self.security_protocol:
                yield f"APP_KAFKA__{name}: not with {protocol}; allowed with SASL_SSL, SASL_PLAINTEXT"
            elif value is None and "SASL" in self.security_protocol and not foreign:
                yield f"APP_KAFKA__{name}: missing; {protocol} needs it"

    def _encryption(self) -> Iterator[str]:
        names = ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location", "ssl_key_password")
        if not self.security_protocol.endswith("SSL"):
            for name in names:
                if getattr(self, name) is not None:
                    yield (
                        f"APP_KAFKA__{name.upper()}: not with "
                        f"APP_KAFKA__SECURITY_PROTOCOL={self.security_protocol}; allowed with SSL, SASL_SSL"
                    )
        elif (self.ssl_certificate_location is None) != (self.ssl_key_location is None):
            yield "APP_KAFKA__SSL_CERTIFICATE_LOCATION: goes together with APP_KAFKA__SSL_KEY_LOCATION"


class Database(Section):
    """PostgreSQL: where it is, and how long anything there may take."""

    url: Url = DatabaseUrl("postgresql+asyncpg://postgres@127.0.0.1:5432/postgres")
    """Address; `?ssl=verify-full` encrypts (trusted authorities: `PGSSLROOTCERT`). A direct one, no pooling proxy."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 5
    """Connections that are kept open."""
    connect_timeout_seconds: Seconds = 5
    """Seconds for a new connection."""
    statement_timeout_seconds: Seconds = 30
    """Seconds for a statement."""
    lock_timeout_seconds: Seconds = 10
    """Seconds for a lock, in a commit too; less than for a statement."""
    idle_in_transaction_timeout_seconds: Seconds = 30
    """Seconds that a transaction may wait for this service."""
    transaction_timeout_seconds: Seconds = 60
    """Seconds for a transaction, where the server knows how (PostgreSQL 17 and later)."""

    def contradictions(self) -> Iterator[str]:
        """Time-outs of which the shorter would never be reached."""
        if self.lock_timeout_seconds >= self.statement_timeout_seconds:
            yield "APP_DATABASE__LOCK_TIMEOUT_SECONDS: not less than APP_DATABASE__STATEMENT_TIMEOUT_SECONDS"
        if self.statement_timeout_seconds > self.transaction_timeout_seconds:
            yield "APP_DATABASE__STATEMENT_TIMEOUT_SECONDS: more than APP_DATABASE__TRANSACTION_TIMEOUT_SECONDS"


class Consumer(Section):
    """How much is taken in one batch, that is one transaction."""

    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 5000
    """Messages at most."""
    batch_bytes: Bytes = ByteSize(4 * 2**20)
    """Bytes at most."""
    batch_weight: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000
    """Order lines at most (any other message counts as one)."""


class Outbox(Section):
    """What is committed and not yet published."""

    max_pending: Count = 1000
    """Rows (a batch has one or a few); above, consuming pauses."""
    max_pending_bytes: Bytes = ByteSize(2**30)
    """Bytes; above, consuming pauses."""
    page_bytes: Bytes = ByteSize(8 * 2**20)
    """Bytes that one Kafka transaction publishes, about."""
    row_bytes: Bytes = ByteSize(4 * 2**20)
    """Bytes of one row, about; a batch with more is split."""
    poll_interval_ms: Milliseconds = 10
    """Milliseconds between looks for rows of other processes; rows of its own wake the relay at once."""


class Retry(Section):
    """Waiting between tries while something is away; doubled each time, with jitter."""

    first_seconds: Seconds = 0.1
    """Seconds before the second try."""
    longest_seconds: Seconds = 5
    """Seconds at most."""

    def contradictions(self) -> Iterator[str]:
        """A first wait longer than the longest."""
        if self.first_seconds > self.longest_seconds:
            yield "APP_RETRY__FIRST_SECONDS: more than APP_RETRY__LONGEST_SECONDS"


class Breaker(Section):
    """When messages that fail mean a bad deployment instead of bad data: the service stops (exit code 1)."""

    in_a_row: Count = 100
    """Messages that failed one after the other."""
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Share of the window that failed."""
    window: Count = 10_000
    """Messages that the share is of."""


class Health(Section):
    """When the service calls itself dead."""

    stalled_seconds: Seconds = 60
    """Seconds for which a thread may be silent, or work may wait without a reason."""


LEAVE_SECONDS = 10.0
"""Beyond the grace, to leave the group and to close what is open."""


class Drain(Section):
    """Stopping when asked to."""

    grace_seconds: Seconds = 25
    """Seconds for the batch in hand and for what is committed and not yet published."""
    killed_after_seconds: Annotated[Seconds | None, Allowed("number, more than 0, at most 86400")] = None
    """Seconds that the orchestrator waits before it kills, where it is to be checked; the grace and 10 s at least."""

    def contradictions(self) -> Iterator[str]:
        """A kill before the end."""
        needed = self.grace_seconds + LEAVE_SECONDS
        if self.killed_after_seconds is not None and self.killed_after_seconds < needed:
            yield f"APP_DRAIN__KILLED_AFTER_SECONDS: less than APP_DRAIN__GRACE_SECONDS and {LEAVE_SECONDS:g} s more"


class Preflight(Section):
    """The checks before the start."""

    wait_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 30
    """Seconds to wait for what is away; then exit code 3."""


class Http(Section):
    """Metrics and health."""

    host: Text = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every one that the machine has."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one, which is logged."""
    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 500
    """Connections at a time; beyond it, the idle one that has been open longest is cut off."""
    request_seconds: Seconds = 10
    """Seconds for a request to come in whole; then the connection is cut off."""


class Log(Section):
    """What is logged, and how."""

    level: LogLevel = "INFO"
    """The least important that is logged."""
    format: Literal["json", "console"] = "json"
    """`json`: an object on each line; `console`: for people."""


class FailpointSettings(Section):
    """Faults on demand, to see what the service makes of them; never in production."""

    points: Failpoints = ""
    """What shall happen where, for instance `worker.committed=2*off->1*crash`; docs/operations.md lists the points."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    """What chances are drawn from: the same seed, the same draws at each point."""


class Settings(BaseSettings):
    """All settings. Made by `load`; immutable, and fit to be printed: secrets are masked."""

    model_config = SettingsConfigDict(
        env_prefix="APP_",
        env_nested_delimiter="__",
        env_nested_max_split=1,
        env_ignore_empty=True,
        dotenv_filtering="only_existing",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    environment: Literal["dev", "test", "prod"] = "dev"
    """Where it runs; a label of metrics."""
    service_name: Text = "python-app-template"
    """How it calls itself in logs and in the headers of what it sends."""
    roles: Roles = frozenset({"worker", "relay"})
    """What this process does: `worker` applies messages, `relay` publishes events."""
    kafka: Kafka = Kafka()
    database: Database = Database()
    consumer: Consumer = Consumer()
    outbox: Outbox = Outbox()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    health: Health = Health()
    drain: Drain = Drain()
    preflight: Preflight = Preflight()
    http: Http = Http()
    log: Log = Log()
    failpoints: FailpointSettings = FailpointSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _agrees(self) -> "Settings":
        if self.environment == "prod" and self.failpoints.points:
            raise ValueError("APP_FAILPOINTS__POINTS: not with APP_ENVIRONMENT=prod; allowed with dev, test")
        return self

    @classmethod
    def settings_customise_sources(  # noqa: D102 the library says it
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, *sources.outside(settings_cls).readable.values()


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read all sources; `overrides` are the command line's, for instance `{"http.port": 0}`. Raises SettingsError."""
    settings, origins = sources.load(Settings, overrides or {})
    settings._origins.update(origins)  # noqa: SLF001 this module's own class
    return settings


def explained(settings: Settings) -> list[Explained]:
    """Every setting with its variable, its value (masked), and where it came from."""
    return sources.explain(settings, settings._origins)  # noqa: SLF001 this module's own class
