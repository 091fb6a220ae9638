"""What can go wrong with an embedded backend, each fault with its remedy."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

_INSTALL = "pip install 'python-app-template[embedded]'"


class BackendError(Exception):
    """Raised when an embedded server can't be had, started or asked; one line: the fault, then what to do."""


def optional_module(name: str) -> ModuleType:
    """Import a module of the extra `embedded`."""
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise BackendError(f"{name} is not installed; {_INSTALL}") from e


def optional_package(name: str) -> Path:
    """Where a package of the extra `embedded` lies, without running it (importing one may write files)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BackendError(f"{name} is not installed; {_INSTALL}")
    return Path(next(iter(spec.submodule_search_locations)))
