"""The server for HTTP, and the bounds of the API that it serves."""

from typing import Annotated

from pydantic import ByteSize, Field

from python_app_template.settings.kinds import Allowed, Bytes, Count, Networks, Seconds, Text, Texts
from python_app_template.settings.sections.section import Section

Port = Annotated[int, Field(ge=0, le=65535)]


class Http(Section):
    """The server: metrics, health and, with the role `api`, everything else."""

    host: Text = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every one that the machine has."""
    port: Port = 8000
    """Port to listen on; 0 takes a free one, which is logged."""
    metrics_port: Annotated[Port | None, Allowed("number, 0 to 65535")] = None
    """Port for metrics and health alone, which the other one then has no more; 0 takes a free one."""
    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 500
    """Connections at a time; beyond it, the idle one that has been open longest is cut off."""
    request_seconds: Seconds = 10
    """Seconds for a request to come in whole; then the connection is cut off."""


class Api(Section):
    """The role `api`: what it takes from outside, and how much of it."""

    docs: Annotated[bool | None, Allowed("true or false")] = None
    """Whether `/docs`, GraphiQL and GraphQL's introspection are there; by default everywhere but in `prod`."""
    max_body_bytes: Bytes = ByteSize(2**20)
    """Bytes of a request's body at most; for GraphQL there is a limit of its own."""
    max_waiting: Count = 1000
    """Requests that wait for a command at a time; beyond it they are answered as still pending."""
    rate_per_second: Count = 5000
    """Requests of one subject in a second."""
    refused_per_minute: Count = 300
    """Requests with a wrong token, or none, of one address in a minute."""
    trusted_proxies: Networks = frozenset()
    """Addresses and networks whose forwarded headers (`X-Forwarded-For`, `X-Forwarded-Proto`) are believed."""
    cors_origins: Texts = frozenset()
    """Origins of pages that may ask from a browser, for instance `https://shop.example`."""


class Graphql(Section):
    """What one GraphQL request may ask for."""

    max_depth: Annotated[int, Field(ge=1, le=100)] = 10
    """Fields in one another."""
    max_cost: Count = 5000
    """Fields that the answer may hold, each counted as often as lists can repeat it."""
    max_tokens: Count = 1000
    """Words and signs of a document."""
    max_body_bytes: Bytes = ByteSize(64 * 1024)
    """Bytes of a request's body."""
    max_subscriptions: Count = 1000
    """Subscriptions of all connections of this process."""
    subscription_events: Count = 1000
    """Events that wait for a slow reader; beyond it the connection is closed."""
