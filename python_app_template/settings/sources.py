"""Where settings come from, strongest first, and which origin each value has. Knows no setting by name."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pydantic_settings
import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)

from python_app_template.settings.faults import SettingsError, described, fields, sections, shown, unknown, variable

S = TypeVar("S", bound=BaseSettings)
T = TypeVar("T")

FILE, SECRETS = "APP_CONFIG_FILE", "APP_SECRETS_DIR"
QUOTED = re.compile(r"'.*'|\".*\"")
SURELY = 0.85
"""How like a known name an unknown one without `__` is that is no other program's."""


class Explained(NamedTuple):
    """A setting's variable, its value fit to be shown, and its origin."""

    name: str
    value: str
    origin: str


class _NoWholeSection(EnvSettingsSource):
    """One variable for each value: none holds a section, as JSON, which the library would offer."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, key, is_complex = super().get_field_value(field, field_name)
        return None if field_name in sections(self.settings_cls) else value, key, is_complex


class _Environment(_NoWholeSection):
    pass


class _DotEnv(_NoWholeSection, DotEnvSettingsSource):
    pass


class _Secrets(_NoWholeSection, NestedSecretsSettingsSource):
    pass


def outside(cls: type[BaseSettings]) -> dict[str, PydanticBaseSettingsSource]:
    """The sources besides the command line, strongest first, by the origin's name. Raises SettingsError."""
    environment = _Environment(cls)
    dotenv = _read(".env", lambda: _DotEnv(cls, env_file=".env", env_file_encoding="utf-8"))
    named = {name.upper(): value for name, value in {**dotenv.env_vars, **environment.env_vars}.items()}
    sources: dict[str, PydanticBaseSettingsSource] = {"environment": environment, ".env": dotenv}
    if path := named.get(FILE):
        sources["file"] = InitSettingsSource(cls, init_kwargs=_read(FILE, lambda: _yaml(cls, Path(path))))
    if folder := named.get(SECRETS):
        sources["secrets"] = _read(SECRETS, lambda: _secrets(cls, folder))
    return sources


def load(cls: type[S], overrides: Mapping[str, object]) -> tuple[S, dict[str, str]]:
    """Make settings of all sources, and the origin of each that was set, by variable. Raises SettingsError."""
    sources, given = outside(cls), _nested(overrides)
    faults = [line for origin in ("environment", ".env") for line in _strangers(cls, sources[origin], origin)]
    origins: dict[str, str] = {}
    try:
        for origin, values in [("command line", given), *((name, source()) for name, source in sources.items())]:
            origins = dict.fromkeys(_set_in(values), origin) | origins
        settings: S | None = cls(**given)
    except ValidationError as fault:
        settings = None
        faults += described(cls, fault.errors(include_url=False), origins)
    # Raised out here it carries no context, and so nothing of what was read.
    if faults or settings is None:
        raise SettingsError(faults)
    return settings, origins


def explain(settings: BaseSettings, origins: Mapping[str, str]) -> list[Explained]:
    """A row for each setting, section after section."""
    rows = []
    for path, _ in fields(type(settings)):
        value: object = settings
        for name in path:
            value = getattr(value, name)
        rows.append(Explained(variable(path), shown(value), origins.get(variable(path), "default")))
    return rows


def _read(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as fault:
        line = f"{name}: {fault.filename} can not be read: {fault.strerror}"
    except UnicodeDecodeError:
        line = f"{name}: can not be read: no UTF-8"
    except pydantic_settings.SettingsError as fault:
        line = f"{name}: {fault}"
    raise SettingsError([line])


def _secrets(cls: type[BaseSettings], folder: str) -> "_Secrets":
    return _Secrets(SecretsSettingsSource(cls), secrets_dir=folder, secrets_dir_missing="error")


def _yaml(cls: type[BaseSettings], path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except yaml.MarkedYAMLError as fault:
        place = f", line {fault.problem_mark.line + 1}" if fault.problem_mark else ""
        # What it quotes may be a password that begins with *, & or !.
        line = f"{FILE}: {path}{place}: no YAML: {QUOTED.sub('...', fault.problem or 'no reason given')}"
    except yaml.YAMLError:
        line = f"{FILE}: {path}: no YAML"
    else:
        wrong = _misshapen(cls, content)
        if wrong is None:
            return _filled(content or {})
        line = f"{FILE}: {path}: {wrong}"
    raise SettingsError([line])


def _misshapen(cls: type[BaseSettings], content: object) -> str | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        return f"holds no mapping of sections, but a {type(content).__name__}"
    flat = [name for name in sections(cls) if not isinstance(content.get(name), dict | None)]
    return f"no mapping below {', '.join(flat)}" if flat else None


def _filled(mapping: dict[object, Any]) -> dict[str, Any]:
    """Leave out what has no value, such as a section whose every line is a comment."""
    return {
        str(name): _filled(value) if isinstance(value, dict) else value
        for name, value in mapping.items()
        if value is not None
    }


def _nested(overrides: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in overrides.items():
        section, _, field = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[field] = value
    return nested


def _set_in(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield variable((name,))
        if isinstance(value, dict):
            yield from (variable((name, field)) for field in value)


def _strangers(cls: type[BaseSettings], source: PydanticBaseSettingsSource, origin: str) -> Iterator[str]:
    """Find what looks like a setting and is none; variables of other programs may begin with APP_ as well."""
    known = {variable(path) for path, _ in fields(cls)} | {FILE, SECRETS}
    whole = {variable((name,)) for name in sections(cls)}
    for name in _names(source):
        if name in whole:
            yield f"{name} ({origin}): a section, which takes no value; set {name}__..."
        elif name not in known and ("__" in name or get_close_matches(name, known, n=1, cutoff=SURELY)):
            yield unknown(name, origin, known)


def _names(source: PydanticBaseSettingsSource) -> Iterable[str]:
    names = source.env_vars if isinstance(source, EnvSettingsSource) else {}
    return [name.upper() for name in names if name.upper().startswith("APP_")]
