"""The broker. Yours: the topics' names and defaults."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from python_app_template.settings.kinds import Count, Milliseconds, Properties, Servers, Text, TopicName
from python_app_template.settings.sections.section import Section


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
