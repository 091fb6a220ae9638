"""Kafka's jars: fetched once into the user's cache, and checked against the lock file."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from python_app_template.embedded.errors import BackendError, optional_module
from python_app_template.embedded.lock import Jar, digest, locked_jars

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is (bytes)."""

Download = Callable[[Jar, Path], Path]
"""Fetches a jar into a directory and says where it is; BackendError when that fails. What it brings is checked."""

_CONNECTIONS = 4
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress for nobody."""


def cache_directory() -> Path:
    """Where what was fetched stays; it can be removed at any time, and be copied to a machine without a network."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "python-app-template" / f"kafka-{digest()}"


@contextmanager
def exclusively(directory: Path) -> Iterator[None]:
    """Hold the cache alone, among all processes of this machine; the lock dies with its process."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def from_maven(jar: Jar, staging: Path) -> Path:
    """Let jgo fetch one file into a repository of its own, where it leaves nothing in ~/.m2."""
    jgo = optional_module("jgo.maven")
    connection_errors = (optional_module("requests").RequestException, RuntimeError)
    for attempt in range(1, _ATTEMPTS + 1):
        repository = staging / f"{attempt}-{jar.file_name}"
        context = jgo.MavenContext(resolver=jgo.PythonResolver(), repo_cache=repository, timeout=_TIMEOUT_SECONDS)
        try:
            return Path(context.create_dependency(jar.coordinate).artifact.resolve())
        except connection_errors as e:
            if attempt == _ATTEMPTS:
                raise BackendError(
                    f"{jar.file_name} is not in the cache and can't be fetched ({type(e).__name__}); "
                    f"connect to the network for the first start, or copy {cache_directory()} from another machine"
                ) from e
    raise AssertionError


def kafka_jars(progress: Progress = silent) -> list[Path]:
    """Give the class path that the lock file names, fetching what is missing; BackendError when that fails."""
    return cached(locked_jars(), progress)


def cached(jars: tuple[Jar, ...], progress: Progress = silent, download: Download = from_maven) -> list[Path]:
    """Give where these jars are in the cache; what is missing is fetched from Maven's registry unless told otherwise.

    A jar is compared with its SHA-256 before it gets its name in the cache, and by its size from then on.
    """
    directory = cache_directory()
    if _missing(jars, directory):
        try:
            with exclusively(directory):  # another process may have been first
                _fetch_all(_missing(jars, directory), directory, progress, download)
        except OSError as e:
            raise BackendError(f"the cache {directory} can't be written ({e}); free it, or set XDG_CACHE_HOME") from e
    return [directory / jar.file_name for jar in jars]


def _missing(jars: tuple[Jar, ...], directory: Path) -> tuple[Jar, ...]:
    def is_there(jar: Jar) -> bool:
        path = directory / jar.file_name
        return path.exists() and path.stat().st_size == jar.size

    return tuple(jar for jar in jars if not is_there(jar))


def _fetch_all(jars: tuple[Jar, ...], directory: Path, progress: Progress, download: Download) -> None:
    done, total = 0, sum(jar.size for jar in jars)
    with (
        tempfile.TemporaryDirectory(dir=directory, prefix="fetching-") as staging,
        ThreadPoolExecutor(_CONNECTIONS) as pool,
    ):
        progress("Apache Kafka", done, total)
        fetches = {pool.submit(_fetch, jar, Path(staging), directory, download): jar for jar in jars}
        try:
            for fetch in as_completed(fetches):
                fetch.result()
                done += fetches[fetch].size
                progress("Apache Kafka", done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(jar: Jar, staging: Path, directory: Path, download: Download) -> None:
    path = download(jar, staging)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise BackendError(
            f"{jar.file_name} is not what the lock file says (SHA-256 {found}); try again, trust nothing"
        )
    path.replace(directory / jar.file_name)
