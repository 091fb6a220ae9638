"""A real Apache Kafka: one KRaft node, broker and controller, on ports of its own."""

import base64
import contextlib
import secrets
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from python_app_template.embedded.download import Progress, cache_directory, exclusively, kafka_jars, silent
from python_app_template.embedded.errors import BackendError
from python_app_template.embedded.java import class_cache, java
from python_app_template.embedded.ports import LOOPBACK, ReservedPort
from python_app_template.embedded.process import ServerProcess
from python_app_template.embedded.server import EmbeddedServer

_READY = "Kafka Server started"
_START_SECONDS = 60
_FORMAT_SECONDS = 30
_STOP_SECONDS = 30
_ENVIRONMENT = {"LC_ALL": "C"}  # and nothing else: JAVA_TOOL_OPTIONS and the like are not for this Java

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # One node holds the only copy, and one partition of each internal topic is loaded soonest.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A broker that was killed and comes back waits this long: until then the controller holds it for its own double.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}
_PLAIN = dict.fromkeys(("BROKER", "CONTROLLER", "PROXIED"), "PLAINTEXT")
"""Listeners whose name is not their security protocol's."""
_QUICK_TIMEOUTS = {
    "broker.heartbeat.interval.ms": "300",
    "broker.session.timeout.ms": "1500",
    "group.min.session.timeout.ms": "1000",  # classic protocol: the consumer asks for it
    # KIP-848: the broker decides
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "100",
    # A transaction whose time is up is looked for, and ended, every so often; by default every 10 s.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    # A compacted topic is looked at every so often; by default every 15 s.
    "log.cleaner.backoff.ms": "300",
}


class EmbeddedKafka(EmbeddedServer):
    """One node, broker and controller.

    `quick_timeouts` lets members of a group be missed within a second or three, for tests of failure. `full_jit`
    compiles as in production and has a larger heap, for benchmarks. `proxy_port` adds a listener that calls itself
    by that port, where somebody passes on to `proxied_port`. `listeners` are opened besides, each named as its security
    protocol (`SASL_SSL`), with what `properties` say of keys and mechanisms; `users` (password by name) may log in with
    SCRAM-SHA-512.
    """

    NAME = "Kafka"

    def __init__(
        self,
        *,
        quick_timeouts: bool = False,
        full_jit: bool = False,
        proxy_port: int | None = None,
        listeners: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> None:
        super().__init__()
        self._proxy_port = proxy_port
        self._quick_timeouts = quick_timeouts
        self._full_jit = full_jit
        self._progress = progress
        self._jars: list[Path] = []
        self._listeners = ("BROKER", "CONTROLLER", *listeners, *(["PROXIED"] if proxy_port is not None else []))
        self._properties_given = dict(properties or {})
        self._users = dict(users or {})

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients, the same after every restart."""
        return self.address("BROKER")

    def address(self, listener: str) -> str:
        """Address of one of the listeners, for clients that speak its security protocol."""
        return f"{LOOPBACK}:{self._port(listener)}"

    @property
    def data(self) -> Path:
        """Where its logs are: a directory for each partition."""
        return self._running().directory / "data"

    @property
    def proxied_port(self) -> int:
        """Where a proxy passes on to: clients that ask here are sent on to `proxy_port`."""
        if "PROXIED" not in self._ports:
            raise BackendError("Kafka has no listener for a proxy; give proxy_port, then call start()")
        return self._ports["PROXIED"].number

    def train(self, jars: list[Path], written: Path) -> None:
        """Start and stop, so that Java writes its class cache to a file."""
        self._jars = jars
        try:
            self._run(self._formatted(), written)
            self._shut_down(self._running())
        finally:
            self.stop()

    def restart(self) -> None:
        """Start again with the same ports and data, after an orderly shutdown if it runs."""
        process = self._running()
        self._shut_down(process)
        self._run(process)

    def _open(self) -> None:
        self._jars = kafka_jars(self._progress)
        if not self._full_jit:
            _train(self._jars, self._progress)
        self._run(self._formatted())

    def _formatted(self) -> ServerProcess:
        self._ports = {name: ReservedPort() for name in self._listeners}
        self._process = ServerProcess(self.NAME)
        self._format(self._process)
        return self._process

    def _shut_down(self, process: ServerProcess) -> None:
        process.send(signal.SIGCONT)
        process.send(signal.SIGTERM)
        if not process.wait(_STOP_SECONDS):
            process.kill()

    def _format(self, process: ServerProcess) -> None:
        properties = process.directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties(process).items()))
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={properties}")
        users = [f"--add-scram=SCRAM-SHA-512=[name={name},password={word}]" for name, word in self._users.items()]
        process.run_to_its_end(java(self._jars, process.directory, *tool, *users), _ENVIRONMENT, _FORMAT_SECONDS)

    def _properties(self, process: ServerProcess) -> dict[str, str]:
        own = {
            "log.dirs": str(process.directory / "data"),
            "listeners": ",".join(f"{name}://{self.address(name)}" for name in self._listeners),
            "advertised.listeners": ",".join(
                f"{name}://{self._advertised(name)}" for name in self._listeners if name != "CONTROLLER"
            ),
            "listener.security.protocol.map": ",".join(f"{name}:{_PLAIN.get(name, name)}" for name in self._listeners),
            "controller.quorum.voters": f"1@{self.address('CONTROLLER')}",
        }
        return _PROPERTIES | own | (_QUICK_TIMEOUTS if self._quick_timeouts else {}) | self._properties_given

    def _advertised(self, listener: str) -> str:
        return f"{LOOPBACK}:{self._proxy_port}" if listener == "PROXIED" else self.address(listener)

    def _run(self, process: ServerProcess, train: Path | None = None) -> None:
        before = process.logged()
        main = ("kafka.Kafka", str(process.directory / "server.properties"))
        command = java(self._jars, process.directory, *main, full_jit=self._full_jit, train=train)
        process.run(command, _ENVIRONMENT)
        process.await_in_log(_READY, before, _START_SECONDS)


def _train(jars: list[Path], progress: Progress) -> None:
    """Run a broker once to write the class cache; without one, everything works, only slower."""
    if class_cache().exists():
        return
    with contextlib.suppress(OSError, BackendError), exclusively(cache_directory()):
        if class_cache().exists():
            return
        progress("Java class cache", 0, 1)
        with tempfile.TemporaryDirectory(dir=cache_directory(), prefix="training-") as directory:
            written = Path(directory) / "classes"
            EmbeddedKafka().train(jars, written)
            written.replace(class_cache())
        progress("Java class cache", 1, 1)
