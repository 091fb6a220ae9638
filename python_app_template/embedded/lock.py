"""The lock file: which jars are Kafka's, with their checksums.

`python -m python_app_template.embedded.lock` makes it anew.
"""

import hashlib
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from python_app_template.embedded.errors import optional_module

LOCK_FILE = Path(__file__).with_name("kafka.lock")
_WANTED = (
    "org.apache.kafka:kafka_2.13:4.2.1",
    "org.slf4j:slf4j-simple:1.7.36",  # without it the broker logs nothing, and can't say why it failed
)


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the class path."""

    coordinate: str  # group:artifact:version
    size: int  # bytes
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked_jars() -> tuple[Jar, ...]:
    """Jars in the order of the class path."""
    return tuple(Jar(**jar) for jar in tomllib.loads(LOCK_FILE.read_text())["jar"])


def digest() -> str:
    """Short name for exactly this set of jars."""
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()[:12]


def _resolve(wanted: Iterable[str], directory: Path) -> list[Jar]:
    maven = optional_module("jgo.maven").MavenContext(repo_cache=directory, timeout=30)
    given, transitive = maven.resolver.resolve([maven.create_dependency(coordinate) for coordinate in wanted])
    jars = []
    for dependency in [*given, *transitive]:
        content = dependency.artifact.resolve().read_bytes()
        coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
        jars.append(Jar(coordinate, len(content), hashlib.sha256(content).hexdigest()))
    return jars


def main() -> None:
    """Resolve what is wanted anew and write the lock file."""
    with tempfile.TemporaryDirectory() as directory:
        jars = _resolve(_WANTED, Path(directory))
    tables = [f'[[jar]]\ncoordinate = "{jar.coordinate}"\nsize = {jar.size}\nsha256 = "{jar.sha256}"\n' for jar in jars]
    LOCK_FILE.write_text("\n".join(["# Made by lock.py: Kafka's jars, in the order of the class path.", *tables]))
    sys.stdout.write(f"{len(jars)} jars, {sum(jar.size for jar in jars)} bytes\n")


if __name__ == "__main__":
    main()
