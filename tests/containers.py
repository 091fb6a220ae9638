"""The tests' servers in containers, of the very images that the composition runs."""

import secrets
from pathlib import Path

import yaml
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

SERVICES = yaml.safe_load((Path(__file__).parents[1] / "docker-compose.yml").read_text())["services"]

PORT = 9092
REDIS_PORT = 6379
START_SECONDS = 60
SCRIPT = "/tmp/start.sh"  # noqa: S108 - in the container
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": "1@localhost:9094",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listeners": f"HOST://:{PORT},BROKER://:9093,CONTROLLER://:9094",
    "listener.security.protocol.map": "HOST:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # One node holds the only copy.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    # Members of a group are missed within a second or three: the classic protocol's ask for it, KIP-848 is told here.
    "group.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "100",
}


class ApacheKafka(DockerContainer):
    """A broker out of Apache's image; testcontainers' own class knows how to start Confluent's alone."""

    def __init__(self) -> None:
        super().__init__(SERVICES["kafka"]["image"])
        self.with_exposed_ports(PORT)
        self.with_envs(**{f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in PROPERTIES.items()})
        self.with_command(["sh", "-c", f"until [ -s {SCRIPT} ]; do sleep 0.1; done; . {SCRIPT}"])

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients on the host."""
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(PORT)}"

    def start(self) -> "ApacheKafka":
        """Return when requests are answered. What the broker calls itself is known only once its port is mapped."""
        super().start()
        advertised = f"HOST://{self.bootstrap_servers},BROKER://localhost:9093"
        script = f"export KAFKA_ADVERTISED_LISTENERS={advertised}\nexec /etc/kafka/docker/run\n"
        self.copy_into_container(script.encode(), SCRIPT)
        LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_SECONDS).wait_until_ready(self)
        return self


class Valkey(DockerContainer):
    """A server that keeps nothing on disk."""

    def __init__(self) -> None:
        super().__init__(SERVICES["redis"]["image"])
        self.with_exposed_ports(REDIS_PORT)
        self.with_command(["valkey-server", "--protected-mode", "no", "--save", "", "--appendonly", "no"])

    @property
    def url(self) -> str:
        """Address for clients on the host."""
        return f"redis://{self.get_container_host_ip()}:{self.get_exposed_port(REDIS_PORT)}/0"

    def start(self) -> "Valkey":
        """Return when commands are answered."""
        super().start()
        LogMessageWaitStrategy("Ready to accept connections").with_startup_timeout(START_SECONDS).wait_until_ready(self)
        return self


def postgres() -> PostgresContainer:
    """Make a server, not yet started, with room for the connections of several services."""
    # A password that stands in no log by chance: tests look for it there.
    container = PostgresContainer(SERVICES["postgres"]["image"], password=secrets.token_urlsafe(16), driver="asyncpg")
    return container.with_command(["postgres", "-c", "max_connections=200"])
