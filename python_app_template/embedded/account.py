"""Whose account a server runs under, and what that account can reach."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from python_app_template.embedded.errors import BackendError

_INSTEAD_OF_ROOT = "nobody"
_DIRECTORIES = ("/var/tmp", "/tmp")  # noqa: S108 - only to make directories of mode 0700 in


@dataclass(frozen=True, slots=True)
class Account:
    """Ids of a user and a group; None for those of this process."""

    user: int | None = None
    group: int | None = None


def unprivileged() -> Account:
    """Give this process's own account, or another one if that is root's."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(_INSTEAD_OF_ROOT)
    except KeyError as e:
        raise BackendError(f"root can't run PostgreSQL, and there is no user {_INSTEAD_OF_ROOT}; add one") from e
    return Account(entry.pw_uid, entry.pw_gid)


def temporary_directory(account: Account) -> Path:
    """Where that account can have a directory."""
    candidates = (tempfile.gettempdir(), *_DIRECTORIES)
    for directory in map(Path, candidates):
        if account.user is None or _open_to_all(directory / "any"):
            return directory.resolve()
    raise BackendError(f"none of {', '.join(candidates)} can be entered by {_INSTEAD_OF_ROOT}; set TMPDIR")


def within_reach(account: Account, package: Path, programs: str, directory: Path) -> Path:
    """Give the programs of a wheel, or a copy in the directory if the account can't get at them (root's own venv)."""
    package = package.resolve()
    if account.user is None or (_open_to_all(package / programs / "any") and _readable_by_all(package / programs)):
        return package / programs
    copy = directory / package.name / programs
    shutil.copytree(package / programs, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # a wheel's programs look for them beside their package
    if libraries.exists():
        shutil.copytree(libraries, directory / libraries.name)
    for path in directory.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    return copy


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _readable_by_all(directory: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IROTH for path in directory.rglob("*"))
