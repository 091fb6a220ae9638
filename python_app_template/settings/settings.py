"""All settings together: made of the sections, read from the sources."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import PrivateAttr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from python_app_template.settings import sources
from python_app_template.settings.kinds import Roles, Text
from python_app_template.settings.sections.auth import Auth
from python_app_template.settings.sections.database import Database
from python_app_template.settings.sections.http import Api, Graphql, Http
from python_app_template.settings.sections.kafka import Kafka
from python_app_template.settings.sections.mail import Mail
from python_app_template.settings.sections.process import Drain, FailpointSettings, Health, Log, Preflight
from python_app_template.settings.sections.views import RedisSettings, Views
from python_app_template.settings.sections.work import Breaker, Consumer, Outbox, Retry
from python_app_template.settings.sources import Explained


class Settings(BaseSettings):
    """All settings. Made by `load`; immutable, and fit to be printed: secrets are masked."""

    model_config = SettingsConfigDict(
        env_prefix="APP_",
        env_nested_delimiter="__",
        env_nested_max_split=1,
        env_ignore_empty=True,
        dotenv_filtering="only_existing",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Literal["dev", "test", "prod"] = "dev"
    """Where it runs; a label of metrics."""
    service_name: Text = "python-app-template"
    """How it calls itself in logs and in the headers of what it sends."""
    roles: Roles = frozenset({"worker", "relay"})
    """What this process does: `worker` applies messages, `relay` publishes events, `api` answers over HTTP,

    `projector` keeps stock in Redis, `notifier` mails what is out of stock."""
    kafka: Kafka = Kafka()
    database: Database = Database()
    consumer: Consumer = Consumer()
    outbox: Outbox = Outbox()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    health: Health = Health()
    drain: Drain = Drain()
    preflight: Preflight = Preflight()
    http: Http = Http()
    api: Api = Api()
    graphql: Graphql = Graphql()
    auth: Auth = Auth()
    views: Views = Views()
    redis: RedisSettings = RedisSettings()
    mail: Mail = Mail()
    log: Log = Log()
    failpoints: FailpointSettings = FailpointSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _agrees(self) -> "Settings":
        if lines := list(self._contradictions()):
            raise ValueError("\n".join(lines))
        return self

    def _contradictions(self) -> Iterator[str]:
        if self.environment == "prod" and self.failpoints.points:
            yield "APP_FAILPOINTS__POINTS: not with APP_ENVIRONMENT=prod; allowed with dev, test"
        if self.environment == "prod" and self.auth.mode == "none":
            yield "APP_AUTH__MODE: none is not with APP_ENVIRONMENT=prod; allowed: jwt"
        if "api" in self.roles and self.auth.mode is None:
            yield "APP_AUTH__MODE: missing; role api needs it; allowed: jwt, or none for everybody"
        if "notifier" in self.roles and self.mail.url is not None and not (self.mail.from_ and self.mail.to):
            yield "APP_MAIL__FROM, APP_MAIL__TO: missing; APP_MAIL__URL needs them"

    @property
    def shows_docs(self) -> bool:
        """Whether the API's pages, and introspection, are there."""
        return self.environment != "prod" if self.api.docs is None else self.api.docs

    @classmethod
    def settings_customise_sources(  # noqa: D102 the library says it
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, *sources.outside(settings_cls).readable.values()


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read all sources; `overrides` are the command line's, for instance `{"http.port": 0}`. Raises SettingsError."""
    settings, origins = sources.load(Settings, overrides or {})
    settings._origins.update(origins)  # noqa: SLF001 this module's own class
    return settings


def explained(settings: Settings) -> list[Explained]:
    """Every setting with its variable, its value (masked), and where it came from."""
    return sources.explain(settings, settings._origins)  # noqa: SLF001 this module's own class
