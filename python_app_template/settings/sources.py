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
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)

from python_app_template.settings.faults import (
    LONGEST_WORDS,
    SettingsError,
    described,
    fields,
    sections,
    short,
    shown,
    unknown,
    value_at,
    variable,
)

S = TypeVar("S", bound=BaseSettings)
T = TypeVar("T")

FILE, SECRETS = "APP_CONFIG_FILE", "APP_SECRETS_DIR"
QUOTED = re.compile(r"'.*'|\".*\"")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What bytes that are no UTF-8 become, in variables and arguments. Whoever encodes such text fails."""
NO_TEXT = "no UTF-8; allowed: text in it"
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


class Sources(NamedTuple):
    """The sources besides the command line, strongest first, by the origin's name; and what could not be read."""

    readable: dict[str, PydanticBaseSettingsSource]
    faults: list[str]


def outside(cls: type[BaseSettings]) -> Sources:
    """Read them all; what is wrong with one hides nothing that is wrong with another."""
    faults: list[str] = []
    environment = _Environment(cls)
    sources: dict[str, PydanticBaseSettingsSource] = {"environment": environment}
    named = environment.env_vars
    if dotenv := _read(".env", lambda: _DotEnv(cls, env_file=".env", env_file_encoding="utf-8"), faults):
        sources[".env"] = dotenv
        named = {**dotenv.env_vars, **named}
    named = {name.upper(): value for name, value in named.items()}
    if path := named.get(FILE):
        content = _read(FILE, lambda: _yaml(cls, Path(path), faults), faults)
        sources["file"] = InitSettingsSource(cls, init_kwargs=content or {})
    if folder := named.get(SECRETS):
        secrets = _read(SECRETS, lambda: _secrets(cls, folder), faults)
        sources |= {"secrets": secrets} if secrets else {}
    return Sources(sources, faults)


def load(cls: type[S], overrides: Mapping[str, object]) -> tuple[S, dict[str, str]]:
    """Make settings of all sources, and the origin of each that was set, by variable. Raises SettingsError."""
    (sources, unread), given = outside(cls), _nested(overrides)
    faults = [*unread, *(line for origin, source in sources.items() for line in _strangers(cls, source, origin))]
    origins: dict[str, str] = {}
    illegible: dict[str, str] = {}
    try:
        for origin, values in [("command line", given), *((name, source()) for name, source in sources.items())]:
            found = dict(_set_in(values))
            origins = dict.fromkeys(found, origin) | origins
            illegible |= {name: f"{name} ({origin}): {NO_TEXT}" for name in found if _is_illegible(found[name])}
        settings: S | None = cls(**given)
    except ValidationError as fault:
        settings = None
        errors = fault.errors(include_url=False)
        # What could not be read may hold the value that another one lacks.
        errors = [e for e in errors if not ((unread or illegible) and _is_of_several(e))]
        faults += described(cls, errors, origins, told=illegible)
    faults += illegible.values()
    # Raised out here it carries no context, and so nothing of what was read.
    if faults or settings is None:
        raise SettingsError(faults)
    return settings, origins


def explain(settings: BaseSettings, origins: Mapping[str, str]) -> list[Explained]:
    """A row for each setting, section after section."""
    rows = []
    for path, _ in fields(type(settings)):
        rows.append(Explained(variable(path), shown(value_at(settings, path)), origins.get(variable(path), "default")))
    return rows


def _is_of_several(error: ErrorDetails) -> bool:
    return error["type"] == "value_error" and len(error["loc"]) < len(("section", "field"))


def _read(name: str, read: Callable[[], T], faults: list[str]) -> T | None:
    """Return what is read; None: it can not be, and `faults` says why."""
    try:
        return read()
    except OSError as fault:
        faults.append(f"{name}: {short(str(fault.filename), LONGEST_WORDS)} can not be read: {fault.strerror}")
    except UnicodeDecodeError:
        faults.append(f"{name}: can not be read: no UTF-8")
    except pydantic_settings.SettingsError as fault:
        faults.append(f"{name}: {fault}")
    return None


def _secrets(cls: type[BaseSettings], folder: str) -> "_Secrets":
    return _Secrets(SecretsSettingsSource(cls), secrets_dir=folder, secrets_dir_missing="error")


def _yaml(cls: type[BaseSettings], path: Path, faults: list[str]) -> dict[str, Any]:
    """Return what of it can be used."""
    text, named = path.read_text("utf-8"), f"{FILE}: {short(str(path), LONGEST_WORDS)}"
    try:
        content = yaml.safe_load(text)
        if isinstance(content, dict | None):
            return _filled(_shaped(cls, named, content or {}, faults))
    except yaml.MarkedYAMLError as fault:
        place = f", line {fault.problem_mark.line + 1}" if fault.problem_mark else ""
        # What it quotes may be a password that begins with *, & or !.
        faults.append(f"{named}{place}: no YAML: {QUOTED.sub('...', fault.problem or 'no reason given')}")
    # A date that is none, a number of 5,000 digits, `!!int ''`, `!!bool x`, `!!timestamp x`; what holds itself.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):
        faults.append(f"{named}: no YAML")
    else:
        faults.append(f"{named}: holds no mapping of sections, but a {type(content).__name__}")
    return {}


def _shaped(cls: type[BaseSettings], named: str, content: dict[object, Any], faults: list[str]) -> dict[object, Any]:
    """Return the sections that are some."""
    flat = [name for name in sections(cls) if not isinstance(content.get(name), dict | None)]
    if flat:
        faults.append(f"{named}: no mapping below {', '.join(flat)}")
    return {name: value for name, value in content.items() if name not in flat}


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


def _set_in(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield variable((name,)), None
            yield from ((variable((name, field)), within) for field, within in value.items())
        else:
            yield variable((name,)), value


def _is_illegible(value: object) -> bool:
    match value:
        case str():
            return LONE_SURROGATE.search(value) is not None
        case Mapping():
            return any(_is_illegible(within) for pair in value.items() for within in pair)
        case _:
            return False


def _strangers(cls: type[BaseSettings], source: PydanticBaseSettingsSource, origin: str) -> Iterator[str]:
    """Find what looks like a setting and is none.

    Variables of others may begin with APP_ as well: Kubernetes sets APP_PORT, APP_SERVICE_HOST and so on in every
    container beside a Service of the name "app", and refusing them would keep this one from starting.
    """
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
