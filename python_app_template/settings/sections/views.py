"""Where stock is read from."""

from typing import Annotated, Literal

from pydantic import Field

from python_app_template.settings.kinds import Count, Redis, RedisUrl, Seconds, Text
from python_app_template.settings.sections.section import Section


class Views(Section):
    """Reading stock."""

    backend: Literal["postgres", "redis"] = "postgres"
    """`redis` is kept up to date by the role `projector`; where it can not answer, PostgreSQL does."""


class RedisSettings(Section):
    """Redis: where it is, and what this service calls its keys."""

    url: Redis = RedisUrl("redis://127.0.0.1:6379/0")
    """Address."""
    prefix: Text = "python-app-template"
    """What all its keys begin with."""
    timeout_seconds: Seconds = 1
    """Seconds for an answer; then PostgreSQL is asked."""
    stale_seconds: Seconds = 10
    """Seconds that it may be behind what is committed; then PostgreSQL is asked."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections at most."""
    batch_events: Count = 5000
    """Events that the projector takes in one script call at most."""
