"""A broker that lets in whom it knows: TLS with certificates made on the spot, SCRAM-SHA-512 and mTLS, ACLs."""

import itertools
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but for the stubs
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AdminClient,
)
from confluent_kafka.admin import AclPermissionType as Permission  # type: ignore[attr-defined] # likewise
from confluent_kafka.admin import ResourcePatternType as Pattern  # type: ignore[attr-defined] # likewise
from confluent_kafka.admin import ResourceType as Resource  # type: ignore[attr-defined] # likewise
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from python_app_template.embedded import EmbeddedKafka
from tests.processes import wait_until

SERVICE, PASSWORD = "service", "pl4nted-sasl-password"
KEY_PASSWORD = "pl4nted-key-password"  # noqa: S105 - planted, to be looked for
PROPERTIES = {
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.ssl.ssl.client.auth": "required",
    # Whoever shows a certificate is called as its common name says.
    "ssl.principal.mapping.rules": "RULE:^.*CN=([a-z]+).*$/$1/,DEFAULT",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",  # the tests, on the plain listener, and the broker itself
}


class Papers(NamedTuple):
    """Files in PEM: who is to be trusted, and the service's own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


class Guarded(NamedTuple):
    """The broker and two ways in, as variables of the service."""

    kafka: EmbeddedKafka
    scram: dict[str, str]
    mutual: dict[str, str]
    stranger: Papers
    """Of an authority that the broker does not know."""


@contextmanager
def guarded_broker(directory: Path) -> Iterator[Guarded]:
    """Start one; its files go to that directory."""
    authority, other = trustme.CA(), trustme.CA()
    ours, theirs = _papers(authority, directory / "ours"), _papers(other, directory / "theirs")
    chain = directory / "broker.pem"
    broker = authority.issue_cert("127.0.0.1")
    chain.write_bytes(_pkcs8(broker) + b"".join(pem.bytes() for pem in broker.cert_chain_pems))
    files = {"ssl.keystore.location": str(chain), "ssl.truststore.location": str(ours.authority)}
    with EmbeddedKafka(
        quick_timeouts=True,
        listeners=("SASL_SSL", "SSL"),
        properties=PROPERTIES | files,
        users={SERVICE: PASSWORD},
    ) as kafka:
        yield Guarded(kafka, _scram(kafka, ours), _mutual(kafka, ours), theirs)


def _scram(kafka: EmbeddedKafka, papers: Papers) -> dict[str, str]:
    return {
        "APP_KAFKA__BOOTSTRAP_SERVERS": kafka.address("SASL_SSL"),
        "APP_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "APP_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "APP_KAFKA__SASL_USERNAME": SERVICE,
        "APP_KAFKA__SASL_PASSWORD": PASSWORD,
        "APP_KAFKA__SSL_CA_LOCATION": str(papers.authority),
    }


def _mutual(kafka: EmbeddedKafka, papers: Papers) -> dict[str, str]:
    return {
        "APP_KAFKA__BOOTSTRAP_SERVERS": kafka.address("SSL"),
        "APP_KAFKA__SECURITY_PROTOCOL": "SSL",
        "APP_KAFKA__SSL_CA_LOCATION": str(papers.authority),
        "APP_KAFKA__SSL_CERTIFICATE_LOCATION": str(papers.certificate),
        "APP_KAFKA__SSL_KEY_LOCATION": str(papers.key),
        "APP_KAFKA__SSL_KEY_PASSWORD": KEY_PASSWORD,
    }


def _papers(authority: trustme.CA, directory: Path) -> Papers:
    directory.mkdir()
    papers = Papers(*(directory / name for name in ("authority.pem", "certificate.pem", "key.pem")))
    own = authority.issue_cert("service@example.org", common_name=SERVICE)
    authority.cert_pem.write_to_path(str(papers.authority))
    own.cert_chain_pems[0].write_to_path(str(papers.certificate))
    papers.key.write_bytes(_pkcs8(own, KEY_PASSWORD))
    return papers


def _pkcs8(certificate: trustme.LeafCert, password: str | None = None) -> bytes:
    """The private key as Kafka reads it, encrypted if there is a password."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


# Rights


def grants(lines: Iterable[str], principal: str = SERVICE) -> list[AclBinding]:
    """Read `kafka-acls.sh --add ...` lines: a binding for each operation."""
    return [binding for line in lines for binding in _bindings(shlex.split(line), f"User:{principal}")]


def _bindings(words: Sequence[str], principal: str) -> Iterator[AclBinding]:
    options = list(itertools.pairwise(words))
    pattern = Pattern[next((v.upper() for k, v in options if k == "--resource-pattern-type"), "LITERAL")]
    kinds = {
        "--topic": Resource.TOPIC,
        "--group": Resource.GROUP,
        "--transactional-id": Resource.TRANSACTIONAL_ID,
    }
    for kind, name in [(kinds[k], v) for k, v in options if k in kinds]:
        for operation in [AclOperation[_constant(v)] for k, v in options if k == "--operation"]:
            yield AclBinding(kind, name, pattern, principal, "*", operation, Permission.ALLOW)


def _constant(operation: str) -> str:
    """DescribeConfigs is DESCRIBE_CONFIGS."""
    return "".join(f"_{c}" if c.isupper() else c for c in operation).lstrip("_").upper()


class Rights:
    """Gives rights and takes them, as an administrator does."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self._admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})

    def grant(self, bindings: Sequence[AclBinding]) -> None:
        """Give rights; they are in force when this returns: the controller's answer comes before the broker knows."""
        for done in self._admin.create_acls(list(bindings)).values():
            done.result(10)
        wait_until(lambda: set(bindings) <= self.given())

    def revoke(self, bindings: Sequence[AclBinding]) -> None:
        """Take rights; they are gone when this returns."""
        for done in self._admin.delete_acls([_exactly(binding) for binding in bindings]).values():
            done.result(10)
        wait_until(lambda: not set(bindings) & self.given())

    def given(self) -> set[AclBinding]:
        """All that the broker's authorizer knows of."""
        anyone: Any = None  # the stubs want a name
        whose = AclBindingFilter(Resource.ANY, anyone, Pattern.ANY, anyone, anyone, AclOperation.ANY, Permission.ANY)
        return set(self._admin.describe_acls(whose).result(10))

    def revoke_all(self) -> None:
        """Leave none."""
        self.revoke(list(self.given()))


def _exactly(b: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        b.restype, b.name, b.resource_pattern_type, b.principal, b.host, b.operation, b.permission_type
    )
