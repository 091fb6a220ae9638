"""What a setting's value may be: topic names, addresses, roles, the database's URL, librdkafka's properties."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, Secret, SecretStr
from pydantic_settings import NoDecode

from python_app_template.settings import failpoints

A = TypeVar("A", bound="Address")

MASK = "***"
DRIVER = "postgresql+asyncpg"
URL_OPTIONS = frozenset({"host", "port", "ssl", "target_session_attrs"})
SECRET_NAME = re.compile(r"passw|secret|token|credential|\.pem$|oauthbearer\.config", re.IGNORECASE)

GUARANTEED = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "isolation.level",
        "partition.assignment.strategy",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    }
)
"""What exactly once rests on: the code sets them."""

SET_ELSEWHERE = {
    "bootstrap.servers": "APP_KAFKA__BOOTSTRAP_SERVERS",
    "group.protocol": "APP_KAFKA__GROUP_PROTOCOL",
    "max.poll.interval.ms": "APP_KAFKA__MAX_POLL_INTERVAL_MS",
    "metadata.broker.list": "APP_KAFKA__BOOTSTRAP_SERVERS",
    "sasl.password": "APP_KAFKA__SASL_PASSWORD",
    "sasl.username": "APP_KAFKA__SASL_USERNAME",
    "security.protocol": "APP_KAFKA__SECURITY_PROTOCOL",
    "session.timeout.ms": "APP_KAFKA__SESSION_TIMEOUT_MS",
    "ssl.ca.location": "APP_KAFKA__SSL_CA_LOCATION",
    "ssl.certificate.location": "APP_KAFKA__SSL_CERTIFICATE_LOCATION",
    "ssl.key.location": "APP_KAFKA__SSL_KEY_LOCATION",
    "ssl.key.password": "APP_KAFKA__SSL_KEY_PASSWORD",
    "transaction.timeout.ms": "APP_KAFKA__TRANSACTION_TIMEOUT_MS",
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a type takes, in words: for the documentation, and for whoever set something else."""

    words: str


class Address(Secret[str]):
    """A server's address; shown with user and host, never with a password."""

    def _display(self) -> str:
        secret = self.get_secret_value()
        parts = urlsplit(secret)
        if not parts.password:
            return secret
        return parts._replace(netloc=f"{parts.username}:{MASK}@{parts.netloc.rpartition('@')[2]}").geturl()


class DatabaseUrl(Address):
    """A database's."""


class RedisUrl(Address):
    """A Redis'."""


class MailUrl(Address):
    """A mail server's."""


def _usable(url: DatabaseUrl) -> DatabaseUrl:
    # No message here may hold a piece of the URL: a password may stand anywhere in a mistyped one.
    try:
        parts = urlsplit(url.get_secret_value())
        options = parse_qsl(parts.query, strict_parsing=bool(parts.query))
        _ = parts.port
    except ValueError:
        raise ValueError("no URL: its port is no number, or its password needs percent-encoding") from None
    if fault := _fault(parts, {name for name, _ in options}):
        raise ValueError(fault)
    return url


def _fault(parts: SplitResult, options: set[str]) -> str | None:
    faults = {
        f"does not begin with {DRIVER}://": parts.scheme != DRIVER,
        "special characters in its password need percent-encoding (@ is %40, / is %2F, # is %23)": "@" in parts.path
        or bool(parts.fragment),
        "asyncpg says ?ssl= where others say ?sslmode=": "sslmode" in options,
        f"has other options than {', '.join(sorted(URL_OPTIONS))}": not options <= URL_OPTIONS,
        "names no host": not parts.hostname and "host" not in options,
        "names no database": not parts.path.strip("/"),
    }
    return next((words for words, true in faults.items() if true), None)


def _of_scheme(*schemes: str) -> Callable[[A], A]:
    def check(url: A) -> A:
        try:
            parts = urlsplit(url.get_secret_value())
            _ = parts.port
        except ValueError:
            raise ValueError("no URL: its port is no number, or its password needs percent-encoding") from None
        if parts.scheme not in schemes:
            raise ValueError(f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not parts.hostname and parts.scheme != "unix":
            raise ValueError("names no host")
        return url

    return check


def _topic(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) or name in {".", ".."}:
        raise ValueError("no name for a topic")
    return name


def _servers(text: str) -> str:
    address = re.compile(r"(?:\w+://)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?")
    for server in text.split(","):
        match = address.fullmatch(server.strip())
        if not match or not 0 < int(match[1] or 1) <= 65535:  # noqa: PLR2004 the last port there is
            # Before an @ somebody may have written a name and a password.
            raise ValueError(f"{server.strip().rpartition('@')[2]!r} is no host:port")
    return text


def _failpoints(text: str) -> str:
    failpoints.parse(text)
    return text


def _networks(listed: frozenset[str]) -> frozenset[str]:
    for text in sorted(listed):
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is neither an address nor a network") from None
    return listed


def separated(value: object) -> object:
    """Split a text at its commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _properties(value: Any) -> dict[str, str | int | float | bool | SecretStr]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as fault:
            # Chaining it would drag the text along, and with it what is secret there.
            raise ValueError(f"no JSON: {fault.msg} at character {fault.pos + 1}") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 pydantic collects ValueErrors alone
    if faults := [words for name, item in value.items() if (words := _property_fault(name, item))]:
        raise ValueError("\n".join(faults))
    return {name: SecretStr(str(item)) if SECRET_NAME.search(name) else item for name, item in value.items()}


def _property_fault(name: object, item: object) -> str | None:
    if not isinstance(name, str) or not isinstance(item, str | int | float | bool):
        return f"the value of {name!r} is no string, number, true or false"
    if name in GUARANTEED:
        return f"{name!r} can not be set: exactly once rests on it"
    if name in SET_ELSEWHERE:
        return f"{name!r} has a setting of its own: {SET_ELSEWHERE[name]}"
    return None


Role = Literal["worker", "relay", "api", "projector", "notifier"]
Roles = Annotated[
    frozenset[Role],
    NoDecode,
    BeforeValidator(separated),
    Field(min_length=1),
    Allowed("one or more of worker, relay, api, projector, notifier, separated by commas"),
]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
TopicName = Annotated[str, AfterValidator(_topic), Allowed("1 to 249 of a-z, A-Z, 0-9, '.', '_', '-'")]
Servers = Annotated[str, AfterValidator(_servers), Allowed("host:port, separated by commas")]
Url = Annotated[DatabaseUrl, AfterValidator(_usable), Allowed(f"{DRIVER}://USER:PASSWORD@HOST:PORT/DATABASE")]
Properties = Annotated[
    dict[str, str | int | float | bool | SecretStr],
    NoDecode,
    BeforeValidator(_properties),
    Allowed("JSON object of librdkafka's properties; values are strings, numbers, true or false"),
]
Redis = Annotated[
    RedisUrl,
    AfterValidator(_of_scheme("redis", "rediss", "unix")),
    Allowed("redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// with TLS, unix:///PATH"),
]
MailServer = Annotated[
    MailUrl,
    AfterValidator(_of_scheme("smtp", "smtps")),
    Allowed("smtp://USER:PASSWORD@HOST:PORT, smtps:// with TLS from the start"),
]
Texts = Annotated[frozenset[str], NoDecode, BeforeValidator(separated), Allowed("texts, separated by commas")]
Networks = Annotated[
    Texts, AfterValidator(_networks), Allowed("addresses and networks (10.0.0.0/8), separated by commas")
]
Failpoints = Annotated[str, AfterValidator(_failpoints), Allowed(failpoints.SHAPE)]

Text = Annotated[str, Field(min_length=1, max_length=249), Allowed("text, 1 to 249 characters")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Bytes = Annotated[ByteSize, Field(ge=1024, le=2**40)]
